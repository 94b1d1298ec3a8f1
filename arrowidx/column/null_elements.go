package column

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// setElementNulls notes which of n numbers of a list's child, from `from` on, are null.
func (ck *Chunk) setElementNulls(child arrow.Array, from, n int) {
	at := child.Data().Offset() + from
	if child.NullN() > 0 && bitutil.CountSetBits(child.NullBitmapBytes(), at, n) < n {
		ck.BadElem, ck.badOff = child.NullBitmapBytes(), at
	}
}

// nullAt reports whether number i of the chunk's data is null. BadElem must not be nil.
func (ck *Chunk) nullAt(i int) bool {
	i += ck.badOff
	return ck.BadElem[i>>3]>>(i&7)&1 == 0
}

// NullElement returns the first null number of a row, or -1.
func (ck *Chunk) NullElement(row, dim int) int {
	if ck.BadElem == nil {
		return -1
	}
	at := ck.at(row, dim)
	for j := range dim {
		if ck.nullAt(at + j) {
			return j
		}
	}
	return -1
}

// nullsToNaN writes NaN where a number of the row is null: what lies there in memory is nobody's.
func nullsToNaN[T float32 | float64](ck *Chunk, row int, out []T) {
	if ck.BadElem == nil {
		return
	}
	at := ck.at(row, len(out))
	for j := range out {
		if ck.nullAt(at + j) {
			out[j] = T(math.NaN())
		}
	}
}
