// Package search answers queries from segments. No interface and no function value stands between a
// query and the rows that it scans: calls stay concrete.
//
// Reading order: params.go (what is asked), search.go ([Run], one call on one segment), pipeline.go
// (the stages of a round, for every verb), batch.go (those of Search, and the choice of a
// [strategy]), query.go (a query made ready: q', g_add and g_err of RaBitQ section 3.2). Then a
// scan of kind flat: scan.go (first threshold; plane, bounds, whole codes), rerank.go (distances of
// the vectors). Kind ivf: route.go (nearest cells), rule.go (which of them are worth a visit),
// visit.go (their rows), copies.go (second codes of rows). Kind exact: exact.go; packed bits:
// bits.go. Few rows, or a filter: filter.go (rows as bits), gather.go, side_by_side.go, reach.go
// (cells under a filter). Other verbs: within.go and within_scan.go, groups.go and groups_scan.go,
// chosen.go (Like and Diversity). join.go joins the segments of a version; plan.go says what was
// done; scratch.go keeps memory from one search for the next.
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
	"github.com/ruvector/ruvector-arrow/simd"
)

// Search answers the queries from the version's rows.
func Search(
	ctx context.Context, v *segment.Version, p *SearchParams, out *SearchOut,
) (Plan, error) {
	out.IDs = v.IDs
	if p.Like != nil || p.Diversity != 0 {
		return searchChosen(ctx, v, p, out)
	}
	if len(v.Segments) == 1 && !v.Changed && p.IDs == nil {
		return SearchSegment(ctx, v.Segments[0], p, out)
	}
	return searchSegments(ctx, v, p, out)
}

// SearchSegment answers the queries from this segment alone.
func SearchSegment(
	ctx context.Context, seg *segment.Segment, p *SearchParams, out *SearchOut,
) (Plan, error) {
	return searchInto(ctx, seg, p, out, nil, 0)
}

// searchInto searches a segment, whose hits go to the join, their rows counted from start on; nil:
// to out.
func searchInto(
	ctx context.Context, seg *segment.Segment, p *SearchParams, out *SearchOut, to *join, start int,
) (Plan, error) {
	begin := time.Now()
	w := Workspaces.Get().(*Workspace)
	w.Run = Run{Seg: seg, P: p, out: out, Col: seg.Source, join: to, start: start, plain: true}
	r := &w.Run
	if p.Source != nil {
		r.Col = p.Source
	}
	err := r.check()
	if err == nil && r.K > 0 && p.NQ > 0 {
		err = r.answer(ctx, w)
	}
	if err == nil && r.usual > 0 && r.Filter == nil {
		r.plan.Unlike = seg.Held.Strangers.Note(int64(p.NQ), r.strange)
	}
	plan := r.plan
	w.putBack()
	if err != nil {
		return Plan{}, err
	}
	plan.Total = time.Since(begin)
	return plan, nil
}

// Run is one call of Search.
type Run struct {
	Seg      *segment.Segment
	P        *SearchParams
	out      *SearchOut
	Col      *column.Column // vectors to measure on; nil: estimates only
	Lens     *segment.Lens  // how rows of Col come to float32; nil: as they are
	join     *join          // where hits go, nil: to out
	start    int            // row of the index that is this segment's first
	K        int
	Filter   *Filter  // nil: all rows that can be found may be
	uses     int64    // of the filter, this one counted
	words    []uint32 // rows that may be found, in row order
	slots    []uint32 // kind ivf: the same in the order of slots
	Eligible int
	probes   int             // kind ivf: most cells a query considers
	plain    bool            // Search, which may look at copies
	twins    *segment.Copies // looked at beside rows; nil: none are
	rule     Rule            // kind ivf: which of them are worth a visit
	usual    float32         // kind ivf: see CalibrationPoint, 0 where no calibration is asked for
	strange  int64           // queries further away than that
	Epsilon  float64
	recall   float64
	plan     Plan
}

// check refuses what cannot be answered and blanks the answers.
func (r *Run) check() error {
	seg, p := r.Seg, r.P
	if p.NQ > 0 && p.K > math.MaxInt/p.NQ/16 {
		return fault.New(fault.LimitExceeded, "search", fmt.Sprintf("%d queries of k = %d", p.NQ, p.K),
			"search in parts")
	}
	if p.K < 0 || p.NQ < 0 {
		return fault.New(fault.InvalidArgument, "search", fmt.Sprintf("k = %d", p.K), "use k >= 0")
	}
	if p.Estimates && p.Rerank > 0 {
		return fault.New(fault.InvalidArgument, "search",
			fmt.Sprintf("estimates, and %d rows to measure", p.Rerank), "ask for one of them")
	}
	if err := checkQueries(seg, p); err != nil {
		return err
	}
	if p.Source != nil {
		if err := seg.Matches("search", p.Source); err != nil {
			return err
		}
	}
	if !r.out.Holds(p.NQ, p.K) {
		return noRoom(p.NQ, p.K)
	}
	r.out.Blank()
	if err := r.setTarget(); err != nil {
		return err
	}
	if err := r.SetFilter(); err != nil {
		return err
	}
	r.Lens = seg.LensFor(r.Col)
	r.K = min(p.K, r.Eligible)
	r.plan = Plan{
		Kind: seg.Kind, Tier: simd.Active(), Bits: seg.Bits, Rows: int64(seg.Rows),
		Eligible: int64(r.Eligible), Nulls: int64(seg.Nulls + seg.Bad), Queries: int64(p.NQ),
		Epsilon0: r.Epsilon, Recall: r.recall, Threads: 1, Plane: min(seg.Bits, 1),
		Cells: int64(seg.CellCount()),
		Exact: seg.Kind == segment.Exact || r.Col != nil && !p.Estimates,
	}
	return r.spotCheck()
}

