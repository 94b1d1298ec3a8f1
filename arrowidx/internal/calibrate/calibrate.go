// Package calibrate measures searches: which settings of kind ivf reach which recall, and what
// recall an index has.
//
// Reading order: calibrate.go (a run over a set of queries), cells.go (which cells hold the
// neighbours), rule.go (which settings cost least), build.go (on rows that k-means did not see),
// copies.go (whether second codes of rows pay), recall.go (an estimate with an interval).
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
	// missShare of what a recall target leaves may be lost by error bounds, at most.
	missShare = 0.25
	// reachShare of what cells miss is made up for, at most, where codes fall short of a target.
	reachShare = 0.95
	// middling is the share of neighbours in the cells for which bounds are measured.
	middling = 0.95
	// wideEpsilon is the width of bounds with which the truth is found: one neighbour in some
	// thousands is lost.
	wideEpsilon = 2.7
)

// epsilonsTried are the widths of bounds compared.
var epsilonsTried = [...]float64{1.2, 1.4, 1.6, 1.9, 2.2}

// CalibrateParams are queries that stand for those to come.
type CalibrateParams struct {
	Queries []float32 // NQ x dim, row-major
	Wide    []float64 // the same as float64, in their place
	NQ      int       // 0: as many as Queries or Wide hold
	Threads int       // 0 means the default of SetThreads
}

// Measured returns what Calibrate puts into force: settings without copies, and those with them.
func Measured(
	ctx context.Context, seg *segment.Segment, p CalibrateParams,
) (points, copyPoints []segment.CalibrationPoint, err error) {
	if err := calibratable(seg, p.NQ); err != nil {
		return nil, nil, err
	}
	if err := seg.Unchanged("calibrate"); err != nil {
		return nil, nil, err
	}
	c := calibration{seg: seg, queries: p.Queries, wide: p.Wide, nq: p.NQ, threads: p.Threads}
	if points, err = c.run(ctx); err == nil && seg.Copies != nil {
		copyPoints, err = c.withCopies(ctx, false)
	}
	return points, copyPoints, err
}

// calibratable refuses what cannot be calibrated.
func calibratable(seg *segment.Segment, queries int) error {
	switch {
	case seg.Cells == nil:
		return fault.New(fault.InvalidArgument, "calibrate",
			fmt.Sprintf("an index of kind %s has nothing to calibrate", seg.Kind),
			"build with kind='ivf'")
	case queries < 1:
		return fault.New(fault.InvalidArgument, "calibrate", "no queries", "give a few hundred")
	case seg.Source == nil:
		return fault.New(fault.InvalidArgument, "calibrate", "the index holds codes, not vectors",
			"attach the column that it was built from, or load with vectors=column")
	}
	return nil
}

// searching is the most queries that settings are tried out on: how far what is found stays behind
// what the cells hold varies little from query to query.
const searching = 512

// calibration is one run over a set of queries.
type calibration struct {
	seg     *segment.Segment
	col     *column.Column // nil: the index's own
	queries []float32
	wide    []float64 // in place of queries
	nq      int
	threads int
	own     []uint32 // the row that each query is, not to be found; nil: none

	k       int
	out     search.SearchOut
	survey  *search.Surveying // what searches tell besides
	exact   [][]int64         // per query its k nearest rows
	seen    []surveyed        // per query the cells it considers
	nearest []float32         // order of its nearest centroid
	ledger  *ledger           // of what was seen; nil: not made yet
	// What bounds do, measured on the first queries.
	first  *calibration
	bounds []bounds // widest first
	twice  bool     // copies are looked at
	second []uint32 // then: the second cell of every row
	// codesLose is what is lost besides what cells miss where vectors are not at hand.
	codesLose float64
}

// outcome is what a search of all queries found.
type outcome struct {
	recall float64
	rerank int
}

func (c *calibration) run(ctx context.Context) ([]segment.CalibrationPoint, error) {
	c.k = min(calibrationK, c.seg.Usable)
	if c.own != nil {
		c.k = min(calibrationK, c.seg.Usable-1)
	}
	if err := c.truth(ctx); err != nil {
		return nil, err
	}
	return c.measured(ctx)
}

// measured finds the settings for all targets, once the cells of the queries are known.
func (c *calibration) measured(ctx context.Context) ([]segment.CalibrationPoint, error) {
	c.first = c.part(0, min(searching, c.nq))
	if err := c.measureBounds(ctx); err != nil {
		return nil, err
	}
	var without, with []segment.CalibrationPoint
	usual := c.usual()
	for _, target := range calibrationTargets {
		both := c.points(target)
		for i := range both {
			both[i].Usual = usual
		}
		without, with = append(without, both[0]), append(with, both[1])
	}
	return append(without, with...), nil
}

// part is the run over queries [from, to).
func (c *calibration) part(from, to int) *calibration {
	o := &calibration{
		seg: c.seg, col: c.col, nq: to - from, k: c.k, threads: c.threads,
		twice: c.twice, second: c.second,
		queries: search.QueryRange(c.queries, from, to, c.nq),
		wide:    search.QueryRange(c.wide, from, to, c.nq),
	}
	if c.own != nil {
		o.own = c.own[from:to]
	}
	if c.exact != nil {
		o.exact, o.seen = c.exact[from:to], c.seen[from:to]
	}
	return o
}

