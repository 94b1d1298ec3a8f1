package format

import (
	"io"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
)

// Parameters are what a file says of its rows.
type Parameters struct {
	Rows   int64
	Dim    int
	Metric column.Metric
}

// Outline reads header and table of a file of so many bytes, which it returns, and its parameters.
func Outline(r io.ReaderAt, size int64) (head []byte, p Parameters, err error) {
	d := Decoder{B: make([]byte, min(max(size, 0), headerSize)), Size: uint64(size)}
	if _, err := r.ReadAt(d.B, 0); err != nil {
		return nil, p, endedEarly(0, err)
	}
	h, err := d.header()
	if err != nil {
		return nil, p, err
	}
	n := headerSize + int64(min(h.sections, maxSections))*entrySize
	d.B = make([]byte, min(n, size))
	if _, err := r.ReadAt(d.B, 0); err != nil {
		return nil, p, endedEarly(0, err)
	}
	if err := d.table(h); err != nil {
		return nil, p, err
	}
	e := d.secs[secParameters]
	if e.length != parametersSize {
		return nil, p, corrupt(secParameters, e.offset, "%d bytes", e.length)
	}
	b := make([]byte, parametersSize)
	if _, err := r.ReadAt(b, int64(e.offset)); err != nil {
		return nil, p, endedEarly(int(e.offset), err)
	}
	if checksum(b) != e.crc {
		return nil, p, corrupt(secParameters, e.offset, "checksum is wrong")
	}
	seg, _, err := d.parameters(b)
	if err != nil {
		return nil, p, err
	}
	return d.B, Parameters{int64(seg.Rows), seg.Dim, seg.Metric}, nil
}
