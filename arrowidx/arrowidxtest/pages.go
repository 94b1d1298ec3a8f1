package arrowidxtest

import (
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// Pages reads rows of an Arrow array as if they were not in memory. Safe for concurrent use.
type Pages struct {
	data []byte
	row  int // bytes of a row

	Read   atomic.Int64 // rows read
	Steps  atomic.Int64 // reads that did not begin where or after another began
	Closed atomic.Int64
	last   atomic.Int64

	Fail    func(from, n int) error // of reading; nil: none
	Changed func() error            // what is found out about the place; nil: nothing
}

// ReadRows copies rows.
func (p *Pages) ReadRows(from, n int, dst []byte) error {
	if p.Fail != nil {
		if err := p.Fail(from, n); err != nil {
			return err
		}
	}
	p.Read.Add(int64(n))
	if p.last.Swap(int64(from)) > int64(from) {
		p.Steps.Add(1)
	}
	if copy(dst, p.data[from*p.row:(from+n)*p.row]) != n*p.row || len(dst) != n*p.row {
		panic("the memory does not fit the rows")
	}
	return nil
}

// Unchanged says what Changed does.
func (p *Pages) Unchanged(int) error {
	if p.Changed == nil {
		return nil
	}
	return p.Changed()
}

// Where is a place.
func (p *Pages) Where() string { return "a test" }

// Close counts.
func (p *Pages) Close() { p.Closed.Add(1) }

// Paged makes a column of the rows of a fixed size list, or of bytes of fixed size, that Pages
// reads.
func Paged(t testing.TB, a arrow.Array) (*arrowidx.Column, *Pages) {
	t.Helper()
	is := arrowidx.Paged{Rows: a.Len(), Number: arrow.FIXED_SIZE_BINARY}
	p := &Pages{}
	switch list := a.(type) {
	case *array.FixedSizeList:
		is.Dim = int(list.DataType().(*arrow.FixedSizeListType).Len())
		is.Number = list.ListValues().DataType().ID()
		p.row = is.Dim * list.ListValues().DataType().(arrow.FixedWidthDataType).BitWidth() / 8
		p.data = list.ListValues().Data().Buffers()[1].Bytes()
	case *array.FixedSizeBinary:
		is.Dim = list.DataType().(*arrow.FixedSizeBinaryType).ByteWidth
		p.row, p.data = is.Dim, list.Data().Buffers()[1].Bytes()
	}
	if a.NullN() > 0 {
		is.Nulls = make([]uint32, (a.Len()+31)/32)
		for i := range a.Len() {
			if a.IsNull(i) {
				is.Nulls[i/32] |= 1 << (i % 32)
			}
		}
	}
	col, err := arrowidx.NewPagedColumn(p, is)
	if err != nil {
		t.Fatal(err)
	}
	return col, p
}
