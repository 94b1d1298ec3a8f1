package arrowidx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

const (
	// rangeEpsilon is the width of the bounds beyond which a row is left out unmeasured, in
	// standard deviations. It is not calibrated: a range must not lose rows.
	rangeEpsilon = 6
	// rangeBytes is what a range search may hold when it does not say.
	rangeBytes = 1 << 30
	// hitBytes is what a row found costs until it has left: its entry, and another while lists
	// are merged.
	hitBytes = 32
	// rangePiece is the most rows that are handed out together.
	rangePiece = 16_384
)

// WithinParams is one range search: NQ queries of the index's dimension, and the score that a row
// must have. Exactly one of MinSimilarity and MaxDistance is given.
type WithinParams struct {
	Queries []float32 // NQ x dim, row-major
	Wide    []float64 // Queries as float64, in their place: nothing is rounded
	Bits    []byte    // for Hamming and Jaccard, instead of Queries: NQ x dim/8, packed as the rows
	NQ      int       // 0: as many as Queries or Bits hold
	// MinSimilarity is the least score of cosine and dot, inclusive; MaxDistance is the greatest
	// of the other metrics. Both are compared as float32, as scores are: the score of a row that
	// Search found lets it in. Minus infinity, or infinity for a distance, lets every row in.
	MinSimilarity, MaxDistance *float64
	// Limit is the most rows of a query, the best ones; 0 means all.
	Limit int
	// Mask, Rows, IDs and Source are those of SearchParams.
	Mask    []byte
	Rows    []int64
	IDs     arrow.Array
	Source  *Column
	Threads int
	// MaxBytes bounds the memory of the rows found; 0 means 1 GiB.
	MaxBytes int64
	// Counts receives how many rows each query found, NQ numbers; nil: not wanted.
	Counts []int64
}

// Range is some of the rows that are within a query's threshold, best first, ties by the smaller
// row. The slices are valid until the function they are given to returns.
type Range struct {
	Query  int // number of the query
	First  int // how many rows of this query came before
	Rows   []int64
	Scores []float32
	IDs    *IDs // what the rows are called
}

// Within finds all rows whose score is within a threshold, or the Limit best of them, and hands
// them to emit: query after query, the rows of each best first, in pieces of at most 16,384. emit
// runs on the calling goroutine; its error ends the search and is returned. A query that finds
// nothing is not emitted.
//
// Where vectors are at hand the answer is that of a float64 comparison with every row: a cell is
// left out only by the triangle inequality, a row only by a bound of 6 standard deviations. Without
// vectors estimates are compared, and the plan's Exact is false. A query's answer does not depend
// on the other queries or the number of threads.
//
// Errors: MetricError for a threshold that the metric has not, InvalidArgument for one that no
// score can be (NaN, a cosine of 2, a negative distance, more bits than a row has), LimitExceeded
// with the number of rows found when they need more than MaxBytes (nothing of that round of 512
// queries is emitted then), and those of Search.
func (ix *Index) Within(
	ctx context.Context, p *WithinParams, emit func(Range) error,
) (Plan, error) {
	v, err := ix.enter("within")
	if err != nil {
		return Plan{}, err
	}
	defer ix.leave(v)
	if p, err = p.counted(v.parts[0]); err != nil {
		return Plan{}, err
	}
	return v.within(ctx, p, 0, emit)
}

// within is Within on a version. Rows that were emitted go on to cost so many bytes each.
func (v *version) within(
	ctx context.Context, p *WithinParams, kept int64, emit func(Range) error,
) (Plan, error) {
	begin := time.Now()
	g := &ranging{p: p, kept: kept, most: p.MaxBytes, threads: Threads(p.Threads), names: v.names}
	err := g.begin(v)
	for from := 0; err == nil && from < p.NQ; from += batchQueries {
		err = g.round(ctx, from, min(from+batchQueries, p.NQ), emit)
	}
	if err != nil {
		return Plan{}, ofWithin(err)
	}
	plan := g.plan()
	plan.Total = time.Since(begin)
	return plan, nil
}

// ofWithin names this operation in an error of the parts that it shares with Search.
func ofWithin(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Op != "search" {
		return err
	}
	own := *e
	own.Op = "within"
	return &own
}

