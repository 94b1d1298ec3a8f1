package arrowidx

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// calibrationTargets are the recall targets that an index is calibrated for.
var calibrationTargets = [...]float64{0.80, 0.90, 0.95, 0.98, 0.99}

const (
	// calibrationK is the k whose recall is calibrated.
	calibrationK = 10
	// missRate is the share of true neighbours that error bounds may lose.
	missRate = 1e-3
	// caution is how many standard errors of the mean the recall of the calibrating queries must
	// be above the target: what other queries get is uncertain by as much.
	caution = 0.75
	// wideEpsilon is a width of bounds that loses nothing measurable.
	wideEpsilon = 3
)

// epsilonsTried are the widths of bounds among which calibration picks the least that keeps the
// rate of misses.
var epsilonsTried = [...]float64{1.0, 1.2, 1.4, 1.6, 1.75, 1.9, 2.1, 2.4, 2.7}

// CalibrateParams are queries that stand for those to come.
type CalibrateParams struct {
	Queries []float32 // NQ x dim, row-major
	NQ      int
	Threads int // 0 means the default of SetThreads
}

// Calibrate measures, on queries like those to come, how many cells must be probed and how wide
// error bounds must be for each recall target, in place of what the build measured on rows of the
// index. It needs vectors. Searches that run meanwhile keep the old settings. It reads no clock:
// equal queries give equal settings.
//
// Errors: InvalidArgument for other kinds, no queries, or an index without vectors; those of Search.
func (ix *Index) Calibrate(ctx context.Context, p CalibrateParams) error {
	ix.mu.RLock()
	closed, cells, col := ix.closed, ix.cells(), ix.source.Load()
	ix.mu.RUnlock()
	switch {
	case closed:
		return closedError("calibrate")
	case cells == nil:
		return newError(InvalidArgument, "calibrate",
			fmt.Sprintf("an index of kind %s has nothing to calibrate", ix.kind),
			"build with kind='ivf'")
	case p.NQ < 1:
		return newError(InvalidArgument, "calibrate", "no queries", "give a few hundred")
	case col == nil:
		return newError(InvalidArgument, "calibrate", "the index holds codes, not vectors",
			"attach the column that it was built from, or load with vectors=column")
	}
	c := calibration{ix: ix, queries: p.Queries, nq: p.NQ, threads: p.Threads}
	points, err := c.run(ctx)
	if err != nil {
		return err
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.tuning = points
	return nil
}

// calibrateBuild calibrates on the rows that k-means did not see.
func (ix *Index) calibrateBuild(ctx context.Context, b *cellsBuild) error {
	defer b.o.Progress.calibrated.Store(int64(ix.rows))
	c := calibration{ix: ix, col: b.col, threads: b.threads, own: b.drawn[:b.held]}
	c.nq = b.held
	c.queries = make([]float32, c.nq*ix.dim)
	for i, r := range c.own {
		row := c.queries[i*ix.dim : (i+1)*ix.dim]
		copy(row, b.col.Row(int(r), row))
	}
	if c.nq == 0 || ix.usable < 2 {
		return nil
	}
	var err error
	ix.tuning, err = c.run(ctx)
	return err
}

// calibration is one run over a set of queries.
type calibration struct {
	ix      *Index
	col     *Column // nil: the index's own
	queries []float32
	nq      int
	threads int
	own     []uint32 // the row that each query is, not to be found; nil: none

	k     int
	out   SearchOut
	exact [][]int64 // per query its k nearest rows
	ranks [][]int   // of each of these, see rank
}

// outcome is what a search of all queries found.
type outcome struct {
	recall, doubt float64 // mean, and standard error of the mean
	rerank        int
}

func (c *calibration) run(ctx context.Context) ([]CalibrationPoint, error) {
	c.k = min(calibrationK, c.ix.usable)
	if c.own != nil {
		c.k = min(calibrationK, c.ix.usable-1)
	}
	cells := c.ix.cellCount()
	if _, err := c.search(ctx, cells, wideEpsilon, -1); err != nil {
		return nil, err
	}
	c.exact = make([][]int64, c.nq)
	for q := range c.nq {
		c.exact[q] = slices.Clone(c.found(q))
	}
	c.rank()
	epsilon, err := c.epsilon(ctx)
	if err != nil {
		return nil, err
	}
	var points []CalibrationPoint
	for _, vectors := range []bool{false, true} {
		for _, target := range calibrationTargets {
			p, err := c.point(ctx, target, epsilon, vectors)
			if err != nil {
				return nil, err
			}
			points = append(points, p)
		}
	}
	return points, nil
}

// point finds the number of cells with which a target is reached. Where codes without vectors fall
// short of it, more cells are tried a few times: they help only as far as cells are what lacks.
func (c *calibration) point(
	ctx context.Context, target, epsilon float64, vectors bool,
) (CalibrationPoint, error) {
	rerank, cells := 0, c.ix.cellCount()
	if vectors {
		rerank = -1
	}
	probes := c.enough(target + missRate)
	for range 3 {
		got, err := c.search(ctx, probes, epsilon, rerank)
		if err != nil {
			return CalibrationPoint{}, err
		}
		o := c.outcome(got)
		p := CalibrationPoint{
			Target: target, Recall: o.recall, Epsilon0: epsilon, Probes: probes,
			Rerank: o.rerank, Vectors: vectors,
		}
		if o.recall-float64(caution*o.doubt) >= target || probes == cells || vectors && o.recall >= target {
			return p, nil
		}
		probes = min(cells, probes+max(1, probes/4))
	}
	got, err := c.search(ctx, probes, epsilon, rerank)
	o := c.outcome(got)
	return CalibrationPoint{
		Target: target, Recall: o.recall, Epsilon0: epsilon, Probes: probes,
		Rerank: o.rerank, Vectors: vectors,
	}, err
}

// search asks all queries for the k nearest and one more where a query is a row.
func (c *calibration) search(
	ctx context.Context, probes int, epsilon float64, rerank int,
) (Plan, error) {
	k := c.k
	if c.own != nil {
		k++
	}
	if c.out.Rows == nil {
		c.out = SearchOut{
			Rows: make([]int64, c.nq*k), Scores: make([]float32, c.nq*k),
			Counts: make([]int64, c.nq),
		}
	}
	return c.ix.Search(ctx, &SearchParams{
		Queries: c.queries, NQ: c.nq, K: k, Epsilon0: epsilon, Rerank: rerank, Probes: probes,
		Recall: calibrationTargets[0], Source: c.col, Threads: c.threads,
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
func (c *calibration) outcome(p Plan) outcome {
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

// rank finds, for every neighbour of every query, how many cells are nearer to the query than the
// neighbour's own.
func (c *calibration) rank() {
	ix, cells := c.ix, c.ix.codes.cells
	home := make([]uint32, ix.rows)
	for i := range cells.n {
		for _, r := range cells.rows[cells.first[i]:cells.first[i+1]] {
			home[r] = uint32(i)
		}
	}
	q := query{}
	order := make([]visit, cells.n)
	c.ranks = make([][]int, c.nq)
	for i := range c.nq {
		if q.prepare(ix, c.queries[i*ix.dim:(i+1)*ix.dim], i, 1) != nil || q.zero {
			continue // a search says what is wrong with it, or finds everything at distance 0
		}
		for cell := range cells.n {
			order[cell] = q.visitOf(ix, uint32(cell))
		}
		for _, r := range c.exact[i] {
			own, nearer := order[home[r]], 0
			for _, v := range order {
				if v.order < own.order || v.order == own.order && v.cell < own.cell {
					nearer++
				}
			}
			c.ranks[i] = append(c.ranks[i], nearer)
		}
	}
}

// held returns the recall that probing so many cells allows, and its standard error.
func (c *calibration) held(probes int) (mean, doubt float64) {
	var sum, squares float64
	n := 0
	for _, ranks := range c.ranks {
		if len(ranks) == 0 {
			continue
		}
		hits := 0
		for _, r := range ranks {
			if r < probes {
				hits++
			}
		}
		share := float64(hits) / float64(len(ranks))
		sum += share
		squares += float64(share * share)
		n++
	}
	if n == 0 {
		return 1, 0
	}
	mean = sum / float64(n)
	return mean, math.Sqrt(max(squares/float64(n)-float64(mean*mean), 0) / float64(n))
}

// enough returns the least number of cells that hold a share of the neighbours, with caution.
func (c *calibration) enough(share float64) int {
	low, high := 1, c.ix.cellCount()
	for low < high {
		mid := (low + high) / 2
		if mean, doubt := c.held(mid); mean-float64(caution*doubt) >= share {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// epsilon finds the least width of bounds that loses no more than missRate of the neighbours that
// the probed cells hold.
func (c *calibration) epsilon(ctx context.Context) (float64, error) {
	probes := c.enough(0.95)
	if _, err := c.search(ctx, probes, wideEpsilon, -1); err != nil {
		return 0, err
	}
	whole := c.outcome(Plan{}).recall
	low, high := 0, len(epsilonsTried)-1
	for low < high {
		mid := (low + high) / 2
		if _, err := c.search(ctx, probes, epsilonsTried[mid], -1); err != nil {
			return 0, err
		}
		if c.outcome(Plan{}).recall >= whole-missRate {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return epsilonsTried[low], nil
}
