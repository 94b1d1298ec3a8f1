package compact

import (
	"context"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// compaction copies rows of several segments to one.
type compaction struct {
	segments []*segment.Segment
	kept     [][]uint32 // rows of each segment, nil: all
	first    []int      // row of the merged segment that is the first of each segment
	rows     int
	ids      []idsOf
	stay     bool // vectors are not copied, unless rows of them were deleted
}

func newCompaction(segments []*segment.Segment) *compaction {
	n := len(segments)
	m := &compaction{segments: segments, kept: make([][]uint32, n), first: make([]int, n),
		ids: make([]idsOf, n)}
	for i, p := range segments {
		m.kept[i], m.first[i] = kept(p), m.rows
		m.ids[i] = idsOf{p.IDs, m.kept[i]}
		m.rows += p.Rows - p.Deleted
	}
	return m
}

// mergeFlat makes one segment of the rows of several that are not deleted, in their order. The
// segments are of kind exact, or flat and coded alike.
func mergeFlat(
	ctx context.Context, segments []*segment.Segment, stay bool, threads int,
) (*segment.Segment, error) {
	m := newCompaction(segments)
	m.stay = stay && m.whole()
	return m.flat(ctx, threads)
}

// whole reports whether no row was deleted and no vectors may lie in a file, which is let go.
func (m *compaction) whole() bool {
	return !slices.ContainsFunc(m.segments, func(p *segment.Segment) bool {
		return p.Deleted > 0 || len(p.File.Mem) > 0
	})
}

func (m *compaction) flat(ctx context.Context, threads int) (*segment.Segment, error) {
	segments := m.segments
	seg := like(segments[0], m.rows, joinIDs(m.ids))
	m.fill(seg)
	err := m.keepVectors(ctx, seg, threads)
	if err == nil && seg.Kind == segment.Exact {
		err = m.copyNorms(seg)
	} else if err == nil && seg.Dim > 0 {
		err = m.copyCodes(ctx, seg, threads)
	}
	if err != nil {
		seg.Release()
		return nil, err
	}
	return seg, nil
}

// each calls do for the rows [from, to) of the merged segment that come from one of the segments:
// the row there and the merged one.
func (m *compaction) each(which, from, to int, do func(old, row int)) {
	lo := max(from-m.first[which], 0)
	hi := min(to-m.first[which], m.segments[which].Rows-m.segments[which].Deleted)
	for i := lo; i < hi; i++ {
		old := i
		if m.kept[which] != nil {
			old = int(m.kept[which][i])
		}
		do(old, m.first[which]+i)
	}
}

// fill sets what the merged segment knows of its rows but their codes and vectors.
func (m *compaction) fill(seg *segment.Segment) {
	seg.SetAlive(nil, 0)
	owners := m.segments[0].Owner != nil
	if owners {
		seg.Owner = make([]uint32, m.rows)
	}
	for i, p := range m.segments {
		seg.Usable += p.Usable
		seg.Nulls += p.Nulls
		seg.Bad += p.Bad
		seg.Longest = max(seg.Longest, p.Longest)
		seg.Uneven = seg.Uneven || p.Uneven
		if m.kept[i] == nil {
			mem.OrBits(seg.Alive, p.Alive, m.first[i])
			if owners {
				copy(seg.Owner[m.first[i]:], p.Owner)
			}
			continue
		}
		m.each(i, 0, m.rows, func(old, row int) {
			if p.IsAlive(old) {
				seg.Alive[row/simd.BlockRows] |= 1 << (row % simd.BlockRows)
			}
			if owners {
				seg.Owner[row] = p.Owner[old]
			}
		})
	}
}

// keepVectors gives the merged segment its vectors: a copy if all segments have copies, else the
// columns as they are, joined.
func (m *compaction) keepVectors(ctx context.Context, seg *segment.Segment, threads int) error {
	for _, p := range m.segments {
		if err := p.Unchanged("compact"); err != nil {
			return err
		}
	}
	raw := m.segments[len(m.segments)-1].Raw != nil && m.segments[0].Raw != nil
	picks, borrowed := m.vectors(raw)
	if len(picks) == 0 || len(picks) < len(m.segments) && m.rows > 0 && picks[0].Col.Dim() == 0 {
		return nil
	}
	if borrowed {
		freed, err := m.copyLeft(ctx, picks, threads)
		defer func() {
			for _, col := range freed {
				col.Release()
			}
		}()
		if err != nil {
			return err
		}
	}
	col := column.Join(picks)
	defer col.Release()
	if col.Len() != m.rows {
		return nil
	}
	seg.Keep = segment.KeepCopy
	if borrowed {
		seg.Keep = segment.KeepBorrow
	}
	if m.stay && !borrowed {
		col.Retain()
		seg.Source = col
	} else if err := build.KeepVectors(ctx, seg, col, threads); err != nil {
		return err
	}
	if raw {
		seg.Raw, seg.Source, seg.Keep = seg.Source, nil, segment.KeepNone
	}
	return nil
}

// vectors lists where the vectors of the rows are, nothing if those of some segment are not at
// hand, and whether some of them are borrowed.
func (m *compaction) vectors(raw bool) (picks []column.Pick, borrowed bool) {
	for i, p := range m.segments {
		col := p.Source
		if raw {
			col = p.Raw
		}
		if col == nil {
			if p.Usable == 0 {
				continue
			}
			return nil, false
		}
		borrowed = borrowed || !raw && p.Keep == segment.KeepBorrow
		picks = append(picks, column.Pick{Col: col, Rows: m.kept[i]})
	}
	return picks, borrowed
}

// copyLeft puts copies in the place of picks of some rows of a column that is not borrowed, so that
// the memory of its other rows comes back. The caller releases the copies.
func (m *compaction) copyLeft(
	ctx context.Context, picks []column.Pick, threads int,
) ([]*column.Column, error) {
	var made []*column.Column
	for i, p := range picks {
		_, borrowed := p.Col.MemoryBytes(map[*column.Column]bool{})
		if p.Rows == nil || borrowed > 0 || p.Col.Paged() {
			continue
		}
		some := column.Join(picks[i : i+1])
		col, err := copied(ctx, some, threads)
		some.Release()
		if err != nil {
			return made, err
		}
		made = append(made, col)
		picks[i] = column.Pick{Col: col}
	}
	return made, nil
}

// copied returns a copy of the column's rows, of numbers as float32.
func copied(ctx context.Context, c *column.Column, threads int) (*column.Column, error) {
	if c.Bits {
		return c.CopyBits(ctx, threads)
	}
	var own column.Arena
	defer own.Drop()
	return own.Hold(ctx, c, threads)
}

func (m *compaction) copyNorms(seg *segment.Segment) (err error) {
	if !seg.Metric.Larger() || seg.Dim == 0 {
		return nil
	}
	if seg.Norms, err = mem.NewSlab("compact", 4*int64(m.rows)); err != nil {
		return err
	}
	norms := seg.Norms.Floats()
	for i, p := range m.segments {
		from := p.Norms.Floats()
		m.each(i, 0, m.rows, func(old, row int) { norms[row] = from[old] })
	}
	return nil
}

// mergeStep is the number of rows that one worker copies in one go: whole blocks.
const mergeStep = 4096

func (m *compaction) copyCodes(ctx context.Context, seg *segment.Segment, threads int) error {
	codes, err := rabitq.NewCodes(m.rows, rabitq.BlocksOf(m.rows), seg.Dim, seg.Bits)
	if err != nil {
		return err
	}
	seg.Codes = codes
	for _, p := range m.segments {
		if p.Codes != nil {
			codes.Radius = max(codes.Radius, p.Codes.Radius)
		}
	}
	return mem.Parallel(ctx, "compact", threads, (m.rows+mergeStep-1)/mergeStep, func(_, s int) error {
		from, to := s*mergeStep, min((s+1)*mergeStep, m.rows)
		for i, p := range m.segments {
			if p.Codes == nil { // added rows, which are coded next
				continue
			}
			done := from
			if m.first[i] == 0 && m.kept[i] == nil {
				done = copyBlocks(codes, p.Codes, from, min(to, p.Rows))
			}
			m.each(i, done, to, func(old, row int) {
				copyRow(codes, p.Codes, old, old, row, row)
			})
		}
		return nil
	})
}

// copyBlocks copies whole blocks of rows [from, to), which have the same numbers in other codes and
// begin with a block, and returns where the rest begins.
func copyBlocks(f *rabitq.Codes, from *rabitq.Codes, first, to int) (rest int) {
	last := to / simd.BlockRows * simd.BlockRows
	if last <= first {
		return first
	}
	at, end := first/simd.BlockRows*f.Stride, last/simd.BlockRows*f.Stride
	copy(f.Blocks.Mem[at:end], from.Span(first/simd.BlockRows, last/simd.BlockRows))
	copy(f.Extra.Mem[first*f.Row:last*f.Row], from.ExtraSpan(first, last))
	return last
}

// copyLaidOut copies the codes of n rows that lie one after the other from the beginning of a block
// on, to the beginning of another one: whole blocks, without what lies in lanes of no row.
func copyLaidOut(f *rabitq.Codes, from *rabitq.Codes, fromPos, fromSlot, pos, slot, n int) {
	first, block := fromSlot/simd.BlockRows, slot/simd.BlockRows
	blocks := rabitq.BlocksOf(n)
	copy(f.Blocks.Mem[block*f.Stride:(block+blocks)*f.Stride], from.Span(first, first+blocks))
	copy(f.Extra.Mem[pos*f.Row:(pos+n)*f.Row], from.ExtraSpan(fromPos, fromPos+n))
	if lanes := n % simd.BlockRows; lanes > 0 {
		clearLanes(f, block+blocks-1, lanes)
	}
}

// clearLanes makes the lanes of a block from one on what they are before a row is written there.
func clearLanes(f *rabitq.Codes, block, from int) {
	b := f.Block(block)
	signs := f.Stride - simd.FactorBytes
	for j := 0; j < f.Padded/8*simd.BlockRows; j += simd.BlockRows {
		clear(b[j+from : j+simd.BlockRows])
	}
	for i := range 3 {
		at := signs + 4*i*simd.BlockRows
		clear(b[at+4*from : at+4*simd.BlockRows])
	}
}

// copyRow copies the codes of a row from a slot and a position of other codes.
func copyRow(f *rabitq.Codes, from *rabitq.Codes, fromPos, fromSlot, pos, slot int) {
	to, lane := f.Block(slot/simd.BlockRows), slot%simd.BlockRows
	block, oldLane := fromSlot/simd.BlockRows, fromSlot%simd.BlockRows
	old := from.Span(block, block+1)
	signs := f.Stride - simd.FactorBytes
	for j := 0; j < f.Padded/8*simd.BlockRows; j += simd.BlockRows {
		to[j+lane] = old[j+oldLane]
	}
	for i := range 3 {
		at := signs + 4*i*simd.BlockRows
		copy(to[at+4*lane:at+4*lane+4], old[at+4*oldLane:])
	}
	if f.Row > 0 {
		copy(f.ExtraOf(pos), from.ExtraSpan(fromPos, fromPos+1))
	}
}

// idsOf is some of the ids of a segment: rows nil means all.
type idsOf struct {
	ids  *column.IDs
	rows []uint32
}

func (n idsOf) count() int {
	if n.rows != nil {
		return len(n.rows)
	}
	return n.ids.Len()
}

// joinIDs returns the ids one after the other: positions if they still count from a number on,
// else numbers or strings.
func joinIDs(segments []idsOf) *column.IDs {
	out := &column.IDs{Form: segments[0].ids.Kind()}
	counting, next := true, uint64(0)
	for i, p := range segments {
		out.N += p.count()
		counting = counting && p.ids.Kind() == column.IDPositions && p.rows == nil
		if counting {
			if i == 0 {
				out.First, next = p.ids.First, p.ids.First
			}
			counting = next == p.ids.First
			next += uint64(p.ids.Len())
		}
	}
	if counting {
		return out
	}
	out.First = 0
	if out.Kind() == column.IDString {
		out.Off = make([]uint64, 1, out.Len()+1)
	} else {
		if out.Kind() == column.IDPositions {
			out.Form = column.IDCounted
		}
		out.Num = make([]uint64, 0, out.Len())
	}
	for _, p := range segments {
		if p.rows == nil && p.ids.Parts == nil && len(p.ids.Num) > 0 {
			out.Num = append(out.Num, p.ids.Num...)
			continue
		}
		for i := range p.count() {
			row := int64(i)
			if p.rows != nil {
				row = int64(p.rows[i])
			}
			if out.Kind() == column.IDString {
				out.Text = append(out.Text, p.ids.At(row)...)
				out.Off = append(out.Off, uint64(len(out.Text)))
			} else {
				out.Num = append(out.Num, p.ids.Number(row))
			}
		}
	}
	return out
}

// kept lists the rows that are not deleted, nil when none is.
func kept(seg *segment.Segment) []uint32 {
	if seg.Deleted == 0 {
		return nil
	}
	return notDeleted(seg)
}

// notDeleted lists the rows that are not deleted.
func notDeleted(seg *segment.Segment) []uint32 {
	rows := make([]uint32, 0, seg.Rows-seg.Deleted)
	for r := range seg.Rows {
		if !seg.IsDeleted(r) {
			rows = append(rows, uint32(r))
		}
	}
	return rows
}
