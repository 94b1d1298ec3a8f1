package arrowidx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/ruvector/ruvector-arrow/simd"
)

// NeighborsParams says which graph of neighbours is wanted: the K nearest other rows of every row.
type NeighborsParams struct {
	K int
	// Recall is the share of true neighbours aimed for; 0 means the index's target. Above 0.99 every
	// distance is measured.
	Recall float64
	// Epsilon0 and Probes are those of SearchParams; 0 takes them from Recall.
	Epsilon0 float64
	Probes   int
	// Threads limits this call; 0 means the default of SetThreads.
	Threads int
	// Progress, if set, counts the rows whose neighbours are known; where the graph is made as a
	// whole, those with a first list count half.
	Progress *Progress
}

// NeighborsOut receives a graph of neighbours; the caller allocates. Row Of[i] of the index has
// Counts[i] neighbours, laid out as in SearchOut: Rows and Scores from i*K on, best first.
type NeighborsOut struct {
	SearchOut
	Of []int64 // one a row that is not deleted, in the order of Names
	N  int     // set by Neighbors, whatever it returns: how many rows are not deleted
}

// Places turns the rows in Rows into their places in Of; absent ones stay -1.
func (o *NeighborsOut) Places() {
	of := o.Of[:o.N]
	if o.N == 0 || of[o.N-1] == int64(o.N-1) {
		return // they are the same
	}
	places := make([]int32, of[o.N-1]+1)
	for i, row := range of {
		places[row] = int32(i)
	}
	for i, row := range o.Rows {
		if row >= 0 {
			o.Rows[i] = int64(places[row])
		}
	}
}

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
// the neighbours of neighbours, until at least Recall of the true neighbours of 256 rows, found by
// looking at all rows, are there. The recall of all rows can differ from that of the sample by
// about a hundredth. It takes up to 2 GiB of memory, and the plan says 8 bits for Plane. Everything
// else, where Epsilon0 or Probes say how rows are found, and graphs that do not reach the target in
// this way, is searched for, row by row: what is found is then what Search finds for the row's
// vector with K+1, the row itself left out. Rows are asked in the order of cells, so that those
// asked together look at the same codes.
//
// out may have room for more rows than there are; what follows the N-th is blank.
//
// Errors: InvalidArgument (K below 0, a target outside (0, 1], an index without vectors),
// LimitExceeded when out has no room for N rows, Cancelled, IndexClosed, those of Search.
func (ix *Index) Neighbors(
	ctx context.Context, p NeighborsParams, out *NeighborsOut,
) (Plan, error) {
	v, err := ix.enter("neighbors")
	if err != nil {
		return Plan{}, err
	}
	defer ix.leave(v)
	g := graph{v: v, p: p, out: out}
	if err := g.check(); err != nil {
		return Plan{}, err
	}
	if err = v.unchanged("neighbors"); err == nil {
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
	v     *version
	p     NeighborsParams
	out   *NeighborsOut
	order []uint32 // places in out in the order in which their rows are asked
	rows  []int64  // those of one round
	plan  Plan
}

// check refuses what cannot be answered and blanks the answers.
func (g *graph) check() error {
	v, p, out := g.v, &g.p, g.out
	out.N = v.count()
	switch {
	case p.K < 0:
		return newError(InvalidArgument, "neighbors", fmt.Sprintf("k = %d", p.K), "use k >= 0")
	case !(p.Recall >= 0 && p.Recall <= 1):
		return newError(InvalidArgument, "neighbors",
			fmt.Sprintf("recall target %v is not in (0, 1]", p.Recall), "use for example 0.95")
	case out.N > 0 && p.K > math.MaxInt/out.N/16:
		return newError(LimitExceeded, "neighbors",
			fmt.Sprintf("%d rows of k = %d", out.N, p.K), "ask for fewer neighbours")
	case len(out.Of) < out.N || len(out.Counts) < len(out.Of) ||
		len(out.Rows) < len(out.Of)*p.K || len(out.Scores) < len(out.Rows):
		return newError(LimitExceeded, "neighbors",
			fmt.Sprintf("no room for the %d neighbours of %d rows", p.K, out.N),
			"make Of and Counts as long as there are rows, Rows and Scores K times as long")
	}
	for _, part := range v.parts {
		if part.source == nil && part.usable > 0 {
			return newError(InvalidArgument, "neighbors",
				"the index holds codes, not vectors: it cannot ask for the neighbours of its rows",
				"load it with vectors=column, or attach the column that it was built from")
		}
	}
	out.IDs = v.names
	for i := range out.Rows {
		out.Rows[i], out.Scores[i] = -1, float32(math.NaN())
	}
	clear(out.Counts)
	return nil
}

// answer asks for all rows, a round after the other.
func (g *graph) answer(ctx context.Context) error {
	if g.p.Progress != nil {
		g.p.Progress.total.Store(int64(g.v.usable()))
	}
	g.list()
	plan, done, err := descend(ctx, g.v, &g.p, g.out)
	if done {
		g.plan = plan
	}
	if done || err != nil {
		return err
	}
	g.byCells()
	k := min(g.p.K, max(g.v.usable()-1, 0)) + 1
	n := min(len(g.order), neighborsRound)
	search := SearchParams{
		K: k, Recall: g.p.Recall, Epsilon0: g.p.Epsilon0, Probes: g.p.Probes, Rerank: -1,
		Threads: g.p.Threads,
	}
	found := SearchOut{Rows: make([]int64, n*k), Scores: make([]float32, n*k),
		Counts: make([]int64, n)}
	for from := 0; from < len(g.order); from += neighborsRound {
		places := g.order[from:min(from+neighborsRound, len(g.order))]
		if err := g.round(ctx, &search, &found, places); err != nil {
			return err
		}
		if g.p.Progress != nil {
			g.p.Progress.scanned.Add(int64(len(places)))
		}
	}
	return nil
}

// round asks for the rows at some places of the answer.
func (g *graph) round(
	ctx context.Context, search *SearchParams, found *SearchOut, places []uint32,
) error {
	n, k := len(places), search.K
	g.rows = grow(g.rows, n)
	for i, at := range places {
		g.rows[i] = g.out.Of[at]
	}
	if err := g.v.askWith("neighbors", g.rows, nil, search); err != nil {
		return err
	}
	part := SearchOut{Rows: found.Rows[:n*k], Scores: found.Scores[:n*k],
		Counts: found.Counts[:n]}
	plan, err := g.v.search(ctx, search, &part)
	if err != nil {
		return err
	}
	g.plan.follow(&plan)
	for i, at := range places {
		others := part.without(i, k, int(g.out.Of[at]))
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
	n, order := 0, make([]uint32, 0, g.v.usable())
	for i, part := range g.v.parts {
		for w, words := range part.alive {
			all := lowBits(part.rows - w*simd.BlockRows)
			if part.gone != nil {
				all &^= part.gone[w]
			}
			for ; all != 0; all &= all - 1 {
				lane := bits.TrailingZeros32(all)
				if words>>lane&1 != 0 {
					order = append(order, uint32(n))
				}
				g.out.Of[n] = int64(g.v.starts[i] + w*simd.BlockRows + lane)
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
	for i, part := range g.v.parts {
		g.byCell(part, g.v.starts[i], g.order[from:from+part.usable])
		from += part.usable
	}
}

// byCell puts places of a segment's rows in the order of their cells.
func (g *graph) byCell(part *segment, start int, places []uint32) {
	owner := part.owner
	if c := part.cells; c != nil {
		owner = make([]uint32, part.rows)
		for cell := range c.n {
			for _, row := range c.rows[c.first[cell]:c.first[cell+1]] {
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

// follow adds what another search of the same rows did.
func (p *Plan) follow(o *Plan) {
	if p.Queries == 0 {
		*p = *o
		return
	}
	p.Queries += o.Queries
	p.Probed += o.Probed
	p.Scanned += o.Scanned
	p.Coded += o.Coded
	p.Reranked += o.Reranked
	p.Certified += o.Certified
	p.Prepare += o.Prepare
	p.Route += o.Route
	p.Scan += o.Scan
	p.Rerank += o.Rerank
	p.Total += o.Total
}
