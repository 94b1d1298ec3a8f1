package bundle

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// digestPiece is how many bytes are collected before they are hashed.
const digestPiece = 16 << 10

// rowHash hashes rows one after the other.
type rowHash struct {
	hash    hash.Hash
	pending []byte
	narrow  []float32
	wide    []float64
}

func newRowHash() rowHash {
	return rowHash{hash: sha256.New(), pending: make([]byte, 0, digestPiece)}
}

// add appends rows. It raises the errors of a column that reads its rows from files.
func (h *rowHash) add(ids *arrowidx.IDs, vectors *arrowidx.Column, from, end int) {
	if dim := vectors.Dim(); len(h.narrow) != dim {
		h.narrow, h.wide = make([]float32, dim), make([]float64, dim)
	}
	for row := from; row < end; row++ {
		h.addID(ids, int64(row))
		h.addVector(vectors, row)
		if len(h.pending) >= digestPiece/2 {
			h.flush()
		}
	}
}

func (h *rowHash) flush() {
	h.hash.Write(h.pending) // of a hash never fails
	h.pending = h.pending[:0]
}

// soFar returns the digest of the rows; more may follow.
func (h *rowHash) soFar() []byte {
	h.flush()
	return h.hash.Sum(nil)
}

// sum writes the digest of the rows to the beginning of dst, and forgets them.
func (h *rowHash) sum(dst []byte) {
	copy(dst[:sha256.Size], h.soFar())
	h.hash.Reset()
}

func (h *rowHash) addID(ids *arrowidx.IDs, row int64) {
	if ids.Kind() == arrowidx.IDString {
		h.pending = appendSized(append(h.pending, 2), ids.At(row))
		return
	}
	sign := byte(0)
	number := ids.Number(row)
	if ids.Kind() != arrowidx.IDUint64 && int64(number) < 0 {
		sign = 1
	}
	h.pending = binary.LittleEndian.AppendUint64(append(h.pending, sign), number)
}

func (h *rowHash) addVector(vectors *arrowidx.Column, row int) {
	switch {
	case !vectors.Valid(row):
		h.begin(0, vectors.Dim())
	case vectors.Binary():
		for i, b := range vectors.PackedRow(row) {
			h.narrow[i] = float32(b)
		}
		h.addNarrow(h.narrow)
	case vectors.Wide():
		h.addWide(vectors.WideRow(row, h.wide))
	default:
		h.addNarrow(vectors.Row(row, h.narrow))
	}
}

// begin appends the width of a vector's numbers and how many they are.
func (h *rowHash) begin(width byte, dim int) {
	h.pending = binary.LittleEndian.AppendUint32(append(h.pending, width), uint32(dim))
}

func (h *rowHash) addNarrow(row []float32) {
	h.begin(4, len(row))
	h.pending = append(h.pending, arrow.Float32Traits.CastToBytes(row)...)
}

// addWide appends numbers as float32 if that holds them all.
func (h *rowHash) addWide(row []float64) {
	for i, v := range row {
		if h.narrow[i] = float32(v); float64(h.narrow[i]) != v {
			h.begin(8, len(row))
			for _, v := range row {
				h.pending = binary.LittleEndian.AppendUint64(h.pending, math.Float64bits(v))
			}
			return
		}
	}
	h.addNarrow(h.narrow)
}
