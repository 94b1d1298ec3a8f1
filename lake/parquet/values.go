package parquet

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// values reads the stored values of a page in order.
type values struct {
	p    *pageReader
	pg   *page
	word int // bytes of a stored value
	unit int // bytes of what comes of it: 1 of 4 for small integers, else the same
	sign bool
	next func(dst []byte) error // fills dst with stored values
	at   int                    // bytes, or values, that were read
}

// open begins to read a page; page.n bounds how many values there are.
func (r *values) open(p *pageReader, pg *page) error {
	r.p, r.pg, r.at, r.word = p, pg, 0, p.wordSize
	if pg.encoding != plain || r.word != r.unit {
		if err := p.load(pg); err != nil {
			return err
		}
	}
	switch encoding := pg.encoding; {
	case encoding == plain && pg.body == nil:
		r.next = r.fromFile
	case encoding == plain:
		r.next = r.fromMemory
	case encoding == plainDictionary || encoding == runsOfDictionary:
		return r.openDictionary()
	case encoding == byteStreamSplit:
		if len(pg.body)%r.word != 0 {
			return p.damaged("a page of %d bytes for values of %d", len(pg.body), r.word)
		}
		r.next = r.fromStreams
	case encoding == deltaBinary && p.leaf.Physical == Int32:
		return r.openDelta()
	case encoding == deltaBytes && p.leaf.Physical == FixedLenByteArray:
		return r.openDeltaBytes()
	default:
		return p.damaged("%s of %s is not read", encodingName(encoding), p.leaf.Physical)
	}
	return nil
}

// read fills dst with the next values. Row and number of an integer that does not fit are unknown
// here: the error says only that there is one.
func (r *values) read(dst []byte) error {
	if r.word == r.unit {
		return r.next(dst)
	}
	for len(dst) > 0 {
		part := dst[:min(len(dst), 4096)]
		r.p.words = grown(r.p.words, len(part)*r.word)
		if err := r.next(r.p.words); err != nil {
			return err
		}
		if !narrow(part, r.p.words, r.sign) {
			return r.p.damaged("numbers that do not fit into 8 bits")
		}
		dst = dst[len(part):]
	}
	return nil
}

// narrow writes 32-bit integers as bytes, and reports whether all fit.
func narrow(dst, words []byte, signed bool) bool {
	bad := uint32(0)
	for i := range dst {
		v := binary.LittleEndian.Uint32(words[4*i:])
		dst[i] = byte(v)
		if signed {
			bad |= v ^ uint32(int32(int8(v)))
		} else {
			bad |= v >> 8
		}
	}
	return bad == 0
}

// done verifies the checksum of a page whose values were read straight from the file.
func (r *values) done() error {
	if r.pg.body != nil || !r.pg.hasSum {
		return nil
	}
	if int64(r.at) != r.pg.bodySize {
		// Values that no row has: read them for the checksum.
		rest := make([]byte, r.pg.bodySize-int64(r.at))
		if err := r.fromFile(rest); err != nil {
			return err
		}
	}
	return r.p.verify(&r.pg.pageHeader, r.pg.at, r.pg.seen)
}

func (r *values) fromFile(dst []byte) error {
	if int64(r.at)+int64(len(dst)) > r.pg.bodySize {
		return r.tooFew()
	}
	if err := r.p.fetch(dst, r.pg.bodyAt+int64(r.at)); err != nil {
		return err
	}
	r.at += len(dst)
	if r.pg.hasSum {
		r.pg.seen = crc32.Update(r.pg.seen, crc32.IEEETable, dst)
	}
	return nil
}

func (r *values) fromMemory(dst []byte) error {
	if len(dst) > len(r.pg.body)-r.at {
		return r.tooFew()
	}
	if len(dst) > 0 && &dst[0] != &r.pg.body[r.at] { // else it was decompressed there
		copy(dst, r.pg.body[r.at:])
	}
	r.at += len(dst)
	return nil
}

func (r *values) tooFew() error {
	return r.p.damaged("the page at byte %d of the file has fewer values than its levels say", r.pg.at)
}

// fromStreams joins the bytes of values that are stored as one stream for each byte.
func (r *values) fromStreams(dst []byte) error {
	stride := len(r.pg.body) / r.word
	n := len(dst) / r.word
	if n > stride-r.at {
		return r.tooFew()
	}
	from := r.pg.body[r.at:]
	r.at += n
	switch r.word {
	case 4:
		joinFour(dst, from, from[stride:], from[2*stride:], from[3*stride:], n)
	default:
		for b := range r.word {
			stream := from[b*stride:]
			for i := range n {
				dst[i*r.word+b] = stream[i]
			}
		}
	}
	return nil
}

