package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Kinds of page.
const (
	pageData       = 0
	pageDictionary = 2
	pageDataV2     = 3
)

// Encodings of values.
const (
	plain            = 0
	plainDictionary  = 2
	levelRuns        = 3
	deltaBinary      = 5
	deltaBytes       = 7
	runsOfDictionary = 8
	byteStreamSplit  = 9
)

const (
	windowBytes = 16 << 10 // read at a time to find the next page
	headerBytes = 1 << 20  // most bytes of the head of a page
)

// pageHeader is the head of a page.
type pageHeader struct {
	kind, decoded, stored int32
	sum                   uint32 // CRC32 of the stored bytes
	hasSum                bool
	n                     int32 // entries: values, nulls and empty lists
	encoding              int32
	defCoding, repCoding  int32
	defBytes, repBytes    int32 // of version 2
	packed                bool  // version 2: values are compressed
}

// page is a data page: its levels, and values that are in memory or still in the file.
type page struct {
	pageHeader
	at       int64 // where its head lies in the file
	rep, def []byte
	body     []byte // values, nil while they are in the file
	bodyAt   int64
	bodySize int64
	seen     uint32 // CRC32 of what was read before the body
}

// pageReader goes through the pages of a column chunk. What it returns is valid until the next
// call.
type pageReader struct {
	f        *File
	group    int
	leaf     *Leaf
	chunk    Chunk
	at, end  int64
	entries  int64 // of the pages so far
	dict     []byte
	hasDict  bool
	wordSize int // bytes of a stored value
	place    inPlace
	*scratch
}

// scratch is memory that chunks use one after another.
type scratch struct {
	window   []byte // bytes of the file from windowAt on
	windowAt int64
	packed   []byte // a page as stored
	plain    []byte // and decompressed
	words    []byte // stored values that are narrowed
}

// grown returns buf with n bytes and slack behind them; what was in it is lost.
func grown(buf []byte, n int) []byte {
	if cap(buf) < n+slack {
		buf = make([]byte, n+slack+n/8)
	}
	return buf[:n]
}

func (p *pageReader) damaged(format string, args ...any) error {
	return p.f.damaged(p.group, p.leaf.Name(), format, args...)
}

// peek returns n bytes at an offset, which lie in the chunk; they stay until the next peek.
func (p *pageReader) peek(offset int64, n int) ([]byte, error) {
	if offset < p.windowAt || offset+int64(n) > p.windowAt+int64(len(p.window)) {
		size := int(min(int64(max(n, windowBytes)), p.end-offset))
		if n > size {
			return nil, p.damaged("a page at %d ends behind the column", offset)
		}
		p.window, p.windowAt = grown(p.window, size), offset
		if err := p.f.readAt(p.window, offset); err != nil {
			p.window = p.window[:0]
			return nil, err
		}
	}
	from := int(offset - p.windowAt)
	return p.window[from : from+n], nil
}

// fetch fills dst with the bytes at offset: from the window as far as it has them.
func (p *pageReader) fetch(dst []byte, offset int64) error {
	if offset >= p.windowAt && offset < p.windowAt+int64(len(p.window)) {
		n := copy(dst, p.window[offset-p.windowAt:])
		dst, offset = dst[n:], offset+int64(n)
	}
	if len(dst) == 0 {
		return nil
	}
	return p.f.readAt(dst, offset)
}

// header reads the head of the page at p.at, and returns how long it is.
func (p *pageReader) header() (h pageHeader, size int64, err error) {
	for want := int64(1 << 10); ; want *= 8 {
		n := min(want, p.end-p.at)
		data, err := p.peek(p.at, int(n))
		if err != nil {
			return h, 0, err
		}
		c := &compact{data: data}
		h = pageHeader{kind: -1, n: -1, packed: true}
		c.pageHeader(&h)
		if c.err == nil {
			return h, int64(c.at), nil
		}
		if !c.short || n == p.end-p.at || n >= headerBytes {
			return h, 0, p.damaged("the page at byte %d of the file: %v", p.at, c.err)
		}
	}
}

func (c *compact) pageHeader(h *pageHeader) {
	c.fields(func(id int16, kind byte) bool {
		switch {
		case id == 1 && kind == thriftI32:
			h.kind = c.i32()
		case id == 2 && kind == thriftI32:
			h.decoded = c.i32()
		case id == 3 && kind == thriftI32:
			h.stored = c.i32()
		case id == 4 && kind == thriftI32:
			h.sum, h.hasSum = uint32(c.i32()), true
		case id == 5 && kind == thriftStruct, id == 7 && kind == thriftStruct:
			c.dataHeader(h)
		case id == 8 && kind == thriftStruct:
			c.dataHeaderV2(h)
		default:
			return false
		}
		return true
	})
}

// dataHeader reads what pages of version 1 and dictionaries have.
func (c *compact) dataHeader(h *pageHeader) {
	c.fields(func(id int16, kind byte) bool {
		if kind != thriftI32 || id < 1 || id > 4 {
			return false
		}
		*[...]*int32{&h.n, &h.encoding, &h.defCoding, &h.repCoding}[id-1] = c.i32()
		return true
	})
}

