package segment

// RowAt returns the row at a position.
func (seg *Segment) RowAt(pos uint32) uint32 {
	if seg.Cells != nil {
		return seg.Cells.Rows[pos]
	}
	return pos
}
