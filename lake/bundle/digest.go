package bundle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
)

// domainDigest are the first bytes that a digest covers.
const domainDigest = "ruvector-content-v1|"

// digestPiece is how many bytes are collected before they are hashed.
const digestPiece = 64 << 10

// Digest is the SHA-256 of a collection's ids and vectors in the order of its rows, fed a part at a
// time. It depends on what ids and numbers are, not on how they are stored: neither on how rows are
// cut into parts and chunks, nor on the width of ids, texts' offsets, numbers. What is hashed:
//
//	"ruvector-content-v1|", then for each row
//	  its id:
//	    00 and the number (8 bytes)                          of a number from 0 on
//	    01 and the number (8 bytes, two's complement)        of a number below 0
//	    02, the bytes of the text (8 bytes), the text        of a text
//	  its vector:
//	    04, dim (4 bytes), the numbers as float32            if float32 holds each of them exactly
//	    08, dim (4 bytes), the numbers as float64            else
//	    00, dim (4 bytes)                                    of a null
//
// All is little-endian. Integers are the numbers that they are, packed bits the bytes that they
// are. A negative zero is not a zero.
//
// Not safe for concurrent use.
type Digest struct {
	hash    hash.Hash
	rows    int64
	pending []byte
	narrow  []float32
	wide    []float64
}

// NewDigest returns the digest of no rows.
func NewDigest() *Digest {
	d := &Digest{hash: sha256.New(), pending: make([]byte, 0, digestPiece)}
	d.pending = append(d.pending, domainDigest...)
	return d
}

// Rows returns the number of rows so far.
func (d *Digest) Rows() int64 { return d.rows }

// Add appends rows: those of a column and what they are called.
//
// Errors: DimensionMismatch when there are more of one than of the other, and those of a column
// that reads its rows from files. After an error the digest is of no use.
func (d *Digest) Add(ids *arrowidx.IDs, vectors *arrowidx.Column) (err error) {
	if ids.Len() != vectors.Len() {
		return fault.New(fault.DimensionMismatch, "digest",
			fmt.Sprintf("%d ids of %d vectors", ids.Len(), vectors.Len()), "every row has an id")
	}
	defer fault.Caught(&err)
	d.narrow = append(d.narrow[:0], make([]float32, vectors.Dim())...)
	d.wide = append(d.wide[:0], make([]float64, vectors.Dim())...)
	for row := range vectors.Len() {
		d.appendID(ids, int64(row))
		d.appendVector(vectors, row)
		if len(d.pending) >= digestPiece/2 {
			d.flush()
		}
	}
	d.rows += int64(vectors.Len())
	return nil
}

func (d *Digest) flush() {
	d.hash.Write(d.pending) // of a hash never fails
	d.pending = d.pending[:0]
}

func (d *Digest) appendID(ids *arrowidx.IDs, row int64) {
	if ids.Kind() == arrowidx.IDString {
		d.pending = appendSized(append(d.pending, 2), ids.At(row))
		return
	}
	sign := byte(0)
	number := ids.Number(row)
	if ids.Kind() != arrowidx.IDUint64 && int64(number) < 0 {
		sign = 1
	}
	d.pending = binary.LittleEndian.AppendUint64(append(d.pending, sign), number)
}

func (d *Digest) appendVector(vectors *arrowidx.Column, row int) {
	if !vectors.Valid(row) {
		d.begin(0, vectors.Dim())
		return
	}
	if vectors.Binary() {
		for i, b := range vectors.PackedRow(row) {
			d.narrow[i] = float32(b)
		}
		d.appendNarrow(d.narrow)
		return
	}
	if !vectors.Wide() {
		d.appendNarrow(vectors.Row(row, d.narrow))
		return
	}
	wide := vectors.WideRow(row, d.wide)
	for i, v := range wide {
		if d.narrow[i] = float32(v); float64(d.narrow[i]) != v {
			d.begin(8, len(wide))
			for _, v := range wide {
				d.pending = binary.LittleEndian.AppendUint64(d.pending, math.Float64bits(v))
			}
			return
		}
	}
	d.appendNarrow(d.narrow)
}

// begin appends the width of a vector's numbers and how many they are.
func (d *Digest) begin(width byte, dim int) {
	d.pending = binary.LittleEndian.AppendUint32(append(d.pending, width), uint32(dim))
}

func (d *Digest) appendNarrow(row []float32) {
	d.begin(4, len(row))
	for _, v := range row {
		d.pending = binary.LittleEndian.AppendUint32(d.pending, math.Float32bits(v))
	}
}

// Sum returns the digest of the rows so far as 64 lower-case hex digits; more may follow.
func (d *Digest) Sum() string {
	d.flush()
	return hex.EncodeToString(d.hash.Sum(nil))
}
