package arrowidx

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/calibrate"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/compact"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

// Index answers nearest-neighbour queries over the rows of a column. Build and Decode make one;
// Add, Upsert, Delete and Compact change it.
//
// Every method may be called from any number of goroutines. A change makes a new version, which is
// swapped in when it is complete: a search that has started keeps the version it started with, and
// neither waits for the other. Changes wait for each other. Close waits for running calls, and
// calls after it return IndexClosed.
type Index struct {
	gate   sync.RWMutex // held for reading by calls that touch memory, for writing by Close
	closed bool
	write  sync.Mutex // held by the one change under way
	swap   sync.Mutex // guards now and the uses of versions
	now    *segment.Version
	asked  BuildOptions    // what Build was told: for rows added to none
	turns  chan struct{}   // of calls, where memory is limited; nil: all may run at once
	waste  int64           // where memory is limited: the bytes that may wait for the collector
	arena  compact.Reserve // for rows to come; used by the one change under way
}

// Build makes an index of the column's rows. The column is retained while the index keeps it
// (KeepBorrow) and must then not change. The result depends on the column and the options other
// than Threads alone: equal input gives equal bytes on every machine.
//
// Errors: InvalidVector naming row and column for null rows (unless skipped), NaN, infinity,
// numbers outside float32 and norms out of range; InvalidArgument for impossible options;
// Cancelled when ctx ends; OutOfMemory.
func Build(ctx context.Context, col *Column, opts BuildOptions) (ix *Index, err error) {
	defer fault.Caught(&err)
	asked := opts
	if err := opts.Resolve(col); err != nil {
		return nil, err
	}
	seg, err := calibrate.BuildSegment(ctx, col, &opts)
	if err != nil {
		return nil, err
	}
	if err = col.Unchanged(-1); err != nil { // what was read in several passes was one column
		seg.Release()
		return nil, err
	}
	ix = newIndex(seg)
	asked.IDs, asked.Progress, asked.Threads = nil, nil, 0
	ix.asked = asked
	return ix, nil
}

// newIndex makes an index of one segment, which it takes over.
func newIndex(seg *segment.Segment) *Index {
	ix := &Index{now: segment.NewVersion([]*segment.Segment{seg})}
	ix.now.Next = max(seg.IDs.After(), seg.Next)
	ix.asked = BuildOptions{
		Metric: seg.Metric, Kind: seg.Kind, Bits: seg.Bits, Keep: seg.Keep, Recall: seg.Recall,
		Seed: seg.Seed, Provenance: string(seg.Provenance),
	}
	if seg.Usable == 0 {
		ix.asked.Keep = KeepAuto // a file of no vectors does not tell whether it would have them
	}
	return ix
}

// drop ends a use of a version.
func (ix *Index) drop(v *segment.Version) {
	ix.swap.Lock()
	v.Refs--
	last := v.Refs == 0
	ix.swap.Unlock()
	if last {
		v.Free()
	}
}

// change swaps in the version that derive returns; nil changes nothing.
func (ix *Index) change(
	op string, derive func(v *segment.Version) (*segment.Version, error),
) (err error) {
	defer fault.Caught(&err)
	ix.write.Lock()
	defer ix.write.Unlock()
	u, err := ix.enter(op)
	if err != nil {
		return err
	}
	defer ix.leave(&u, &err)
	v := u.v
	next, err := derive(v)
	if err != nil || next == nil {
		return err
	}
	if err := u.check(); err != nil {
		next.Free()
		return err
	}
	u.checked = true
	ix.swap.Lock()
	ix.now = next
	ix.swap.Unlock()
	ix.drop(v) // the use that being the current version was
	return nil
}

// Attach gives an index without vectors the column that it was built from, for exact distances.
// The column is retained; one attached before is released.
//
// Errors: DimensionMismatch or VectorsChanged when it is another column, InvalidArgument when rows
// were added or deleted since.
func (ix *Index) Attach(col *Column) error {
	return ix.change("attach", func(v *segment.Version) (*segment.Version, error) {
		seg, err := v.Only("attach")
		if err != nil {
			return nil, err
		}
		if err := seg.Matches("attach", col); err != nil {
			return nil, err
		}
		if seg.Digest == [sha256.Size]byte{} && seg.Rows > 0 {
			return nil, fault.New(VectorsChanged, "attach",
				"rows were added or deleted while the index had no vectors: it cannot tell whether "+
					"these are its rows", "build it anew from the column")
		}
		if segment.SampleDigest(col, seg.Alive) != seg.Digest {
			return nil, fault.New(VectorsChanged, "attach", "these are not the vectors of this index",
				"give the column that it was built from, or build again")
		}
		return v.Attached(seg, col, KeepBorrow), nil
	})
}

