package arrowidx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/nndescent"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// neighborsRound is how many rows are asked for together: their vectors and answers are in memory
// apart from the caller's.
const neighborsRound = 4096

// Neighbors finds the K nearest other rows of every row that is not deleted: its graph of nearest
// neighbours. A row is not its own neighbour, rows that equal it are; rows that can never be found
// (null or bad ones) have no neighbours. Scores are distances of the vectors; of equal ones among
// those found, smaller rows come first. All answers are those of one version of the index, whatever
// is added or deleted meanwhile, and the same for any number of threads.
//
// For kinds flat and ivf with at least 8,192 rows, never changed, metrics other than dot, K up to
// 128 and targets up to 0.99, the graph is made as a whole: rows of near cells are compared, then
// the neighbours of neighbours, until Recall of the true neighbours of 512 rows, found by looking
// at all rows, are there and two standard errors more, or that share where more cannot be had: the
// recall of all rows can then differ from it by half a hundredth. It takes up to 2 GiB of memory,
// and the plan says 8 bits for Plane. Everything else, where Epsilon0 or Probes say how rows are
// found, and graphs that do not reach the target in this way, is searched for, row by row: what is
// found is then what Search finds for the row's vector with K+1, the row itself left out. Rows are
// asked in the order of cells, so that those asked together look at the same codes.
//
// out may have room for more rows than there are; what follows the N-th is blank.
//
// Errors: InvalidArgument (K below 0, a target outside (0, 1], an index without vectors),
// LimitExceeded when out has no room for N rows, Cancelled, IndexClosed, those of Search.
func (ix *Index) Neighbors(
	ctx context.Context, p NeighborsParams, out *NeighborsOut,
) (plan Plan, err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("neighbors")
	if err != nil {
		return Plan{}, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	if err := u.unlimited("a graph of neighbors"); err != nil {
		return Plan{}, err
	}
	g := graph{v: v, p: p, out: out}
	if err := g.check(); err != nil {
		return Plan{}, err
	}
	if err = v.Unchanged("neighbors"); err == nil {
		err = g.answer(ctx)
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		e.Op = "neighbors"
	}
	if err != nil {
		return Plan{}, err
	}
	return g.plan, nil
}

// graph is one call of Neighbors.
type graph struct {
	v     *segment.Version
	p     NeighborsParams
	out   *NeighborsOut
	order []uint32 // places in out in the order in which their rows are asked
	rows  []int64  // those of one round
	plan  Plan
}

// check refuses what cannot be answered and blanks the answers.
func (g *graph) check() error {
	v, p, out := g.v, &g.p, g.out
	out.N = v.Count()
	switch {
	case p.K < 0:
		return fault.New(InvalidArgument, "neighbors", fmt.Sprintf("k = %d", p.K), "use k >= 0")
	case !(p.Recall >= 0 && p.Recall <= 1):
		return fault.New(InvalidArgument, "neighbors",
			fmt.Sprintf("recall target %v is not in (0, 1]", p.Recall), "use for example 0.95")
	case out.N > 0 && p.K > math.MaxInt/out.N/16:
		return fault.New(LimitExceeded, "neighbors",
			fmt.Sprintf("%d rows of k = %d", out.N, p.K), "ask for fewer neighbours")
	case len(out.Of) < out.N || !out.Holds(len(out.Of), p.K):
		return fault.New(LimitExceeded, "neighbors",
			fmt.Sprintf("no room for the %d neighbours of %d rows", p.K, out.N),
			"make Of and Counts as long as there are rows, Rows and Scores K times as long")
	}
	for _, seg := range v.Segments {
		if seg.Source == nil && seg.Usable > 0 {
			return fault.New(InvalidArgument, "neighbors",
				"the index holds codes, not vectors: it cannot ask for the neighbours of its rows",
				"load it with vectors=column, or attach the column that it was built from")
		}
	}
	if v.Paged() {
		return fault.New(InvalidArgument, "neighbors", "the vectors are not in memory, and every row "+
			"is compared with many others, far from it in the files",
			"load the index with vectors=rv.read_vectors(paths, column), or build it with "+
				"vectors='memory'; KeepCopy, or Attach a column in memory, in Go")
	}
	out.IDs = v.IDs
	out.Blank()
	return nil
}

// answer asks for all rows, a round after the other.
func (g *graph) answer(ctx context.Context) error {
	if g.p.Progress != nil {
		g.p.Progress.Total.Store(int64(g.v.Usable()))
	}
	g.list()
	plan, done, err := nndescent.Descend(ctx, g.v, &g.p, g.out)
	if done {
		g.plan = plan
	}
	if done || err != nil {
		return err
	}
	g.byCells()
	k := min(g.p.K, max(g.v.Usable()-1, 0)) + 1
	n := min(len(g.order), neighborsRound)
	params := SearchParams{
		K: k, Recall: g.p.Recall, Epsilon0: g.p.Epsilon0, Probes: g.p.Probes, Rerank: -1,
		Threads: g.p.Threads,
	}
	found := SearchOut{Rows: make([]int64, n*k), Scores: make([]float32, n*k),
		Counts: make([]int64, n)}
	for from := 0; from < len(g.order); from += neighborsRound {
		places := g.order[from:min(from+neighborsRound, len(g.order))]
		if err := g.round(ctx, &params, &found, places); err != nil {
			return err
		}
		if g.p.Progress != nil {
			g.p.Progress.Scanned.Add(int64(len(places)))
		}
	}
	return nil
}

// round asks for the rows at some places of the answer.
func (g *graph) round(
	ctx context.Context, params *SearchParams, found *SearchOut, places []uint32,
) error {
	n, k := len(places), params.K
	g.rows = mem.Grow(g.rows, n)
	for i, at := range places {
		g.rows[i] = g.out.Of[at]
	}
	if err := search.AskWith(g.v, "neighbors", g.rows, nil, params); err != nil {
		return err
	}
	part := SearchOut{Rows: found.Rows[:n*k], Scores: found.Scores[:n*k],
		Counts: found.Counts[:n]}
	plan, err := search.Search(ctx, g.v, params, &part)
	if err != nil {
		return err
	}
	g.plan.Follow(&plan)
	for i, at := range places {
		others := part.Without(i, k, int(g.out.Of[at]))
		to := int(at) * g.p.K
		copy(g.out.Rows[to:to+g.p.K], others.Rows)
		copy(g.out.Scores[to:to+g.p.K], others.Scores)
		g.out.Counts[at] = int64(min(len(others.Rows), g.p.K))
	}
	return nil
}

// list writes the rows that are not deleted to out.Of, and to order where those that can be found
// lie there.
func (g *graph) list() {
	n, order := 0, make([]uint32, 0, g.v.Usable())
	for i, seg := range g.v.Segments {
		for w, words := range seg.Alive {
			all := mem.LowBits(seg.Rows - w*simd.BlockRows)
			if seg.Gone != nil {
				all &^= seg.Gone[w]
			}
			for ; all != 0; all &= all - 1 {
				lane := bits.TrailingZeros32(all)
				if words>>lane&1 != 0 {
					order = append(order, uint32(n))
				}
				g.out.Of[n] = int64(g.v.Starts[i] + w*simd.BlockRows + lane)
				n++
			}
		}
	}
	for i := n; i < len(g.out.Of); i++ {
		g.out.Of[i] = -1
	}
	g.order = order
}

// byCells puts places in the order of cells, segment by segment.
func (g *graph) byCells() {
	from := 0
	for i, seg := range g.v.Segments {
		g.byCell(seg, g.v.Starts[i], g.order[from:from+seg.Usable])
		from += seg.Usable
	}
}

// byCell puts places of a segment's rows in the order of their cells.
func (g *graph) byCell(seg *segment.Segment, start int, places []uint32) {
	owner := seg.Owner
	if c := seg.Cells; c != nil {
		owner = make([]uint32, seg.Rows)
		for cell := range c.N {
			for _, row := range c.Rows[c.First[cell]:c.First[cell+1]] {
				owner[row] = uint32(cell)
			}
		}
	}
	if owner == nil {
		return
	}
	at := func(place uint32) uint32 { return owner[int(g.out.Of[place])-start] }
	slices.SortStableFunc(places, func(a, b uint32) int { return cmp.Compare(at(a), at(b)) })
}
