package arrowidx

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/simd"
)

// SearchParams is one search: NQ queries of the index's dimension. Where NQ is 0, it is as many as
// Queries, Bits or Like hold. The zero value of all that follows K is an exact answer at the recall
// of the index.
type SearchParams struct {
	Queries []float32 // NQ x dim, row-major
	// Wide is Queries as float64, in their place: nothing is rounded.
	Wide  []float64
	Bits  []byte // for Hamming and Jaccard, instead of Queries: NQ x dim/8, packed as the rows
	NQ, K int
	// Like names rows by their ids to search with instead of Queries, NQ of them: each finds the K
	// rows nearest to it, itself left out. The ids are looked up in the version that is searched.
	Like arrow.Array
	// Diversity in [0, 1] chooses rows that differ from each other among the nearest 4 K (at least
	// 64): each of greatest (1 - Diversity) times its similarity to the query minus Diversity times
	// its greatest similarity to a row chosen before (maximal marginal relevance). Answers come in
	// the order of choice, with their plain scores. 0 is a plain search.
	Diversity float64
	// Epsilon0 is the width of error bounds in standard deviations; 0 takes it from Recall.
	Epsilon0 float64
	// Recall is the target; 0 means the index's. Above 0.99 the vectors themselves are scanned, or
	// the whole codes of all rows where vectors are not at hand.
	Recall float64
	// Rerank says how many of the best rows are measured on the vectors: 0 or less as many as the
	// bounds ask for, n the n best (at least K). It has no meaning for kind exact.
	Rerank int
	// Estimates asks for scores from codes alone: no row is measured. It has no meaning for kind
	// exact.
	Estimates bool
	// Probes is the number of cells that a query looks into (kind ivf); 0 takes it from Recall.
	// More cells are probed when those hold fewer than K rows that may be found.
	Probes int
	Mask   []byte  // rows that may be found: not zero, one byte a row; nil: all
	Rows   []int64 // rows that may be found, if Mask is nil; nil: all
	// IDs names the rows that may be found, if Mask and Rows are nil; nil: all. Unlike rows, ids
	// mean the same whatever is added or deleted meanwhile.
	IDs arrow.Array
	// Source is a column with the index's rows to measure on, nil: the index's own.
	Source *Column
	// Threads limits this search; 0 means the default of SetThreads. 1 runs on the calling
	// goroutine.
	Threads int

	cut   float64 // with Probes, while calibrating; 0: none
	known bool    // Source is the column that the index is being built of
}

// SearchOut receives the answers; the caller allocates. Query i's answers are Counts[i] entries
// from i*K on, best first; the rest of its K entries are row -1 and score NaN.
type SearchOut struct {
	Rows   []int64
	Scores []float32
	Counts []int64
	IDs    *IDs // set by the search: what its rows are called
}

// Search answers the queries. Ties go to the smaller row. Fewer than K rows are found only when
// fewer are eligible. A query's answer depends on the query, the index, the filter and Epsilon0,
// Recall, Rerank and K alone, not on the other queries or the number of threads.
//
// Errors: DimensionMismatch, InvalidVector naming query and column, InvalidArgument (negative K,
// a mask of the wrong length, kind exact without its vectors),
// VectorsChanged when borrowed vectors no longer fit their codes, Cancelled, IndexClosed.
func (ix *Index) Search(ctx context.Context, p *SearchParams, out *SearchOut) (Plan, error) {
	v, err := ix.enter("search")
	if err != nil {
		return Plan{}, err
	}
	defer ix.leave(v)
	if p, err = p.counted(v.parts[0]); err != nil {
		return Plan{}, err
	}
	return v.search(ctx, p, out)
}

// search answers the queries from the version's rows.
func (v *version) search(
	ctx context.Context, p *SearchParams, out *SearchOut,
) (Plan, error) {
	out.IDs = v.names
	if p.Like != nil || p.Diversity != 0 {
		return v.searchChosen(ctx, p, out)
	}
	if len(v.parts) == 1 && !v.changed && p.IDs == nil {
		return v.parts[0].search(ctx, p, out)
	}
	return v.searchParts(ctx, p, out)
}

// search answers the queries from this segment alone.
func (ix *segment) search(ctx context.Context, p *SearchParams, out *SearchOut) (Plan, error) {
	return ix.searchPart(ctx, p, out, nil, 0)
}

// searchPart is search for a segment that is one of several: its hits go to the join, their rows
// counted from start on.
func (ix *segment) searchPart(
	ctx context.Context, p *SearchParams, out *SearchOut, to *join, start int,
) (Plan, error) {
	begin := time.Now()
	w := workspaces.Get().(*workspace)
	w.run = run{ix: ix, p: p, out: out, col: ix.source, join: to, start: start}
	r := &w.run
	if p.Source != nil {
		r.col = p.Source
	}
	err := r.check()
	if err == nil && r.k > 0 && p.NQ > 0 {
		err = r.answer(ctx, w)
	}
	plan := r.plan
	w.putBack()
	if err != nil {
		return Plan{}, err
	}
	plan.Total = time.Since(begin)
	return plan, nil
}

