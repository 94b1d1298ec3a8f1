package parquet

import (
	"context"
	"hash/crc32"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Verify goes through the pages of a column chunk, of any type: each is as large as the chunk and
// the limits allow, and those that have a checksum have the bytes it was made of. Values are not
// looked at. Where no page has a checksum little is read.
//
// Errors: PersistError, LimitExceeded, Cancelled.
func (f *File) Verify(ctx context.Context, group, leaf int) (err error) {
	defer func() { f.recovered(recover(), &err) }()
	chunk, err := f.Chunk(group, leaf)
	if err != nil {
		return err
	}
	s := scratches.Get().(*scratch)
	s.window = s.window[:0]
	p := &pageReader{f: f, group: group, leaf: &f.footer.leaves[leaf], chunk: chunk,
		at: chunk.Start, end: chunk.Start + chunk.Size, scratch: s}
	defer p.release()
	for p.at < p.end && p.entries < chunk.Values {
		if err := fault.FromContext(ctx, op); err != nil {
			return err
		}
		h, size, err := p.header()
		if err == nil {
			err = p.check(&h, size)
		}
		if err == nil && h.hasSum {
			err = p.checkSum(&h, p.at+size)
		}
		if err != nil {
			return err
		}
		p.at += size + int64(h.stored)
		if h.kind == pageData || h.kind == pageDataV2 {
			p.entries += int64(h.n)
		}
	}
	return nil
}

// checkSum reads the bytes of the page at p.at, which lie at body.
func (p *pageReader) checkSum(h *pageHeader, body int64) error {
	p.packed = grown(p.packed, int(h.stored))
	if err := p.fetch(p.packed, body); err != nil {
		return err
	}
	return p.verify(h, p.at, crc32.ChecksumIEEE(p.packed))
}