// joinFour interleaves the first n bytes of four streams, eight at a time: two steps of spreading
// bytes make four words of two values of each of two words.
func joinFour(dst, a, b, c, d []byte, n int) {
	i := 0
	for ; i+8 <= n; i += 8 {
		x, y := binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:])
		z, w := binary.LittleEndian.Uint64(c[i:]), binary.LittleEndian.Uint64(d[i:])
		low, high := spread(uint32(x))|spread(uint32(y))<<8, spread(uint32(z))|spread(uint32(w))<<8
		put(dst[4*i:], low, high)
		low, high = spread(uint32(x>>32))|spread(uint32(y>>32))<<8,
			spread(uint32(z>>32))|spread(uint32(w>>32))<<8
		put(dst[4*i+16:], low, high)
	}
	for ; i < n; i++ {
		dst[4*i], dst[4*i+1], dst[4*i+2], dst[4*i+3] = a[i], b[i], c[i], d[i]
	}
}

// spread puts each byte into 16 bits.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000FFFF0000FFFF
	return (x | x<<8) & 0x00FF00FF00FF00FF
}

// put interleaves the 16-bit parts of low and high into 16 bytes.
func put(dst []byte, low, high uint64) {
	_ = dst[15]
	binary.LittleEndian.PutUint64(dst, wide(uint32(low))|wide(uint32(high))<<16)
	binary.LittleEndian.PutUint64(dst[8:], wide(uint32(low>>32))|wide(uint32(high>>32))<<16)
}

// wide puts each half of v into 32 bits.
func wide(v uint32) uint64 { return uint64(v&0xFFFF) | uint64(v>>16)<<32 }

// openDictionary begins to read indices of a dictionary: the bits of one, then runs.
func (r *values) openDictionary() error {
	body := r.pg.body
	if !r.p.hasDict {
		return r.p.damaged("a page of indices without a dictionary")
	}
	if len(body) == 0 {
		r.next = func(dst []byte) error {
			if len(dst) > 0 {
				return r.tooFew()
			}
			return nil
		}
		return nil
	}
	if body[0] > 32 {
		return r.p.damaged("indices of %d bits", body[0])
	}
	index := newRuns(body[1:], int(body[0]), int(r.pg.n))
	var part [512]uint32
	r.next = func(dst []byte) error {
		for len(dst) > 0 {
			some := part[:min(len(part), len(dst)/r.word)]
			if len(some) > index.left {
				return r.tooFew()
			}
			if err := index.unpack(some); err != nil {
				return r.p.damaged("%v", err)
			}
			if err := r.lookUp(dst, some); err != nil {
				return err
			}
			dst = dst[len(some)*r.word:]
		}
		return nil
	}
	return nil
}

// lookUp copies values out of the dictionary.
func (r *values) lookUp(dst []byte, indices []uint32) error {
	n := len(r.p.dict) / r.word
	largest := uint32(0)
	for _, i := range indices {
		largest = max(largest, i)
	}
	if uint64(largest) >= uint64(n) {
		return r.p.damaged("index %d of a dictionary of %d", largest, n)
	}
	dict := r.p.dict
	if r.word == 4 {
		for at, i := range indices {
			binary.LittleEndian.PutUint32(dst[4*at:], binary.LittleEndian.Uint32(dict[4*i:]))
		}
		return nil
	}
	for at, i := range indices {
		copy(dst[at*r.word:(at+1)*r.word], dict[int(i)*r.word:])
	}
	return nil
}

// openDelta begins to read integers that are stored as differences.
func (r *values) openDelta() error {
	d, err := newDelta(r.pg.body, int(r.pg.n))
	if err != nil {
		return r.p.damaged("%v", err)
	}
	r.next = func(dst []byte) error {
		for at := 0; at < len(dst); at += 4 {
			v, err := d.next()
			if err != nil {
				return r.p.damaged("%v", err)
			}
			binary.LittleEndian.PutUint32(dst[at:], uint32(v))
		}
		return nil
	}
	return nil
}

// openDeltaBytes begins to read values that are stored as what they share with the one before, and
// the rest: lengths of the one, lengths of the other, all rests.
func (r *values) openDeltaBytes() error {
	n := int(r.pg.n)
	shared, err := newDelta(r.pg.body, n)
	rest := r.pg.body
	if err == nil {
		rest, err = deltaEnd(rest, n)
	}
	var lengths *delta
	if err == nil {
		lengths, err = newDelta(rest, n)
	}
	if err == nil {
		rest, err = deltaEnd(rest, n)
	}
	if err != nil {
		return r.p.damaged("%v", err)
	}
	last := make([]byte, r.word)
	r.next = func(dst []byte) error {
		for ; len(dst) > 0; dst = dst[r.word:] {
			same, err := shared.next()
			var own int64
			if err == nil {
				own, err = lengths.next()
			}
			if err == nil && (same < 0 || own < 0 || same+own != int64(r.word) ||
				own > int64(len(rest))) {
				err = fmt.Errorf("a value of %d and %d bytes", same, own)
			}
			if err != nil {
				return r.p.damaged("%v", err)
			}
			copy(last[same:], rest[:own])
			rest = rest[own:]
			copy(dst, last)
		}
		return nil
	}
	return nil
}
