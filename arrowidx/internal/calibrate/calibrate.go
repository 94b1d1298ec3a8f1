// Package calibrate measures searches: which settings of kind ivf reach which recall, and what
// recall an index has.
//
// Reading order: calibrate.go (a run over a set of queries), cells.go (which cells hold the
// neighbours, and which settings cost least), build.go (on rows that k-means did not see),
// recall.go (an estimate with an interval).
package calibrate

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

// calibrationTargets are the recall targets that an index is calibrated for.
var calibrationTargets = [...]float64{0.80, 0.90, 0.95, 0.98, 0.99}

const (
	// calibrationK is the k whose recall is calibrated.
	calibrationK = 10
	// missShare of what a recall target leaves may be lost by error bounds: tighter ones than
	// that cost more rows than the cells that make up for looser ones (docs/decisions/0009).
	missShare = 0.25
	// caution is how many standard errors of the mean the recall of the calibrating queries must
	// be above the target: what other queries get is uncertain by as much.
	caution = 1
	// wideEpsilon is a width of bounds that loses nothing measurable.
	wideEpsilon = 3
)

// epsilonsTried are the widths of bounds among which calibration picks the least that keeps the
// rate of misses.
var epsilonsTried = [...]float64{1.0, 1.2, 1.4, 1.6, 1.75, 1.9, 2.1, 2.4, 2.7}

// CalibrateParams are queries that stand for those to come.
type CalibrateParams struct {
	Queries []float32 // NQ x dim, row-major
	Wide    []float64 // the same as float64, in their place
	NQ      int       // 0: as many as Queries or Wide hold
	Threads int       // 0 means the default of SetThreads
}

// Measured returns what Calibrate puts into force.
func Measured(
	ctx context.Context, seg *segment.Segment, p CalibrateParams,
) ([]segment.CalibrationPoint, error) {
	switch {
	case seg.Cells == nil:
		return nil, fault.New(fault.InvalidArgument, "calibrate",
			fmt.Sprintf("an index of kind %s has nothing to calibrate", seg.Kind),
			"build with kind='ivf'")
	case p.NQ < 1:
		return nil, fault.New(fault.InvalidArgument, "calibrate", "no queries", "give a few hundred")
	case seg.Source == nil:
		return nil, fault.New(fault.InvalidArgument, "calibrate", "the index holds codes, not vectors",
			"attach the column that it was built from, or load with vectors=column")
	}
	if err := seg.Unchanged("calibrate"); err != nil {
		return nil, err
	}
	c := calibration{seg: seg, queries: p.Queries, wide: p.Wide, nq: p.NQ, threads: p.Threads}
	return c.run(ctx)
}

// calibration is one run over a set of queries.
type calibration struct {
	seg     *segment.Segment
	col     *column.Column // nil: the index's own
	queries []float32
	wide    []float64 // in place of queries
	nq      int
	threads int
	own     []uint32 // the row that each query is, not to be found; nil: none

	k     int
	out   search.SearchOut
	kth   []float32 // per query the score of the k-th nearest row
	exact [][]int64 // per query its k nearest rows
	homes [][]home  // of each of these
	// What bounds lose, measured by searches of so many cells that hold the recall `whole`.
	probes int
	whole  float64
	lost   map[float64]float64 // by epsilon0

	order   [][]float32 // per query the cosines of cells, nearest cells first
	nearest []float32   // squared distances of queries to their nearest centroids
}

// outcome is what a search of all queries found.
type outcome struct {
	recall, doubt float64 // mean, and standard error of the mean
	rerank        int
}

func (c *calibration) run(ctx context.Context) ([]segment.CalibrationPoint, error) {
	c.k = min(calibrationK, c.seg.Usable)
	if c.own != nil {
		c.k = min(calibrationK, c.seg.Usable-1)
	}
	cells := c.seg.CellCount()
	if err := c.thin(ctx); err != nil {
		return nil, err
	}
	if _, err := c.search(ctx, cells, 1, wideEpsilon, true); err != nil {
		return nil, err
	}
	c.exact, c.kth = make([][]int64, c.nq), make([]float32, c.nq)
	for q := range c.nq {
		c.exact[q] = slices.Clone(c.found(q))
		// The own row was best, so the last of k+1 is the k-th of the others.
		k := len(c.out.Rows) / c.nq
		if n := int(c.out.Counts[q]); n > 0 {
			c.kth[q] = c.out.Scores[q*k+n-1]
		}
	}
	c.rank()
	if err := c.measureBounds(ctx); err != nil {
		return nil, err
	}
	var points []segment.CalibrationPoint
	usual := c.usual()
	for _, vectors := range []bool{false, true} {
		for _, target := range calibrationTargets {
			p, err := c.point(ctx, target, vectors)
			if err != nil {
				return nil, err
			}
			p.Usual = usual
			points = append(points, p)
		}
	}
	return points, nil
}

