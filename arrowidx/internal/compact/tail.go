// Package compact makes the next version of an index: rows added, and segments joined into one.
//
// Reading order: addition.go (one call of Add), reserve.go (where added rows lie), tail.go (the
// short segments of rows that a reserve cannot take, and when all are joined), compaction.go (rows
// of several segments copied to one), fold.go (added rows moved into cells), drift.go (how far
// added rows lie from what codes are made around).
package compact

import (
	"context"
	"fmt"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/calibrate"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

const (
	// tailRatio is how many times as long as the next every segment of the tail is at least: its
	// segments are few (the logarithm of the rows added), and a row is copied as often at most.
	tailRatio = 3
	// tailShare is the part of the base that the tail of kind ivf may be before its rows move into
	// cells, and tailLeast the rows that it may have in any case: a query scans all of them.
	tailShare = 32
	tailLeast = 4096
)

// tail is the segments of a version to be: the base and what was added since.
type tail struct {
	v        *segment.Version
	segments []*segment.Segment
	ctx      context.Context
	threads  int
	asked    build.Options
	arena    *Reserve
	drift    segment.Drift
}

// Whole returns all rows that are not deleted as one segment, which the caller releases.
func Whole(ctx context.Context, v *segment.Version, threads int) (*segment.Segment, error) {
	if len(v.Segments) == 1 && v.Segments[0].Deleted == 0 {
		v.Segments[0].Retain()
		return v.Segments[0], nil
	}
	t := tail{v: v, segments: slices.Clone(v.Segments), ctx: ctx, threads: mem.Threads(threads)}
	if err := t.compact(false); err != nil {
		return nil, err
	}
	return t.segments[0], nil
}

// forget gives up what was made for a version that will not be.
func (t *tail) forget() {
	for _, p := range t.segments {
		if !slices.Contains(t.v.Segments, p) {
			p.Release()
		}
	}
}

// replace puts one segment in the place of segments [from, to).
func (t *tail) replace(from, to int, by *segment.Segment) {
	for _, p := range t.segments[from:to] {
		if !slices.Contains(t.v.Segments, p) {
			p.Release()
		}
	}
	t.segments = append(append(slices.Clone(t.segments[:from]), by), t.segments[to:]...)
}

// add codes the added rows and puts the tail in order.
func (t *tail) add(a *Addition, ids *column.IDs, m *build.Moments) error {
	base := t.segments[0]
	t.drift = t.v.Drift
	if base.Kind == segment.Exact && base.Source == nil && base.Usable > 0 {
		return fault.New(fault.InvalidArgument, "add", "the index is exact and has no vectors",
			"load it with vectors=column, or attach the column first")
	}
	left := 0
	for _, p := range t.segments {
		left += p.Usable
	}
	if base.Dim == 0 || left == 0 || tooLong(base, m) {
		return t.rebuild(a, ids, m)
	}
	coded := base.Kind != segment.Exact && base.Metric != column.Cosine
	if least := m.Shortest * float64(base.Scale); coded && least*least < build.SmallestNormal {
		return fault.At(fault.InvalidVector, "add", int64(m.ShortestRow), -1,
			fmt.Sprintf("row %d has norm %.3g, too small beside the indexed rows", m.ShortestRow,
				m.Shortest), "write zeros instead, or drop the row; nothing was added")
	}
	if err := t.append(a.Col, ids, a.O.Progress); err != nil {
		return err
	}
	return t.settle()
}

// tooLong reports whether rows are more than twice as long as the longest that was indexed: codes
// are made for lengths below 2, in units of the build.
func tooLong(seg *segment.Segment, m *build.Moments) bool {
	return seg.Kind != segment.Exact && seg.Metric != column.Cosine &&
		m.Longest*float64(seg.Scale) >= 2
}

// append puts the added rows behind those of the reserve. Where that cannot go on, it makes one
// segment of them and of the segments before them that are not much
// longer: their codes are copied, and the rows are coded behind them, like those of the base but in
// no cells.
func (t *tail) append(col *column.Column, ids *column.IDs, progress *build.Progress) error {
	if before, ok := t.arena.takes(t, col, ids); ok {
		err := t.arena.extend(t, before, col, ids, progress)
		if err != nil {
			t.arena.end()
		}
		return err
	}
	t.arena.end()
	added, err := t.hold(col, ids, progress)
	if err != nil {
		return err
	}
	defer added.Release()
	from := t.joins(added.Rows)
	m := newCompaction(append(slices.Clip(t.segments[from:]), added))
	m.stay = m.whole()
	seg, err := m.flat(t.ctx, t.threads)
	if err != nil {
		return err
	}
	if seg.Codes != nil {
		err = t.code(seg, seg.Rows-added.Rows, col, progress)
	} else {
		err = t.measureDrift(col)
	}
	if err != nil {
		seg.Release()
		return err
	}
	t.replace(from, len(t.segments), seg)
	return nil
}

// joins returns which segment is the first that so many added rows are joined with.
func (t *tail) joins(rows int) int {
	n := len(t.segments)
	for ; n > 1 && t.segments[n-1].Rows <= tailRatio*rows; n-- {
		rows += t.segments[n-1].Rows - t.segments[n-1].Deleted
	}
	return n
}

// hold makes a segment of added rows that has no codes, with a copy of their vectors where these
// are kept.
func (t *tail) hold(
	col *column.Column, ids *column.IDs, progress *build.Progress,
) (*segment.Segment, error) {
	base := t.segments[0]
	seg := like(base, col.Len(), ids)
	seg.SetAlive(nil, col.Len())
	seg.Usable = col.Len()
	if base.Cells != nil {
		seg.Owner = make([]uint32, col.Len())
	}
	var err error
	if base.Kind == segment.Exact {
		err = build.MeasureNorms(t.ctx, seg, col, &build.Options{Progress: progress}, t.threads)
	}
	if err == nil && (base.Keep != segment.KeepNone || base.Kind != segment.Flat) {
		seg.Keep = segment.KeepCopy
		if base.Metric.Binary() {
			err = build.KeepVectors(t.ctx, seg, col, t.threads)
		} else {
			seg.Source, err = t.arena.Hold(t.ctx, col, t.threads)
		}
	}
	if err != nil {
		seg.Release()
		return nil, err
	}
	if base.Keep == segment.KeepNone && seg.Source != nil {
		seg.Raw, seg.Source, seg.Keep = seg.Source, nil, segment.KeepNone
	}
	return seg, nil
}

// like returns an empty segment for n rows that are coded like those of seg.
func like(seg *segment.Segment, n int, ids *column.IDs) *segment.Segment {
	kind := seg.Kind
	if kind == segment.IVF {
		kind = segment.Flat
	}
	mean, provenance := seg.Mean, seg.Provenance
	if len(seg.File.Mem) > 0 { // they lie there, and the file may be freed before the new segment
		mean, provenance = slices.Clone(mean), slices.Clone(provenance)
	}
	return &segment.Segment{
		Held: segment.NewHeld(), Kind: kind, Metric: seg.Metric, Bits: seg.Bits,
		Keep: segment.KeepNone, Rows: n, Dim: seg.Dim, Recall: seg.Recall, Seed: seg.Seed,
		IDs: ids, Scale: seg.Scale, Mean: mean, MeanSq: seg.MeanSq, Rot: seg.Rot,
		Provenance: provenance,
	}
}

// settle joins the tail with the base when it has become long.
func (t *tail) settle() error {
	rows := 0
	for _, p := range t.segments[1:] {
		rows += p.Rows
	}
	most := max(t.segments[0].Rows, tailLeast)
	if t.segments[0].Kind == segment.IVF {
		most = max(t.segments[0].Rows/tailShare, tailLeast)
	}
	if rows < most || t.segments[0].File.Mapping() != nil { // it was mapped not to be in memory
		return nil
	}
	return t.compact(true)
}

// compact makes one segment of all segments, without the deleted rows. Where none is, vectors may
// stay where they are.
func (t *tail) compact(stay bool) error {
	join := mergeFlat
	if t.segments[0].Kind == segment.IVF {
		join = foldCells
	}
	seg, err := join(t.ctx, t.segments, stay, t.threads)
	if err != nil {
		return err
	}
	if seg.Source != nil && seg.Dim > 0 {
		seg.Digest = segment.SampleDigest(seg.Source, seg.Alive)
	}
	t.replace(0, len(t.segments), seg)
	if t.arena != nil {
		t.arena.Drop()
	}
	return nil
}

// rebuild builds everything anew from the vectors: the first rows of an index that had none decide
// its mean and cells, and rows much longer than all before its scale.
func (t *tail) rebuild(a *Addition, ids *column.IDs, m *build.Moments) error {
	base, bad := t.segments[0], 0
	picks := make([]column.Pick, 0, len(t.segments)+1)
	named := make([]idsOf, 0, len(t.segments)+1)
	for _, p := range t.segments {
		if p.Rows == p.Deleted {
			continue
		}
		if (p.Source == nil || p.Source.Paged()) && p.Usable > 0 {
			return fault.New(fault.InvalidVector, "add",
				"the added rows are more than twice as long as the longest indexed row, and the "+
					"index holds no vectors in memory to code again",
				"build the index anew from all vectors")
		}
		if err := p.Unchanged("add"); err != nil {
			return err
		}
		rows := notDeleted(p)
		picks = append(picks, column.Pick{Col: p.Source, Rows: rows, Alive: p.Alive})
		named = append(named, idsOf{p.IDs, rows})
		bad += p.Bad
	}
	picks, named = append(picks, column.Pick{Col: a.Col}), append(named, idsOf{ids: ids})
	col := column.Join(picks)
	defer col.Release()
	o := t.asked
	o.IDs, o.Progress, o.Threads = joinIDs(named), a.O.Progress, t.threads
	o.Nulls, o.Bad = build.SkipNulls, build.RejectBad // a row that was found must not be lost
	if base.Dim != 0 && len(picks) > 1 {
		o.Kind, o.Bits, o.Keep = base.Kind, base.Bits, base.Keep
	}
	attached := base.Keep != segment.KeepNone // since the build
	if o.Keep != segment.KeepNone || attached || o.Kind == segment.Exact {
		o.Keep = segment.KeepCopy // the added rows must be copied, and copies join best with copies
	}
	if err := o.Resolve(col); err != nil {
		return err
	}
	seg, err := calibrate.BuildSegment(t.ctx, col, &o)
	if err != nil {
		return uneven(m, err, o.IDs, col.Len()-a.Col.Len())
	}
	seg.Nulls, seg.Bad = seg.Nulls-bad, bad
	t.replace(0, len(t.segments), seg)
	t.drift = segment.Drift{}
	return nil
}

// uneven tells of a row that is too short beside the longest added one, of rows built together the
// first `old` of which are in the index already: by its id, or by its place among those added.
func uneven(m *build.Moments, err error, ids *column.IDs, old int) error {
	e, ok := err.(*fault.Error)
	if !ok || e.Kind != fault.InvalidVector || e.Row < 0 {
		return err
	}
	if e.Row < int64(old) {
		return fault.New(fault.InvalidVector, "add",
			fmt.Sprintf("an added row has norm %.3g, too long beside the row of id %s: codes cannot hold "+
				"both", m.Longest, ids.Name(e.Row)),
			"scale the vectors, or build the index with kind='exact'; nothing was added")
	}
	row := e.Row - int64(old)
	return fault.At(fault.InvalidVector, "add", row, -1,
		fmt.Sprintf("row %d has norm %.3g, too small beside the longest row's %.3g", row, m.Shortest,
			m.Longest), "write zeros instead, or drop the row; nothing was added")
}
