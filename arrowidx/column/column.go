// Package column reads vectors and ids where they lie in Arrow arrays: what the engine is given.
//
// A [Column] is a list of chunks; nothing is concatenated, and numbers that are not float32 are
// converted a row or a tile of rows at a time. It counts its users, of which the last releases the
// arrays or the copy.
//
// Reading order: metric.go, column.go, elements.go (types of numbers); wide.go (float64) and
// bits.go (packed bits); paged.go and row_cache.go (rows that are not in memory); copy.go, join.go
// and arena.go (who owns which memory); spot_checks.go and hash.go (whether borrowed vectors are
// still the same); ids.go and id_line.go (ids of rows that are added).
package column

import (
	"fmt"
	"math/bits"
	"sort"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Limits of one column and one index.
const (
	MaxDim  = 65_536
	MaxRows = 1 << 31
)

// Column is a sequence of Arrow arrays of vectors with one number of dimensions, read in place:
// FixedSizeList, List or LargeList of float32, float64, float16, int8 or uint8, with offsets,
// slices, chunks and validity honoured. Numbers that are not float32 are converted where a row or
// a tile of rows is read, never all at once. FixedSizeBinary, Binary and LargeBinary are rows of
// packed bits, for the metrics Hamming and Jaccard, which take uint8 as such too. A column holds
// references to the arrays until the last Release and never writes to them. The memory must not
// change while the column is in use. Safe for concurrent use.
type Column struct {
	Pieces  []Chunk
	Rows    int
	Dims    int
	nulls   int
	Bits    bool          // packed bits, dim bytes a row
	isWide  bool          // some numbers are float64
	own     mem.Slab      // memory of a copied column
	written *atomic.Int64 // bytes of own that were written to; nil: all
	// Columns whose rows these are; they own the arrays.
	parents []*Column
	pagers  []*cached // that read rows which are not in memory
	Refs    atomic.Int64
	Brought atomic.Pointer[Brought]
	Hashed  atomic.Pointer[[16]byte] // the last Hash
}

// Chunk is one Arrow array of a column.
type Chunk struct {
	arr   arrow.Array
	Start int // row of the column that is this chunk's first
	n     int
	data  elements
	// starts holds, for list arrays whose null rows take no room, where each row begins in
	// data (in elements); nil means row i begins at i*dim.
	starts  []int64
	nullAny bool
	BadElem []byte // validity bitmap of the elements when some are null, else nil
	badOff  int    // bit of BadElem that belongs to element 0 of data
	// Of rows that are not in memory: who reads them, and which are null.
	pager *cached
	void  []uint32
}

// NewColumn makes a column of the chunks, which it retains. It checks types, shapes and lengths
// (a child array shorter than its parent says is refused); the numbers themselves are checked by
// Build. A column of no rows may have no dimension yet: Dim is then 0.
//
// Errors: ColumnError for a type that holds no vectors, InvalidVector with the row for a ragged
// list, LimitExceeded above MaxDim or MaxRows.
func NewColumn(chunks []arrow.Array) (*Column, error) {
	c := &Column{}
	c.Refs.Store(1)
	for _, a := range chunks {
		if a == nil {
			c.Release()
			return nil, fault.New(fault.ColumnError, "column", "a chunk is missing", "pass Arrow arrays")
		}
		if err := c.addChunk(a); err != nil {
			c.Release()
			return nil, err
		}
	}
	return c, nil
}

func (c *Column) addChunk(a arrow.Array) error {
	ck, dim, err := readChunk(a, c.Rows, c.Dims)
	if err != nil {
		return err
	}
	if int64(c.Rows)+int64(ck.n) > MaxRows {
		return fault.New(fault.LimitExceeded, "column",
			fmt.Sprintf("more than %d rows in one column", int64(MaxRows)),
			"split it and search the parts")
	}
	if dim != 0 {
		c.Dims = dim
	}
	c.Bits = c.Bits || ck.data.kind == elemBits
	c.isWide = c.isWide || ck.data.kind == elemFloat64
	if ck.n == 0 {
		return nil
	}
	a.Retain()
	c.Pieces = append(c.Pieces, ck)
	c.Rows += ck.n
	c.nulls += a.NullN()
	return nil
}

// MatrixColumn makes a column of a row-major float32 matrix of n rows, whose memory it borrows:
// that must neither change nor be freed while the column is used, or an index that borrows it.
//
// Errors: DimensionMismatch when the numbers are not n rows of dim, LimitExceeded above MaxDim or
// MaxRows.
func MatrixColumn(values []float32, n, dim int) (*Column, error) {
	if n > MaxRows || dim > MaxDim {
		return nil, fault.New(fault.LimitExceeded, "column",
			fmt.Sprintf("%d rows of %d dimensions", n, dim),
			"index in parts, or reduce the dimension")
	}
	if n < 0 || dim < 1 || len(values) != n*dim {
		return nil, fault.New(fault.DimensionMismatch, "column",
			fmt.Sprintf("%d numbers are not %d rows of %d", len(values), n, dim), "")
	}
	own := mem.Slab{Mem: arrow.Float32Traits.CastToBytes(values), View: true}
	return Own(own, n, dim, false), nil
}

// Len returns the number of rows, null rows included.
func (c *Column) Len() int { return c.Rows }

// Dim returns the numbers of a row (of packed bits: bytes), 0 when no row has told it yet.
func (c *Column) Dim() int { return c.Dims }

// NullCount returns the number of null rows.
func (c *Column) NullCount() int { return c.nulls }

// Chunks returns the number of non-empty Arrow arrays.
func (c *Column) Chunks() int { return len(c.Pieces) }

// Arrays returns the non-empty Arrow arrays that the column was made of, in order; false for one
// that was not made by NewColumn. They are the column's: retain what must outlive it.
func (c *Column) Arrays() ([]arrow.Array, bool) {
	arrays := make([]arrow.Array, len(c.Pieces))
	for i := range c.Pieces {
		arrays[i] = c.Pieces[i].arr
		if arrays[i] == nil || c.parents != nil {
			return nil, false
		}
	}
	return arrays, true
}

// DataType names the Arrow type of the first chunk.
func (c *Column) DataType() string {
	if c.Bits && (len(c.Pieces) == 0 || c.Pieces[0].arr == nil) {
		return "packed bits"
	}
	if len(c.Pieces) > 0 && c.Pieces[0].pager != nil {
		return c.Pieces[0].data.name() + " vectors in files"
	}
	if len(c.Pieces) == 0 || c.Pieces[0].arr == nil {
		return "float32 matrix"
	}
	return c.Pieces[0].arr.DataType().String()
}

// Retain adds a reference.
func (c *Column) Retain() { c.Refs.Add(1) }

// Release drops a reference; the last one releases the Arrow arrays. Where the arrays came
// through the C Data Interface this may run the producer's release callback.
func (c *Column) Release() {
	if c.Refs.Add(-1) != 0 {
		return
	}
	for i := range c.Pieces {
		if c.Pieces[i].arr != nil && c.parents == nil {
			c.Pieces[i].arr.Release()
		}
	}
	for _, p := range c.parents {
		p.Release()
	}
	for _, p := range c.pagers {
		if c.parents == nil {
			p.Close()
		}
	}
	c.Pieces = nil
	c.own.Free()
}

// Own makes a column of a matrix of float32, or float64 if wide, in a slab, which it then
// owns.
func Own(own mem.Slab, rows, dim int, wide bool) *Column {
	c := &Column{Rows: rows, Dims: dim, own: own, isWide: wide}
	c.Refs.Store(1)
	if rows > 0 {
		c.Pieces = []Chunk{{n: rows, data: Numbers(&own, wide, 0, rows*dim)}}
	}
	return c
}

// Verify has l verify the numbers of a column of Own or OwnBits, whose slab lies in a mapped file,
// before they are first used. It must be called before anything else is done with the column.
func (c *Column) Verify(l *mem.Lazy) {
	for i := range c.Pieces {
		c.Pieces[i].data.lazy = l
	}
}

// Verified returns what Verify was given, nil if nothing.
func (c *Column) Verified() *mem.Lazy {
	if len(c.Pieces) == 0 {
		return nil
	}
	return c.Pieces[0].data.lazy
}

// Valid reports whether the row is not null. The row must be in range.
func (c *Column) Valid(row int) bool {
	ck := c.ChunkOf(row)
	return !ck.isNull(row - ck.Start)
}

// ChunkOf returns the chunk that holds a row: the last one that begins at the row or before.
func (c *Column) ChunkOf(row int) *Chunk {
	if len(c.Pieces) == 1 {
		return &c.Pieces[0]
	}
	i := sort.Search(len(c.Pieces), func(i int) bool { return c.Pieces[i].Start > row }) - 1
	return &c.Pieces[i]
}

// Row returns the row's Dim numbers as float32: a view of the column's own memory when it holds
// float32, else dst[:Dim] filled with converted numbers. dst must have room for Dim numbers. A
// null row's numbers are unspecified.
func (c *Column) Row(row int, dst []float32) []float32 {
	ck := c.ChunkOf(row)
	return ck.rows(row-ck.Start, 1, c.Dims, dst)
}

// Memory returns the bytes of a row where they lie; of a row that is not in memory, a copy. Those
// of a mapped file are not to be read from it: they may not be verified.
func (c *Column) Memory(row int) []byte {
	ck := c.ChunkOf(row)
	at := ck.at(row-ck.Start, c.Dims)
	if ck.pager != nil {
		own := make([]byte, c.Dims*ck.data.size())
		ck.read(at/c.Dims, 1, own)
		return own
	}
	return ck.data.bytes(at, at+c.Dims)
}

// Fetch asks for the first bytes (at most limit) of a row's memory ahead of its use.
func (c *Column) Fetch(row, limit int) {
	ck := c.ChunkOf(row)
	if ck.pager != nil {
		return
	}
	at := ck.at(row-ck.Start, c.Dims)
	b := ck.data.bytes(at, at+c.Dims)
	simd.Fetch(b[:min(len(b), limit)])
}

// FetchAhead is how many rows ahead of the one being measured are asked for.
const FetchAhead = 4

// Tile returns rows [from, from+n), which must lie in one chunk, as n*Dim numbers: a view where
// possible, else dst.
func (c *Column) Tile(from, n int, dst []float32) []float32 {
	ck := c.ChunkOf(from)
	return ck.rows(from-ck.Start, n, c.Dims, dst)
}

// TileEnd returns the end of the longest run of rows from `from` that lies in one chunk and is
// at most limit rows long.
func (c *Column) TileEnd(from, limit int) int {
	ck := c.ChunkOf(from)
	return min(from+limit, ck.Start+ck.n, c.Rows)
}

// Contiguous returns the whole column as one float32 matrix (Len x Dim, row-major) without a
// copy, if its memory is one and no row or number is null.
func (c *Column) Contiguous() ([]float32, bool) {
	if !c.Plain() {
		return nil, false
	}
	ck := &c.Pieces[0]
	return ck.data.floats(0, ck.n*c.Dims, nil), true
}

// FirstFloat returns the first number of a float32 column, to prove by its address that nothing
// was copied.
func (c *Column) FirstFloat() *float32 {
	if len(c.Pieces) == 0 || len(c.Pieces[0].data.f32) == 0 { // lists that are all null hold none
		return nil
	}
	return &c.Pieces[0].data.f32[0]
}

// Bytes returns the bytes of the vectors as they lie in memory.
func (c *Column) Bytes() int64 {
	var n int64
	for i := range c.Pieces {
		n += int64(c.Pieces[i].n) * int64(c.Dims) * int64(c.Pieces[i].data.size())
	}
	return n
}

// isNull reports whether a row of the chunk is null.
func (ck *Chunk) isNull(row int) bool {
	if !ck.nullAny {
		return false
	}
	return ck.starts != nil && ck.starts[row] == nowhere || ck.arr != nil && ck.arr.IsNull(row) ||
		ck.void != nil && mem.BitOf(ck.void, row)
}

// at returns where the row begins in the chunk's data, in elements.
func (ck *Chunk) at(row, dim int) int {
	if ck.starts != nil {
		return int(ck.starts[row])
	}
	return row * dim
}

func (ck *Chunk) rows(row, n, dim int, dst []float32) []float32 {
	if ck.pager != nil {
		return ck.pagedRows(row, n, dim, dst)
	}
	if ck.starts == nil {
		return ck.data.floats(row*dim, (row+n)*dim, dst)
	}
	for i := range n {
		out := dst[i*dim : (i+1)*dim]
		if ck.isNull(row + i) {
			clear(out)
			continue
		}
		at := int(ck.starts[row+i])
		copy(out, ck.data.floats(at, at+dim, out))
	}
	return dst[:n*dim]
}

// readChunk finds the vectors in an Arrow array. dim is what earlier chunks have, 0 if nothing.
func readChunk(a arrow.Array, start, dim int) (Chunk, int, error) {
	if e, ok := a.(array.ExtensionArray); ok {
		a = e.Storage()
	}
	ck := Chunk{arr: a, Start: start, n: a.Len(), nullAny: a.NullN() > 0}
	switch l := a.(type) {
	case *array.FixedSizeList:
		width := int64(l.DataType().(*arrow.FixedSizeListType).Len())
		return readFixed(ck, l.ListValues(), width, int64(l.Data().Offset()), dim)
	case *array.List:
		return readOffsets(ck, l.ListValues(), l.Offsets(), l.Data().Offset(), dim)
	case *array.LargeList:
		return readOffsets(ck, l.ListValues(), l.Offsets(), l.Data().Offset(), dim)
	case *array.FixedSizeBinary, *array.Binary, *array.LargeBinary:
		return readBits(ck, a, dim)
	case *array.String, *array.LargeString, *array.StringView:
		return ck, 0, fault.New(fault.ColumnError, "column", "the column holds text, not vectors",
			"parse the vectors first, or embed the texts")
	}
	return ck, 0, fault.New(fault.ColumnError, "column",
		fmt.Sprintf("a column of %s holds no vectors", a.DataType()),
		"use FixedSizeList, List or LargeList of float32, float64, float16, int8 or uint8")
}

func checkDim(width int64, dim int) error {
	switch {
	case width < 1:
		return fault.New(fault.InvalidVector, "column", "vectors of no dimensions",
			"every vector needs at least one number")
	case width > MaxDim:
		return fault.New(fault.LimitExceeded, "column",
			fmt.Sprintf("%d dimensions, at most %d are supported", width, MaxDim), "")
	case dim != 0 && int(width) != dim:
		return fault.New(fault.DimensionMismatch, "column",
			fmt.Sprintf("a chunk has %d dimensions, earlier ones have %d", width, dim),
			"all chunks need one width")
	}
	return nil
}

func readFixed(ck Chunk, child arrow.Array, width, offset int64, dim int) (Chunk, int, error) {
	if err := checkDim(width, dim); err != nil {
		return ck, 0, err
	}
	data, err := readElements(child)
	if err != nil {
		return ck, 0, err
	}
	hi, over := bits.Mul64(uint64(offset)+uint64(ck.n), uint64(width))
	if hi != 0 || over > uint64(data.count()) {
		return ck, 0, fault.New(fault.ColumnError, "column",
			fmt.Sprintf("the child array has %d values, %d rows of %d from row %d need more",
				data.count(), ck.n, width, offset), "the producer of this array is at fault")
	}
	from := int(offset * width)
	ck.data = data.slice(from, from+ck.n*int(width))
	ck.setElementNulls(child, from, ck.n*int(width))
	return ck, int(width), nil
}

func readOffsets[T int32 | int64](
	ck Chunk, child arrow.Array, offsets []T, offset, dim int,
) (Chunk, int, error) {
	data, err := readElements(child)
	if err != nil || ck.n == 0 {
		return ck, dim, err
	}
	if len(offsets) < offset+ck.n+1 {
		return ck, 0, fault.New(fault.ColumnError, "column",
			fmt.Sprintf("%d list offsets, %d rows need %d", len(offsets), ck.n, offset+ck.n+1),
			"the producer of this array is at fault")
	}
	offsets = offsets[offset : offset+ck.n+1]
	width, uniform := int64(dim), true
	for i := range ck.n {
		lo, hi := int64(offsets[i]), int64(offsets[i+1])
		if err := checkList(ck.Start+i, lo, hi, data.count()); err != nil {
			return ck, 0, err
		}
		uniform = uniform && lo == int64(offsets[0])+int64(i)*width
		if ck.arr.IsNull(i) {
			uniform = uniform && hi-lo == width
			continue
		}
		if hi == lo {
			return ck, 0, fault.At(fault.InvalidVector, "column", int64(ck.Start+i), -1,
				fmt.Sprintf("row %d has no numbers", ck.Start+i),
				"every vector needs at least one number; make the row null")
		}
		if width == 0 {
			width = hi - lo
			if err := checkDim(width, 0); err != nil {
				return ck, 0, err
			}
			uniform = lo == int64(offsets[0])+int64(i)*width
		}
		if hi-lo != width {
			return ck, 0, fault.At(fault.InvalidVector, "column", int64(ck.Start+i), -1,
				fmt.Sprintf("row %d has %d dimensions, rows before it have %d",
					ck.Start+i, hi-lo, width), "all vectors need one length")
		}
	}
	if uniform && width > 0 {
		from := int(offsets[0])
		ck.data = data.slice(from, from+ck.n*int(width))
		ck.setElementNulls(child, from, ck.n*int(width))
		return ck, int(width), nil
	}
	ck.starts = make([]int64, ck.n)
	for i := range ck.starts {
		ck.starts[i] = int64(offsets[i])
	}
	ck.data = data
	ck.setElementNulls(child, 0, data.count())
	return ck, int(width), nil
}

func checkList(row int, lo, hi int64, values int) error {
	if lo >= 0 && hi >= lo && hi <= int64(values) {
		return nil
	}
	return fault.At(fault.ColumnError, "column", int64(row), -1,
		fmt.Sprintf("row %d: list offsets %d to %d lie outside the %d values", row, lo, hi, values),
		"the producer of this array is at fault")
}

// RowBytes returns the bytes of a row's numbers as they lie in memory.
func (c *Column) RowBytes() int {
	if len(c.Pieces) == 0 {
		return 0
	}
	return c.Dims * c.Pieces[0].data.size()
}
