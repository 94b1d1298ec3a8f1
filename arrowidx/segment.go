package arrowidx

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/simd"
)

// segment is a set of rows with their codes, built in one go: what an index is made of. Immutable.
// A copy that differs in the rows that can be found, the column attached or the tuning shares the
// memory of the rest, which held counts.
type segment struct {
	held    *held
	kind    Kind
	metric  Metric
	bits    int
	keep    Keep
	rows    int
	dim     int
	usable  int // rows that can be found
	nulls   int // rows skipped because null
	bad     int // rows skipped because bad
	recall  float64
	seed    uint64
	ids     *IDs
	next    uint64 // of a file: the next number that names a row, 0: the one after all ids
	scale   float32
	mean    []float32
	meanSq  float32 // |mean|^2
	rot     *rotation
	alive   []uint32 // rows that can be found: one bit a row, a word a block
	gone    []uint32 // rows that were deleted, the same way; nil: none
	deleted int
	codes   *codes
	cells   *cells             // kind ivf
	slots   []uint32           // kind ivf: slots that hold rows that can be found
	tuning  []CalibrationPoint // kind ivf: by rising recall target
	norms   slab               // float32 norm of every row, kind exact with cosine or dot
	longest float32
	uneven  bool              // exact, cosine: some rows are too short or long to scan as they are
	lengths float64           // sum of residual lengths of coded rows (flat), 0 if it is not known
	digest  [sha256.Size]byte // of sampled rows: recognises the column again
	content [sha256.Size]byte // of all rows and ids, if the index came from a file that has it
	hashed  *[16]byte         // of the column that it was built of, if that is known
	source  *Column           // vectors to measure on; nil: none
	spots   *spotChecks       // of source, if that is borrowed; else nil
	// Of rows added to kind ivf, until they are in cells: their cells, and vectors to code again.
	owner []uint32
	raw   *Column
	file  slab // a decoded file, which codes and ids then lie in

	provenance []byte
}

// held counts the users of a segment's memory.
type held struct {
	refs atomic.Int64
	// Kind ivf: slot of every row, once one was deleted or a filter asked.
	slots atomic.Pointer[[]uint32]
	// What searches remember of it: a remembered, made by them.
	memory atomic.Value
	lens   lensOnce
}

// remembered is memory of searches that lives as long as a segment.
type remembered interface {
	// memory counts its bytes, for a segment whose rows are alive.
	memory(alive []uint32) int64
}

// remembers returns the bytes of what searches remember of the segment.
func (ix *segment) remembers() int64 {
	if m, ok := ix.held.memory.Load().(remembered); ok {
		return m.memory(ix.alive)
	}
	return 0
}

func newHeld() *held {
	h := &held{}
	h.refs.Store(1)
	return h
}

// retain adds a user of the segment, and of the column that it measures on.
func (ix *segment) retain() {
	ix.held.refs.Add(1)
	for _, col := range []*Column{ix.source, ix.raw} {
		if col != nil {
			col.Retain()
		}
	}
}

// release ends a use; the last one frees the memory.
func (ix *segment) release() {
	for _, col := range []*Column{ix.source, ix.raw} {
		if col != nil {
			col.Release()
		}
	}
	if ix.held.refs.Add(-1) != 0 {
		return
	}
	if c := ix.cells; c != nil {
		c.free()
	}
	if ix.codes != nil {
		ix.codes.free()
	}
	ix.norms.free()
	ix.file.dropPages(ix.ids.from, ix.ids.to)
	ix.file.free()
}

// newSegment makes a segment of the column's rows. Of kind ivf it also returns rows to calibrate
// with, which training left out.
func newSegment(
	ctx context.Context, col *Column, o *BuildOptions,
) (ix *segment, held []uint32, err error) {
	threads := Threads(o.Threads)
	ix = &segment{
		held: newHeld(), kind: o.Kind, metric: o.Metric, bits: o.Bits, keep: o.Keep,
		rows: col.rows, dim: o.Metric.dims(col), recall: o.Recall, seed: o.Seed, ids: o.IDs,
		provenance: []byte(o.Provenance), scale: 1, hashed: col.hashed.Load(),
	}
	if held, err = ix.fill(ctx, col, o, threads); err == nil && col.dim != 0 {
		err = ix.keepVectors(ctx, col, threads)
	}
	if err != nil {
		ix.release()
		return nil, nil, err
	}
	return ix, held, nil
}

