package compact

import (
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/simd"
)

// leastRoom is about the fewest bytes of codes that a reserve has room for.
const leastRoom = 256 << 10

// Reserve is where rows that are added one after the other lie: as long as nothing else changes the
// tail, the last two segments of a version are its whole blocks, where they are, and a copy of the
// block that is not yet full. So a call copies one block, however many rows came before. It is used
// by the one change under way, and written to only behind the rows that any version has.
type Reserve struct {
	column.Arena
	room   *rabitq.Room
	line   column.Line
	ids    column.IDLine
	owners []uint32
	alive  []uint32 // of whole blocks
	rows   int
	wide   bool
	model  segment.Segment  // what its segments have in common
	full   *segment.Segment // the whole blocks, nil: none
	rest   *segment.Segment // the rows behind them, nil: none
}

// Drop gives the memory up; segments keep what they use of it.
func (r *Reserve) Drop() {
	r.end()
	r.Arena.Drop()
}

// end has rows that come lie behind no others. The arena goes on.
func (r *Reserve) end() {
	if r.room != nil {
		r.room.Release()
	}
	r.line.Drop()
	*r = Reserve{Arena: r.Arena}
}

// before returns how many segments come before those of the reserve, -1 if it has none or these are
// not the last ones.
func (r *Reserve) before(segments []*segment.Segment) int {
	n := len(segments)
	for _, p := range []*segment.Segment{r.rest, r.full} {
		if p == nil {
			continue
		}
		if n--; n < 1 || segments[n] != p {
			return -1
		}
	}
	if r.rows == 0 {
		return -1
	}
	return n
}

// takes reports whether rows can be added behind those of the reserve, and returns how many
// segments come before it. A reserve that cannot go on is begun anew. As with other segments, one
// that is not much longer than what follows it is joined with it instead.
func (r *Reserve) takes(t *tail, col *column.Column, ids *column.IDs) (int, bool) {
	base := t.segments[0]
	if base.Codes == nil || base.Metric.Binary() || col.Bits {
		return 0, false
	}
	n, wide := r.before(t.segments), !col.FitsFloat32()
	if n >= 0 && (r.wide != wide || r.model.Keep == segment.KeepNone != keepsNone(base)) {
		return 0, false
	}
	if n < 0 {
		r.end()
		n, r.wide = len(t.segments), wide
	}
	if !r.ids.Follow(ids) {
		return 0, false
	}
	return n, n == 1 || t.segments[n-1].Rows > tailRatio*(r.rows+col.Len())
}

// keepsNone reports whether segments added to one have no vectors to measure on.
func keepsNone(base *segment.Segment) bool { return base.Keep == segment.KeepNone }

// extend codes added rows behind those of the reserve, of which there are segments before it.
func (r *Reserve) extend(
	t *tail, before int, col *column.Column, ids *column.IDs, progress *build.Progress,
) error {
	base, n := t.segments[0], col.Len()
	grown, err := r.grow(base, n)
	if err != nil {
		return err
	}
	if base.Kind != segment.Flat || !keepsNone(base) {
		r.AddTo(base.Rows, base.Dim)
		if err := r.Extend(t.ctx, &r.line, col, t.threads); err != nil {
			return err
		}
	}
	if base.Cells != nil {
		r.owners = slices.Grow(r.owners, n)[:r.rows+n]
		r.model.Owner = r.owners
	}
	if err := t.code(&r.model, r.rows, col, progress); err != nil {
		return err
	}
	r.ids.Extend(ids)
	segments := slices.Clip(t.segments[:before])
	whole := r.rows / simd.BlockRows
	r.rows += n
	if now := r.rows / simd.BlockRows; now > whole || now > 0 && grown {
		for len(r.alive) < now {
			r.alive = append(r.alive, ^uint32(0))
		}
		r.full = r.part(0, now*simd.BlockRows)
	}
	if r.full != nil {
		segments = append(segments, r.full)
	}
	r.rest = nil
	if at := r.rows / simd.BlockRows * simd.BlockRows; at < r.rows {
		r.rest = r.part(at, r.rows-at)
		segments = append(segments, r.rest)
	}
	t.segments = segments
	return nil
}

// grow makes room for n more rows, and reports whether it is another one than before.
func (r *Reserve) grow(base *segment.Segment, n int) (bool, error) {
	if r.rows == 0 && r.room == nil {
		r.model = *like(base, 0, nil)
		if !keepsNone(base) {
			r.model.Keep = segment.KeepCopy
		}
	}
	blocks := rabitq.BlocksOf(r.rows+n) + 1
	if r.room != nil && blocks <= r.room.Count {
		return false, nil
	}
	if r.room != nil {
		blocks = max(blocks, 4*r.room.Count)
	}
	each := base.Codes.Stride + simd.BlockRows*base.Codes.Row
	room, err := rabitq.NewRoom(max(blocks, leastRoom/each), base.Dim, base.Bits)
	if err != nil {
		return false, err
	}
	if r.room != nil {
		room.Take(r.room, r.rows)
		r.room.Release()
	}
	r.room, r.model.Codes = room, &room.Codes
	return true, nil
}

// part makes a segment of rows of the reserve: whole blocks from its beginning, or those behind
// them.
func (r *Reserve) part(from, n int) *segment.Segment {
	p := segment.NewPart(&r.model)
	p.Rows, p.Usable = n, n
	if from == 0 && n%simd.BlockRows == 0 {
		blocks := n / simd.BlockRows
		r.room.Whole(&p.Coded, blocks)
		p.Alive = r.alive[:blocks:blocks]
	} else {
		r.room.Rest(&p.Coded, from/simd.BlockRows, n)
		p.Word[0] = 1<<n - 1
		p.Alive = p.Word[:]
	}
	r.ids.Part(&p.Named, from, n)
	if r.owners != nil {
		p.Owner = r.owners[from : from+n : from+n]
	}
	if r.line.Any() {
		r.line.Cut(&p.Shown, from, n)
		if p.Keep == segment.KeepNone {
			p.Raw = &p.Shown.Column
		} else {
			p.Source = &p.Shown.Column
		}
	}
	return &p.Segment
}
