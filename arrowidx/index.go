package arrowidx

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/simd"
)

// Index answers nearest-neighbour queries over the rows of a column. Build and Decode make one.
// It is immutable but for the column attached to it; every method may be called from any number
// of goroutines. Close waits for running calls, and calls after it return IndexClosed.
type Index struct {
	mu      sync.RWMutex // held for reading by calls that touch memory, for writing by Close
	closed  bool
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
	scale   float32
	mean    []float32
	meanSq  float32 // |mean|^2
	rot     *rotation
	alive   []uint32 // one bit a row, a word a block
	codes   *codes
	slots   []uint32           // kind ivf: slots that hold rows that can be found
	tuning  []CalibrationPoint // kind ivf: by rising recall target
	norms   slab               // float32 norm of every row, kind exact with cosine or dot
	longest float32
	digest  [sha256.Size]byte // of sampled rows: recognises the column again
	content [sha256.Size]byte // of all rows and ids, if the index came from a file that has it
	source  atomic.Pointer[Column]
	file    slab      // a decoded file, which codes and ids then lie in
	scratch sync.Pool // *workspace

	provenance []byte
}

// Build makes an index of the column's rows. The column is retained while the index keeps it
// (KeepBorrow) and must then not change. The result depends on the column and the options other
// than Threads alone: equal input gives equal bytes on every machine.
//
// Errors: InvalidVector naming row and column for null rows (unless skipped), NaN, infinity,
// numbers outside float32 and norms out of range; InvalidArgument for impossible options;
// Cancelled when ctx ends; OutOfMemory.
func Build(ctx context.Context, col *Column, opts BuildOptions) (*Index, error) {
	if err := opts.resolve(col); err != nil {
		return nil, err
	}
	threads := Threads(opts.Threads)
	ix := &Index{
		kind: opts.Kind, metric: opts.Metric, bits: opts.Bits, keep: opts.Keep, rows: col.rows,
		dim: col.dim, recall: opts.Recall, seed: opts.Seed, ids: opts.IDs,
		provenance: []byte(opts.Provenance), scale: 1,
	}
	if err := ix.fill(ctx, col, &opts, threads); err != nil {
		ix.Close()
		return nil, err
	}
	return ix, nil
}

func (ix *Index) fill(ctx context.Context, col *Column, o *BuildOptions, threads int) error {
	if col.dim == 0 {
		// No row tells the dimension: nothing can be found, whatever is asked.
		ix.nulls = col.rows
		if col.rows > 0 && o.Nulls == RejectNulls {
			return errorAt(InvalidVector, "build", 0, -1, "row 0 is null",
				"drop null rows or build with nulls='skip'")
		}
		ix.setAlive(nil, 0)
		ix.digest = sampleDigest(col, ix.alive)
		o.Progress.scanned.Add(int64(col.rows))
		o.Progress.encoded.Add(int64(col.rows))
		return nil
	}
	m, err := measure(ctx, col, o, threads)
	if err != nil {
		return err
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
		err = buildCells(ctx, ix, col, m.skip, o, threads)
	}
	if err != nil {
		return err
	}
	return ix.keepVectors(ctx, col, threads)
}

// setAlive sets the bit of every row that can be found.
func (ix *Index) setAlive(skip []bool, rows int) {
	ix.alive = make([]uint32, (ix.rows+simd.BlockRows-1)/simd.BlockRows)
	for r := range rows {
		if skip == nil || !skip[r] {
			ix.alive[r/simd.BlockRows] |= 1 << (r % simd.BlockRows)
		}
	}
}

func (ix *Index) isAlive(row int) bool {
	return ix.alive[row/simd.BlockRows]>>(row%simd.BlockRows)&1 != 0
}

// keepVectors holds the column or a copy, as asked.
func (ix *Index) keepVectors(ctx context.Context, col *Column, threads int) error {
	switch ix.keep {
	case KeepBorrow:
		col.Retain()
		ix.source.Store(col)
	case KeepCopy:
		own, err := newSlab("build", int64(col.rows)*int64(col.dim)*4)
		if err != nil {
			return err
		}
		ix.source.Store(ownColumn(own, col.rows, col.dim)) // freed with the index, whatever follows
		const step = 4096
		return parallel(ctx, "build", threads, (col.rows+step-1)/step, func(_, i int) error {
			col.copyRows(own.floats(), i*step, min((i+1)*step, col.rows))
			return nil
		})
	}
	return nil
}

// Attach gives an index without vectors the column that it was built from, for exact distances.
// The column is retained; one attached before is released.
//
// Errors: DimensionMismatch or VectorsChanged when it is another column.
func (ix *Index) Attach(col *Column) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.closed {
		return closedError("attach")
	}
	if err := ix.matches("attach", col); err != nil {
		return err
	}
	if sampleDigest(col, ix.alive) != ix.digest {
		return newError(VectorsChanged, "attach", "these are not the vectors of this index",
			"attach the column that it was built from, or build again")
	}
	col.Retain()
	ix.replaceSource(col, KeepBorrow)
	return nil
}

func (ix *Index) matches(op string, col *Column) error {
	if col.rows != ix.rows || col.dim != ix.dim {
		return newError(DimensionMismatch, op,
			fmt.Sprintf("the column has %d rows of %d dimensions, the index %d of %d",
				col.rows, col.dim, ix.rows, ix.dim), "use the column that it was built from")
	}
	return nil
}

// Detach lets go of the vectors; searches then return estimates unless they bring a Source.
func (ix *Index) Detach() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if !ix.closed {
		ix.replaceSource(nil, KeepNone)
	}
}

