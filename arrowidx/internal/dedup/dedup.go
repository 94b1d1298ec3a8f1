// Package dedup drops the rows of an index that are within a score of a row kept before them:
// greedily, in the order of rows, and exactly. It asks range searches (internal/search), so that
// its scores and thresholds are theirs.
//
// Reading order: dedup.go (what is asked, the rounds), block.go (the rows of one round).
package dedup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

const (
	// blockRows is the rows of a round. All pairs of them can be within the score, so that it
	// bounds memory and the time that rows which are all alike take.
	blockRows = 1024
	// exactRows is the same for kind exact, whose rows are measured one by one when few may be
	// found.
	exactRows = 256
	// cellRows is the same for kind ivf.
	cellRows = 256
)

// Params says which rows are too near to each other. Exactly one of MinSimilarity and MaxDistance
// is given; they are compared as those of a range search.
type Params struct {
	MinSimilarity, MaxDistance *float64
	// Last goes through the rows from the last one to the first.
	Last bool
	// Groups is the group of every row: only rows of one group are compared. Rows of NoGroup are
	// kept. nil: all rows are of one group.
	Groups []uint32
	// Source is a column with the index's rows to measure on, nil: the index's own.
	Source *column.Column
	// Threads limits this call; 0 means the default of SetThreads.
	Threads int
	// Progress, if set, counts the rows that are decided.
	Progress *build.Progress
}

// Out receives the answer, one entry a row; the caller allocates.
type Out struct {
	Kept   []int64   // the row that a dropped row was dropped for; -1: the row is kept
	Scores []float32 // of the two; NaN for rows kept
}

// finder is one call of Find.
type finder struct {
	p     *Params
	v     *segment.Version
	out   *Out
	order []int64 // the rows that are compared, as they are gone through
	mask  []byte  // rows kept so far in the group at hand
	asked search.SearchParams
	block block
	plan  search.Plan
}

// Find decides about every row of a version that was never changed.
func Find(
	ctx context.Context, v *segment.Version, p *Params, out *Out,
) (search.Plan, error) {
	begin := time.Now()
	f := &finder{p: p, v: v, out: out}
	err := f.check()
	if err == nil {
		err = f.find(ctx)
	}
	if err != nil {
		return search.Plan{}, named(err)
	}
	// What was eligible differs by round; in all, the rows that are compared.
	f.plan.Rows, f.plan.Queries = int64(v.Rows()), int64(len(f.order))
	f.plan.Eligible, f.plan.Certified = int64(len(f.order)), int64(len(f.order))
	f.plan.Total = time.Since(begin)
	return f.plan, nil
}

// named gives an error of the searches this operation's name.
func named(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) {
		return err
	}
	own := *e
	own.Op = "dedup"
	return &own
}

func (f *finder) check() error {
	seg, err := f.v.Only("dedup")
	if err != nil {
		return err
	}
	p, out := f.p, f.out
	switch {
	case len(out.Kept) != seg.Rows || len(out.Scores) != seg.Rows:
		return fault.New(fault.InvalidArgument, "dedup",
			fmt.Sprintf("room for %d rows and %d scores of %d rows", len(out.Kept),
				len(out.Scores), seg.Rows), "make Kept and Scores as long as there are rows")
	case p.Groups != nil && len(p.Groups) != seg.Rows:
		return fault.New(fault.InvalidArgument, "dedup",
			fmt.Sprintf("groups of %d rows for %d rows", len(p.Groups), seg.Rows),
			"give a group a row")
	case seg.Source == nil && p.Source == nil && seg.Usable > 0:
		return fault.New(fault.InvalidArgument, "dedup",
			"the index holds codes, not vectors: its rows cannot be compared",
			"load it with vectors=column, or attach the column that it was built from")
	}
	for i := range out.Kept {
		out.Kept[i], out.Scores[i] = -1, float32(math.NaN())
	}
	// With no queries, a range search still refuses thresholds that are none.
	_, err = search.Within(context.Background(), f.v, f.within(nil), 0, nil)
	return err
}

// within returns a range search with what all have in common.
func (f *finder) within(queries *search.SearchParams) *search.WithinParams {
	w := &search.WithinParams{
		MinSimilarity: f.p.MinSimilarity, MaxDistance: f.p.MaxDistance, Source: f.p.Source,
		Threads: f.p.Threads,
	}
	if queries != nil {
		w.NQ, w.Queries = queries.NQ, queries.Queries
		w.Wide, w.Bits = queries.Wide, queries.Bits
	}
	return w
}

