package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/simd"
)

// mergeFlat makes one segment of the rows of several that are not deleted, in their order. The
// segments are of kind exact, or flat and coded alike. Vectors are copied.
func mergeFlat(ctx context.Context, parts []*segment, threads int) (*segment, error) {
	return newCompaction(parts).flat(ctx, threads)
}

// mergeTail is mergeFlat for segments of added rows: vectors stay where they are unless some rows
// were deleted.
func mergeTail(ctx context.Context, parts []*segment, threads int) (*segment, error) {
	m := newCompaction(parts)
	m.stay = true
	for _, p := range parts {
		m.stay = m.stay && p.deleted == 0
	}
	return m.flat(ctx, threads)
}

func (m *compaction) flat(ctx context.Context, threads int) (*segment, error) {
	parts := m.parts
	seg := parts[0].like(m.rows, gatherIDs(m.names))
	m.fill(seg)
	err := m.keepVectors(ctx, seg, threads)
	if err == nil && seg.kind == Exact {
		err = m.copyNorms(seg)
	} else if err == nil && seg.dim > 0 {
		err = m.copyCodes(ctx, seg, threads)
	}
	if err != nil {
		seg.release()
		return nil, err
	}
	return seg, nil
}

// compaction copies rows of several segments to one.
type compaction struct {
	parts []*segment
	kept  [][]uint32 // rows of each part, nil: all
	first []int      // row of the merged segment that is the first of each part
	rows  int
	names []namesOf
	stay  bool // vectors are not copied
}

func newCompaction(parts []*segment) *compaction {
	m := &compaction{parts: parts}
	for _, p := range parts {
		kept := p.kept()
		m.kept, m.first = append(m.kept, kept), append(m.first, m.rows)
		m.names = append(m.names, namesOf{p.ids, kept})
		m.rows += p.rows - p.deleted
	}
	return m
}

// each calls do for the rows [from, to) of the merged segment that come from a part: the part's
// row and the merged one.
func (m *compaction) each(part, from, to int, do func(old, row int)) {
	lo := max(from-m.first[part], 0)
	hi := min(to-m.first[part], m.parts[part].rows-m.parts[part].deleted)
	for i := lo; i < hi; i++ {
		old := i
		if m.kept[part] != nil {
			old = int(m.kept[part][i])
		}
		do(old, m.first[part]+i)
	}
}

// fill sets what the merged segment knows of its rows but their codes and vectors.
func (m *compaction) fill(seg *segment) {
	seg.setAlive(nil, 0)
	owners := m.parts[0].owner != nil
	if owners {
		seg.owner = make([]uint32, m.rows)
	}
	for i, p := range m.parts {
		seg.usable += p.usable
		seg.nulls += p.nulls
		seg.bad += p.bad
		seg.longest = max(seg.longest, p.longest)
		seg.uneven = seg.uneven || p.uneven
		m.each(i, 0, m.rows, func(old, row int) {
			if p.isAlive(old) {
				seg.alive[row/simd.BlockRows] |= 1 << (row % simd.BlockRows)
			}
			if owners {
				seg.owner[row] = p.owner[old]
			}
		})
	}
}