func (ix *segment) fill(
	ctx context.Context, col *Column, o *BuildOptions, threads int,
) (held []uint32, err error) {
	if col.dim == 0 {
		// No row tells the dimension: nothing can be found, whatever is asked.
		ix.nulls = col.rows
		if col.rows > 0 && o.Nulls == RejectNulls {
			return nil, errorAt(InvalidVector, "build", 0, -1, "row 0 is null", skipNullRows)
		}
		ix.setAlive(nil, 0)
		ix.digest = sampleDigest(col, ix.alive)
		o.Progress.scanned.Add(int64(col.rows))
		o.Progress.encoded.Add(int64(col.rows))
		return nil, nil
	}
	m, err := measure(ctx, col, o, threads)
	if err != nil {
		return nil, err
	}
	ix.scale, ix.mean, ix.meanSq = m.scale, m.mean, simd.Norm16(m.mean)
	ix.nulls, ix.bad, ix.usable = m.nulls, m.bad, m.usable
	ix.setAlive(m.skip, col.rows)
	ix.digest = sampleDigest(col, ix.alive)
	switch ix.kind {
	case Exact:
		err = ix.measureNorms(ctx, col, o, threads)
	case Flat:
		ix.rot = newRotation(paddedDim(ix.dim), ix.seed)
		err = encodeFlat(ctx, ix, col, m.skip, o, threads)
	default:
		ix.rot = newRotation(paddedDim(ix.dim), ix.seed)
		held, err = buildCells(ctx, ix, col, m.skip, o, threads)
	}
	return held, err
}

// setAlive sets the bit of every row that can be found.
func (ix *segment) setAlive(skip []bool, rows int) {
	ix.alive = make([]uint32, (ix.rows+simd.BlockRows-1)/simd.BlockRows)
	for r := range rows {
		if skip == nil || !skip[r] {
			ix.alive[r/simd.BlockRows] |= 1 << (r % simd.BlockRows)
		}
	}
}

func (ix *segment) isAlive(row int) bool { return bitOf(ix.alive, row) }

func (ix *segment) isDeleted(row int) bool { return ix.gone != nil && bitOf(ix.gone, row) }

// bitOf reports whether the bit of a row is set.
func bitOf(words []uint32, row int) bool {
	return words[row/simd.BlockRows]>>(row%simd.BlockRows)&1 != 0
}

// keepVectors holds the column or a copy, as asked.
func (ix *segment) keepVectors(ctx context.Context, col *Column, threads int) error {
	switch ix.keep {
	case KeepBorrow:
		col.Retain()
		ix.source = col
		ix.watch()
	case KeepCopy:
		if ix.metric.Binary() {
			own, err := col.copyBits(ctx, threads)
			ix.source = own
			return err
		}
		wide := !col.fitsFloat32()
		own, err := newSlab("build", int64(col.rows)*int64(col.dim)*numberBytes(wide))
		if err != nil {
			return err
		}
		// Freed with the segment, whatever follows.
		ix.source = ownColumn(own, col.rows, col.dim, wide)
		return col.copyAll(ctx, "build", own.numbers(wide, 0, col.rows*col.dim), threads)
	}
	return nil
}

func (ix *segment) matches(op string, col *Column) error {
	if err := ix.metric.fits(op, col); err != nil {
		return err
	}
	if col.rows != ix.rows || ix.metric.dims(col) != ix.dim {
		return newError(DimensionMismatch, op,
			fmt.Sprintf("the column has %d rows of %d dimensions, the index %d of %d",
				col.rows, ix.metric.dims(col), ix.rows, ix.dim), "use the column that it was built from")
	}
	return nil
}

// sampleDigest is the SHA-256 of up to 64 rows that can be found, the first and the last among
// them, as float32.
func sampleDigest(col *Column, alive []uint32) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d ", col.rows, col.dim)
	buf := make([]float32, col.dim)
	const samples = 64
	for i := range samples {
		row := (col.rows - 1) * i / (samples - 1)
		if col.rows == 0 || alive[row/simd.BlockRows]>>(row%simd.BlockRows)&1 == 0 {
			continue
		}
		_, _ = h.Write(arrow.Float32Traits.CastToBytes(col.Row(row, buf)))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// countBits returns the number of set bits.
func countBits(words []uint32) int {
	n := 0
	for _, w := range words {
		n += bits.OnesCount32(w)
	}
	return n
}
