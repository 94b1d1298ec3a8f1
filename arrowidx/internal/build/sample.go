package build

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Sample is what k-means sees: rows rotated and rounded to int8, whole multiples of a step that
// each has. Products with centroids are then whole numbers, the same on every machine, and four
// times the rows fit into the memory.
type Sample struct {
	Rows   int
	Padded int
	Codes  []int8 // rows x padded, in an order that is random
	Step   []float32
}

// sampleBytes is what training needs for a row of the sample: its code, and its step, place, cell
// and place among the rows of the cell.
func sampleBytes(padded int) int64 { return int64(padded) + 16 }

// Of returns the code of row r.
func (s *Sample) Of(r int) []int8 { return s.Codes[r*s.Padded : (r+1)*s.Padded] }

// Put makes x row r.
func (s *Sample) Put(r int, x []float32) { s.Step[r] = simd.QuantizeInt8(s.Of(r), x) }

// Read writes row r to x.
func (s *Sample) Read(x []float32, r int) {
	simd.Int8ToF32(x, s.Of(r))
	simd.Scale(x, x, s.Step[r])
}

// Fetch asks for the memory of row r.
func (s *Sample) Fetch(r uint32) { simd.Fetch(arrow.Int8Traits.CastToBytes(s.Of(int(r)))) }

// sample reads the drawn rows, in the order of the column, which may not be in memory.
func (b *CellsBuild) sample(ctx context.Context, codes []byte) (*Sample, error) {
	rows := b.drawn[b.held:]
	s := &Sample{
		Rows: len(rows), Padded: b.Padded, Codes: arrow.Int8Traits.CastFromBytes(codes),
		Step: make([]float32, len(rows)),
	}
	rising := risingOrder(rows)
	step := TileRows(b.Padded)
	type worker struct {
		*Rotator
		rows []uint32
	}
	workers := make([]worker, b.Threads)
	err := mem.Parallel(ctx, "build", b.Threads, (len(rows)+step-1)/step, func(w, i int) error {
		e := &workers[w]
		if e.Rotator == nil {
			e.Rotator = NewRotator(b.Seg, b.Skip, b.Seg.Rows)
		}
		places := rising[i*step : min((i+1)*step, len(rows))]
		e.rows = e.rows[:0]
		for _, at := range places {
			e.rows = append(e.rows, rows[at])
		}
		e.List(b.Col, e.rows)
		for j, at := range places {
			s.Put(int(at), e.Rotator.Of(j))
		}
		return nil
	})
	return s, err
}
