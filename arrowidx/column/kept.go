package column

import (
	"context"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// keptStep is how many rows are copied or looked at in one go.
const keptStep = 1024

// Kept returns the Arrow type of numbers in which a copy of all rows loses nothing: of packed bits
// FIXED_SIZE_BINARY (rows of Dim bytes), UINT8 where all numbers are that, which may be bits,
// FLOAT64 where some are, else FLOAT32.
func (c *Column) Kept() arrow.Type {
	bytes := len(c.Pieces) > 0
	for i := range c.Pieces {
		bytes = bytes && c.Pieces[i].data.kind == elemUint8 && c.Pieces[i].BadElem == nil
	}
	switch {
	case c.Bits:
		return arrow.FIXED_SIZE_BINARY
	case c.isWide:
		return arrow.FLOAT64
	case bytes:
		return arrow.UINT8
	}
	return arrow.FLOAT32
}

// KeptBytes returns the bytes of a row in the type of Kept.
func (c *Column) KeptBytes() int {
	switch c.Kept() {
	case arrow.FLOAT64:
		return 8 * c.Dims
	case arrow.FLOAT32:
		return 4 * c.Dims
	}
	return c.Dims
}

// CopyKept writes all rows as numbers of Kept to dst, of Len times KeptBytes; null rows are zeros,
// null numbers in others NaN.
//
// Errors: ColumnError where some rows are packed bits and others numbers, Cancelled, those of
// Pager.ReadRows.
func (c *Column) CopyKept(ctx context.Context, op string, dst []byte, threads int) error {
	kind := c.Kept()
	for i := range c.Pieces {
		if c.Bits && c.Pieces[i].data.kind != elemBits {
			return fault.New(fault.ColumnError, op, "some rows are packed bits, others numbers",
				"pass vectors of one type")
		}
	}
	steps, size := (c.Rows+keptStep-1)/keptStep, c.KeptBytes()
	return mem.Parallel(ctx, op, threads, steps, func(_, i int) error {
		from, end := i*keptStep, min((i+1)*keptStep, c.Rows)
		switch kind {
		case arrow.FLOAT32:
			c.copyRows(elements{kind: elemFloat32, f32: arrow.Float32Traits.CastFromBytes(dst)}, from, end)
			return nil
		case arrow.FLOAT64:
			c.copyWide(arrow.Float64Traits.CastFromBytes(dst), from, end)
			return nil
		}
		for from < end {
			to := min(c.TileEnd(from, keptStep), end)
			out := dst[from*size : to*size]
			copy(out, c.PackedRows(from, to-from, out))
			from = to
		}
		return nil
	})
}

// CheckFinite looks at every number.
//
// Errors: InvalidVector naming row and column of the first number that is NaN (or null) or
// infinite, and of the first null row (with no column); Cancelled; those of Pager.ReadRows.
func (c *Column) CheckFinite(ctx context.Context, op string, threads int) error {
	steps := (c.Rows + keptStep - 1) / keptStep
	return mem.Parallel(ctx, op, threads, steps, func(_, i int) error {
		from, end := i*keptStep, min((i+1)*keptStep, c.Rows)
		for r := from; c.nulls > 0 && r < end; r++ {
			if !c.Valid(r) {
				return fault.At(fault.InvalidVector, op, int64(r), -1,
					fmt.Sprintf("the vector of row %d is null", r), "leave the row out")
			}
		}
		if kind := c.Kept(); kind == arrow.FIXED_SIZE_BINARY || kind == arrow.UINT8 {
			return nil
		}
		return c.checkFinite(op, from, end)
	})
}

// checkFinite is CheckFinite for some rows, none of which is null.
func (c *Column) checkFinite(op string, from, end int) error {
	var tile []float32
	if !c.isWide {
		tile = make([]float32, (end-from)*c.Dims)
	}
	wide := make([]float64, c.Dims)
	for from < end {
		to := min(c.TileEnd(from, keptStep), end)
		ck := c.ChunkOf(from)
		if !c.isWide && ck.BadElem == nil {
			sum := simd.Norm16(c.Tile(from, to-from, tile))
			if !math.IsNaN(float64(sum)) && !math.IsInf(float64(sum), 0) {
				from = to
				continue
			}
		}
		for r := from; r < to; r++ {
			row := wide[:copy(wide, c.WideRow(r, wide))]
			null := ck.NullElement(r-ck.Start, c.Dims)
			for j, v := range row {
				what := "NaN"
				switch {
				case j == null:
					what = "null"
				case math.IsInf(v, 0):
					what = "infinity"
				case v == v:
					continue
				}
				return fault.At(fault.InvalidVector, op, int64(r), int64(j),
					fmt.Sprintf("row %d, column %d holds %s", r, j, what), "repair or drop the row")
			}
		}
		from = to
	}
	return nil
}