// Detach lets go of the vectors; searches then return estimates unless they bring a Source. Rows
// that were added keep theirs.
func (ix *Index) Detach() {
	// The only error is that the index is closed, which has let go of everything.
	_ = ix.change("detach", func(v *segment.Version) (*segment.Version, error) {
		seg := v.Segments[0]
		if seg.Kind == Exact && len(v.Segments) > 1 {
			return nil, nil
		}
		return v.Attached(seg, nil, KeepNone), nil
	})
}

// Close frees the index's memory and releases its column. It waits for running calls and may be
// called more than once.
func (ix *Index) Close() {
	ix.gate.Lock()
	defer ix.gate.Unlock()
	if ix.closed {
		return
	}
	ix.closed = true
	ix.drop(ix.now)
	ix.arena.Drop()
}

// Len returns the number of rows, those that can never be found (null or bad ones) included and
// deleted ones not.
func (ix *Index) Len() int {
	ix.swap.Lock()
	defer ix.swap.Unlock()
	return ix.now.Count()
}

// base is what the index was built as; none of what the next methods return ever changes.
func (ix *Index) base() *segment.Segment {
	ix.swap.Lock()
	defer ix.swap.Unlock()
	return ix.now.Segments[0]
}

// Dim returns the number of dimensions.
func (ix *Index) Dim() int { return ix.base().Dim }

// Metric returns the metric that scores are in.
func (ix *Index) Metric() Metric { return ix.base().Metric }

// Kind returns Exact, Flat or IVF.
func (ix *Index) Kind() Kind { return ix.base().Kind }

// Bits returns the bits per dimension of the codes, 0 for exact.
func (ix *Index) Bits() int { return ix.base().Bits }

// IDs returns the ids of the rows as they are now, deleted rows included. They may be used after
// the index is closed.
func (ix *Index) IDs() *IDs {
	ix.swap.Lock()
	defer ix.swap.Unlock()
	return ix.now.IDs
}

// Provenance returns the text that the index was built with, "" once the index is closed.
func (ix *Index) Provenance() string {
	u, err := ix.enter("provenance")
	if err != nil {
		return ""
	}
	defer ix.leave(&u, &err)
	v := u.v
	return string(v.Segments[0].Provenance)
}

// Row writes the vector of a row, as it was given, to dst (Dim numbers).
//
// Errors: UnknownID outside the rows and for deleted ones, InvalidArgument when the index keeps no
// vectors or the row was skipped at build, IndexClosed.
func (ix *Index) Row(row int64, dst []float32) error {
	return rowOf(ix, row, dst, (*segment.Version).Row)
}

// WideRow is Row for float64: no number is rounded.
func (ix *Index) WideRow(row int64, dst []float64) error { return rowOf(ix, row, dst, wideRow) }

// PackedRow writes the bits of a row of an index with metric Hamming or Jaccard to dst (Dim/8
// bytes), as they were given.
//
// Errors: those of Row; InvalidArgument for other metrics.
func (ix *Index) PackedRow(row int64, dst []byte) error {
	return rowOf(ix, row, dst, (*segment.Version).PackedRow)
}

// rowOf is Row for any numbers.
func rowOf[T any](
	ix *Index, row int64, dst []T, write func(*segment.Version, int64, []T) error,
) (err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("row")
	if err != nil {
		return err
	}
	defer ix.leave(&u, &err)
	v := u.v
	if err := v.Glance("row", 1); err != nil {
		return err
	}
	return write(v, row, dst)
}

func wideRow(v *segment.Version, row int64, dst []float64) error {
	seg, at, err := v.Numbers(row)
	if err == nil {
		copy(dst[:seg.Dim], seg.Source.WideRow(at, dst))
	}
	return err
}

// Wide reports whether some vectors that the index measures on are float64.
func (ix *Index) Wide() bool {
	u, err := ix.enter("row")
	if err != nil {
		return false
	}
	defer ix.leave(&u, &err)
	v := u.v
	return search.Wide(v, nil)
}

