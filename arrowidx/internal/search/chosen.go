package search

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// chosenCells is about how many candidates a search that chooses among them holds at a time.
const chosenCells = 1 << 20

// choosing is a search whose answers are chosen from those of a plain one: without the rows that
// are asked with (Like), and so that they differ from each other (Diversity).
type choosing struct {
	v     *segment.Version
	p     *SearchParams
	out   *SearchOut
	plain SearchParams
	rows  []int64 // with Like: those asked with
	found SearchOut
	plan  Plan
}

// searchChosen answers a search that has Like or Diversity, a round of queries after the other.
func searchChosen(
	ctx context.Context, v *segment.Version, p *SearchParams, out *SearchOut,
) (Plan, error) {
	begin := time.Now()
	c := choosing{v: v, p: p, out: out, plain: *p}
	c.plain.Like, c.plain.Diversity = nil, 0
	if err := c.prepare(); err != nil {
		return Plan{}, err
	}
	k := c.plain.K
	step := max(chosenCells/max(k, 1), 1)
	n := min(step, max(p.NQ, 0))
	c.found = SearchOut{Rows: make([]int64, n*k), Scores: make([]float32, n*k),
		Counts: make([]int64, n)}
	for from := 0; ; from += step {
		if err := c.round(ctx, from, min(from+step, p.NQ)); err != nil {
			return Plan{}, err
		}
		if from+step >= p.NQ {
			break
		}
	}
	c.plan.Total = time.Since(begin)
	return c.plan, nil
}

// prepare refuses what cannot be answered, finds the rows asked with and blanks the answers.
func (c *choosing) prepare() error {
	p, v := c.p, c.v
	if p.K < 0 || p.NQ < 0 || p.NQ > 0 && p.K > math.MaxInt/p.NQ/64 {
		return fault.New(fault.InvalidArgument, "search", fmt.Sprintf("%d queries of k = %d", p.NQ, p.K),
			"use k >= 0, and search in parts")
	}
	if !(p.Diversity >= 0 && p.Diversity <= 1) {
		return fault.New(fault.InvalidArgument, "search",
			fmt.Sprintf("diversity %v is not in [0, 1]", p.Diversity),
			"use 0 for the nearest rows, for example 0.3 for some variety")
	}
	if err := c.findLike(); err != nil {
		return err
	}
	if !c.out.Holds(p.NQ, p.K) {
		return noRoom(p.NQ, p.K)
	}
	c.plain.K = min(p.K, v.Usable())
	if p.Diversity != 0 {
		if err := c.needVectors("diversity compares the rows found with each other"); err != nil {
			return err
		}
		if p.K > 0 {
			c.plain.K = min(max(candidateShare*p.K, leastCandidates), v.Usable())
		}
	}
	if p.Like != nil {
		c.plain.K++ // the row itself
	}
	c.out.Blank()
	c.out.IDs = v.IDs
	return nil
}

// needVectors refuses an index whose rows are only codes.
func (c *choosing) needVectors(why string) error {
	if c.p.Source != nil {
		return nil
	}
	for _, seg := range c.v.Segments {
		if seg.Source == nil && seg.Usable > 0 {
			return fault.New(fault.InvalidArgument, "search", why+", but the index holds codes, not vectors",
				"load it with vectors=column, or attach the column that it was built from")
		}
	}
	return nil
}

// findLike looks up the rows asked with.
func (c *choosing) findLike() error {
	p := c.p
	if p.Like == nil {
		return nil
	}
	if p.Queries != nil || p.Wide != nil || p.NQ != p.Like.Len() {
		return fault.New(fault.InvalidArgument, "search",
			fmt.Sprintf("%d ids to search like, %d queries of %d numbers", p.Like.Len(), p.NQ,
				len(p.Queries)), "with Like leave Queries nil and set NQ to the number of ids")
	}
	if err := c.needVectors("a row is asked with by its vector"); err != nil {
		return err
	}
	var err error
	c.rows, err = c.v.Known("search", p.Like)
	return err
}

