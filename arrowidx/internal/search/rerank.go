package search

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// rerank measures candidates on the vectors and pushes them to the probe's best: those that bounds
// ask for, or as many as the caller said.
func (s *Searcher) rerank(ctx context.Context, p *Probe) error {
	r := s.Run
	n := max(r.P.Rerank, r.K)
	counted := r.P.Rerank > 0 && n < len(p.candidates.Rows) &&
		r.Seg.Kind != segment.Exact && p.strategy != gatherRows
	if counted {
		return s.rerankCounted(ctx, p, n)
	}
	return s.rerankBounded(ctx, p)
}

// rerankBounded measures candidates in order of their lower bounds until no other can be among the
// k nearest. Bounds usually close within the first few, so the others are sorted only when it comes
// to them.
func (s *Searcher) rerankBounded(ctx context.Context, p *Probe) error {
	rows, sorted := p.candidates.Rows, p.candidates.ByBound(&s.out, &s.rows)
	s.Run.fetchFirst(p, rows)
	fit := s.Run.newFit(s.Run.Epsilon, p.strategy)
	for i := range rows {
		if i == sorted {
			topk.SortByBound(rows[i:])
		}
		if p.beyond(rows[i]) {
			break
		}
		if ahead := i + rowsAhead; ahead < len(rows) && !p.beyond(rows[ahead]) {
			s.Run.fetchCandidate(p, rows[ahead])
		}
		hit, err := s.measureCandidate(ctx, p, &fit, rows, i)
		if err != nil {
			return err
		}
		p.best.Push(hit)
	}
	p.counts.certified++
	return fit.judge()
}

// rerankCounted measures the n candidates of least estimate. The answer is certain if the lower
// bounds of all others are above what was found.
func (s *Searcher) rerankCounted(ctx context.Context, p *Probe, n int) error {
	p.candidates.ByEstimate(s.Run.Seg.RowAt)
	rows, least := p.candidates.Rows[:n], mem.Infinity
	for _, c := range p.candidates.Rows[n:] {
		least = min(least, c.Low)
	}
	fit := s.Run.newFit(s.Run.Epsilon, p.strategy)
	s.Run.fetchFirst(p, rows)
	for i := range rows {
		if ahead := i + rowsAhead; ahead < len(rows) {
			s.Run.fetchCandidate(p, rows[ahead])
		}
		hit, err := s.measureCandidate(ctx, p, &fit, rows, i)
		if err != nil {
			return err
		}
		p.best.Push(hit)
	}
	if p.best.Full() && float64(least) > p.best.Worst() {
		p.counts.certified++
	}
	return fit.judge()
}

// beyond reports whether no candidate from this one on, in order of lower bounds, can be among the
// k nearest.
func (p *Probe) beyond(c topk.Candidate) bool {
	return p.best.Full() && float64(c.Low) > p.best.Worst()
}

// rowsAhead is how many candidates ahead of the one being measured have their vectors asked for,
// and how many before the first: nearly as many as bounds leave to be measured.
const rowsAhead = 8

// fetchFirst asks for the vectors of the first candidates.
func (r *Run) fetchFirst(p *Probe, rows []topk.Candidate) {
	for _, c := range rows[:min(rowsAhead, len(rows))] {
		r.fetchCandidate(p, c)
	}
}

func (r *Run) fetchCandidate(p *Probe, c topk.Candidate) {
	r.Col.Fetch(int(r.rowAt(p, c.Pos)), math.MaxInt)
}

// measureCandidate measures candidate i on its vector, in float64.
//
// Errors: Cancelled, VectorsChanged when the vector cannot be the one that was coded.
func (s *Searcher) measureCandidate(
	ctx context.Context, p *Probe, f *fit, rows []topk.Candidate, i int,
) (topk.Hit, error) {
	r := s.Run
	if look := r.looks(); i&(look-1) == look-1 {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return topk.Hit{}, err
		}
	}
	row := r.rowAt(p, rows[i].Pos)
	s.turnTo(int(row))
	dist := s.distance(p.Query)
	p.counts.reranked++
	return topk.Hit{Dist: dist, Row: row}, f.add(rows[i], dist, row)
}

// rowAt returns the row of a candidate. Gathered rows are collected by their numbers.
func (r *Run) rowAt(p *Probe, pos uint32) uint32 {
	if p.strategy == gatherRows {
		return pos
	}
	return r.Seg.RowAt(pos)
}