func (c *compact) dataHeaderV2(h *pageHeader) {
	c.fields(func(id int16, kind byte) bool {
		var ignored int32
		switch {
		case id == 7 && kind <= thriftFalse:
			h.packed = truth(kind)
			return true
		case kind != thriftI32 || id < 1 || id > 6:
			return false
		}
		*[...]*int32{&h.n, &ignored, &ignored, &h.encoding, &h.defBytes, &h.repBytes}[id-1] = c.i32()
		return true
	})
}

// next returns the next data page with its levels, or false when there is none. A dictionary is
// read on the way.
func (p *pageReader) next() (pg page, ok bool, err error) {
	for p.at < p.end && p.entries < p.chunk.Values {
		h, size, err := p.header()
		if err != nil {
			return pg, false, err
		}
		if err := p.check(&h, size); err != nil {
			return pg, false, err
		}
		pg = page{pageHeader: h, at: p.at, bodyAt: p.at + size, bodySize: int64(h.stored)}
		p.at += size + int64(h.stored)
		switch h.kind {
		case pageDictionary:
			if err := p.readDictionary(&pg); err != nil {
				return pg, false, err
			}
			continue
		case pageData:
			err = p.open(&pg)
		case pageDataV2:
			err = p.openV2(&pg)
		default: // an index page: nothing that is needed
			continue
		}
		p.entries += int64(h.n)
		if err == nil && p.entries > p.chunk.Values {
			err = p.damaged("its pages have more values than the column's %d", p.chunk.Values)
		}
		return pg, err == nil, err
	}
	return pg, false, nil
}

// check compares the sizes of a page with what there is and with the limits.
func (p *pageReader) check(h *pageHeader, size int64) error {
	where := p.f.place(p.group, p.leaf.Name())
	switch {
	case h.stored < 0 || h.decoded < 0 || int64(h.stored) > p.end-p.at-size:
		return p.damaged("the page at byte %d of the file has %d bytes, %d unpacked", p.at, h.stored,
			h.decoded)
	case int64(h.stored) > p.f.limits.Page:
		return p.f.exceeded(where, "a page's bytes", "page", int64(h.stored), p.f.limits.Page)
	case int64(h.decoded) > p.f.limits.PageDecoded:
		return p.f.exceeded(where, "a page's unpacked bytes", "page_decoded", int64(h.decoded),
			p.f.limits.PageDecoded)
	case h.n < 0 && h.kind != 1:
		return p.damaged("the page at byte %d of the file has no number of values", p.at)
	case p.chunk.Codec == codecNone && h.stored != h.decoded && h.kind != 1:
		return p.damaged("the page at byte %d of the file is not compressed, but has two sizes", p.at)
	}
	return p.f.checkExpansion(where, int64(h.stored), int64(h.decoded))
}

// verify compares the checksum of a page with what its bytes have.
func (p *pageReader) verify(h *pageHeader, at int64, have uint32) error {
	if h.hasSum && h.sum != have {
		return p.damaged("the checksum of the page at byte %d of the file is wrong", at)
	}
	return nil
}

// readPacked reads a page as it is stored, and compares its checksum.
func (p *pageReader) readPacked(pg *page) error {
	p.packed = grown(p.packed, int(pg.stored))
	if err := p.fetch(p.packed, pg.bodyAt); err != nil {
		return err
	}
	if !pg.hasSum {
		return nil
	}
	return p.verify(&pg.pageHeader, pg.at, crc32.ChecksumIEEE(p.packed))
}

// undone is the error of a page that cannot be decompressed.
func (p *pageReader) undone(pg *page, err error) error {
	return p.damaged("%s of the page at byte %d of the file: %v", CodecName(p.chunk.Codec), pg.at, err)
}

// unpack returns the whole page in memory, decompressed.
func (p *pageReader) unpack(pg *page) ([]byte, error) {
	if err := p.readPacked(pg); err != nil || p.chunk.Codec == codecNone {
		return p.packed, err
	}
	p.plain = grown(p.plain, int(pg.decoded))
	if err := decompress(p.chunk.Codec, p.plain, p.packed); err != nil {
		return nil, p.undone(pg, err)
	}
	return p.plain, nil
}

// readDictionary keeps a copy of the dictionary's values.
func (p *pageReader) readDictionary(pg *page) error {
	if p.hasDict || pg.encoding != plain && pg.encoding != plainDictionary {
		return p.damaged("a second dictionary, or one of encoding %d", pg.encoding)
	}
	data, err := p.unpack(pg)
	if err != nil {
		return err
	}
	if int64(len(data)) != int64(pg.n)*int64(p.wordSize) {
		return p.damaged("a dictionary of %d bytes for %d values", len(data), pg.n)
	}
	p.dict, p.hasDict = append([]byte(nil), data...), true
	return nil
}

// readFirst reads the page at p.at if it is a dictionary.
func (p *pageReader) readFirst() error {
	h, size, err := p.header()
	if err == nil {
		err = p.check(&h, size)
	}
	if err != nil || h.kind != pageDictionary {
		return err
	}
	return p.readDictionary(&page{pageHeader: h, at: p.at, bodyAt: p.at + size})
}

