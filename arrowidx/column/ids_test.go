package column_test

import (
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
)

// numbersOf makes an Arrow array of the type from the text of its numbers; "null" is null.
func numbersOf(t *testing.T, kind arrow.DataType, text ...string) arrow.Array {
	t.Helper()
	b := array.NewBuilder(memory.DefaultAllocator, kind)
	defer b.Release()
	for _, s := range text {
		if s == "null" {
			b.AppendNull()
			continue
		}
		require.NoError(t, b.AppendValueFromString(s))
	}
	return b.NewArray()
}

func idsOf(t *testing.T, a arrow.Array) *column.IDs {
	t.Helper()
	ids, err := column.NewIDs(a)
	require.NoError(t, err)
	return ids
}

func TestEveryIntegerTypeKeepsItsExtremes(t *testing.T) {
	p := arrow.PrimitiveTypes
	for _, c := range []struct {
		kind arrow.DataType
		want column.IDKind
		text []string
	}{
		{p.Int8, column.IDInt64, []string{"-128", "0", "127"}},
		{p.Int16, column.IDInt64, []string{"-32768", "32767"}},
		{p.Int32, column.IDInt64, []string{"-2147483648", "2147483647"}},
		{p.Int64, column.IDInt64, []string{"-9223372036854775808", "9223372036854775807", "-1"}},
		{p.Uint8, column.IDInt64, []string{"0", "255"}},
		{p.Uint16, column.IDInt64, []string{"65535"}},
		{p.Uint32, column.IDInt64, []string{"4294967295"}},
		{p.Uint64, column.IDUint64, []string{"0", "18446744073709551615", "9007199254740993"}},
	} {
		a := numbersOf(t, c.kind, c.text...)
		ids := idsOf(t, a)
		require.Equal(t, c.want, ids.Kind(), c.kind)
		rows, err := ids.Lookup(a)
		require.NoError(t, err)
		for i, name := range c.text {
			require.Equal(t, name, ids.Name(int64(i)))
			require.EqualValues(t, i, rows[i])
		}
	}
}

func TestNumbersAreFoundAcrossIntegerTypes(t *testing.T) {
	p := arrow.PrimitiveTypes
	ids := idsOf(t, numbersOf(t, p.Int64, "7", "-7", "300"))
	for _, c := range []struct {
		kind arrow.DataType
		text []string
		want []int64
	}{
		{p.Uint8, []string{"7", "255", "null"}, []int64{0, -1, -1}},
		{p.Int8, []string{"-7", "7"}, []int64{1, 0}},
		{p.Uint64, []string{"300", "18446744073709551609"}, []int64{2, -1}}, // 2^64 - 7 is not -7
		{p.Int32, nil, []int64{}},
	} {
		rows, err := ids.Lookup(numbersOf(t, c.kind, c.text...))
		require.NoError(t, err)
		require.Equal(t, c.want, rows, c.kind)
	}
}

func TestPositionsAreFoundByAnyInteger(t *testing.T) {
	ids := column.PositionIDs(5)
	p := arrow.PrimitiveTypes
	rows, err := ids.Lookup(numbersOf(t, p.Int64, "0", "4", "5", "-1", "null"))
	require.NoError(t, err)
	require.Equal(t, []int64{0, 4, -1, -1, -1}, rows)
	rows, err = ids.Lookup(numbersOf(t, p.Uint64, "4", "18446744073709551615"))
	require.NoError(t, err)
	require.Equal(t, []int64{4, -1}, rows)
	require.Equal(t, "3", ids.Name(3))
}

func TestNoRowsHaveNoIDOfAnyType(t *testing.T) {
	none := map[string]*column.IDs{
		"positions": column.PositionIDs(0),
		"numbers":   idsOf(t, numbersOf(t, arrow.PrimitiveTypes.Uint64)),
		"texts":     idsOf(t, numbersOf(t, arrow.BinaryTypes.String)),
	}
	for name, ids := range none {
		for _, kind := range []arrow.DataType{
			arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint64, arrow.BinaryTypes.String,
		} {
			rows, err := ids.Lookup(numbersOf(t, kind, "7", "null", "0"))
			require.NoError(t, err, "%s asked for %s", name, kind)
			require.Equal(t, []int64{-1, -1, -1}, rows, "%s asked for %s", name, kind)
		}
	}
}

