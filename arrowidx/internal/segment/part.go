package segment

import (
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
)

// Part is a segment of few rows, made as one object with what it consists of: a call that adds one
// row makes one.
type Part struct {
	Segment
	held  held
	Coded rabitq.Codes
	Named column.IDs
	Shown column.Cut
	Word  [1]uint32
}

// NewPart returns a segment like another one, with one user and codes and ids of its own, which are
// still to be filled.
func NewPart(seg *Segment) *Part {
	p := &Part{Segment: *seg}
	p.held.refs.Store(1)
	p.Held, p.Codes, p.IDs = &p.held, &p.Coded, &p.Named
	return p
}