func (ix *Index) replaceSource(col *Column, keep Keep) {
	if old := ix.source.Swap(col); old != nil {
		old.Release()
	}
	ix.keep = keep
}

// Close frees the index's memory and releases its column. It waits for running calls and may be
// called more than once.
func (ix *Index) Close() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.closed {
		return
	}
	ix.closed = true
	if c := ix.cells(); c != nil {
		c.free()
	}
	if ix.codes != nil {
		ix.codes.free()
	}
	ix.norms.free()
	ix.replaceSource(nil, ix.keep)
	ix.provenance = nil
	ix.file.dropPages(ix.ids.from, ix.ids.to)
	ix.file.free()
}

// Len returns the number of rows, those that can never be found included.
func (ix *Index) Len() int { return ix.rows }

// Dim returns the number of dimensions.
func (ix *Index) Dim() int { return ix.dim }

// Metric returns the metric that scores are in.
func (ix *Index) Metric() Metric { return ix.metric }

// Kind returns Exact or Flat.
func (ix *Index) Kind() Kind { return ix.kind }

// Bits returns the bits a dimension of a flat index, 0 for exact.
func (ix *Index) Bits() int { return ix.bits }

// IDs returns the names of the rows. They may be used after the index is closed.
func (ix *Index) IDs() *IDs { return ix.ids }

// Provenance returns the text that the index was built with, "" once the index is closed.
func (ix *Index) Provenance() string {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return string(ix.provenance)
}

// Row writes the vector of a row, as it was given, to dst (Dim numbers).
//
// Errors: UnknownID outside [0, Len), InvalidArgument when the index keeps no vectors or the row
// was skipped at build, IndexClosed.
func (ix *Index) Row(row int64, dst []float32) error {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.closed {
		return closedError("row")
	}
	if row < 0 || row >= int64(ix.rows) {
		return errorAt(UnknownID, "row", row, -1,
			fmt.Sprintf("there is no row %d among %d", row, ix.rows), "")
	}
	col := ix.source.Load()
	if col == nil {
		return newError(InvalidArgument, "row", "the index holds codes, not vectors",
			"attach the column that it was built from")
	}
	if !ix.isAlive(int(row)) {
		return errorAt(InvalidArgument, "row", row, -1,
			fmt.Sprintf("row %d was null or bad when the index was built", row), "")
	}
	copy(dst[:ix.dim], col.Row(int(row), dst))
	return nil
}

// Info is what an index tells about itself.
type Info struct {
	Kind          string  `json:"kind"`
	Metric        string  `json:"metric"`
	Bits          int     `json:"bits"`
	Rows          int     `json:"rows"`
	Dim           int     `json:"dim"`
	Usable        int     `json:"usable"`
	Nulls         int     `json:"nulls"`
	Bad           int     `json:"bad"`
	Keep          string  `json:"keep"`
	IDKind        string  `json:"id_kind"`
	IndexBytes    int64   `json:"index_bytes"`    // all memory that the index allocated
	BorrowedBytes int64   `json:"borrowed_bytes"` // memory of others that it keeps alive
	Vectors       bool    `json:"vectors"`        // exact distances can be computed
	Epsilon0      float64 `json:"epsilon0"`
	Recall        float64 `json:"recall"`
	Cells         int     `json:"cells"` // 0 for exact, 1 for flat
	Plane         int     `json:"plane"` // bits a dimension that a scan reads
	Calibrated    bool    `json:"calibrated"`
	// Calibration says how each recall target is reached (kind ivf), by rising target.
	Calibration []CalibrationPoint `json:"calibration"`
	RowBytes    int                `json:"row_bytes"` // read for every row and query
	Seed        uint64             `json:"seed"`
	Provenance  string             `json:"provenance"`
}

// Info describes the index. Bytes are counted, not estimated.
func (ix *Index) Info() Info {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	in := Info{
		Kind: ix.kind.String(), Metric: ix.metric.String(), Bits: ix.bits, Rows: ix.rows,
		Dim: ix.dim, Usable: ix.usable, Nulls: ix.nulls, Bad: ix.bad, Keep: ix.keep.String(),
		IDKind: ix.ids.Kind().String(), Epsilon0: ix.tunedFor(ix.recall, true).Epsilon0,
		Recall: ix.recall,
		Seed:   ix.seed, RowBytes: 4 * ix.dim, Provenance: string(ix.provenance),
	}
	in.IndexBytes = int64(4*len(ix.alive)+4*len(ix.mean)+len(ix.norms.mem)) + ix.ids.bytes()
	in.Cells, in.Plane = ix.cellCount(), min(ix.bits, 1)
	in.Calibrated, in.Calibration = len(ix.tuning) > 0, slices.Clone(ix.tuning)
	if ix.rot != nil {
		in.IndexBytes += int64(4 * len(ix.rot.signs))
	}
	if ix.codes != nil {
		in.IndexBytes += ix.codes.bytes()
		if ix.codes.cells != nil {
			in.IndexBytes += ix.codes.cells.bytes() + int64(4*len(ix.slots))
		}
		in.RowBytes = ix.codes.stride / simd.BlockRows
	}
	if col := ix.source.Load(); col != nil {
		in.Vectors = true
		if ix.keep == KeepCopy {
			in.IndexBytes += int64(len(col.own.mem))
		} else {
			in.BorrowedBytes = col.Bytes()
		}
	}
	return in
}

// SourceFloats returns the first numbers of the vectors that the index reads (nil when they are
// not float32 or not kept): their address proves that a column was borrowed.
func (ix *Index) SourceFloats() *float32 {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if col := ix.source.Load(); col != nil {
		return col.firstFloat()
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
