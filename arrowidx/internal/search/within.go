package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
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
	// RangePiece is the most rows that are handed out together.
	RangePiece = 16_384
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
	Source  *column.Column
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
	Dists  []float64   // what they are ordered by: distances in float64, squared ones for l2
	IDs    *column.IDs // what the rows are called
}

// Within is Within on a version. Rows that were emitted go on to cost so many bytes each.
func Within(
	ctx context.Context, v *segment.Version, p *WithinParams, kept int64, emit func(Range) error,
) (Plan, error) {
	begin := time.Now()
	g := &ranging{p: p, kept: kept, most: p.MaxBytes, threads: mem.Threads(p.Threads), ids: v.IDs}
	err := g.begin(v)
	step := batchQueries
	if err == nil && v.Segments[0].Share > 0 {
		g.most = min(g.most, v.Segments[0].Share)
		step, err = g.runs[0].roundOf(1, 1)
	}
	for from := 0; err == nil && from < p.NQ; from += step {
		err = g.round(ctx, from, min(from+step, p.NQ), emit)
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
	var e *fault.Error
	if !errors.As(err, &e) || e.Op != "search" {
		return err
	}
	own := *e
	own.Op = "within"
	return &own
}

// begin checks the parameters and readies a run for every segment.
func (g *ranging) begin(v *segment.Version) error {
	p := g.p
	var err error
	if g.bound, err = p.bound(v.Segments[0].Metric, v.Segments[0].Dim); err != nil {
		return err
	}
	if p.Limit < 0 || p.MaxBytes < 0 {
		return fault.New(fault.InvalidArgument, "within",
			fmt.Sprintf("limit = %d, %d bytes", p.Limit, p.MaxBytes),
			"use positive numbers, or 0 for no limit and for 1 GiB")
	}
	if p.Counts != nil && len(p.Counts) < p.NQ {
		return fault.New(fault.InvalidArgument, "within",
			fmt.Sprintf("no room for the counts of %d queries", p.NQ), "make Counts NQ long")
	}
	if g.most == 0 {
		g.most = rangeBytes
	}
	own, err := Admitted(v, &SearchParams{
		Queries: p.Queries, Wide: p.Wide, Bits: p.Bits, NQ: p.NQ, Epsilon0: rangeEpsilon,
		Recall: 1, Rerank: -1, Mask: p.Mask, Rows: p.Rows, IDs: p.IDs, Source: p.Source,
		Threads: p.Threads,
	})
	if err != nil {
		return err
	}
	g.out.Counts = make([]int64, max(p.NQ, 0))
	g.params = make([]SearchParams, len(v.Segments))
	g.runs = make([]Run, len(v.Segments))
	for i, seg := range v.Segments {
		g.params[i] = own
		if own.Rows != nil {
			g.params[i].Rows = rowsIn([]int64{}, v, i, own.Rows)
		}
		r := &g.runs[i]
		*r = Run{Seg: seg, P: &g.params[i], out: &g.out, Col: seg.Source, start: v.Starts[i]}
		if p.Source != nil {
			r.Col = p.Source
		}
		if err := r.check(); err != nil {
			return err
		}
		r.plan.Threads = g.threads
	}
	return nil
}

// Counted returns the parameters with the number of queries.
func (p *WithinParams) Counted(base *segment.Segment) (*WithinParams, error) {
	if p.NQ != 0 {
		return p, nil
	}
	n, err := QueriesIn("within", len(p.Queries)+len(p.Wide), p.Bits, base)
	if n == 0 || err != nil {
		return p, err
	}
	own := *p
	own.NQ = n
	return &own, nil
}

// rowsIn appends those of the rows that lie in a segment, counted from its first. to must not be
// nil: as a filter that would let all rows through.
func rowsIn(to []int64, v *segment.Version, which int, rows []int64) []int64 {
	for _, row := range rows {
		if row >= int64(v.Starts[which]) && row < int64(v.Starts[which+1]) {
			to = append(to, row-int64(v.Starts[which]))
		}
	}
	return to
}

// bound is a threshold on scores.
type bound struct {
	metric column.Metric
	value  float32
}

// bound returns the threshold that was given for rows of dim dimensions, or why it is none.
func (p *WithinParams) bound(metric column.Metric, dim int) (bound, error) {
	name, other := "max_distance", "min_similarity"
	given, wrong := p.MaxDistance, p.MinSimilarity
	if metric.Larger() {
		name, other, given, wrong = other, name, wrong, given
	}
	switch {
	case wrong != nil:
		return bound{}, fault.New(fault.MetricError, "within",
			fmt.Sprintf("%s = %v cannot limit metric %s", other, *wrong, metric),
			"use "+name+", or an index of another metric")
	case given == nil:
		return bound{}, fault.New(fault.InvalidArgument, "within", "a range needs a threshold",
			"give "+name)
	}
	value, low, high := float32(*given), float32(-mem.Infinity), float32(mem.Infinity)
	everything := metric.Larger() && value == low || !metric.Larger() && value == high
	low, high = scores(metric, dim)
	if !everything && !(value >= low && value <= high && !math.IsInf(float64(value), 0)) {
		return bound{}, fault.New(fault.InvalidArgument, "within",
			fmt.Sprintf("%s = %v is no score: those of %s are from %v to %v", name, *given, metric,
				low, high), "give a number between them, or an infinity that lets every row in")
	}
	return bound{metric, value}, nil
}

// scores returns the least and the greatest score of rows of dim dimensions, as float32.
func scores(m column.Metric, dim int) (low, high float32) {
	switch m {
	case column.Cosine:
		return -1, 1
	case column.Dot:
		return float32(-mem.Infinity), float32(mem.Infinity)
	case column.Hamming:
		return 0, float32(dim)
	case column.Jaccard:
		return 0, 1
	}
	return 0, float32(mem.Infinity)
}

// admits reports whether a score is within the threshold.
func (b bound) admits(score float32) bool {
	if b.metric.Larger() {
		return score >= b.value
	}
	return score <= b.value
}

// farthest returns a distance, in the query's engine units, that no row within the threshold
// exceeds.
func (b bound) farthest(q *Query) float32 {
	var dist float64
	up := float64(mem.NextUp(b.value))
	switch {
	case b.metric.Larger():
		dist = -float64(math.Nextafter32(b.value, -mem.Infinity)) * q.Unit
	case b.value < 0:
		return -mem.Infinity
	case b.metric == column.L2:
		dist = up * up * q.Unit
	default:
		dist = up * q.Unit
	}
	dist += math.Abs(dist) / (1 << 40) // more than a float64 measurement rounds
	if far := float32(dist); float64(far) >= dist {
		return far
	}
	return mem.NextUp(float32(dist))
}

// joinHits merges sorted lists into one, of at most limit hits unless that is 0.
func joinHits(ctx context.Context, lists [][]topk.Hit, limit int) ([]topk.Hit, error) {
	for len(lists) > 1 {
		merged := lists[:0]
		for i := 0; i < len(lists); i += 2 {
			if i+1 == len(lists) {
				merged = append(merged, lists[i])
				break
			}
			list, err := mergeHits(ctx, lists[i], lists[i+1], limit)
			if err != nil {
				return nil, err
			}
			merged = append(merged, list)
		}
		lists = merged
	}
	if len(lists) == 0 {
		return nil, nil
	}
	return lists[0], nil
}

// mergeHits merges two sorted lists.
func mergeHits(ctx context.Context, a, b []topk.Hit, limit int) ([]topk.Hit, error) {
	n := len(a) + len(b)
	if limit > 0 {
		n = min(n, limit)
	}
	out := make([]topk.Hit, 0, n)
	for len(out) < n {
		if len(out)%RangePiece == 0 {
			if err := fault.FromContext(ctx, "within"); err != nil {
				return nil, err
			}
		}
		if len(b) == 0 || len(a) > 0 && a[0].Less(b[0]) {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out, nil
}
