package arrowidx

import (
	"context"
	"fmt"
	"slices"
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

// tail is the parts of a version to be: the base and what was added since.
type tail struct {
	v       *version
	parts   []*segment
	ctx     context.Context
	threads int
	asked   BuildOptions
	room    *reserve
	drift   drift
}

// forget gives up what was made for a version that will not be.
func (t *tail) forget() {
	for _, p := range t.parts {
		if !slices.Contains(t.v.parts, p) {
			p.release()
		}
	}
}

// replace puts one segment in the place of parts [from, to).
func (t *tail) replace(from, to int, by *segment) {
	for _, p := range t.parts[from:to] {
		if !slices.Contains(t.v.parts, p) {
			p.release()
		}
	}
	t.parts = append(append(slices.Clone(t.parts[:from]), by), t.parts[to:]...)
}

// append codes the added rows and puts the tail in order.
func (t *tail) append(a *addition, names *IDs, m *moments) error {
	base := t.parts[0]
	t.drift = t.v.drift
	if base.kind == Exact && base.source == nil && base.usable > 0 {
		return newError(InvalidArgument, "add", "the index is exact and has no vectors",
			"load it with vectors=column, or attach the column first")
	}
	left := 0
	for _, p := range t.parts {
		left += p.usable
	}
	if base.dim == 0 || left == 0 || base.tooLong(m) {
		return t.rebuild(a, names, m)
	}
	if least := m.shortest * float64(base.scale); base.kind != Exact && base.metric != Cosine &&
		least*least < smallestNormal {
		return errorAt(InvalidVector, "add", int64(m.shortestRow), -1,
			fmt.Sprintf("row %d has norm %.3g, too small beside the indexed rows", m.shortestRow,
				m.shortest), "write zeros instead, or drop the row; nothing was added")
	}
	seg, err := t.code(a.col, names, a.o.Progress)
	if err != nil {
		return err
	}
	t.parts = append(t.parts, seg)
	if err := t.measureDrift(seg, a.col); err != nil {
		return err
	}
	return t.settle()
}

// tooLong reports whether rows are more than twice as long as the longest that was indexed: codes
// are made for lengths below 2, in units of the build.
func (ix *segment) tooLong(m *moments) bool {
	return ix.kind != Exact && ix.metric != Cosine && m.longest*float64(ix.scale) >= 2
}

// code makes a segment of added rows, coded like the base but in no cells.
func (t *tail) code(col *Column, names *IDs, progress *Progress) (*segment, error) {
	base := t.parts[0]
	seg := base.like(col.rows, names)
	seg.setAlive(nil, col.rows)
	seg.usable = col.rows
	o := &BuildOptions{Bits: base.bits, Progress: progress}
	var err error
	if base.kind == Exact {
		err = seg.measureNorms(t.ctx, col, o, t.threads)
	} else {
		err = encodeFlat(t.ctx, seg, col, nil, o, t.threads)
	}
	if err == nil && (base.keep != KeepNone || base.kind != Flat) {
		seg.keep = KeepCopy
		if base.metric.Binary() {
			err = seg.keepVectors(t.ctx, col, t.threads)
		} else {
			seg.source, err = t.room.hold(t.ctx, col, t.threads)
		}
	}
	if err != nil {
		seg.release()
		return nil, err
	}
	if base.keep == KeepNone && seg.source != nil {
		seg.raw, seg.source, seg.keep = seg.source, nil, KeepNone
	}
	return seg, nil
}

// like returns an empty segment for n rows that are coded like those of ix.
func (ix *segment) like(n int, names *IDs) *segment {
	kind := ix.kind
	if kind == IVF {
		kind = Flat
	}
	return &segment{
		held: newHeld(), kind: kind, metric: ix.metric, bits: ix.bits, keep: KeepNone, rows: n,
		dim: ix.dim, recall: ix.recall, seed: ix.seed, ids: names, scale: ix.scale,
		mean: slices.Clone(ix.mean), meanSq: ix.meanSq, rot: ix.rot,
		provenance: slices.Clone(ix.provenance),
	}
}

// settle joins segments of the tail that are not much longer than the next, and the tail with the
// base when it has become long.
func (t *tail) settle() error {
	for n := len(t.parts); n > 2 && t.parts[n-2].rows <= tailRatio*t.parts[n-1].rows; {
		seg, err := mergeTail(t.ctx, t.parts[n-2:], t.threads)
		if err != nil {
			return err
		}
		t.replace(n-2, n, seg)
		n = len(t.parts)
	}
	rows := 0
	for _, p := range t.parts[1:] {
		rows += p.rows
	}
	most := max(t.parts[0].rows, tailLeast)
	if t.parts[0].kind == IVF {
		most = max(t.parts[0].rows/tailShare, tailLeast)
	}
	if rows < most {
		return nil
	}
	return t.compact()
}

// compact makes one segment of all parts, without the deleted rows.
func (t *tail) compact() error {
	join := mergeFlat
	if t.parts[0].kind == IVF {
		join = foldCells
	}
	seg, err := join(t.ctx, t.parts, t.threads)
	if err != nil {
		return err
	}
	if seg.source != nil && seg.dim > 0 {
		seg.digest = sampleDigest(seg.source, seg.alive)
	}
	t.replace(0, len(t.parts), seg)
	if t.room != nil {
		t.room.drop()
	}
	return nil
}

// rebuild builds everything anew from the vectors: the first rows of an index that had none decide
// its mean and cells, and rows much longer than all before its scale.
func (t *tail) rebuild(a *addition, names *IDs, m *moments) error {
	base, bad := t.parts[0], 0
	picks := make([]pick, 0, len(t.parts)+1)
	ids := make([]namesOf, 0, len(t.parts)+1)
	for _, p := range t.parts {
		if p.rows == p.deleted {
			continue
		}
		if p.source == nil && p.usable > 0 {
			return newError(InvalidVector, "add",
				"the added rows are more than twice as long as the longest indexed row, and the "+
					"index holds no vectors to code again", "build the index anew from all vectors")
		}
		if err := p.unchanged("add"); err != nil {
			return err
		}
		rows := p.notDeleted()
		picks = append(picks, pick{p.source, rows, p.alive})
		ids = append(ids, namesOf{p.ids, rows})
		bad += p.bad
	}
	picks, ids = append(picks, pick{col: a.col}), append(ids, namesOf{ids: names})
	col := joinColumns(picks)
	defer col.Release()
	o := t.asked
	o.IDs, o.Progress, o.Threads = gatherIDs(ids), a.o.Progress, t.threads
	o.Nulls, o.Bad = SkipNulls, RejectBad // a row that was found must not be lost
	if base.dim != 0 && len(picks) > 1 {
		o.Kind, o.Bits, o.Keep = base.kind, base.bits, base.keep
	}
	if o.Keep != KeepNone || base.keep != KeepNone || o.Kind == Exact { // or attached since
		o.Keep = KeepCopy // the added rows must be copied, and copies join best with copies
	}
	if err := o.resolve(col); err != nil {
		return err
	}
	seg, err := buildSegment(t.ctx, col, &o)
	if err != nil {
		return m.uneven(err, o.IDs, col.rows-a.col.rows)
	}
	seg.nulls, seg.bad = seg.nulls-bad, bad
	t.replace(0, len(t.parts), seg)
	t.drift = drift{}
	return nil
}

// uneven tells of a row that is too short beside the longest added one, of rows built together the
// first `old` of which are in the index already: by its id, or by its place among those added.
func (m *moments) uneven(err error, names *IDs, old int) error {
	e, ok := err.(*Error)
	if !ok || e.Kind != InvalidVector || e.Row < 0 {
		return err
	}
	if e.Row < int64(old) {
		return newError(InvalidVector, "add",
			fmt.Sprintf("an added row has norm %.3g, too long beside the row of id %s: codes cannot hold "+
				"both", m.longest, names.Name(e.Row)),
			"scale the vectors, or build the index with kind='exact'; nothing was added")
	}
	row := e.Row - int64(old)
	return errorAt(InvalidVector, "add", row, -1,
		fmt.Sprintf("row %d has norm %.3g, too small beside the longest row's %.3g", row, m.shortest,
			m.longest), "write zeros instead, or drop the row; nothing was added")
}

// kept lists the rows that are not deleted, nil when none is.
func (ix *segment) kept() []uint32 {
	if ix.deleted == 0 {
		return nil
	}
	return ix.notDeleted()
}

// notDeleted lists the rows that are not deleted.
func (ix *segment) notDeleted() []uint32 {
	rows := make([]uint32, 0, ix.rows-ix.deleted)
	for r := range ix.rows {
		if !ix.isDeleted(r) {
			rows = append(rows, uint32(r))
		}
	}
	return rows
}

// Compact gives the memory of deleted rows back, and moves added rows to where built ones are:
// afterwards the index is as small and as fast as one that was built of its rows. Searches go on
// meanwhile with the old version, so that memory for both is needed. Borrowed vectors stay
// borrowed. threads 0 means the default of SetThreads.
//
// Errors: Cancelled, OutOfMemory, IndexClosed; the index is then as it was.
func (ix *Index) Compact(ctx context.Context, threads int) error {
	return ix.change("compact", func(v *version) (*version, error) {
		seg, err := v.whole(ctx, threads)
		if err != nil {
			return nil, err
		}
		if seg == v.parts[0] {
			seg.release()
			return nil, nil
		}
		ix.room.drop()
		return v.with([]*segment{seg}), nil
	})
}

// whole returns all rows that are not deleted as one segment, which the caller releases.
func (v *version) whole(ctx context.Context, threads int) (*segment, error) {
	if len(v.parts) == 1 && v.parts[0].deleted == 0 {
		v.parts[0].retain()
		return v.parts[0], nil
	}
	t := tail{v: v, parts: slices.Clone(v.parts), ctx: ctx, threads: Threads(threads)}
	if err := t.compact(); err != nil {
		return nil, err
	}
	return t.parts[0], nil
}