// begin checks the parameters and readies a run for every segment.
func (g *ranging) begin(v *version) error {
	p := g.p
	var err error
	if g.bound, err = p.bound(v.parts[0].metric, v.parts[0].dim); err != nil {
		return err
	}
	if p.Limit < 0 || p.MaxBytes < 0 {
		return newError(InvalidArgument, "within",
			fmt.Sprintf("limit = %d, %d bytes", p.Limit, p.MaxBytes),
			"use positive numbers, or 0 for no limit and for 1 GiB")
	}
	if p.Counts != nil && len(p.Counts) < p.NQ {
		return newError(InvalidArgument, "within",
			fmt.Sprintf("no room for the counts of %d queries", p.NQ), "make Counts NQ long")
	}
	if g.most == 0 {
		g.most = rangeBytes
	}
	own, err := v.admitted(&SearchParams{
		Queries: p.Queries, Wide: p.Wide, Bits: p.Bits, NQ: p.NQ, Epsilon0: rangeEpsilon,
		Recall: 1, Rerank: -1, Mask: p.Mask, Rows: p.Rows, IDs: p.IDs, Source: p.Source,
		Threads: p.Threads,
	})
	if err != nil {
		return err
	}
	g.out.Counts = make([]int64, max(p.NQ, 0))
	g.params = make([]SearchParams, len(v.parts))
	g.runs = make([]run, len(v.parts))
	for i, part := range v.parts {
		g.params[i] = own
		if own.Rows != nil {
			g.params[i].Rows = v.rowsIn(i, own.Rows)
		}
		r := &g.runs[i]
		*r = run{ix: part, p: &g.params[i], out: &g.out, col: part.source, start: v.starts[i]}
		if p.Source != nil {
			r.col = p.Source
		}
		if err := r.check(); err != nil {
			return err
		}
		r.plan.Threads = g.threads
	}
	return nil
}

// counted returns the parameters with the number of queries.
func (p *WithinParams) counted(base *segment) (*WithinParams, error) {
	if p.NQ != 0 {
		return p, nil
	}
	n, err := queriesIn("within", len(p.Queries)+len(p.Wide), p.Bits, base)
	if n == 0 || err != nil {
		return p, err
	}
	own := *p
	own.NQ = n
	return &own, nil
}

// rowsIn returns those of the rows that lie in a part, counted from its first.
func (v *version) rowsIn(part int, rows []int64) []int64 {
	in := []int64{} // none is not all
	for _, row := range rows {
		if row >= int64(v.starts[part]) && row < int64(v.starts[part+1]) {
			in = append(in, row-int64(v.starts[part]))
		}
	}
	return in
}

// bound is a threshold on scores.
type bound struct {
	metric Metric
	value  float32
}

// bound returns the threshold that was given for rows of dim dimensions, or why it is none.
func (p *WithinParams) bound(metric Metric, dim int) (bound, error) {
	name, other := "max_distance", "min_similarity"
	given, wrong := p.MaxDistance, p.MinSimilarity
	if metric.Larger() {
		name, other, given, wrong = other, name, wrong, given
	}
	switch {
	case wrong != nil:
		return bound{}, newError(MetricError, "within",
			fmt.Sprintf("%s = %v cannot limit metric %s", other, *wrong, metric),
			"use "+name+", or an index of another metric")
	case given == nil:
		return bound{}, newError(InvalidArgument, "within", "a range needs a threshold",
			"give "+name)
	}
	value, low, high := float32(*given), float32(-infinity), float32(infinity)
	everything := metric.Larger() && value == low || !metric.Larger() && value == high
	low, high = metric.scores(dim)
	if !everything && !(value >= low && value <= high && !math.IsInf(float64(value), 0)) {
		return bound{}, newError(InvalidArgument, "within",
			fmt.Sprintf("%s = %v is no score: those of %s are from %v to %v", name, *given, metric,
				low, high), "give a number between them, or an infinity that lets every row in")
	}
	return bound{metric, value}, nil
}

// scores returns the least and the greatest score of rows of dim dimensions, as float32.
func (m Metric) scores(dim int) (low, high float32) {
	switch m {
	case Cosine:
		return -1, 1
	case Dot:
		return float32(-infinity), float32(infinity)
	case Hamming:
		return 0, float32(dim)
	case Jaccard:
		return 0, 1
	}
	return 0, float32(infinity)
}

// admits reports whether a score is within the threshold.
func (b bound) admits(score float32) bool {
	if b.metric.Larger() {
		return score >= b.value
	}
	return score <= b.value
}

// reach returns a distance, in the query's engine units, that no row within the threshold exceeds.
func (b bound) reach(q *query) float32 {
	var dist float64
	up := float64(nextUp(b.value))
	switch {
	case b.metric.Larger():
		dist = -float64(math.Nextafter32(b.value, -infinity)) * q.unit
	case b.value < 0:
		return -infinity
	case b.metric == L2:
		dist = up * up * q.unit
	default:
		dist = up * q.unit
	}
	dist += math.Abs(dist) / (1 << 40) // more than a float64 measurement rounds
	if reach := float32(dist); float64(reach) >= dist {
		return reach
	}
	return nextUp(float32(dist))
}
