package arrowidx

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
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
	now    *version
	asked  BuildOptions // what Build was told: for rows added to none
	room   reserve      // for the vectors of rows to come; used by the one change under way
}

// Build makes an index of the column's rows. The column is retained while the index keeps it
// (KeepBorrow) and must then not change. The result depends on the column and the options other
// than Threads alone: equal input gives equal bytes on every machine.
//
// Errors: InvalidVector naming row and column for null rows (unless skipped), NaN, infinity,
// numbers outside float32 and norms out of range; InvalidArgument for impossible options;
// Cancelled when ctx ends; OutOfMemory.
func Build(ctx context.Context, col *Column, opts BuildOptions) (*Index, error) {
	asked := opts
	if err := opts.resolve(col); err != nil {
		return nil, err
	}
	seg, err := buildSegment(ctx, col, &opts)
	if err != nil {
		return nil, err
	}
	ix := newIndex(seg)
	asked.IDs, asked.Progress, asked.Threads = nil, nil, 0
	ix.asked = asked
	return ix, nil
}

// newIndex makes an index of one segment, which it takes over.
func newIndex(seg *segment) *Index {
	ix := &Index{now: newVersion([]*segment{seg})}
	ix.now.next = max(seg.ids.after(), seg.next)
	ix.asked = BuildOptions{
		Metric: seg.metric, Kind: seg.kind, Bits: seg.bits, Keep: seg.keep, Recall: seg.recall,
		Seed: seg.seed, Provenance: string(seg.provenance),
	}
	if seg.usable == 0 {
		ix.asked.Keep = KeepAuto // a file of no vectors does not tell whether it would have them
	}
	return ix
}

// enter holds the index open and returns its version; leave gives both up.
func (ix *Index) enter(op string) (*version, error) {
	ix.gate.RLock()
	if ix.closed {
		ix.gate.RUnlock()
		return nil, closedError(op)
	}
	ix.swap.Lock()
	v := ix.now
	v.refs++
	ix.swap.Unlock()
	return v, nil
}

func (ix *Index) leave(v *version) {
	ix.drop(v)
	ix.gate.RUnlock()
}

// drop ends a use of a version.
func (ix *Index) drop(v *version) {
	ix.swap.Lock()
	v.refs--
	last := v.refs == 0
	ix.swap.Unlock()
	if last {
		v.free()
	}
}

// change swaps in the version that make returns; nil changes nothing.
func (ix *Index) change(op string, make func(v *version) (*version, error)) error {
	ix.write.Lock()
	defer ix.write.Unlock()
	v, err := ix.enter(op)
	if err != nil {
		return err
	}
	defer ix.leave(v)
	next, err := make(v)
	if err != nil || next == nil {
		return err
	}
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
	return ix.change("attach", func(v *version) (*version, error) {
		seg, err := v.only("attach")
		if err != nil {
			return nil, err
		}
		if err := seg.matches("attach", col); err != nil {
			return nil, err
		}
		if seg.digest == [sha256.Size]byte{} && seg.rows > 0 {
			return nil, newError(VectorsChanged, "attach",
				"rows were added or deleted while the index had no vectors: it cannot tell whether "+
					"these are its rows", "build it anew from the column")
		}
		if sampleDigest(col, seg.alive) != seg.digest {
			return nil, newError(VectorsChanged, "attach", "these are not the vectors of this index",
				"give the column that it was built from, or build again")
		}
		return v.attached(seg, col, KeepBorrow), nil
	})
}