// likely is how many half widths of bounds of the default epsilon0 a distance may be away from its
// estimate before it is strange. Bounds that contain rounding alone are never left by as much.
const likely = 6.0

// fit compares measured distances with the estimates of codes: vectors that changed since they were
// coded do not fit. One distance farther off than is possible is enough; of those that are merely
// strange there must be several, and most of all.
type fit struct {
	strange, possible float64 // half widths of the bounds in use
	measured, misfits int
	row               uint32 // a misfit
}

// newFit returns the limits for bounds of width epsilon0.
//
// For the code vector y of a residual r and the query q' the estimate of <r, q'> is off by <e, q'>,
// where e = (|r|^2/<r, y>) y - r is orthogonal to r. So it is off by at most |e||q'|, which is
// sqrt(D-1) deviations (Cauchy-Schwarz; RaBitQ section 3.2). Rounding of the query to int8 is off
// by at most half a step in each of D numbers, sqrt(3 D) of its deviations, rounding of tables by
// sqrt(3 D) / 2. The slack for float32 rounding is multiplied with the rest.
func (r *Run) newFit(epsilon float64, how strategy) fit {
	if r.Seg.Codes == nil || how == gatherRows {
		return fit{strange: likely, possible: likely}
	}
	// Bounds are at least believed themselves, however wide epsilon0 makes them.
	return fit{
		strange:  max(1, likely*segment.DefaultEpsilon/epsilon),
		possible: max(1, math.Sqrt(3*float64(r.Seg.Codes.Padded))/epsilon),
	}
}

// add looks at the distance of a row, which was the candidate c.
//
// Errors: VectorsChanged when its vector cannot be the one that was coded.
func (f *fit) add(c topk.Candidate, dist float64, row uint32) error {
	f.measured++
	off, width := math.Abs(dist-float64(c.Est)), float64(c.Est-c.Low)
	if !(off <= min(f.strange, f.possible)*width) {
		if !(off <= f.possible*width) {
			return misfit(row)
		}
		f.misfits++
		f.row = row
	}
	return nil
}

// judge tells whether too many rows were strange.
func (f *fit) judge() error {
	if f.misfits >= 5 && 2*f.misfits > f.measured {
		return misfit(f.row)
	}
	return nil
}

func misfit(row uint32) error {
	return fault.At(fault.VectorsChanged, "search", int64(row), -1,
		fmt.Sprintf("row %d is no longer where its code says", row),
		"borrowed vectors must not change: build again, or build with keep='copy'")
}

// ahead is how many candidates of a query are read ahead from a column that is not in memory:
// bounds usually close within them. One query alone is not made to read what it may not need.
func (r *Run) ahead(queries int) int {
	if queries == 1 {
		return max(r.collect()*3/2, 16)
	}
	return max(4*r.collect(), 40)
}

// stages runs the round. On columns that are not in memory the rows that its queries will probably
// be measured on are read first, all in the order of rows, so that what a file holds side by side
// is read once for all queries. It changes no answer.
func (w nearest) stages(ctx context.Context, threads int) error {
	r := &w.Run
	if r.Col == nil || !r.Col.Paged() || r.Seg.Codes == nil || r.P.Estimates {
		return w.drive(ctx, w, "search", threads, &r.plan)
	}
	last := w.tasks[finishing]
	w.tasks[finishing] = 0
	if err := w.drive(ctx, w, "search", threads, &r.plan); err != nil {
		return err
	}
	if err := r.Col.Bring(ctx, "search", w.ahead(), threads); err != nil {
		return err
	}
	w.tasks = [stageCount]int{finishing: last}
	return w.drive(ctx, w, "search", threads, &r.plan)
}

// ahead lists, rising, the rows that the round's queries will probably be measured on.
func (w nearest) ahead() []uint32 {
	var rows []uint32
	var lows []float32
	n := w.Run.ahead(w.count)
	if w.count > 1 { // what more there is room for, as bounds may be loose
		n = max(n, min(w.Run.Col.Ahead()/w.count, 3*n))
	}
	for i := range w.count {
		p := &w.shardsOf(i)[0]
		if p.strategy != scanPlane {
			continue
		}
		p.candidates.Prune()
		lows = lows[:0]
		for _, c := range p.candidates.Rows {
			lows = append(lows, c.Low)
		}
		if len(lows) == 0 {
			continue
		}
		last := simd.SelectKth(lows, min(n, len(lows))-1)
		for _, c := range p.candidates.Rows {
			if c.Low <= last {
				rows = append(rows, w.Run.rowAt(p, c.Pos))
			}
		}
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}
