package parquet

import (
	"encoding/binary"
	"errors"
)

var errDelta = errors.New("differences end too early or are of a wrong form")

// delta reads integers that are stored as differences: blocks with a smallest difference each, and
// within a block parts of packed bits of one width.
type delta struct {
	data   []byte
	left   int   // values to come
	value  int64 // the last one
	first  bool  // value is still to be returned
	block  int   // values of a block, of part values each
	part   int
	least  int64
	widths []byte // of the parts to come
	packed []byte // bits of this part, of width bits each
	width  int
	bit    int
	inPart int // values left in this part
}

// newDelta begins to read what holds at most n values.
func newDelta(data []byte, n int) (*delta, error) {
	d := &delta{data: data}
	block, parts, total := d.uvarint(), d.uvarint(), d.uvarint()
	first := d.zigzag()
	if d.data == nil || total > uint64(n) || block == 0 || block > 1<<16 || block%128 != 0 ||
		parts == 0 || parts > block/32 || block%parts != 0 || block/parts%32 != 0 {
		return nil, errDelta
	}
	d.block, d.part, d.left, d.value, d.first = int(block), int(block/parts), int(total), first, true
	return d, nil
}

// uvarint reads a number; data is nil after one that is not there.
func (d *delta) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		d.data = nil
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *delta) zigzag() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// next returns the next value.
func (d *delta) next() (int64, error) {
	if d.left == 0 {
		return 0, errDelta
	}
	d.left--
	if d.first {
		d.first = false
		return d.value, nil
	}
	if d.inPart == 0 {
		if err := d.load(); err != nil {
			return 0, err
		}
	}
	d.inPart--
	d.value += d.least + int64(d.bits())
	return d.value, nil
}

// load begins the next part, and the next block where the last one is done.
func (d *delta) load() error {
	if len(d.widths) == 0 {
		d.least = d.zigzag()
		parts := d.block / d.part
		if d.data == nil || len(d.data) < parts {
			return errDelta
		}
		d.widths, d.data = d.data[:parts], d.data[parts:]
	}
	d.width, d.widths = int(d.widths[0]), d.widths[1:]
	size := d.part * d.width / 8
	if d.width > 64 || size > len(d.data) {
		return errDelta
	}
	d.packed, d.data, d.bit, d.inPart = d.data[:size], d.data[size:], 0, d.part
	return nil
}

// bits reads width bits.
func (d *delta) bits() uint64 {
	if d.width == 0 {
		return 0
	}
	var last [16]byte
	copy(last[:], d.packed[d.bit>>3:])
	shift := d.bit & 7
	v := binary.LittleEndian.Uint64(last[:]) >> shift
	if shift > 0 {
		v |= uint64(last[8]) << (64 - shift)
	}
	d.bit += d.width
	return v & (^uint64(0) >> (64 - d.width))
}

// deltaEnd returns what follows the differences that data begins with.
func deltaEnd(data []byte, n int) ([]byte, error) {
	d, err := newDelta(data, n)
	if err != nil {
		return nil, err
	}
	left := d.left - 1 // the first stands in the head
	for left > 0 {
		if err := d.load(); err != nil {
			return nil, err
		}
		left -= d.part
	}
	return d.data, nil
}