// group returns the group of a row.
func (f *finder) group(row int64) uint32 {
	if f.p.Groups == nil {
		return 0
	}
	return f.p.Groups[row]
}

// list puts the rows that are compared in the order in which they are: group by group.
func (f *finder) list() {
	seg := f.v.Segments[0]
	f.order = make([]int64, 0, seg.Usable)
	for row := range int64(seg.Rows) {
		if seg.IsAlive(int(row)) && f.group(row) != search.NoGroup {
			f.order = append(f.order, row)
		}
	}
	if f.p.Last {
		slices.Reverse(f.order)
	}
	if f.p.Groups != nil {
		slices.SortStableFunc(f.order, func(a, b int64) int {
			return cmp.Compare(f.group(a), f.group(b))
		})
	}
}

// find goes through the rows, a block after the other.
func (f *finder) find(ctx context.Context) error {
	f.list()
	seg := f.v.Segments[0]
	f.mask = make([]byte, seg.Rows)
	f.block.init(seg.Rows)
	step := blockRows
	switch seg.Kind {
	case segment.Exact:
		step = exactRows
	case segment.IVF:
		step = cellRows
	}
	if f.p.Progress != nil {
		f.p.Progress.Total.Store(int64(len(f.order)))
	}
	for from := 0; from < len(f.order); from += step {
		rows := f.order[from:min(from+step, len(f.order))]
		if err := f.round(ctx, from, rows); err != nil {
			return err
		}
		if f.p.Progress != nil {
			f.p.Progress.Scanned.Add(int64(len(rows)))
		}
	}
	return nil
}

// round decides about the rows of a block, the first of which is number `from` in the order.
func (f *finder) round(ctx context.Context, from int, rows []int64) error {
	if err := search.AskWith(f.v, "dedup", rows, f.p.Source, &f.asked); err != nil {
		return err
	}
	b := &f.block
	b.begin(f, rows)
	switch {
	case from == 0:
	case f.group(f.order[from-1]) != f.group(rows[0]):
		clear(f.mask)
	default:
		if err := f.askKept(ctx); err != nil {
			return err
		}
	}
	if err := f.askBlock(ctx); err != nil {
		return err
	}
	b.decide(f.out)
	f.keep(rows)
	return nil
}

// askKept finds, for the rows of the block's first group, the nearest row kept before the block.
func (f *finder) askKept(ctx context.Context) error {
	n := f.block.sameGroup()
	own := search.SearchParams{
		Queries: search.QueryRange(f.asked.Queries, 0, n, f.asked.NQ),
		Wide:    search.QueryRange(f.asked.Wide, 0, n, f.asked.NQ),
		Bits:    search.QueryRange(f.asked.Bits, 0, n, f.asked.NQ), NQ: n,
	}
	w := f.within(&own)
	w.Mask, w.Limit = f.mask, 1
	return f.ask(ctx, w, func(r search.Range) error {
		f.block.found(r.Query, r.Rows[0], r.Scores[0], r.Dists[0])
		return nil
	})
}

// askBlock finds the pairs of rows within the block of which the earlier one may be kept.
func (f *finder) askBlock(ctx context.Context) error {
	w := f.within(&f.asked)
	if w.Rows = f.block.undecided(); len(w.Rows) == 0 {
		return nil
	}
	return f.ask(ctx, w, func(r search.Range) error {
		f.block.add(r)
		return nil
	})
}

func (f *finder) ask(
	ctx context.Context, w *search.WithinParams, emit func(search.Range) error,
) error {
	plan, err := search.Within(ctx, f.v, w, 0, emit)
	if err == nil {
		f.plan.Follow(&plan)
	}
	return err
}

// keep sets the mask to the rows that the next block is compared with: those kept in the group of
// this block's last row.
func (f *finder) keep(rows []int64) {
	last := f.group(rows[len(rows)-1])
	if f.group(rows[0]) != last {
		clear(f.mask)
	}
	for _, row := range rows {
		if f.out.Kept[row] < 0 && f.group(row) == last {
			f.mask[row] = 1
		}
	}
}