// keepVectors gives the merged segment its vectors: a copy if all parts have copies, else the
// columns as they are, joined.
func (m *compaction) keepVectors(ctx context.Context, seg *segment, threads int) error {
	for _, p := range m.parts {
		if err := p.unchanged("compact"); err != nil {
			return err
		}
	}
	raw := m.parts[len(m.parts)-1].raw != nil && m.parts[0].raw != nil
	picks, borrowed := m.vectors(raw)
	if len(picks) == 0 || len(picks) < len(m.parts) && m.rows > 0 && picks[0].col.dim == 0 {
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
	col := joinColumns(picks)
	defer col.Release()
	if col.rows != m.rows {
		return nil
	}
	seg.keep = KeepCopy
	if borrowed {
		seg.keep = KeepBorrow
	}
	if m.stay {
		col.Retain()
		seg.source = col
	} else if err := seg.keepVectors(ctx, col, threads); err != nil {
		return err
	}
	if raw {
		seg.raw, seg.source, seg.keep = seg.source, nil, KeepNone
	}
	return nil
}

// vectors lists where the vectors of the rows are, nothing if those of some part are not at hand,
// and whether some of them are borrowed.
func (m *compaction) vectors(raw bool) (picks []pick, borrowed bool) {
	for i, p := range m.parts {
		col := p.source
		if raw {
			col = p.raw
		}
		if col == nil {
			if p.usable == 0 {
				continue
			}
			return nil, false
		}
		borrowed = borrowed || !raw && p.keep == KeepBorrow
		picks = append(picks, pick{col: col, rows: m.kept[i]})
	}
	return picks, borrowed
}

// copyLeft puts copies in the place of picks of some rows of a column that is not borrowed, so that
// the memory of its other rows comes back. The caller releases the copies.
func (m *compaction) copyLeft(ctx context.Context, picks []pick, threads int) ([]*Column, error) {
	var made []*Column
	for i, p := range picks {
		_, borrowed := p.col.memoryBytes(map[*Column]bool{})
		if p.rows == nil || borrowed > 0 {
			continue
		}
		some := joinColumns(picks[i : i+1])
		col, err := some.copied(ctx, threads)
		some.Release()
		if err != nil {
			return made, err
		}
		made = append(made, col)
		picks[i] = pick{col: col}
	}
	return made, nil
}

// copied returns a copy of the column's rows, of numbers as float32.
func (c *Column) copied(ctx context.Context, threads int) (*Column, error) {
	if c.bits {
		return c.copyBits(ctx, threads)
	}
	var own reserve
	defer own.drop()
	return own.hold(ctx, c, threads)
}

func (m *compaction) copyNorms(seg *segment) (err error) {
	if !seg.metric.Larger() || seg.dim == 0 {
		return nil
	}
	if seg.norms, err = newSlab("compact", 4*int64(m.rows)); err != nil {
		return err
	}
	norms := seg.norms.floats()
	for i, p := range m.parts {
		from := p.norms.floats()
		m.each(i, 0, m.rows, func(old, row int) { norms[row] = from[old] })
	}
	return nil
}

// mergeStep is the number of rows that one worker copies in one go: whole blocks.
const mergeStep = 4096

func (m *compaction) copyCodes(ctx context.Context, seg *segment, threads int) error {
	codes, err := newCodes(m.rows, blocksOf(m.rows), seg.dim, seg.bits)
	if err != nil {
		return err
	}
	seg.codes = codes
	for _, p := range m.parts {
		codes.radius = max(codes.radius, p.codes.radius)
	}
	return parallel(ctx, "compact", threads, (m.rows+mergeStep-1)/mergeStep, func(_, s int) error {
		from, to := s*mergeStep, min((s+1)*mergeStep, m.rows)
		for i, p := range m.parts {
			done := from
			if m.first[i] == 0 && m.kept[i] == nil {
				done = codes.copyBlocks(p.codes, from, min(to, p.rows))
			}
			m.each(i, done, to, func(old, row int) {
				codes.copyRow(p.codes, old, old, row, row)
			})
		}
		return nil
	})
}

// copyBlocks copies whole blocks of rows [from, to), which have the same numbers in other codes and
// begin with a block, and returns where the rest begins.
func (f *codes) copyBlocks(from *codes, first, to int) (rest int) {
	last := to / simd.BlockRows * simd.BlockRows
	if last <= first {
		return first
	}
	at, end := first/simd.BlockRows*f.stride, last/simd.BlockRows*f.stride
	copy(f.blocks.mem[at:end], from.blocks.mem[at:end])
	copy(f.extra.mem[first*f.row:last*f.row], from.extra.mem[first*f.row:last*f.row])
	return last
}

// copyRow copies the codes of a row from a slot and a position of other codes.
func (f *codes) copyRow(from *codes, fromPos, fromSlot, pos, slot int) {
	to, lane := f.block(slot/simd.BlockRows), slot%simd.BlockRows
	old, oldLane := from.block(fromSlot/simd.BlockRows), fromSlot%simd.BlockRows
	signs := f.stride - simd.FactorBytes
	for j := 0; j < f.padded/8*simd.BlockRows; j += simd.BlockRows {
		to[j+lane] = old[j+oldLane]
	}
	for i := range 3 {
		at := signs + 4*i*simd.BlockRows
		copy(to[at+4*lane:at+4*lane+4], old[at+4*oldLane:])
	}
	if f.row > 0 {
		copy(f.extraOf(pos), from.extraOf(fromPos))
	}
}

// namesOf is some of the ids of a segment: rows nil means all.
type namesOf struct {
	ids  *IDs
	rows []uint32
}

func (n namesOf) count() int {
	if n.rows != nil {
		return len(n.rows)
	}
	return n.ids.n
}

// gatherIDs returns the names one after the other: positions if they still count from a number on,
// else numbers or strings.
func gatherIDs(parts []namesOf) *IDs {
	out := &IDs{kind: parts[0].ids.kind}
	counting, next := true, uint64(0)
	for i, p := range parts {
		out.n += p.count()
		counting = counting && p.ids.kind == IDPositions && p.rows == nil
		if counting {
			if i == 0 {
				out.first, next = p.ids.first, p.ids.first
			}
			counting = next == p.ids.first
			next += uint64(p.ids.n)
		}
	}
	if counting {
		return out
	}
	out.first = 0
	if out.kind == IDString {
		out.off = make([]uint64, 1, out.n+1)
	} else {
		if out.kind == IDPositions {
			out.kind = IDCounted
		}
		out.num = make([]uint64, 0, out.n)
	}
	for _, p := range parts {
		for i := range p.count() {
			row := int64(i)
			if p.rows != nil {
				row = int64(p.rows[i])
			}
			if out.kind == IDString {
				out.text = append(out.text, p.ids.at(row)...)
				out.off = append(out.off, uint64(len(out.text)))
			} else {
				out.num = append(out.num, p.ids.number(row))
			}
		}
	}
	return out
}