func (r *Run) setTarget() error {
	r.recall = r.P.Recall
	if r.recall == 0 {
		r.recall = r.Seg.Recall
	}
	if !(r.recall > 0 && r.recall <= 1) {
		return fault.New(fault.InvalidArgument, "search",
			fmt.Sprintf("recall target %v is not in (0, 1]", r.recall), "use for example 0.95")
	}
	t := r.point()
	r.Epsilon, r.probes = r.P.Epsilon0, r.P.Probes
	if r.Epsilon == 0 {
		r.Epsilon = t.Epsilon0
	}
	r.rule = Rule{Cut: 1}
	switch {
	case r.probes == 0:
		r.probes, r.usual = t.Probes, t.Usual
		r.rule = Rule{Cut: float32(t.Cut), Weight: float32(t.Weight)}
	case r.P.Rule != Rule{}:
		r.rule = r.P.Rule
	}
	if r.probes < 0 {
		return fault.New(fault.InvalidArgument, "search", fmt.Sprintf("probes = %d", r.probes),
			"use a positive number, or 0 for the calibrated one")
	}
	if r.Seg.Codes != nil && r.Seg.Cells != nil {
		r.probes = min(r.probes, r.Seg.Cells.N)
	}
	if !(r.Epsilon >= 0 && r.Epsilon <= segment.MaxEpsilon) {
		return fault.New(fault.InvalidArgument, "search", fmt.Sprintf("epsilon0 = %v", r.Epsilon),
			"use for example 1.9, or recall=1 for exact answers")
	}
	if r.Seg.Kind == segment.Exact && r.Col == nil && r.Seg.Usable > 0 {
		return fault.New(fault.InvalidArgument, "search", "the index is exact and has no vectors",
			"load it with vectors=column, or attach the column")
	}
	return nil
}

// point returns the settings for the recall target, and decides whether copies are looked at: by
// plain searches of all rows, with settings that were calibrated with them.
func (r *Run) point() segment.CalibrationPoint {
	seg, p, vectors := r.Seg, r.P, r.Col != nil && !r.P.Estimates
	if p.Copies {
		r.twins = seg.Copies
	}
	if !r.plain || p.Probes > 0 || p.Mask != nil || p.Rows != nil || p.IDs != nil {
		return seg.PointFor(r.recall, vectors)
	}
	t, copies := seg.PlainPoint(r.recall, vectors)
	if copies {
		r.twins = seg.Copies
	}
	return t
}

// answer runs the queries, a batch of bounded size at a time.
func (r *Run) answer(ctx context.Context, w *Workspace) error {
	threads := mem.Threads(r.P.Threads)
	r.plan.Threads = threads
	each := int64(len(r.words)/shardBlocks+1) * int64(1024+4*r.collect()) *
		candidateBytes * (1 + laterShare)
	round, err := r.roundOf(each, 4)
	if err != nil {
		return err
	}
	if r.Col.Paged() { // what a round reads ahead must be there when it is measured
		round = max(min(round, r.Col.Ahead()/r.ahead(round)), 1)
	}
	verb := nearest{w}
	for from := 0; from < r.P.NQ; from += round {
		if err := verb.batch(ctx, from, min(from+round, r.P.NQ), threads); err != nil {
			return err
		}
	}
	return nil
}

// put writes a query's hits to the caller's arrays.
func (r *Run) put(i int, q *Query, hits []topk.Hit) {
	if r.join != nil {
		r.join.take(i, q, hits, r.start)
		return
	}
	at := i * r.P.K
	for j, h := range hits {
		r.out.Rows[at+j] = int64(h.Row)
		r.out.Scores[at+j] = q.Score(r.Seg.Metric, h.Dist)
	}
	r.out.Counts[i] = int64(len(hits))
}

// spotCheck looks at a few rows of the column that the search measures on, for every query.
func (r *Run) spotCheck() error {
	s, seg := r.Seg.Spots, r.Seg
	if r.Col == nil || seg.Usable == 0 {
		return nil
	}
	if r.P.Source != nil && !r.P.Known {
		var err error
		if s, err = seg.Recognise("search", r.P.Source); err != nil {
			return err
		}
	}
	if s == nil || r.P.Known {
		return nil
	}
	return s.Look("search", r.Col, seg.Alive, max(min(r.P.NQ, column.Spots), 1)*s.Each)
}
