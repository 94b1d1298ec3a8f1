package column

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

// columnOfJSON makes a column of one array a text.
func columnOfJSON(t *testing.T, kind arrow.DataType, chunks ...string) *Column {
	var arrays []arrow.Array
	for _, c := range chunks {
		a, _, err := array.FromJSON(memory.DefaultAllocator, kind, strings.NewReader(c))
		require.NoError(t, err)
		arrays = append(arrays, a)
	}
	col, err := NewColumn(arrays)
	require.NoError(t, err)
	return col
}

func TestACopyKeepsEveryTypeThatLosesNothing(t *testing.T) {
	number := arrow.PrimitiveTypes
	for _, c := range []struct {
		name   string
		kind   arrow.DataType
		chunks []string
		want   arrow.Type
		bytes  []byte
	}{
		{"float32", arrow.ListOf(number.Float32), []string{"[[1], null]", "[[2]]"}, arrow.FLOAT32,
			arrow.Float32Traits.CastToBytes([]float32{1, 0, 2})},
		{"int8", arrow.FixedSizeListOf(1, number.Int8), []string{"[[-1]]"}, arrow.FLOAT32,
			arrow.Float32Traits.CastToBytes([]float32{-1})},
		{"float64", arrow.FixedSizeListOf(2, number.Float64), []string{"[[0.1, 3]]"}, arrow.FLOAT64,
			arrow.Float64Traits.CastToBytes([]float64{.1, 3})},
		{"uint8", arrow.LargeListOf(number.Uint8), []string{"[[1, 2]]", "[[3, 4], [5, 6]]"},
			arrow.UINT8, []byte{1, 2, 3, 4, 5, 6}},
		{"bits", &arrow.FixedSizeBinaryType{ByteWidth: 2}, []string{`["AAE="]`},
			arrow.FIXED_SIZE_BINARY, []byte{0, 1}},
	} {
		col := columnOfJSON(t, c.kind, c.chunks...)
		require.Equal(t, c.want, col.Kept(), c.name)
		require.Equal(t, len(c.bytes), col.Len()*col.KeptBytes(), c.name)
		got := make([]byte, len(c.bytes))
		require.NoError(t, col.CopyKept(t.Context(), "put", got, 2), c.name)
		assert.Equal(t, c.bytes, got, c.name)
	}
}

func TestTheFirstNumberThatIsNotFiniteIsNamed(t *testing.T) {
	list := arrow.ListOf(arrow.PrimitiveTypes.Float32)
	for _, c := range []struct {
		kind        arrow.DataType
		json        string
		row, column int64
		says        string
	}{
		{arrow.ListOf(arrow.FixedWidthTypes.Float16), "[[1, 2], [3, 1e5]]", 1, 1, "infinity"},
		{list, "[[1, 2], [null, 2]]", 1, 0, "null"},
		{list, "[[1, 2], null, [null, 2]]", 1, -1, "row 1 is null"},
		{arrow.ListOf(arrow.PrimitiveTypes.Float64), "[[1, 2], [3, null]]", 1, 1, "null"},
		{list, "[[1, 2], [3, 3e38]]", -1, -1, ""},
		{arrow.ListOf(arrow.PrimitiveTypes.Uint8), "[[1, 2]]", -1, -1, ""},
	} {
		err := columnOfJSON(t, c.kind, c.json).CheckFinite(t.Context(), "put", 1)
		if c.says == "" {
			assert.NoError(t, err, c.json)
			continue
		}
		var e *fault.Error
		require.ErrorAs(t, err, &e, c.json)
		assert.Equal(t, fault.InvalidVector, e.Kind)
		assert.Equal(t, [2]int64{c.row, c.column}, [2]int64{e.Row, e.Column}, c.json)
		assert.Contains(t, e.Msg, c.says)
	}
}
