package search

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

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