// run is one call of Search.
type run struct {
	ix       *segment
	p        *SearchParams
	out      *SearchOut
	col      *Column // vectors to measure on; nil: estimates only
	lens     *lens   // how rows of col come to float32; nil: as they are
	join     *join   // where hits go, nil: to out
	start    int     // row of the index that is this segment's first
	k        int
	filter   *filter  // nil: all rows that can be found may be
	uses     int64    // of the filter, this one counted
	words    []uint32 // rows that may be found, in row order
	slots    []uint32 // kind ivf: the same in the order of slots
	eligible int
	probes   int     // kind ivf: most cells a query looks into
	cut      float32 // kind ivf: see probe.leaveOut
	epsilon  float64
	recall   float64
	plan     Plan
}

// check refuses what cannot be answered and blanks the answers.
func (r *run) check() error {
	ix, p := r.ix, r.p
	if p.NQ > 0 && p.K > math.MaxInt/p.NQ/16 {
		return newError(LimitExceeded, "search", fmt.Sprintf("%d queries of k = %d", p.NQ, p.K),
			"search in parts")
	}
	if p.K < 0 || p.NQ < 0 {
		return newError(InvalidArgument, "search", fmt.Sprintf("k = %d", p.K), "use k >= 0")
	}
	if p.Estimates && p.Rerank > 0 {
		return newError(InvalidArgument, "search",
			fmt.Sprintf("estimates, and %d rows to measure", p.Rerank), "ask for one of them")
	}
	if err := ix.checkQueries(p); err != nil {
		return err
	}
	if p.Source != nil {
		if err := ix.matches("search", p.Source); err != nil {
			return err
		}
	}
	if cells := p.NQ * p.K; len(r.out.Rows) < cells || len(r.out.Scores) < cells ||
		len(r.out.Counts) < p.NQ || len(r.out.Rows) != len(r.out.Scores) {
		return newError(InvalidArgument, "search",
			fmt.Sprintf("no room for %d answers of k = %d", p.NQ, p.K),
			"make Rows and Scores NQ*K long and Counts NQ")
	}
	for i := range r.out.Rows {
		r.out.Rows[i] = -1
		r.out.Scores[i] = float32(math.NaN())
	}
	clear(r.out.Counts)
	if err := r.setTarget(); err != nil {
		return err
	}
	if err := r.setFilter(); err != nil {
		return err
	}
	r.lens = ix.lensFor(r.col)
	r.k = min(p.K, r.eligible)
	r.plan = Plan{
		Kind: ix.kind, Tier: simd.Active(), Bits: ix.bits, Rows: int64(ix.rows),
		Eligible: int64(r.eligible), Nulls: int64(ix.nulls + ix.bad), Queries: int64(p.NQ),
		Epsilon0: r.epsilon, Recall: r.recall, Threads: 1, Plane: min(ix.bits, 1),
		Cells: int64(ix.cellCount()),
		Exact: ix.kind == Exact || r.col != nil && !p.Estimates,
	}
	return r.spotCheck()
}

func (r *run) setTarget() error {
	r.recall = r.p.Recall
	if r.recall == 0 {
		r.recall = r.ix.recall
	}
	if !(r.recall > 0 && r.recall <= 1) {
		return newError(InvalidArgument, "search",
			fmt.Sprintf("recall target %v is not in (0, 1]", r.recall), "use for example 0.95")
	}
	t := r.ix.tunedFor(r.recall, r.col != nil && !r.p.Estimates)
	r.epsilon, r.probes = r.p.Epsilon0, r.p.Probes
	if r.epsilon == 0 {
		r.epsilon = t.Epsilon0
	}
	r.cut = 1
	switch {
	case r.probes == 0:
		r.probes, r.cut = t.Probes, float32(t.Cut)
	case r.p.cut != 0:
		r.cut = float32(r.p.cut)
	}
	if r.probes < 0 {
		return newError(InvalidArgument, "search", fmt.Sprintf("probes = %d", r.probes),
			"use a positive number, or 0 for the calibrated one")
	}
	if r.ix.codes != nil && r.ix.cells != nil {
		r.probes = min(r.probes, r.ix.cells.n)
	}
	if !(r.epsilon >= 0 && r.epsilon <= maxEpsilon) {
		return newError(InvalidArgument, "search", fmt.Sprintf("epsilon0 = %v", r.epsilon),
			"use for example 1.9, or recall=1 for exact answers")
	}
	if r.ix.kind == Exact && r.col == nil && r.ix.usable > 0 {
		return newError(InvalidArgument, "search", "the index is exact and has no vectors",
			"load it with vectors=column, or attach the column")
	}
	return nil
}

// answer runs the queries, a batch of bounded size at a time.
func (r *run) answer(ctx context.Context, w *workspace) error {
	threads := Threads(r.p.Threads)
	r.plan.Threads = threads
	if r.ix.metric.Binary() {
		return r.answerBits(ctx, threads)
	}
	each := int64(len(r.words)/shardBlocks+1) * int64(1024+4*r.collect()) * 12
	round := int(min(max(batchBytes/each, 4), batchQueries))
	for from := 0; from < r.p.NQ; from += round {
		if err := r.batch(ctx, w, from, min(from+round, r.p.NQ), threads); err != nil {
			return err
		}
	}
	return nil
}

// put writes a query's hits to the caller's arrays.
func (r *run) put(i int, q *query, hits []hit) {
	if r.join != nil {
		r.join.take(i, q, hits, r.start)
		return
	}
	at := i * r.p.K
	for j, h := range hits {
		r.out.Rows[at+j] = int64(h.row)
		r.out.Scores[at+j] = q.score(r.ix.metric, h.dist)
	}
	r.out.Counts[i] = int64(len(hits))
}