// round answers queries [from, to).
func (c *choosing) round(ctx context.Context, from, to int) error {
	n, k := to-from, c.plain.K
	own := c.plain
	own.NQ = n
	if c.rows != nil {
		if err := AskWith(c.v, "search", c.rows[from:to], c.p.Source, &own); err != nil {
			return err
		}
	} else {
		own.Queries = QueryRange(c.p.Queries, from, to, c.p.NQ)
		own.Wide = QueryRange(c.p.Wide, from, to, c.p.NQ)
		own.Bits = QueryRange(c.p.Bits, from, to, c.p.NQ)
	}
	found := SearchOut{Rows: c.found.Rows[:n*k], Scores: c.found.Scores[:n*k],
		Counts: c.found.Counts[:n]}
	plan, err := Search(ctx, c.v, &own, &found)
	if err != nil {
		return err
	}
	c.plan.Follow(&plan)
	threads := mem.Threads(c.p.Threads)
	choosers := make([]chooser, threads)
	return mem.Parallel(ctx, "search", threads, n, func(worker, i int) error {
		hits := SearchOut{Rows: found.Rows[i*k : i*k+int(found.Counts[i])],
			Scores: found.Scores[i*k : i*k+int(found.Counts[i])]}
		if c.rows != nil {
			hits = found.Without(i, k, int(c.rows[from+i]))
		}
		if c.p.Diversity != 0 {
			q := Side{X: QueryRange(own.Queries, i, i+1, n), Wide: QueryRange(own.Wide, i, i+1, n),
				bits: QueryRange(own.Bits, i, i+1, n)}
			if err := choosers[worker].choose(ctx, c, q, &hits); err != nil {
				return err
			}
		}
		at := (from + i) * c.p.K
		copy(c.out.Rows[at:at+c.p.K], hits.Rows)
		copy(c.out.Scores[at:at+c.p.K], hits.Scores)
		c.out.Counts[from+i] = int64(min(len(hits.Rows), c.p.K))
		return nil
	})
}

// QueryRange is what queries [from, to) of nq are in numbers that do not divide unless they are
// wrong.
func QueryRange[T any](all []T, from, to, nq int) []T {
	if nq == 0 || len(all)%nq != 0 {
		return all
	}
	each := len(all) / nq
	return all[from*each : to*each]
}

// AskWith makes rows the queries of a search, their vectors taken from source, if that is not nil.
// The memory of the search's queries is used again.
func AskWith(
	v *segment.Version, op string, rows []int64, source *column.Column, p *SearchParams,
) error {
	dim, binary := v.Segments[0].Dim, v.Segments[0].Metric.Binary()
	if binary {
		p.Bits = mem.Grow(p.Bits, len(rows)*dim/8)
	} else {
		p.MakeQueries(len(rows)*dim, Wide(v, source))
	}
	p.NQ = len(rows)
	for i, row := range rows {
		if seg, at := v.At(row); !seg.IsAlive(at) {
			return fault.At(fault.InvalidArgument, op, row, -1,
				fmt.Sprintf("row %d has no vector: it was null or bad when the index was built", row),
				"ask with another id")
		}
		col, at := columnOf(v, row, source)
		if binary {
			copy(p.Bits[i*dim/8:(i+1)*dim/8], col.PackedRow(at))
		} else {
			p.SetQuery(i, dim, col, at)
		}
	}
	return nil
}

// Wide reports whether some rows, or those of source if that is not nil, are float64.
func Wide(v *segment.Version, source *column.Column) bool {
	if source != nil {
		return source.Wide()
	}
	for _, p := range v.Segments {
		if p.Source != nil && p.Source.Wide() {
			return true
		}
	}
	return false
}

// columnOf returns the column that holds a row's vector, source if that is not nil, and the row's
// number there.
func columnOf(v *segment.Version, row int64, source *column.Column) (*column.Column, int) {
	if source != nil {
		return source, int(row)
	}
	seg, at := v.At(row)
	return seg.Source, at
}

// A diverse answer of k rows is chosen from candidateShare*k candidates, at least leastCandidates.
const (
	candidateShare  = 4
	leastCandidates = 64
)

// chooser is one worker's memory for choosing among candidates.
type chooser struct {
	to    []float64 // similarity of each candidate to the query
	near  []float64 // greatest similarity of each candidate to a chosen row
	norms []float64
	taken []bool
	wide  bool // all sides are float64
	read  sideMemory
	kept  sideMemory
	count [2]uint32
}

// Side is a vector that others are compared with, or a row of packed bits.
type Side struct {
	X    []float32
	Wide []float64 // in place of x
	bits []byte
	norm float64 // under cosine
}

// sideMemory is memory for a side.
type sideMemory struct {
	narrow []float32
	segment.WideRows
}

// wideSide is a side of float64, for cosine of a length whose square is a number.
func wideSide(metric column.Metric, x []float64, memory *sideMemory) Side {
	if metric == column.Cosine {
		memory.Even = mem.Grow(memory.Even, len(x))
		x, _ = column.Evened(x, memory.Even)
	}
	return Side{Wide: x}
}