func TestEveryStringTypeKeepsItsText(t *testing.T) {
	text := []string{"", "a", "é", "日本語", "a\x00b", strings.Repeat("long ", 100), `"quoted"`}
	for _, kind := range []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString,
		arrow.BinaryTypes.StringView} {
		a := numbersOf(t, kind, text...)
		ids := idsOf(t, a)
		require.Equal(t, column.IDString, ids.Kind())
		rows, err := ids.Lookup(numbersOf(t, arrow.BinaryTypes.LargeString, text...))
		require.NoError(t, err)
		for i := range text {
			require.EqualValues(t, i, rows[i], "%s: %q", kind, text[i])
		}
		rows, err = ids.Lookup(numbersOf(t, arrow.BinaryTypes.String, "A", "a ", "null"))
		require.NoError(t, err)
		require.Equal(t, []int64{-1, -1, -1}, rows)
		slice := idsOf(t, array.NewSlice(a, 2, 4))
		require.Equal(t, `"é"`, slice.Name(0), "a slice begins where it says")
		require.Equal(t, 2, slice.Len())
	}
}

func TestBadIDsAreNamedByRow(t *testing.T) {
	p := arrow.PrimitiveTypes
	broken := array.NewStringBuilder(memory.DefaultAllocator)
	broken.AppendValues([]string{"fine", "fine too", "\xff\xfe"}, nil)
	for name, c := range map[string]struct {
		a    arrow.Array
		kind arrowidx.ErrorKind
		row  int64
	}{
		"null":       {numbersOf(t, p.Int64, "1", "null", "3"), fault.InvalidArgument, 1},
		"null text":  {numbersOf(t, arrow.BinaryTypes.String, "null"), fault.InvalidArgument, 0},
		"twice":      {numbersOf(t, p.Uint8, "1", "2", "3", "2", "1"), fault.DuplicateID, 3},
		"text twice": {numbersOf(t, arrow.BinaryTypes.String, "", "a", ""), fault.DuplicateID, 2},
		"float":      {numbersOf(t, p.Float64, "1"), fault.InvalidArgument, -1},
		"bool": {numbersOf(t, arrow.FixedWidthTypes.Boolean, "true"),
			fault.InvalidArgument, -1},
		"not UTF-8": {broken.NewArray(), fault.InvalidArgument, 2},
		"list of texts": {arrowidxtest.FixedSizeList([]float32{1}, 1, nil),
			fault.InvalidArgument, -1},
	} {
		_, err := column.NewIDs(c.a)
		var e *fault.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, c.kind, e.Kind, name)
		require.Equal(t, c.row, e.Row, name)
		require.NotEmpty(t, e.Fix, name)
	}
}

func TestRowsBecomeTheirNumbers(t *testing.T) {
	const none = math.MaxUint64
	for name, ids := range arrowidxtest.EveryIDs(t, 4) {
		rows := []int64{3, -1, 0}
		ids.Numbers(rows, none)
		want := map[string][]int64{
			"positions": {3, -1, 0},
			"int64":     {math.MinInt64 + 3*997, -1, math.MinInt64},
			"uint64":    {-1 - 3*991, -1, -1}, // the bits of 2^64 - 1 - 991 i
			"string":    {3, -1, 0},
		}[name]
		require.Equal(t, want, rows, name)
	}
}

func TestIDsAreArraysAgain(t *testing.T) {
	for name, ids := range arrowidxtest.EveryIDs(t, 50) {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		a := ids.Array(mem)
		require.Equal(t, 50, a.Len(), name)
		require.Zero(t, a.NullN())
		if name != "positions" {
			again := idsOf(t, a)
			require.Equal(t, ids.Kind(), again.Kind())
			for i := range int64(50) {
				require.Equal(t, ids.Name(i), again.Name(i))
			}
		}
		a.Release()
		mem.AssertSize(t, 0)
	}
}

func TestManyGoroutinesLookUpAtOnce(t *testing.T) {
	ids := arrowidxtest.EveryIDs(t, 1000)["string"]
	ask := ids.Array(memory.DefaultAllocator)
	fresh := idsOf(t, ask) // its table is made by the first look-up
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			rows, err := fresh.Lookup(ask)
			if err != nil || rows[999] != 999 {
				t.Errorf("row %v, error %v", rows, err)
			}
		})
	}
	wg.Wait()
}
