package parquet

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// runs reads the hybrid of run lengths and packed bits that levels and indices of a dictionary are
// stored in. A run is a value and how often it stands there in a row, whichever way it is stored.
type runs struct {
	data  []byte
	width int // bits of a value, at most 32
	left  int // values that are still to come
	// The rest of the stored run that is being read: either value stands left more times, or
	// packed bits begin at bit of packed.
	value  uint32
	same   int
	packed []byte
	bit    int
	many   int // values left in packed
}

var errLevels = errors.New("runs of levels or indices end too early or are of a wrong form")

// newRuns reads n values of width bits.
func newRuns(data []byte, width, n int) runs { return runs{data: data, width: width, left: n} }

// load reads the head of the next stored run.
func (r *runs) load() error {
	head, n := binary.Uvarint(r.data)
	if n <= 0 || head>>1 == 0 || head>>32 != 0 {
		return errLevels
	}
	r.data = r.data[n:]
	if head&1 == 0 {
		wide := (r.width + 7) / 8
		if len(r.data) < wide {
			return errLevels
		}
		r.value = 0
		for i := range wide {
			r.value |= uint32(r.data[i]) << (8 * i)
		}
		if r.width < 32 && r.value>>r.width != 0 {
			return errLevels
		}
		r.data = r.data[wide:]
		r.same = int(head >> 1)
		return nil
	}
	// The last group may be cut off behind the last value.
	r.many = min(int(head>>1)*8, r.left)
	bytes := min(int(head>>1)*r.width, len(r.data))
	if bytes*8 < r.many*r.width {
		return errLevels
	}
	r.packed, r.data, r.bit = r.data[:bytes], r.data[bytes:], 0
	return nil
}

// word returns the next bits of packed, at least 57 of them if so many are left.
func (r *runs) word() uint64 {
	at := r.bit >> 3
	if at+8 <= len(r.packed) {
		return binary.LittleEndian.Uint64(r.packed[at:]) >> (r.bit & 7)
	}
	var last [8]byte
	copy(last[:], r.packed[at:])
	return binary.LittleEndian.Uint64(last[:]) >> (r.bit & 7)
}

// next returns a value and how often it follows, at most limit times, which must be positive. It
// must not be called when nothing is left.
func (r *runs) next(limit int) (value uint32, n int, err error) {
	for r.same == 0 && r.many == 0 {
		if r.width == 0 {
			r.same = r.left // nothing is stored
			break
		}
		if err := r.load(); err != nil {
			return 0, 0, err
		}
	}
	if limit = min(limit, r.left); r.same > 0 {
		n = min(r.same, limit)
		r.same -= n
		r.left -= n
		return r.value, n, nil
	}
	limit = min(limit, r.many)
	word := r.word()
	value = uint32(word & (1<<r.width - 1))
	n = 1
	if r.width <= 8 {
		fit := 57 / r.width
		spread := uint64(value) * repeats[r.width]
		n = min(bits.TrailingZeros64(word^spread)/r.width, fit)
	}
	n = max(min(n, limit), 1)
	r.bit += n * r.width
	r.many -= n
	r.left -= n
	return value, n, nil
}

// unpack writes the next values to dst, which are left.
func (r *runs) unpack(dst []uint32) error {
	for len(dst) > 0 {
		if r.same == 0 && r.many > 0 && r.width > 0 {
			n := min(len(dst), r.many)
			mask := uint64(1)<<r.width - 1
			for i := range n {
				dst[i] = uint32(r.word() & mask)
				r.bit += r.width
			}
			r.many -= n
			r.left -= n
			dst = dst[n:]
			continue
		}
		if r.same == 0 && r.many == 0 && r.width > 0 {
			if err := r.load(); err != nil {
				return err
			}
			continue
		}
		value, n, err := r.next(len(dst))
		if err != nil {
			return err
		}
		for i := range n {
			dst[i] = value
		}
		dst = dst[n:]
	}
	return nil
}

// repeats[w] has a 1 at every w-th bit.
var repeats = func() (all [9]uint64) {
	for w := 1; w <= 8; w++ {
		for at := 0; at < 64; at += w {
			all[w] |= 1 << at
		}
	}
	return all
}()

// widthOf returns the bits of levels up to most.
func widthOf(most int) int { return bits.Len(uint(most)) }