// choose puts the k rows of maximal marginal relevance first, in the order in which they are
// chosen, and drops the others: Carbonell and Goldstein, "The use of MMR, diversity-based
// reranking for reordering documents and producing summaries", SIGIR 1998, with lambda = 1 -
// diversity. The first is the best row. Each of the others has the greatest
// lambda*sim(query, row) - (1-lambda)*max sim(row, chosen row), where sim is the metric's score, or
// minus the distance; ties go to the better candidate. Sums are float64 over the vectors.
func (w *chooser) choose(ctx context.Context, c *choosing, q Side, hits *SearchOut) error {
	n := len(hits.Rows)
	k, lambda := min(c.p.K, n), 1-c.p.Diversity
	metric := c.v.Segments[0].Metric
	w.reset(n, c.v.Segments[0].Dim)
	if w.wide = c.wide() && q.bits == nil; w.wide {
		if q.Wide == nil {
			q.Wide = make([]float64, len(q.X))
			column.Widen(q.Wide, q.X)
		}
		q = wideSide(metric, q.Wide, &sideMemory{})
	}
	q.norm = q.Length(metric)
	for i, row := range hits.Rows {
		if err := cancelledNow(ctx, i); err != nil {
			return err
		}
		x := w.side(c, row, &w.read)
		w.norms[i] = x.Length(metric)
		x.norm = w.norms[i]
		w.to[i] = w.similarity(metric, q, x)
	}
	rows, scores := make([]int64, 0, k), make([]float32, 0, k)
	for best := 0; len(rows) < k; {
		w.taken[best] = true
		rows, scores = append(rows, hits.Rows[best]), append(scores, hits.Scores[best])
		last := w.side(c, hits.Rows[best], &w.kept)
		last.norm = w.norms[best]
		next, most := -1, math.Inf(-1)
		for i, row := range hits.Rows {
			if w.taken[i] {
				continue
			}
			if err := cancelledNow(ctx, i); err != nil {
				return err
			}
			x := w.side(c, row, &w.read)
			x.norm = w.norms[i]
			w.near[i] = max(w.near[i], w.similarity(metric, last, x))
			if value := lambda*w.to[i] - (1-lambda)*w.near[i]; next < 0 || value > most {
				next, most = i, value
			}
		}
		best = next
	}
	hits.Rows, hits.Scores = rows, scores
	return nil
}

// wide reports whether some of what is compared is float64.
func (c *choosing) wide() bool { return c.p.Wide != nil || Wide(c.v, c.p.Source) }

// side returns a row's vector: the column's memory, or memory of ours where numbers must be
// converted.
func (w *chooser) side(c *choosing, row int64, memory *sideMemory) Side {
	col, at := columnOf(c.v, row, c.p.Source)
	metric := c.v.Segments[0].Metric
	switch {
	case metric.Binary():
		return Side{bits: col.PackedRow(at)}
	case w.wide:
		memory.Row = mem.Grow(memory.Row, col.Dim())
		return wideSide(metric, col.WideRow(at, memory.Row), memory)
	}
	memory.narrow = mem.Grow(memory.narrow, col.Dim())
	return Side{X: col.Row(at, memory.narrow)}
}

// cancelledNow looks at the context now and then.
func cancelledNow(ctx context.Context, i int) error {
	if i%LookEvery != 0 {
		return nil
	}
	return fault.FromContext(ctx, "search")
}

func (w *chooser) reset(n, dim int) {
	w.to, w.near, w.norms = mem.Grow(w.to, n), mem.Grow(w.near, n), mem.Grow(w.norms, n)
	w.taken = mem.Grow(w.taken, n)
	clear(w.taken)
	for i := range w.near {
		w.near[i] = math.Inf(-1)
	}
}

// Length is that of the vector where the metric divides by it.
func (a Side) Length(metric column.Metric) float64 {
	switch {
	case metric != column.Cosine:
		return 0
	case a.Wide != nil:
		return math.Sqrt(simd.WideNorm(a.Wide))
	}
	return math.Sqrt(simd.Norm64(a.X))
}

// similarity is larger for vectors that are more alike: the score of cosine and dot, minus that of
// the distances.
func (w *chooser) similarity(metric column.Metric, a, b Side) float64 {
	switch metric {
	case column.Cosine:
		if a.norm == 0 || b.norm == 0 {
			return 0
		}
		return a.Dot(b) / (a.norm * b.norm)
	case column.Dot:
		return a.Dot(b)
	case column.L2:
		return -math.Sqrt(a.Square(b))
	case column.Hamming:
		simd.XorPopcount(w.count[:1], b.bits, 1, len(a.bits), a.bits)
		return -float64(w.count[0])
	case column.Jaccard:
		simd.AndOrPopcount(w.count[:1], w.count[1:], b.bits, 1, len(a.bits), a.bits)
		if w.count[1] == 0 {
			return 0
		}
		return float64(w.count[0])/float64(w.count[1]) - 1
	}
	return -a.Square(b)
}

// Dot is the inner product; both sides are float32 or both float64.
func (a Side) Dot(b Side) float64 {
	if a.Wide != nil {
		return simd.WideDot(a.Wide, b.Wide)
	}
	return simd.Dot64(a.X, b.X)
}

// Square is the squared distance.
func (a Side) Square(b Side) float64 {
	if a.Wide != nil {
		return simd.WideL2Sq(a.Wide, b.Wide)
	}
	return simd.L2Sq64(a.X, b.X)
}