// thin keeps fewer rows as queries where bounds rule out little, as with few dimensions: their
// searches would take longer than the rest of the build.
func (c *calibration) thin(ctx context.Context) error {
	const pilot, codedRows = 16, 48
	if c.own == nil || c.nq <= pilot {
		return nil
	}
	few := calibration{
		seg: c.seg, col: c.col, nq: pilot, k: c.k, own: c.own[:pilot], threads: c.threads,
		queries: search.QueryRange(c.queries, 0, pilot, c.nq),
		wide:    search.QueryRange(c.wide, 0, pilot, c.nq),
	}
	plan, err := few.search(ctx, c.seg.CellCount(), 1, wideEpsilon, true)
	if err != nil {
		return err
	}
	each := max(int(plan.Coded)/pilot, 1)
	n := min(c.nq, max(pilot, codedRows*c.seg.Usable/each))
	c.queries, c.wide = search.QueryRange(c.queries, 0, n, c.nq), search.QueryRange(c.wide, 0, n, c.nq)
	c.nq, c.own = n, c.own[:n]
	return nil
}

// point finds the settings with which a target is reached. Where codes without vectors fall short
// of it, more cells are tried a few times: they help only as far as cells are what lacks.
func (c *calibration) point(
	ctx context.Context, target float64, vectors bool,
) (p segment.CalibrationPoint, err error) {
	epsilon, err := c.epsilon(ctx, missShare*(1-target))
	if err != nil {
		return p, err
	}
	cells := c.seg.CellCount()
	share, least := target+missShare*(1-target), 1
	for range 8 {
		probes, cut := c.cheapest(share)
		probes = max(probes, least)
		got, err := c.search(ctx, probes, cut, epsilon, vectors)
		if err != nil {
			return p, err
		}
		o, before := c.outcome(got), p.Recall
		p = segment.CalibrationPoint{
			Target: target, Recall: o.recall, Epsilon0: epsilon, Probes: probes, Cut: cut,
			Rerank: o.rerank, Vectors: vectors,
		}
		if o.recall-float64(caution*o.doubt) >= target || probes == cells ||
			!vectors && before > 0 && o.recall < before+missShare*(1-target) {
			break
		}
		// Routing may miss cells that are as near as makes no difference to float32 or int8.
		share += (1 - share) / 4
		least = min(probes+max(1, probes/4), cells)
	}
	return p, nil
}

// search asks all queries for the k nearest and one more where a query is a row.
func (c *calibration) search(
	ctx context.Context, probes int, cut, epsilon float64, measured bool,
) (search.Plan, error) {
	k := c.k
	if c.own != nil {
		k++
	}
	if c.out.Rows == nil {
		c.out = search.SearchOut{
			Rows: make([]int64, c.nq*k), Scores: make([]float32, c.nq*k),
			Counts: make([]int64, c.nq),
		}
	}
	return search.SearchSegment(ctx, c.seg, &search.SearchParams{
		Queries: c.queries, Wide: c.wide, NQ: c.nq, K: k, Epsilon0: epsilon, Estimates: !measured,
		Probes: probes, Recall: calibrationTargets[0], Source: c.col, Threads: c.threads, Cut: cut,
		Known: c.col != nil,
	}, &c.out)
}

// found returns the rows found for a query, without the query's own.
func (c *calibration) found(q int) []int64 {
	k := len(c.out.Rows) / c.nq
	rows := c.out.Rows[q*k : q*k+int(c.out.Counts[q])]
	if c.own != nil {
		for i, r := range rows {
			if r == int64(c.own[q]) {
				copy(rows[i:], rows[i+1:])
				rows = rows[:len(rows)-1]
				break
			}
		}
	}
	return rows[:min(len(rows), c.k)]
}

// outcome compares what was found with the truth.
func (c *calibration) outcome(p search.Plan) outcome {
	var sum, squares float64
	for q := range c.nq {
		hits := 0
		for _, r := range c.found(q) {
			if slices.Contains(c.exact[q], r) {
				hits++
			}
		}
		share := float64(hits) / float64(max(1, len(c.exact[q])))
		sum += share
		squares += float64(share * share)
	}
	n := float64(c.nq)
	mean := sum / n
	variance := max(squares/n-float64(mean*mean), 0)
	return outcome{
		recall: mean, doubt: math.Sqrt(variance / n),
		rerank: int((p.Reranked + int64(c.nq) - 1) / int64(c.nq)),
	}
}

// measureBounds finds what the cells that are probed for a middling target hold.
func (c *calibration) measureBounds(ctx context.Context) error {
	c.probes = c.enough(0.95, 1)
	_, err := c.search(ctx, c.probes, 1, wideEpsilon, true)
	c.whole = c.outcome(search.Plan{}).recall
	c.lost = map[float64]float64{}
	return err
}

// epsilon finds the least width of bounds that loses no more than a share of the neighbours that
// the probed cells hold.
func (c *calibration) epsilon(ctx context.Context, share float64) (float64, error) {
	low, high := 0, len(epsilonsTried)-1
	for low < high {
		mid := (low + high) / 2
		e := epsilonsTried[mid]
		lost, known := c.lost[e]
		if !known {
			if _, err := c.search(ctx, c.probes, 1, e, true); err != nil {
				return 0, err
			}
			lost = c.whole - c.outcome(search.Plan{}).recall
			c.lost[e] = lost
		}
		if lost <= share {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return epsilonsTried[low], nil
}