// points finds the settings with which a target is reached: without vectors, and with them.
//
// The cells of all queries tell which share of the neighbours they hold; what searches of the first
// queries find less than that, for a middling target, is the part of bounds and codes. Where codes
// without vectors fall short of the target, cells help only as far as cells are what lacks.
func (c *calibration) points(target float64) (out [2]segment.CalibrationPoint) {
	b := c.epsilon(target)
	share := target + b.lost
	for i, vectors := range []bool{false, true} {
		behind, epsilon := b.lost, b.epsilon
		if !vectors { // as measured
			behind, epsilon = c.codesLose, segment.DefaultEpsilon
		}
		s := c.reaching(min(target+behind, share+(1-share)*reachShare))
		out[i] = segment.CalibrationPoint{
			Target: target, Recall: min(max(c.cells().share(s)-behind, 0), 1), Epsilon0: epsilon,
			Probes: s.considered, Cut: float64(s.rule.Cut), Weight: float64(s.rule.Weight),
			Vectors: vectors,
		}
		if vectors {
			out[i].Rerank = b.rerank
		}
	}
	return out
}

// params ask queries [from, to) for the k nearest, and for one more where a query is a row.
func (c *calibration) params(from, to int) *search.SearchParams {
	k := c.k
	if c.own != nil {
		k++
	}
	return &search.SearchParams{
		Queries: search.QueryRange(c.queries, from, to, c.nq),
		Wide:    search.QueryRange(c.wide, from, to, c.nq), NQ: to - from, K: k,
		Recall: calibrationTargets[0], Source: c.col, Threads: c.threads, Known: c.col != nil,
	}
}

// search asks all queries.
func (c *calibration) search(
	ctx context.Context, s settings, epsilon float64, measured bool,
) (search.Plan, error) {
	p := c.params(0, c.nq)
	p.Epsilon0, p.Estimates, p.Probes, p.Rule = epsilon, !measured, s.considered, s.rule
	p.Copies, p.Survey = c.twice, c.survey
	if c.out.Rows == nil {
		c.out = search.SearchOut{
			Rows: make([]int64, c.nq*p.K), Scores: make([]float32, c.nq*p.K),
			Counts: make([]int64, c.nq),
		}
	}
	return search.SearchSegment(ctx, c.seg, p, &c.out)
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
	sum := 0.0
	for q := range c.nq {
		hits := 0
		for _, r := range c.found(q) {
			if slices.Contains(c.exact[q], r) {
				hits++
			}
		}
		sum += float64(hits) / float64(max(1, len(c.exact[q])))
	}
	return outcome{
		recall: sum / float64(c.nq),
		rerank: int((p.Reranked + int64(c.nq) - 1) / int64(c.nq)),
	}
}

// bounds are what error bounds of a width do.
type bounds struct {
	epsilon float64
	lost    float64 // share of the neighbours that they lose
	coded   float64 // rows of a query scored by their whole codes
	rerank  int     // and measured on the vectors
}

// measureBounds measures widths of bounds by searches of the cells that a middling target needs.
func (c *calibration) measureBounds(ctx context.Context) error {
	s := c.reaching(middling)
	inCells := c.first.cells().share(s)
	for _, e := range slices.Backward(epsilonsTried[:]) {
		b, err := c.measure(ctx, s, inCells, e, true)
		if err != nil {
			return err
		}
		c.bounds = append(c.bounds, b)
	}
	b, err := c.measure(ctx, s, inCells, segment.DefaultEpsilon, false)
	c.codesLose = b.lost
	return err
}

// measure measures what a search of cells that hold a share of the neighbours loses of them.
func (c *calibration) measure(
	ctx context.Context, s settings, inCells, epsilon float64, vectors bool,
) (bounds, error) {
	plan, err := c.first.search(ctx, s, epsilon, vectors)
	if err != nil {
		return bounds{}, err
	}
	o := c.first.outcome(plan)
	lost := max(inCells-o.recall, 0)
	if c.twice { // what is found elsewhere would hide it
		lost = c.first.missed(s)
	}
	if vectors {
		lost += doubtOf(lost, c.first.nq, c.k)
	}
	return bounds{epsilon, lost, float64(plan.Coded) / float64(c.first.nq),
		o.rerank}, nil
}

// doubtOf is how much more than measured may be lost: the standard error of few neighbours that are
// lost independently, with caution.
func doubtOf(lost float64, queries, k int) float64 {
	return float64(caution(queries) * math.Sqrt(lost/float64(max(queries*k, 1))))
}

// epsilon finds the width of bounds with which a target costs least: tighter ones lose neighbours,
// which more cells have to make up for, wider ones score more rows by their whole codes.
func (c *calibration) epsilon(target float64) bounds {
	best, least := c.bounds[0], math.Inf(1)
	for _, b := range c.bounds {
		if b.lost > missShare*(1-target) {
			break
		}
		cost := c.cost(c.reaching(target+b.lost)) + float64(b.coded*codedBytes)
		if cost < least {
			best, least = b, cost
		}
	}
	return best
}
