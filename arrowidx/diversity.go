package arrowidx

import (
	"context"
	"math"

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
	read  sideRoom
	kept  sideRoom
	count [2]uint32
}

// side is a vector that others are compared with, or a row of packed bits.
type side struct {
	x    []float32
	wide []float64 // in place of x
	bits []byte
	norm float64 // under cosine
}

// sideRoom is memory for a side.
type sideRoom struct {
	narrow []float32
	wideRows
}

// wideSide is a side of float64, for cosine of a length whose square is a number.
func wideSide(metric Metric, x []float64, room *sideRoom) side {
	if metric == Cosine {
		room.even = grow(room.even, len(x))
		x, _ = evened(x, room.even)
	}
	return side{wide: x}
}

// choose puts the k rows of maximal marginal relevance first, in the order in which they are
// chosen, and drops the others: Carbonell and Goldstein, "The use of MMR, diversity-based
// reranking for reordering documents and producing summaries", SIGIR 1998, with lambda = 1 -
// diversity. The first is the best row. Each of the others has the greatest
// lambda*sim(query, row) - (1-lambda)*max sim(row, chosen row), where sim is the metric's score, or
// minus the distance; ties go to the better candidate. Sums are float64 over the vectors.
func (w *chooser) choose(ctx context.Context, c *choosing, q side, hits *SearchOut) error {
	n := len(hits.Rows)
	k, lambda := min(c.p.K, n), 1-c.p.Diversity
	metric := c.v.parts[0].metric
	w.reset(n, c.v.parts[0].dim)
	if w.wide = c.wide() && q.bits == nil; w.wide {
		if q.wide == nil {
			q.wide = make([]float64, len(q.x))
			widen(q.wide, q.x)
		}
		q = wideSide(metric, q.wide, &sideRoom{})
	}
	q.norm = q.length(metric)
	for i, row := range hits.Rows {
		if err := cancelledNow(ctx, i); err != nil {
			return err
		}
		x := w.side(c, row, &w.read)
		w.norms[i] = x.length(metric)
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
func (c *choosing) wide() bool { return c.p.Wide != nil || c.v.wide(c.p.Source) }

// side returns a row's vector: the column's memory, or room where numbers must be converted.
func (w *chooser) side(c *choosing, row int64, room *sideRoom) side {
	col, at := c.v.columnOf(row, c.p.Source)
	metric := c.v.parts[0].metric
	switch {
	case metric.Binary():
		return side{bits: col.memory(at)}
	case w.wide:
		room.row = grow(room.row, col.dim)
		return wideSide(metric, col.wideRow(at, room.row), room)
	}
	room.narrow = grow(room.narrow, col.dim)
	return side{x: col.Row(at, room.narrow)}
}

// cancelledNow looks at the context now and then.
func cancelledNow(ctx context.Context, i int) error {
	if i%lookEvery != 0 {
		return nil
	}
	return cancelled(ctx, "search")
}

func (w *chooser) reset(n, dim int) {
	w.to, w.near, w.norms = grow(w.to, n), grow(w.near, n), grow(w.norms, n)
	w.taken = grow(w.taken, n)
	clear(w.taken)
	for i := range w.near {
		w.near[i] = math.Inf(-1)
	}
}

// length is that of the vector where the metric divides by it.
func (a side) length(metric Metric) float64 {
	switch {
	case metric != Cosine:
		return 0
	case a.wide != nil:
		return math.Sqrt(simd.WideNorm(a.wide))
	}
	return math.Sqrt(simd.Norm64(a.x))
}

// similarity is larger for vectors that are more alike: the score of cosine and dot, minus that of
// the distances.
func (w *chooser) similarity(metric Metric, a, b side) float64 {
	switch metric {
	case Cosine:
		if a.norm == 0 || b.norm == 0 {
			return 0
		}
		return a.dot(b) / (a.norm * b.norm)
	case Dot:
		return a.dot(b)
	case L2:
		return -math.Sqrt(a.square(b))
	case Hamming:
		simd.XorPopcount(w.count[:1], b.bits, 1, len(a.bits), a.bits)
		return -float64(w.count[0])
	case Jaccard:
		simd.AndOrPopcount(w.count[:1], w.count[1:], b.bits, 1, len(a.bits), a.bits)
		if w.count[1] == 0 {
			return 0
		}
		return float64(w.count[0])/float64(w.count[1]) - 1
	}
	return -a.square(b)
}

func (a side) dot(b side) float64 {
	if a.wide != nil {
		return simd.WideDot(a.wide, b.wide)
	}
	return simd.Dot64(a.x, b.x)
}

// square is the squared distance.
func (a side) square(b side) float64 {
	if a.wide != nil {
		return simd.WideL2Sq(a.wide, b.wide)
	}
	return simd.L2Sq64(a.x, b.x)
}
