package arrowidx

import (
	"context"
	"fmt"
	"math"
	"time"
)

// join collects the hits of one search from the segments of a version.
type join struct {
	best   []nearest
	units  []float64 // what a distance is divided by, by query
	unsure []bool    // queries whose bounds did not close in some segment
	rows   []int64   // of a filter, those in one segment: none is not nil, which lets all through
	peak   int64     // bytes that it ever had
}

func (j *join) reset(nq, k int) {
	j.best, j.units, j.unsure = grow(j.best, nq), grow(j.units, nq), grow(j.unsure, nq)
	for i := range nq {
		j.best[i].reset(k)
		j.units[i], j.unsure[i] = 1, false
	}
}

// take adds a query's hits in a segment whose first row is number start.
func (j *join) take(i int, q *query, hits []hit, start int) {
	j.units[i] = q.unit
	for _, h := range hits {
		h.row += uint32(start)
		j.best[i].push(h)
	}
}

// searchParts searches every segment and joins what they found by distance, ties to the smaller
// row. All segments are coded around one mean with one scale, so that their distances compare.
func (v *version) searchParts(
	ctx context.Context, p *SearchParams, out *SearchOut,
) (Plan, error) {
	begin := time.Now()
	own, err := v.admitted(p)
	if err != nil {
		return Plan{}, err
	}
	j := joins.Get().(*join)
	plan, err := v.joinParts(ctx, &own, out, j)
	j.putBack()
	if err != nil {
		return Plan{}, err
	}
	plan.Total = time.Since(begin)
	return plan, nil
}

func (v *version) joinParts(
	ctx context.Context, p *SearchParams, out *SearchOut, j *join,
) (Plan, error) {
	k := min(p.K, v.usable())
	j.reset(max(p.NQ, 0), max(k, 0))
	var plan Plan
	for i, part := range v.parts {
		params := *p
		if p.Rows != nil {
			j.rows = j.rows[:0]
			for _, row := range p.Rows {
				if row >= int64(v.starts[i]) && row < int64(v.starts[i+1]) {
					j.rows = append(j.rows, row-int64(v.starts[i]))
				}
			}
			params.Rows = j.rows
		}
		got, err := part.searchPart(ctx, &params, out, j, v.starts[i])
		if err != nil {
			return Plan{}, err
		}
		plan.join(&got, i == 0)
	}
	plan.Certified = 0
	for i := range max(p.NQ, 0) {
		j.put(i, p.K, v.parts[0].metric, out)
		if !j.unsure[i] {
			plan.Certified++
		}
	}
	return plan, nil
}

// admitted returns the parameters with ids turned into rows, and refuses what a changed index
// cannot do.
func (v *version) admitted(p *SearchParams) (SearchParams, error) {
	own := *p
	if v.changed && p.Mask != nil {
		return own, newError(InvalidArgument, "search",
			"a mask has one value for each row in the order given, but rows were added or deleted",
			"limit the search with ids=")
	}
	if v.changed && p.Source != nil {
		_, err := v.only("search")
		return own, err
	}
	if p.IDs != nil && p.Mask == nil && p.Rows == nil {
		rows, err := v.known("search", p.IDs)
		if err != nil {
			return own, err
		}
		own.Rows, own.IDs = rows, nil
	}
	for i, row := range own.Rows {
		if row < 0 || row >= int64(v.rows()) {
			return own, errorAt(UnknownID, "search", int64(i), -1,
				fmt.Sprintf("entry %d of the allowed rows is %d, rows are 0 to %d", i, row,
					v.rows()-1), "")
		}
	}
	return own, nil
}

// put writes a query's hits to the caller's arrays.
func (j *join) put(i, k int, metric Metric, out *SearchOut) {
	q := query{unit: j.units[i]}
	hits := j.best[i].sorted()
	for n, h := range hits {
		out.Rows[i*k+n] = int64(h.row)
		out.Scores[i*k+n] = q.score(metric, h.dist)
	}
	for n := len(hits); n < k; n++ {
		out.Rows[i*k+n], out.Scores[i*k+n] = -1, float32(math.NaN())
	}
	out.Counts[i] = int64(len(hits))
}

// join adds what a search of another segment did.
func (p *Plan) join(o *Plan, first bool) {
	if first {
		*p = *o
		return
	}
	p.Exact = p.Exact && o.Exact
	p.Threads = max(p.Threads, o.Threads)
	p.Probed += o.Probed
	p.Rows += o.Rows
	p.Eligible += o.Eligible
	p.Nulls += o.Nulls
	p.Scanned += o.Scanned
	p.Coded += o.Coded
	p.Reranked += o.Reranked
	p.Prepare += o.Prepare
	p.Route += o.Route
	p.Scan += o.Scan
	p.Rerank += o.Rerank
}