var errLevelBytes = errors.New("levels reach behind the page")

// open reads the levels of a page of version 1, in front of which their lengths stand.
func (p *pageReader) open(pg *page) error {
	want := [2]bool{p.leaf.MaxRep > 0, p.leaf.MaxDef > 0}
	if want[0] && pg.repCoding != levelRuns || want[1] && pg.defCoding != levelRuns {
		return p.damaged("levels in an encoding of old days that is not read")
	}
	view := func(n int) ([]byte, error) { return p.peek(pg.bodyAt, n) }
	whole := int(pg.stored)
	if p.chunk.Codec != codecNone {
		if done, err := p.unpackInPlace(pg); done || err != nil {
			return err
		}
		data, err := p.unpack(pg)
		if err != nil {
			return err
		}
		whole = len(data)
		view = func(n int) ([]byte, error) { return data[:n], nil }
		pg.body = data
	}
	at, ends := 0, [2]int{}
	for i := range want {
		if ends[i] = at; !want[i] {
			continue
		}
		if at+4 > whole {
			return p.damaged("%v", errLevelBytes)
		}
		data, err := view(at + 4)
		if err != nil {
			return err
		}
		n := binary.LittleEndian.Uint32(data[at:])
		if uint64(n) > uint64(whole-at-4) {
			return p.damaged("%v", errLevelBytes)
		}
		at += 4 + int(n)
		ends[i] = at
	}
	data, err := view(at)
	if err != nil {
		return err
	}
	if want[0] {
		pg.rep = data[4:ends[0]]
	}
	if want[1] {
		pg.def = data[ends[0]+4 : ends[1]]
	}
	p.behindLevels(pg, data, whole)
	return nil
}

// behindLevels notes where the values are, behind the levels.
func (p *pageReader) behindLevels(pg *page, levels []byte, whole int) {
	if pg.body != nil {
		pg.body = pg.body[len(levels):]
		return
	}
	if pg.hasSum {
		pg.seen = crc32.ChecksumIEEE(levels)
	}
	pg.bodyAt += int64(len(levels))
	pg.bodySize = int64(whole - len(levels))
}

// openV2 reads the levels of a page of version 2, which are never compressed.
func (p *pageReader) openV2(pg *page) error {
	levels := int64(pg.defBytes) + int64(pg.repBytes)
	if pg.defBytes < 0 || pg.repBytes < 0 || levels > int64(pg.stored) ||
		levels > int64(pg.decoded) {
		return p.damaged("%v", errLevelBytes)
	}
	if p.chunk.Codec != codecNone && pg.packed {
		return p.unpackV2(pg, int(levels))
	}
	if pg.stored != pg.decoded {
		return p.damaged("the page at byte %d of the file is not compressed, but has two sizes", pg.at)
	}
	data, err := p.peek(pg.bodyAt, int(levels))
	if err != nil {
		return err
	}
	pg.rep, pg.def = data[:pg.repBytes], data[pg.repBytes:]
	p.behindLevels(pg, data, int(pg.stored))
	return nil
}

func (p *pageReader) unpackV2(pg *page, levels int) error {
	if err := p.readPacked(pg); err != nil {
		return err
	}
	pg.rep, pg.def = p.packed[:pg.repBytes], p.packed[pg.repBytes:levels]
	size := int(pg.decoded) - levels
	if size == 0 && len(p.packed) == levels {
		pg.body = p.packed[:0] // all are null
		return nil
	}
	var dst []byte
	if pg.encoding == plain && size == int(pg.n)*p.wordSize && p.leaf.Physical != Int32 {
		dst, _ = p.place.claim(size, int(pg.n), p.wordSize)
	}
	if dst == nil {
		p.plain = grown(p.plain, size)
		dst = p.plain
	}
	pg.body = dst
	if err := decompress(p.chunk.Codec, dst, p.packed[levels:]); err != nil {
		return p.undone(pg, err)
	}
	return nil
}

// load brings the values of a page into memory.
func (p *pageReader) load(pg *page) error {
	if pg.body != nil {
		return nil
	}
	p.packed = grown(p.packed, int(pg.bodySize))
	if err := p.fetch(p.packed, pg.bodyAt); err != nil {
		return err
	}
	pg.body = p.packed
	if !pg.hasSum {
		return nil
	}
	return p.verify(&pg.pageHeader, pg.at, crc32.Update(pg.seen, crc32.IEEETable, pg.body))
}

// encodingName names an encoding of values.
func encodingName(encoding int32) string {
	names := map[int32]string{plain: "PLAIN", plainDictionary: "PLAIN_DICTIONARY", levelRuns: "RLE",
		4: "BIT_PACKED", deltaBinary: "DELTA_BINARY_PACKED", 6: "DELTA_LENGTH_BYTE_ARRAY",
		deltaBytes: "DELTA_BYTE_ARRAY", runsOfDictionary: "RLE_DICTIONARY",
		byteStreamSplit: "BYTE_STREAM_SPLIT"}
	if name, ok := names[encoding]; ok {
		return name
	}
	return fmt.Sprintf("encoding %d", encoding)
}
