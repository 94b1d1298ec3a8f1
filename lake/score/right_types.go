package score

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ruvector/ruvector-arrow/fault"
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

type maker = func(schema.LogicalType, parquet.Type, int) schema.Node

var units = map[arrow.TimeUnit]schema.TimeUnitType{
	arrow.Second: schema.TimeUnitMillis, arrow.Millisecond: schema.TimeUnitMillis,
	arrow.Microsecond: schema.TimeUnitMicros, arrow.Nanosecond: schema.TimeUnitNanos,
}

// timeColumn writes times and timestamps; parquet has no seconds, these become milliseconds.
func timeColumn(f arrow.Field, chunks []arrow.Array, made maker) (rightColumn, error) {
	switch t := f.Type.(type) {
	case *arrow.Time32Type:
		scale := int32(1)
		if t.Unit == arrow.Second {
			scale = 1000
		}
		return build(made(schema.NewTimeLogicalType(false, units[t.Unit]), parquet.Types.Int32, -1),
			true, chunks, as(func(v arrow.Time32) int32 { return int32(v) * scale }))
	case *arrow.Time64Type:
		return build(made(schema.NewTimeLogicalType(false, units[t.Unit]), parquet.Types.Int64, -1),
			true, chunks, as(int64Of[arrow.Time64]))
	}
	t := f.Type.(*arrow.TimestampType)
	logical := schema.NewTimestampLogicalType(t.TimeZone != "", units[t.Unit])
	convert := int64Of[arrow.Timestamp]
	if t.Unit == arrow.Second {
		convert = func(v arrow.Timestamp) int64 { return int64(v) * 1000 }
		for _, a := range chunks {
			if err := fitsMillis(f.Name, a.(*array.Timestamp)); err != nil {
				return rightColumn{}, err
			}
		}
	}
	return build(made(logical, parquet.Types.Int64, -1), true, chunks, as(convert))
}

func fitsMillis(name string, a *array.Timestamp) error {
	for i := range a.Len() {
		if v := int64(a.Value(i)); !a.IsNull(i) && (v > math.MaxInt64/1000 || v < math.MinInt64/1000) {
			return fault.At(fault.ColumnError, op, int64(i), -1,
				fmt.Sprintf("column %q of right=: %d seconds are too many for milliseconds", name, v),
				"cast it first")
		}
	}
	return nil
}

// byteColumn writes values that are bytes.
func byteColumn(f arrow.Field, chunks []arrow.Array, made maker) (rightColumn, error) {
	k := parquet.Types
	text := made(schema.StringLogicalType{}, k.ByteArray, -1)
	bytes := made(none, k.ByteArray, -1)
	ofText := as(func(v string) parquet.ByteArray { return parquet.ByteArray(v) })
	ofBytes := as(func(v []byte) parquet.ByteArray { return v })
	switch t := f.Type.(type) {
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return build(text, true, chunks, ofText)
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType:
		return build(bytes, true, chunks, ofBytes)
	case *arrow.FixedSizeBinaryType:
		return build(made(none, k.FixedLenByteArray, t.ByteWidth), true, chunks,
			as(func(v []byte) parquet.FixedLenByteArray { return v }))
	case *arrow.Float16Type:
		return build(made(schema.Float16LogicalType{}, k.FixedLenByteArray, 2), true, chunks,
			as(func(v float16.Num) parquet.FixedLenByteArray { return v.ToLEBytes() }))
	case *arrow.Decimal128Type:
		if t.Precision < 1 || t.Precision > 38 || t.Scale < 0 || t.Scale > t.Precision {
			break
		}
		width := decimalWidth(t.Precision)
		return build(made(schema.NewDecimalLogicalType(t.Precision, t.Scale), k.FixedLenByteArray,
			width), true, chunks, decimalBytes(width))
	}
	return rightColumn{}, fault.New(fault.ColumnError, op,
		fmt.Sprintf("column %q of right= is %s, which is not written", f.Name, f.Type),
		"cast it to a flat type, or join it to the answer with pyarrow (ruvector[arrow])")
}

// decimalWidth is how many bytes hold every number of so many digits.
func decimalWidth(digits int32) int {
	return int(math.Ceil((float64(digits)*math.Log2(10) + 1) / 8))
}

// decimalBytes writes decimals as parquet stores them: the integer, big-endian.
func decimalBytes(width int) func(arrow.Array) func(int) parquet.FixedLenByteArray {
	return as(func(v decimal128.Num) parquet.FixedLenByteArray {
		out := make([]byte, width)
		high, low := uint64(v.HighBits()), v.LowBits()
		for i := width - 1; i >= 0; i-- {
			out[i] = byte(low)
			low = low>>8 | high<<56
			high = uint64(int64(high) >> 8)
		}
		return out
	})
}
