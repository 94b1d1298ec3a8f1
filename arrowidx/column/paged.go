package column

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Pager reads rows of vectors that are not in memory, for example from files. Safe for concurrent
// use. Its errors are of this module's kinds.
type Pager interface {
	// ReadRows writes the numbers of rows [from, from+n) to dst one row after the other, each as
	// it lies in memory (little endian). Null rows are any numbers.
	ReadRows(from, n int, dst []byte) error
	// Unchanged looks whether at least n of the places that rows come from (all, if n is negative)
	// are what they were when the pager was made.
	//
	// Errors: VectorsChanged, FileMissing, PersistError, each naming the place.
	Unchanged(n int) error
	// Where says in words where the rows are.
	Where() string
	// Close is called once, by the last Release of the column.
	Close()
}

// Paged describes a column whose rows a Pager reads.
type Paged struct {
	Rows int
	Dim  int // numbers of a row
	// Number is the Arrow type of the numbers: Float32, Float64, Float16, Int8 or Uint8; or
	// FixedSizeBinary, rows of packed bits of Dim bytes.
	Number arrow.Type
	Nulls  []uint32 // rows that are null, one bit a row; nil: none
}

// NewPaged makes a column whose rows are read from p where they are asked for, and which are never
// all in memory. It takes p over: the last Release closes it, as does an error. Row, Tile and their
// like have no error to return: what p returns is raised (see fault.Caught).
//
// Errors: ColumnError for other types of numbers, LimitExceeded above MaxDim or MaxRows.
func NewPaged(p Pager, is Paged) (*Column, error) {
	kind, ok := numberKinds[is.Number]
	err := checkDim(int64(is.Dim), 0)
	switch {
	case !ok:
		err = fault.New(fault.ColumnError, "column",
			fmt.Sprintf("vectors of %s are not supported", is.Number), "cast them to float32")
	case is.Rows == 0:
		err = nil
	case err == nil && is.Rows > MaxRows:
		err = fault.New(fault.LimitExceeded, "column",
			fmt.Sprintf("%d rows in one column", is.Rows), "index in parts")
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	c := &Column{
		Rows: is.Rows, Dims: is.Dim, nulls: mem.CountBits(is.Nulls), Bits: kind == elemBits,
		isWide: kind == elemFloat64, pagers: []*cached{{Pager: p}},
	}
	c.Refs.Store(1)
	if is.Rows > 0 {
		c.Pieces = []Chunk{{
			n: is.Rows, data: elements{kind: kind}, nullAny: c.nulls > 0, void: is.Nulls,
			pager: c.pagers[0],
		}}
	}
	return c, nil
}

var numberKinds = map[arrow.Type]elemKind{
	arrow.FLOAT32: elemFloat32, arrow.FLOAT64: elemFloat64, arrow.FLOAT16: elemFloat16,
	arrow.INT8: elemInt8, arrow.UINT8: elemUint8, arrow.FIXED_SIZE_BINARY: elemBits,
}

// Paged reports whether some rows are read from elsewhere when they are asked for: each costs far
// more than one in memory, and less where rows are asked for in rising order.
func (c *Column) Paged() bool { return c != nil && len(c.pagers) > 0 }

// Where says where rows lie that are not in memory, "" if all are in memory.
func (c *Column) Where() string {
	if !c.Paged() {
		return ""
	}
	return c.pagers[0].Where()
}

// Unchanged looks whether n of the places that rows are read from (all, if n is negative) are what
// they were.
//
// Errors: those of Pager.Unchanged.
func (c *Column) Unchanged(n int) error {
	for _, p := range c.pagers {
		if err := p.Unchanged(n); err != nil {
			return err
		}
	}
	return nil
}

// Ahead is how many rows Bring has room for.
func (c *Column) Ahead() int { return rowCacheBytes / max(c.RowBytes(), 1) * 3 / 4 }

// Bring reads the rows, which rise, so that they are at hand when they are read one by one. It
// changes nothing but how long that takes; of more rows than there is room for it reads the first.
//
// Errors: Cancelled, those of Pager.ReadRows.
func (c *Column) Bring(ctx context.Context, op string, rows []uint32, threads int) error {
	size := c.RowBytes()
	rows = rows[:min(len(rows), c.Ahead())]
	step := max(min(len(rows)/(4*threads), 64), 1)
	return mem.Parallel(ctx, op, threads, (len(rows)+step-1)/step, func(_, i int) error {
		memory := make([]byte, size)
		for _, row := range rows[i*step : min((i+1)*step, len(rows))] {
			ck := c.ChunkOf(int(row))
			if ck.pager != nil {
				ck.read(ck.at(int(row)-ck.Start, c.Dims)/c.Dims, 1, memory)
			}
		}
		return nil
	})
}

// read has the pager write rows to dst, which is theirs exactly, or raises its error.
func (ck *Chunk) read(row, n int, dst []byte) {
	if n == 1 && ck.pager.cache.get(row, dst) {
		return
	}
	if err := ck.pager.ReadRows(row, n, dst); err != nil {
		fault.Raise("column", err)
	}
	if n == 1 {
		ck.pager.cache.put(row, dst)
	}
}

// cached is a pager with the rows that were read one by one.
type cached struct {
	Pager
	cache rowCache
}

// spare keeps memory for rows that are converted.
var spare = sync.Pool{New: func() any { return new([]byte) }}

// page has the pager read n rows of dim numbers, as elements that are good until the next call with
// that memory.
func (ck *Chunk) page(row, n, dim int, memory *[]byte) elements {
	*memory = mem.Grow(*memory, n*dim*ck.data.size())
	ck.read(row, n, *memory)
	return asElements(ck.data.kind, *memory)
}

// asElements is a run of numbers in memory of bytes.
func asElements(kind elemKind, b []byte) elements {
	e := elements{kind: kind}
	switch kind {
	case elemFloat64:
		e.f64 = arrow.Float64Traits.CastFromBytes(b)
	case elemFloat16:
		e.f16 = arrow.Uint16Traits.CastFromBytes(b)
	case elemInt8:
		e.i8 = arrow.Int8Traits.CastFromBytes(b)
	case elemUint8, elemBits:
		e.u8 = b
	default:
		e.f32 = arrow.Float32Traits.CastFromBytes(b)
	}
	return e
}

// pagedRows is rows for a chunk that is not in memory: always dst.
func (ck *Chunk) pagedRows(row, n, dim int, dst []float32) []float32 {
	dst = dst[:n*dim]
	if ck.starts != nil {
		for i := range n {
			out := dst[i*dim : (i+1)*dim]
			if at := ck.starts[row+i]; at == nowhere {
				clear(out)
			} else {
				ck.readFloats(int(at)/dim, 1, dim, out)
			}
		}
		return dst
	}
	ck.readFloats(row, n, dim, dst)
	return dst
}

func (ck *Chunk) readFloats(row, n, dim int, dst []float32) {
	if ck.data.kind == elemFloat32 {
		ck.read(row, n, arrow.Float32Traits.CastToBytes(dst))
		return
	}
	memory := spare.Get().(*[]byte)
	defer spare.Put(memory)
	e := ck.page(row, n, dim, memory)
	e.floats(0, n*dim, dst)
}

// pagedWide is WideRow for a chunk that is not in memory: always dst.
func (ck *Chunk) pagedWide(row, dim int, dst []float64) []float64 {
	row, dst = ck.at(row, dim)/dim, dst[:dim]
	if ck.data.kind == elemFloat64 {
		ck.read(row, 1, arrow.Float64Traits.CastToBytes(dst))
		return dst
	}
	memory := spare.Get().(*[]byte)
	defer spare.Put(memory)
	e := ck.page(row, 1, dim, memory)
	return e.wide(0, dim, dst)
}

// pagedBits is PackedRows for a chunk that is not in memory: always dst.
func (ck *Chunk) pagedBits(row, n, width int, dst []byte) []byte {
	dst = dst[:n*width]
	if ck.starts == nil {
		ck.read(row, n, dst)
		return dst
	}
	for i := range n {
		if out := dst[i*width : (i+1)*width]; ck.isNull(row + i) {
			clear(out)
		} else {
			ck.read(int(ck.starts[row+i])/width, 1, out)
		}
	}
	return dst
}

// brought returns rows [lo, hi) as a chunk in memory.
func (ck *Chunk) brought(lo, hi, dim int) *Chunk {
	own := &Chunk{Start: ck.Start + lo, n: hi - lo}
	memory := make([]byte, own.n*dim*ck.data.size())
	if ck.starts == nil {
		ck.read(lo, own.n, memory)
	} else {
		size := dim * ck.data.size()
		for i := range own.n {
			if at := ck.starts[lo+i]; at != nowhere {
				ck.read(int(at)/dim, 1, memory[i*size:(i+1)*size])
			}
		}
	}
	own.data = asElements(ck.data.kind, memory)
	if own.nullAny = ck.nullAny; own.nullAny {
		own.starts = make([]int64, own.n)
		for i := range own.starts {
			if own.starts[i] = int64(i * dim); ck.isNull(lo + i) {
				own.starts[i] = nowhere
			}
		}
	}
	return own
}

// Pager returns what reads the rows that are not in memory, nil where all are.
func (c *Column) Pager() Pager {
	if !c.Paged() {
		return nil
	}
	return c.pagers[0].Pager
}

// addPagers notes the pagers of a column whose rows are shown here.
func (c *Column) addPagers(shown *Column) {
	for _, p := range shown.pagers {
		if !slices.Contains(c.pagers, p) {
			c.pagers = append(c.pagers, p)
		}
	}
}