// Lookup returns the row of every id in the array, -1 for ids of no row, deleted rows among them. A
// change of the index may give rows other numbers.
//
// Errors: InvalidArgument when the array's type cannot hold ids of this index, IndexClosed.
func (ix *Index) Lookup(ids arrow.Array) (_ []int64, err error) {
	u, err := ix.enter("lookup")
	if err != nil {
		return nil, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	return v.Find(ids)
}

// IDArray returns the ids of all rows that are not deleted, in the order of rows, as an Arrow array
// in memory of mem: int64, uint64 or large_string.
func (ix *Index) IDArray(mem memory.Allocator) (_ arrow.Array, err error) {
	u, err := ix.enter("ids")
	if err != nil {
		return nil, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	rows := make([]int64, 0, v.Count())
	for i, p := range v.Segments {
		for r := range p.Rows {
			if !p.IsDeleted(r) {
				rows = append(rows, int64(v.Starts[i]+r))
			}
		}
	}
	if err := u.check(); err != nil {
		return nil, err
	}
	u.checked = true
	return v.IDs.Named(rows, mem), nil
}

// Vectors writes the vectors of the ids' rows, in their order, to dst (ids x Dim numbers), as they
// were given.
//
// Errors: UnknownID naming the first id of no row, those of Row.
func (ix *Index) Vectors(ids arrow.Array, dst []float32) error {
	return vectorsOf(ix, ids, dst, 1, (*segment.Version).Row)
}

// WideVectors is Vectors for float64: no number is rounded.
func (ix *Index) WideVectors(ids arrow.Array, dst []float64) error {
	return vectorsOf(ix, ids, dst, 1, wideRow)
}

// PackedVectors is Vectors for an index with metric Hamming or Jaccard: dst has Dim/8 bytes for
// every id.
func (ix *Index) PackedVectors(ids arrow.Array, dst []byte) error {
	return vectorsOf(ix, ids, dst, 8, (*segment.Version).PackedRow)
}

// Matrix writes the vectors of all rows that are not deleted to dst (rows x Dim numbers), in the
// order of IDArray. Rows that were null or bad are NaN.
//
// Errors: VectorsChanged when there are not so many rows (any more), those of Row.
func (ix *Index) Matrix(dst []float32, rows int) error { return ix.MatrixFrom(dst, 0, rows) }

// MatrixFrom is Matrix for those of the rows that dst has room for, from one on.
func (ix *Index) MatrixFrom(dst []float32, from, rows int) error {
	return matrixOf(ix, dst, from, rows, 1, float32(math.NaN()), (*segment.Version).Row)
}

// WideMatrix is Matrix for float64: no number is rounded.
func (ix *Index) WideMatrix(dst []float64, rows int) error {
	return ix.WideMatrixFrom(dst, 0, rows)
}

// WideMatrixFrom is MatrixFrom for float64.
func (ix *Index) WideMatrixFrom(dst []float64, from, rows int) error {
	return matrixOf(ix, dst, from, rows, 1, math.NaN(), wideRow)
}

// PackedMatrix is Matrix for an index with metric Hamming or Jaccard: dst has Dim/8 bytes for every
// row, zeros where it was null.
func (ix *Index) PackedMatrix(dst []byte, rows int) error {
	return ix.PackedMatrixFrom(dst, 0, rows)
}

// PackedMatrixFrom is MatrixFrom for packed bits.
func (ix *Index) PackedMatrixFrom(dst []byte, from, rows int) error {
	return matrixOf(ix, dst, from, rows, 8, 0, (*segment.Version).PackedRow)
}

// vectorsOf is Vectors for numbers of which each holds so many dimensions.
func vectorsOf[T any](
	ix *Index, ids arrow.Array, dst []T, each int, write func(*segment.Version, int64, []T) error,
) (err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("vectors")
	if err != nil {
		return err
	}
	defer ix.leave(&u, &err)
	v := u.v
	rows, err := v.Known("vectors", ids)
	if err == nil {
		err = v.Glance("vectors", len(rows))
	}
	if err != nil {
		return err
	}
	d := v.Segments[0].Dim / each
	for i, row := range rows {
		if err := write(v, row, dst[i*d:(i+1)*d]); err != nil {
			return err
		}
	}
	return nil
}

// matrixOf is Matrix for numbers of which each holds so many dimensions; rows that cannot be found
// are filled with absent. It stops where dst is full.
func matrixOf[T any](
	ix *Index, dst []T, from, rows, each int, absent T,
	write func(*segment.Version, int64, []T) error,
) (err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("vectors")
	if err != nil {
		return err
	}
	defer ix.leave(&u, &err)
	v := u.v
	if v.Count() != rows {
		return fault.New(VectorsChanged, "vectors",
			fmt.Sprintf("the index has %d rows, room was made for %d", v.Count(), rows),
			"rows were added or deleted meanwhile: ask again")
	}
	if err := v.Unchanged("vectors"); err != nil {
		return err
	}
	d, n := v.Segments[0].Dim/each, -from
	for i, p := range v.Segments {
		first := 0
		if p.Deleted == 0 {
			first = min(max(-n, 0), p.Rows)
			n += first
		}
		for r := first; r < p.Rows; r++ {
			if p.IsDeleted(r) {
				continue
			}
			if n++; n <= 0 {
				continue
			}
			if len(dst) < n*d {
				return nil
			}
			to := dst[(n-1)*d : n*d]
			if !p.IsAlive(r) {
				for j := range to {
					to[j] = absent
				}
				continue
			}
			if err := write(v, int64(v.Starts[i]+r), to); err != nil {
				return err
			}
		}
	}
	return nil
}

// Unchanged compares rows of the borrowed vectors with what they were when they were borrowed: all
// of up to 128, else 128 that are spread over the column. Verbs that read vectors do the same,
// single searches for a few rows in turn.
//
// Errors: VectorsChanged naming a row, IndexClosed.
func (ix *Index) Unchanged() (err error) {
	u, err := ix.enter("vectors")
	if err != nil {
		return err
	}
	defer ix.leave(&u, &err)
	v := u.v
	return v.Unchanged("vectors")
}
