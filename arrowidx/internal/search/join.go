package search

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// join collects the hits of one search from the segments of a version.
type join struct {
	best   []topk.Heap
	units  []float64 // what a distance is divided by, by query
	unsure []bool    // queries whose bounds did not close in some segment
	rows   []int64   // of a filter, those in one segment: none is not nil, which lets all through
	peak   int64     // bytes that it ever had
}

func (j *join) reset(nq, k int) {
	j.best, j.units, j.unsure = mem.Grow(j.best, nq), mem.Grow(j.units, nq), mem.Grow(j.unsure, nq)
	for i := range nq {
		j.best[i].Reset(k)
		j.units[i], j.unsure[i] = 1, false
	}
}

// take adds a query's hits in a segment whose first row is number start.
func (j *join) take(i int, q *Query, hits []topk.Hit, start int) {
	j.units[i] = q.Unit
	for _, h := range hits {
		h.Row += uint32(start)
		j.best[i].Push(h)
	}
}

// farthest returns the k-th least distance that is known of query i from the segments before, or
// infinity while fewer rows are: what lies further away is not among the k nearest.
func (j *join) farthest(i int) float32 {
	if h := &j.best[i]; h.K > 0 && h.Full() {
		return mem.NextUp(float32(h.Worst()))
	}
	return mem.Infinity
}

// searchSegments searches every segment and joins what they found by distance, ties to the smaller
// row. All segments are coded around one mean with one scale, so that their distances compare.
func searchSegments(
	ctx context.Context, v *segment.Version, p *SearchParams, out *SearchOut,
) (Plan, error) {
	begin := time.Now()
	own, err := Admitted(v, p)
	if err != nil {
		return Plan{}, err
	}
	j := Joins.Get().(*join)
	plan, err := joinSegments(ctx, v, &own, out, j)
	j.putBack()
	if err != nil {
		return Plan{}, err
	}
	plan.Total = time.Since(begin)
	return plan, nil
}

func joinSegments(
	ctx context.Context, v *segment.Version, p *SearchParams, out *SearchOut, j *join,
) (Plan, error) {
	k := min(p.K, v.Usable())
	j.reset(max(p.NQ, 0), max(k, 0))
	var plan Plan
	for i, seg := range v.Segments {
		params := *p
		if p.Rows != nil {
			j.rows = rowsIn(j.rows[:0], v, i, p.Rows)
			params.Rows = j.rows
		}
		got, err := searchInto(ctx, seg, &params, out, j, v.Starts[i])
		if err != nil {
			return Plan{}, err
		}
		plan.join(&got, i == 0)
	}
	plan.Certified = 0
	for i := range max(p.NQ, 0) {
		j.put(i, p.K, v.Segments[0].Metric, out)
		if !j.unsure[i] {
			plan.Certified++
		}
	}
	return plan, nil
}

// Admitted returns the parameters with ids turned into rows, and refuses what a changed index
// cannot do.
func Admitted(v *segment.Version, p *SearchParams) (SearchParams, error) {
	own := *p
	if v.Changed && p.Mask != nil {
		return own, fault.New(fault.InvalidArgument, "search",
			"a mask has one value for each row in the order given, but rows were added or deleted",
			"limit the search with ids=")
	}
	if v.Changed && p.Source != nil {
		_, err := v.Only("search")
		return own, err
	}
	if p.IDs != nil && p.Mask == nil && p.Rows == nil {
		rows, err := v.Known("search", p.IDs)
		if err != nil {
			return own, err
		}
		own.Rows, own.IDs = rows, nil
	}
	for i, row := range own.Rows {
		if row < 0 || row >= int64(v.Rows()) {
			return own, fault.At(fault.UnknownID, "search", int64(i), -1,
				fmt.Sprintf("entry %d of the allowed rows is %d, rows are 0 to %d", i, row,
					v.Rows()-1), "")
		}
	}
	return own, nil
}

// put writes a query's hits to the caller's arrays.
func (j *join) put(i, k int, metric column.Metric, out *SearchOut) {
	q := Query{Unit: j.units[i]}
	hits := j.best[i].Sorted()
	for n, h := range hits {
		out.Rows[i*k+n] = int64(h.Row)
		out.Scores[i*k+n] = q.Score(metric, h.Dist)
	}
	for n := len(hits); n < k; n++ {
		out.Rows[i*k+n], out.Scores[i*k+n] = -1, float32(math.NaN())
	}
	out.Counts[i] = int64(len(hits))
}
