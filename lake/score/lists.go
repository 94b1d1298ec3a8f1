package score

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	lake "github.com/ruvector/ruvector-arrow/lake/parquet"
)

// pageCache is how many bytes of decoded pages are kept; rows come one after another.
const pageCache = 8 << 20

// stored is the vectors of a column of the input.
type stored struct {
	p       *Part
	vectors *lake.Vectors
	n       int    // numbers of a vector, of packed bits its bytes
	bits    []byte // of validity
	raw     []byte // numbers as stored, where the engine takes others
	form
}

// form is how vectors lie in a batch and are passed to the engine.
type form interface {
	width() int
	ask(b *batch, p *arrowidx.SearchParams)
}

// packed are vectors of bits, so many bytes each.
type packed struct{ n int }

func (f packed) width() int { return f.n }

func (f packed) ask(b *batch, p *arrowidx.SearchParams) { p.Bits = b.vectors.Mem[:b.queries*f.n] }

// vectorColumn finds the column of vectors, which must have the dimensions of the index.
func (p *Part) vectorColumn(ctx context.Context) (asked, error) {
	binary, dim := p.index.Metric().Binary(), p.index.Dim()
	if binary {
		dim /= 8
	}
	known := p.options.Dim
	if known == 0 && binary {
		known = dim
	}
	options := lake.Options{Dim: known, Type: p.options.Type, Cache: pageCache,
		Only: [2]int{p.group, p.end}}
	if binary {
		options.Type = lake.Uint8
	}
	v, err := p.in.file.Vectors(ctx, p.options.On, options)
	if err != nil {
		return nil, p.in.named(err)
	}
	s := &stored{p: p, vectors: v, n: v.Dim()}
	if dim == 0 {
		dim = s.n
	}
	if s.n != 0 && s.n != dim {
		unit := "dimensions"
		if binary {
			unit = "bytes a row"
		}
		return nil, fault.New(fault.DimensionMismatch, op,
			fmt.Sprintf("%s: column %q has vectors of %d %s, the index %d", p.in.Name(),
				p.options.On, s.n, unit, dim), "embed both with the same model")
	}
	s.n = dim
	switch {
	case binary && v.Type() != lake.Uint8:
		return nil, fault.New(fault.ColumnError, op,
			fmt.Sprintf("%s: column %q holds %s, the index compares packed bits", p.in.Name(),
				p.options.On, v.Type()), "name a column of bytes")
	case binary:
		s.form = packed{dim}
	case v.Type() == lake.Float64:
		s.form = wide{dim}
	default:
		s.form = floats{dim}
	}
	return s, nil
}

func (s *stored) dim() int { return s.n }

func (s *stored) close() error { return nil }

func (s *stored) read(ctx context.Context, b *batch) error {
	size := b.n * s.vectors.RowBytes()
	s.bits = sized(s.bits, (b.n+7)/8)
	to := b.vectors.Mem
	if direct := s.vectors.RowBytes() == s.width(); direct {
		to = to[:size]
	} else {
		s.raw = sized(s.raw, size)
		to = s.raw
	}
	if err := s.vectors.ReadRows(ctx, b.first, int64(b.n), to, s.bits); err != nil {
		return s.p.in.named(err)
	}
	for row := range b.n {
		b.valid[row] = s.bits[row/8]>>(row%8)&1 == 1
	}
	b.ask()
	if b.asked != nil {
		squeeze(to, s.vectors.RowBytes(), b.asked)
	}
	if s.vectors.RowBytes() == s.width() {
		return nil
	}
	return s.convert(b, to[:b.queries*s.vectors.RowBytes()])
}

// squeeze moves rows, of so many bytes, to the beginning.
func squeeze(rows []byte, size int, which []int) {
	for to, from := range which {
		if to != from {
			copy(rows[to*size:(to+1)*size], rows[from*size:(from+1)*size])
		}
	}
}

var elements = map[lake.Element]arrow.DataType{
	lake.Float16: arrow.FixedWidthTypes.Float16, lake.Int8: arrow.PrimitiveTypes.Int8,
	lake.Uint8: arrow.PrimitiveTypes.Uint8,
}

// convert turns the queries into float32.
func (s *stored) convert(b *batch, raw []byte) error {
	if b.queries == 0 {
		return nil
	}
	kind := elements[s.vectors.Type()]
	numbers := array.NewData(kind, b.queries*s.n,
		[]*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0)
	defer numbers.Release()
	list := array.NewData(arrow.FixedSizeListOf(int32(s.n), kind), b.queries,
		[]*memory.Buffer{nil}, []arrow.ArrayData{numbers}, 0, 0)
	defer list.Release()
	rows := array.NewFixedSizeListData(list)
	defer rows.Release()
	c, err := arrowidx.NewColumn([]arrow.Array{rows})
	if err != nil {
		return err
	}
	defer c.Release()
	c.CopyTo(b.vectors.Floats()[:b.queries*s.n])
	return nil
}
