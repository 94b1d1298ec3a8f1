package calibrate

import (
	"context"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// What a search costs in bytes read besides its cells and codes, and what copies add: a second scan
// a visit, and for every row found by its copy the plane of the row, which lies scattered. Measured
// (docs/decisions/0047).
const (
	searchBytes = 340_000
	copyRate    = 1.18 // of what cells cost
	twinBytes   = 3400
	twinShare   = 0.5 // of the rows scored by their whole code
)

const (
	// copyShare of the rows are copied, those of least loss: the others are found in their own cells
	// nearly as well, and cost as much to scan.
	copyShare = 0.66
	// copiesSave is the share of the cost for the greatest target that copies must save to be made,
	// and copiesHelp that for a target to look at them.
	copiesSave = 0.2
	copiesHelp = 0.1
	// judging is the most queries by which it is judged whether copies pay: of 256 some seeds of one
	// set would have said yes and others no.
	judging = 1024
	// copiesLeast is the fewest rows that are copied: below, a search costs little whatever it scans.
	copiesLeast = 1 << 14
)

// makeCopies makes copies of rows, if they pay, after a calibration without.
func (c *calibration) makeCopies(ctx context.Context, o *build.Options) (err error) {
	seg, all, pays := c.seg, o.Copies == build.CopyAll, true
	switch {
	case o.Copies == build.CopyNone, o.Budget > 0, c.col.Paged(), seg.Bits == 1,
		seg.Metric == column.Dot, seg.Usable < copiesLeast && !all:
		return nil
	}
	var b *build.Copier
	limit := mem.Infinity
	err = segment.Timed(&seg.Stages.Calibrate, func() (err error) {
		if b, err = build.NewCopier(seg, c.col, c.threads); err == nil && !all {
			limit, pays, err = c.copiesPay(ctx, b)
		}
		return err
	})
	if b != nil {
		defer b.Free()
	}
	if err != nil || !pays {
		return err
	}
	if o.MayTakeFewerBits() {
		if err = c.recode(ctx, b); err != nil {
			return err
		}
	}
	err = segment.Timed(&seg.Stages.Copies, func() (err error) {
		seg.Copies, err = copied(ctx, b, seg.Usable, limit)
		return err
	})
	if err != nil {
		return err
	}
	if len(seg.Copies.Pos) > 0 {
		err = segment.Timed(&seg.Stages.Calibrate, func() (err error) {
			seg.CopyPoints, err = c.withCopies(ctx, all)
			return err
		})
	}
	if err == nil && len(seg.CopyPoints) == 0 {
		seg.Copies.Codes.Free()
		seg.Copies = nil
	}
	return err
}

// copied makes copies of the rows whose loss is at most the limit, about.
func copied(
	ctx context.Context, b *build.Copier, rows int, limit float32,
) (*segment.Copies, error) {
	positions := make([]uint32, rows)
	for i := range positions {
		positions[i] = uint32(i)
	}
	cells, losses, err := b.Find(ctx, positions)
	if err != nil {
		return nil, err
	}
	if limit < mem.Infinity {
		b.Keep(cells, losses, limit)
	}
	return b.Make(ctx, cells)
}

// recode makes room for copies: rows are coded with fewer bits, and bounds are measured anew.
func (c *calibration) recode(ctx context.Context, b *build.Copier) error {
	took := c.seg.Stages
	err := segment.Timed(&took.Copies, func() error { return b.Recode(ctx, build.RowBits) })
	if err != nil {
		return err
	}
	return segment.Timed(&took.Calibrate, func() (err error) {
		c.bounds = nil
		c.seg.Points, err = c.measured(ctx)
		return err
	})
}

// copiesPay models searches with copies from the second cells of some queries' neighbours. limit is
// the greatest loss of a row that is copied.
func (c *calibration) copiesPay(
	ctx context.Context, b *build.Copier,
) (limit float32, pays bool, err error) {
	some := c.part(0, min(judging, c.nq))
	rows := some.neighbours()
	at, positions := make([]uint32, c.seg.Rows), make([]uint32, len(rows))
	for pos, row := range c.seg.Cells.Rows {
		at[row] = uint32(pos)
	}
	for i, row := range rows {
		positions[i] = at[row]
	}
	cells, losses, err := b.Find(ctx, positions)
	if err != nil || len(rows) == 0 {
		return 0, false, err
	}
	limit = quantile(slices.Sorted(slices.Values(losses)), 1-copyShare)
	second := noCells(c.seg.Rows)
	for i, row := range rows {
		if losses[i] <= limit {
			second[row] = cells[i]
		}
	}
	some.bounds = c.bounds
	with := *some
	with.twice, with.seen, with.ledger = true, make([]surveyed, some.nq), nil
	for q := range some.seen {
		with.seen[q] = some.seen[q].likely(some.exact[q], second)
	}
	last := calibrationTargets[len(calibrationTargets)-1]
	return limit, with.time(last) <= float64((1-copiesSave)*some.time(last)), nil
}

// neighbours lists the rows that are neighbours of queries, rising.
func (c *calibration) neighbours() []int64 {
	rows := slices.Concat(c.exact...)
	slices.Sort(rows)
	return slices.Compact(rows)
}

// noCells are cells of rows that have none.
func noCells(rows int) []uint32 {
	out := make([]uint32, rows)
	for i := range out {
		out[i] = build.NoCell
	}
	return out
}

// likely is what routing says where neighbours have second cells, and every cell about as many
// copies as it should.
func (s *surveyed) likely(exact []int64, second []uint32) surveyed {
	out := surveyed{cells: slices.Clone(s.cells), homes: s.homes}
	for i := range out.cells {
		out.cells[i].rows = uint32(float64(out.cells[i].rows) * (1 + copyShare))
	}
	out.seconds = out.find(exact, second)
	return out
}

// withCopies calibrates searches that look at copies, after those that do not, and returns the
// settings for the targets that they help, or for all.
func (c *calibration) withCopies(
	ctx context.Context, always bool,
) ([]segment.CalibrationPoint, error) {
	d := *c
	d.twice, d.bounds, d.ledger = true, nil, nil
	d.second = noCells(c.seg.Rows)
	k := c.seg.Copies
	for cell := range c.seg.Cells.N {
		for _, pos := range k.Pos[k.First[cell]:k.First[cell+1]] {
			d.second[c.seg.Cells.Rows[pos]] = uint32(cell)
		}
	}
	if err := d.truth(ctx); err != nil {
		return nil, err
	}
	all, err := d.measured(ctx)
	if err != nil || always {
		return all, err
	}
	return slices.DeleteFunc(all, func(t segment.CalibrationPoint) bool {
		return d.time(t.Target) > float64((1-copiesHelp)*c.time(t.Target))
	}), nil
}

// time is the cost of a search for a target, in bytes read.
func (c *calibration) time(target float64) float64 {
	b := c.epsilon(target)
	cells, coded := c.cost(c.reaching(target+b.lost)), float64(b.coded*codedBytes)
	if c.twice {
		cells = float64(copyRate * cells)
		coded += float64(float64(b.coded*twinShare) * twinBytes)
	}
	return searchBytes + cells + coded
}

// missed is the share of neighbours that settings look for in a cell of theirs, but that were not
// found there.
func (c *calibration) missed(s settings) float64 {
	l := c.cells()
	n, at := 0, 0
	scores := l.considering(s.considered)
	for q := range c.seen {
		found := c.found(q)
		for i := range c.seen[q].homes {
			if scores[at] <= s.rule.Cut && !slices.Contains(found, c.exact[q][i]) {
				n++
			}
			at++
		}
	}
	return float64(n) / float64(max(at, 1))
}
