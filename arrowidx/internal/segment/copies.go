package segment

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
)

// Copies are second codes of rows, in the cells in which they would lie next to their own: a query
// that looks into either cell finds the row (SOAR; Sun et al., NeurIPS 2023). A copy has the plane
// and its factors alone, around the centroid of its cell; all else is at the position of its row.
// Only plain searches look at copies, by settings of their own (docs/decisions/0047). Immutable.
type Copies struct {
	Layout                 // of copies
	Codes    *rabitq.Codes // of one bit
	Pos      []uint32      // position of the row of every copy, rising in each cell
	PosBytes []byte        // the same memory, to ask for
	Words    []uint32      // slots that hold a copy, a word a block
}

// NewCopies makes copies, so many in every cell, of the rows at positions, cell by cell; codes are
// those of their planes.
func NewCopies(sizes, pos []uint32) *Copies {
	c := &Copies{Pos: pos, PosBytes: arrow.Uint32Traits.CastToBytes(pos)}
	c.LayOut(sizes)
	c.Words = c.Occupied()
	return c
}

// Bytes counts the memory held for copies, of a file too.
func (c *Copies) Bytes() int64 {
	words := len(c.First) + len(c.Block) + len(c.Words) + len(c.Pos)
	return c.Codes.Bytes() + 4*int64(words)
}

// PlainPoint is PointFor for plain searches: where copies pay for the target, its settings are
// those with copies, and copies are to be looked at.
func (seg *Segment) PlainPoint(recall float64, vectors bool) (t CalibrationPoint, copies bool) {
	t = seg.PointFor(recall, vectors)
	if seg.Copies == nil {
		return t, false
	}
	for _, o := range seg.CopyPoints {
		if o.Vectors == vectors && o.Target == t.Target {
			return o, true
		}
	}
	return t, false
}