// Detach lets go of the vectors; searches then return estimates unless they bring a Source. Rows
// that were added keep theirs.
func (ix *Index) Detach() {
	// The only error is that the index is closed, which has let go of everything.
	_ = ix.change("detach", func(v *version) (*version, error) {
		seg := v.parts[0]
		if seg.kind == Exact && len(v.parts) > 1 {
			return nil, nil
		}
		return v.attached(seg, nil, KeepNone), nil
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
	ix.room.drop()
}

// Len returns the number of rows, those that can never be found (null or bad ones) included and
// deleted ones not.
func (ix *Index) Len() int {
	ix.swap.Lock()
	defer ix.swap.Unlock()
	return ix.now.count()
}

// base is what the index was built as; none of what the next methods return ever changes.
func (ix *Index) base() *segment {
	ix.swap.Lock()
	defer ix.swap.Unlock()
	return ix.now.parts[0]
}

// Dim returns the number of dimensions.
func (ix *Index) Dim() int { return ix.base().dim }

// Metric returns the metric that scores are in.
func (ix *Index) Metric() Metric { return ix.base().metric }

// Kind returns Exact, Flat or IVF.
func (ix *Index) Kind() Kind { return ix.base().kind }

// Bits returns the bits a dimension of the codes, 0 for exact.
func (ix *Index) Bits() int { return ix.base().bits }

// IDs returns the names of the rows as they are now, deleted rows included. They may be used after
// the index is closed.
func (ix *Index) IDs() *IDs {
	ix.swap.Lock()
	defer ix.swap.Unlock()
	return ix.now.names
}

// Provenance returns the text that the index was built with, "" once the index is closed.
func (ix *Index) Provenance() string {
	v, err := ix.enter("provenance")
	if err != nil {
		return ""
	}
	defer ix.leave(v)
	return string(v.parts[0].provenance)
}

// Row writes the vector of a row, as it was given, to dst (Dim numbers).
//
// Errors: UnknownID outside the rows and for deleted ones, InvalidArgument when the index keeps no
// vectors or the row was skipped at build, IndexClosed.
func (ix *Index) Row(row int64, dst []float32) error {
	v, err := ix.enter("row")
	if err != nil {
		return err
	}
	defer ix.leave(v)
	if err := v.glance("row", 1); err != nil {
		return err
	}
	return v.row(row, dst)
}

// WideRow is Row for float64: no number is rounded.
func (ix *Index) WideRow(row int64, dst []float64) error {
	v, err := ix.enter("row")
	if err != nil {
		return err
	}
	defer ix.leave(v)
	return v.wideRow(row, dst)
}

func (v *version) wideRow(row int64, dst []float64) error {
	seg, at, err := v.numbers(row)
	if err == nil {
		copy(dst[:seg.dim], seg.source.wideRow(at, dst))
	}
	return err
}

// Wide reports whether some vectors that the index measures on are float64.
func (ix *Index) Wide() bool {
	v, err := ix.enter("row")
	if err != nil {
		return false
	}
	defer ix.leave(v)
	return v.wide(nil)
}

func (v *version) row(row int64, dst []float32) error {
	seg, at, err := v.numbers(row)
	if err == nil {
		copy(dst[:seg.dim], seg.source.Row(at, dst))
	}
	return err
}

// numbers is holding for vectors of numbers.
func (v *version) numbers(row int64) (*segment, int, error) {
	seg, at, err := v.holding(row)
	if err == nil && seg.metric.Binary() {
		err = newError(InvalidArgument, "row", "the index holds packed bits, not numbers",
			"ask for them with PackedRow")
	}
	return seg, at, err
}

// holding returns the part that holds a row's vector, and the row's number there.
func (v *version) holding(row int64) (*segment, int, error) {
	if row < 0 || row >= int64(v.rows()) {
		return nil, 0, errorAt(UnknownID, "row", row, -1,
			fmt.Sprintf("there is no row %d among %d", row, v.rows()), "")
	}
	seg, at := v.at(row)
	if seg.source == nil {
		return nil, 0, newError(InvalidArgument, "row", "the index holds codes, not vectors",
			"load it with vectors=column, or attach the column that it was built from")
	}
	if !seg.isAlive(at) {
		return nil, 0, errorAt(InvalidArgument, "row", row, -1,
			fmt.Sprintf("row %d was null or bad when the index was built, or is deleted", row), "")
	}
	return seg, at, nil
}

// Lookup returns the row of every id in the array, -1 for ids of no row, deleted rows among them. A
// change of the index may give rows other numbers.
//
// Errors: InvalidArgument when the array's type cannot hold ids of this index, IndexClosed.
func (ix *Index) Lookup(ids arrow.Array) ([]int64, error) {
	v, err := ix.enter("lookup")
	if err != nil {
		return nil, err
	}
	defer ix.leave(v)
	return v.find(ids)
}

// Names returns the ids of all rows that are not deleted, in the order of rows, as an Arrow array
// in memory of mem: int64, uint64 or large_string.
func (ix *Index) Names(mem memory.Allocator) (arrow.Array, error) {
	v, err := ix.enter("ids")
	if err != nil {
		return nil, err
	}
	defer ix.leave(v)
	rows := make([]int64, 0, v.count())
	for i, p := range v.parts {
		for r := range p.rows {
			if !p.isDeleted(r) {
				rows = append(rows, int64(v.starts[i]+r))
			}
		}
	}
	return v.names.Named(rows, mem), nil
}

// Vectors writes the vectors of the ids' rows, in their order, to dst (ids x Dim numbers), as they
// were given.
//
// Errors: UnknownID naming the first id of no row, those of Row.
func (ix *Index) Vectors(ids arrow.Array, dst []float32) error {
	return vectorsOf(ix, ids, dst, 1, (*version).row)
}

// WideVectors is Vectors for float64: no number is rounded.
func (ix *Index) WideVectors(ids arrow.Array, dst []float64) error {
	return vectorsOf(ix, ids, dst, 1, (*version).wideRow)
}

// WideMatrix is Matrix for float64: no number is rounded.
func (ix *Index) WideMatrix(dst []float64, rows int) error {
	return matrixOf(ix, dst, rows, 1, math.NaN(), (*version).wideRow)
}

// vectorsOf is Vectors for numbers of which each holds so many dimensions.
func vectorsOf[T any](
	ix *Index, ids arrow.Array, dst []T, each int, write func(*version, int64, []T) error,
) error {
	v, err := ix.enter("vectors")
	if err != nil {
		return err
	}
	defer ix.leave(v)
	rows, err := v.known("vectors", ids)
	if err == nil {
		err = v.glance("vectors", len(rows))
	}
	if err != nil {
		return err
	}
	d := v.parts[0].dim / each
	for i, row := range rows {
		if err := write(v, row, dst[i*d:(i+1)*d]); err != nil {
			return err
		}
	}
	return nil
}

// Matrix writes the vectors of all rows that are not deleted to dst (rows x Dim numbers), in the
// order of Names. Rows that were null or bad are NaN.
//
// Errors: VectorsChanged when there are not so many rows (any more), those of Row.
func (ix *Index) Matrix(dst []float32, rows int) error {
	return matrixOf(ix, dst, rows, 1, float32(math.NaN()), (*version).row)
}

// matrixOf is Matrix for numbers of which each holds so many dimensions; rows that cannot be found
// are filled with absent.
func matrixOf[T any](
	ix *Index, dst []T, rows, each int, absent T, write func(*version, int64, []T) error,
) error {
	v, err := ix.enter("vectors")
	if err != nil {
		return err
	}
	defer ix.leave(v)
	if v.count() != rows {
		return newError(VectorsChanged, "vectors",
			fmt.Sprintf("the index has %d rows, room was made for %d", v.count(), rows),
			"rows were added or deleted meanwhile: ask again")
	}
	if err := v.unchanged("vectors"); err != nil {
		return err
	}
	d, n := v.parts[0].dim/each, 0
	for i, p := range v.parts {
		for r := range p.rows {
			if p.isDeleted(r) {
				continue
			}
			to := dst[n*d : (n+1)*d]
			n++
			if !p.isAlive(r) {
				for j := range to {
					to[j] = absent
				}
				continue
			}
			if err := write(v, int64(v.starts[i]+r), to); err != nil {
				return err
			}
		}
	}
	return nil
}
