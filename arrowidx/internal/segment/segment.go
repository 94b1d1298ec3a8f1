// Package segment is what an index is made of, as data: a [Segment] is rows with their codes, built
// in one go and never changed; a [Version] is the segments of an index between two changes.
//
// Reading order: kinds.go, segment.go (who counts, who frees), layout.go, cells.go,
// centroid_plane.go and copies.go (kind ivf), calibration.go (what calibration found), stages.go
// (how long a build took), version.go, part.go (few rows as one object); lens.go and measured.go
// (rows as float32 and float64), spot_checks.go (borrowed vectors that changed).
package segment

import (
	"crypto/sha256"
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Segment is a set of rows with their codes, built in one go: what an index is made of. Immutable.
// A copy that differs in the rows that can be found, the column attached or the calibration points
// shares the memory of the rest, which held counts.
type Segment struct {
	Held    *held
	Kind    Kind
	Metric  column.Metric
	Bits    int
	Keep    Keep
	Rows    int
	Dim     int
	Usable  int // rows that can be found
	Nulls   int // rows skipped because null
	Bad     int // rows skipped because bad
	Recall  float64
	Seed    uint64
	IDs     *column.IDs
	Next    uint64 // of a file: the next number that names a row, 0: the one after all ids
	Scale   float32
	Mean    []float32
	MeanSq  float32 // |mean|^2
	Rot     *rabitq.Rotation
	Alive   []uint32 // rows that can be found: one bit a row, a word a block
	Gone    []uint32 // rows that were deleted, the same way; nil: none
	Deleted int
	Codes   *rabitq.Codes
	Cells   *Cells             // kind ivf
	Slots   []uint32           // kind ivf: slots that hold rows that can be found
	Points  []CalibrationPoint // kind ivf: by rising recall target
	Copies  *Copies            // kind ivf: second codes of rows; nil: none
	// Of the targets for which plain searches look at copies: their settings.
	CopyPoints []CalibrationPoint
	Norms      mem.Slab // float32 norm of every row, kind exact with cosine or dot
	Longest    float32
	Uneven     bool               // exact, cosine: some rows are too short or long to scan as they are
	Lengths    float64            // sum of residual lengths of coded rows (flat), 0 if it is not known
	Digest     [sha256.Size]byte  // of sampled rows: recognises the column again
	Content    [sha256.Size]byte  // of all rows and ids, if the index came from a file that has it
	Hashed     *[16]byte          // of the column that it was built of, if that is known
	Source     *column.Column     // vectors to measure on; nil: none
	Spots      *column.SpotChecks // of Source, if that is borrowed; else nil
	// Of rows added to kind ivf, until they are in cells: their cells, and vectors to code again.
	Owner []uint32
	Raw   *column.Column
	File  mem.Slab // a decoded file, which codes and ids then lie in
	Share int64    // most bytes that a search may hold beside the segment; 0: as it likes

	Provenance []byte
	// Stages tells how long the build took. Files do not hold it: equal indexes are equal bytes.
	Stages *Stages
}

// held counts the users of a segment's memory.
type held struct {
	refs atomic.Int64
	// Kind ivf: slot of every row, once one was deleted or a filter asked.
	Slots atomic.Pointer[[]uint32]
	// What searches remember of it: a remembered, made by them.
	Memory atomic.Value
	// Kind ivf: whether queries are like those that it was calibrated with.
	Strangers Strangers
	lens      lensOnce
}

// remembered is memory of searches that lives as long as a segment.
type remembered interface {
	// Size counts its bytes, for a segment whose rows are alive.
	Size(alive []uint32) int64
}

// Remembers returns the bytes of what searches remember of the segment.
func (seg *Segment) Remembers() int64 {
	if m, ok := seg.Held.Memory.Load().(remembered); ok {
		return m.Size(seg.Alive)
	}
	return 0
}

// NewHeld counts one user.
func NewHeld() *held {
	h := &held{}
	h.refs.Store(1)
	return h
}

// SlotsOf returns the slot of every row that is in a cell. It is made when first asked for; where
// a change and a search ask at once, both make the same.
func (h *held) SlotsOf(seg *Segment) []uint32 {
	if p := h.Slots.Load(); p != nil {
		return *p
	}
	c, slots := seg.Cells, make([]uint32, seg.Rows)
	for i := range c.N {
		at := c.Block[i] * simd.BlockRows
		for _, row := range c.Rows[c.First[i]:c.First[i+1]] {
			slots[row] = at
			at++
		}
	}
	h.Slots.Store(&slots)
	return slots
}

// Retain adds a user of the segment, and of the column that it measures on.
func (seg *Segment) Retain() {
	seg.Held.refs.Add(1)
	for _, col := range []*column.Column{seg.Source, seg.Raw} {
		if col != nil {
			col.Retain()
		}
	}
}

// Release ends a use; the last one frees the memory.
func (seg *Segment) Release() {
	for _, col := range []*column.Column{seg.Source, seg.Raw} {
		if col != nil {
			col.Release()
		}
	}
	if seg.Held.refs.Add(-1) != 0 {
		return
	}
	if c := seg.Cells; c != nil {
		c.Free()
	}
	if seg.Codes != nil {
		seg.Codes.Free()
	}
	if seg.Copies != nil {
		seg.Copies.Codes.Free()
	}
	seg.Norms.Free()
	seg.File.DropPages(seg.IDs.From, seg.IDs.To)
	seg.File.Free()
}

// Unverified lists what of a mapped file is verified when it is first used.
func (seg *Segment) Unverified() []*mem.Lazy {
	var parts []*mem.Lazy
	if seg.Codes != nil {
		parts = append(parts, seg.Codes.LazyBlocks, seg.Codes.LazyExtra)
	}
	if seg.Copies != nil {
		parts = append(parts, seg.Copies.Codes.LazyBlocks)
	}
	if seg.Source != nil {
		parts = append(parts, seg.Source.Verified())
	}
	return parts
}

// SetAlive sets the bit of every row that can be found.
func (seg *Segment) SetAlive(skip []bool, rows int) {
	seg.Alive = make([]uint32, (seg.Rows+simd.BlockRows-1)/simd.BlockRows)
	for r := range rows {
		if skip == nil || !skip[r] {
			seg.Alive[r/simd.BlockRows] |= 1 << (r % simd.BlockRows)
		}
	}
}

// IsAlive reports whether a row can be found: it is not null, bad or deleted.
func (seg *Segment) IsAlive(row int) bool { return mem.BitOf(seg.Alive, row) }

// IsDeleted reports whether a row was deleted; null and bad rows count until they are.
func (seg *Segment) IsDeleted(row int) bool { return seg.Gone != nil && mem.BitOf(seg.Gone, row) }

// FetchRowAt asks for the number of the row at a position.
func (seg *Segment) FetchRowAt(pos uint32) {
	if seg.Cells != nil {
		simd.Fetch(seg.Cells.RowBytes[4*pos:][:4])
	}
}

// RowAt returns the row at a position.
func (seg *Segment) RowAt(pos uint32) uint32 {
	if seg.Cells != nil {
		return seg.Cells.Rows[pos]
	}
	return pos
}

// Matches refuses a column that cannot be the one the segment was built of by its type and shape;
// Recognise looks at its numbers.
//
// Errors: MetricError, DimensionMismatch.
func (seg *Segment) Matches(op string, col *column.Column) error {
	if err := seg.Metric.Fits(op, col); err != nil {
		return err
	}
	if col.Len() != seg.Rows || seg.Metric.Dims(col) != seg.Dim {
		return fault.New(fault.DimensionMismatch, op,
			fmt.Sprintf("the column has %d rows of %d dimensions, the index %d of %d",
				col.Len(), seg.Metric.Dims(col), seg.Rows, seg.Dim), "use the column that it was built from")
	}
	return nil
}

// SampleDigest is the SHA-256 of up to 64 rows that can be found, the first and the last among
// them, as float32.
func SampleDigest(col *column.Column, alive []uint32) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d ", col.Len(), col.Dim())
	buf := make([]float32, col.Dim())
	const samples = 64
	for i := range samples {
		row := (col.Len() - 1) * i / (samples - 1)
		if col.Len() == 0 || alive[row/simd.BlockRows]>>(row%simd.BlockRows)&1 == 0 {
			continue
		}
		_, _ = h.Write(arrow.Float32Traits.CastToBytes(col.Row(row, buf)))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// deletable returns a copy of the segment that has its own bits.
func (seg *Segment) deletable() *Segment {
	other := *seg
	other.Alive = append([]uint32(nil), seg.Alive...)
	other.Gone = make([]uint32, len(seg.Alive))
	copy(other.Gone, seg.Gone)
	other.Slots = append([]uint32(nil), seg.Slots...)
	other.Retain()
	return &other
}

func (seg *Segment) deleteRow(row int) {
	word, bit := row/simd.BlockRows, uint32(1)<<(row%simd.BlockRows)
	seg.Gone[word] |= bit
	seg.Deleted++
	if seg.Alive[word]&bit == 0 {
		if seg.Nulls > 0 {
			seg.Nulls--
		} else {
			seg.Bad--
		}
		return
	}
	seg.Alive[word] &^= bit
	seg.Usable--
	if seg.Cells != nil {
		slot := seg.Held.SlotsOf(seg)[row]
		seg.Slots[slot/simd.BlockRows] &^= 1 << (slot % simd.BlockRows)
	}
}
