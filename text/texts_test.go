package text

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

// long is longer than what a view holds in place.
const long = "a text longer than twelve bytes"

func largeStrings(texts ...string) arrow.Array {
	b := array.NewLargeStringBuilder(memory.DefaultAllocator)
	for _, text := range texts {
		b.Append(text)
	}
	return b.NewArray()
}

func columnOf(t *testing.T, texts ...string) *Texts {
	t.Helper()
	column, err := NewTexts([]arrow.Array{largeStrings(texts...)})
	require.NoError(t, err)
	return column
}

// fill appends texts, "-" as null, to a builder of any kind of text.
func fill(b interface {
	array.Builder
	AppendValueFromString(string) error
}, texts ...string) arrow.Array {
	for _, text := range texts {
		if text == "-" {
			b.AppendNull()
		} else if err := b.AppendValueFromString(text); err != nil {
			panic(err)
		}
	}
	return b.NewArray()
}

func dictionary(codes []int32, words ...string) arrow.Array {
	kind := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32,
		ValueType: arrow.BinaryTypes.String}
	numbers := array.NewInt32Builder(memory.DefaultAllocator)
	for _, code := range codes {
		if code == -1 {
			numbers.AppendNull()
		} else {
			numbers.Append(code)
		}
	}
	dict := fill(array.NewStringBuilder(memory.DefaultAllocator), words...)
	return array.NewDictionaryArray(kind, numbers.NewArray(), dict)
}

func TestAColumnOfTextsHasTheRowsOfItsChunks(t *testing.T) {
	m := memory.DefaultAllocator
	texts := []string{"x", "one", "-", long, "", "y"}
	chunks := []arrow.Array{
		fill(array.NewStringBuilder(m), texts...),
		fill(array.NewStringBuilder(m)),
		array.NewSlice(fill(array.NewLargeStringBuilder(m), texts...), 1, 5),
		array.NewSlice(fill(array.NewStringViewBuilder(m), texts...), 1, 5),
		dictionary([]int32{2, 0, -1, 1, 0}, "one", "-", long),
	}
	column, err := NewTexts(chunks)
	require.NoError(t, err)
	var got []string
	for row := range column.Len() {
		got = append(got, column.At(row))
	}
	require.Equal(t, []string{
		"x", "one", "", long, "", "y", "one", "", long, "", "one", "", long, "",
		long, "one", "", "", "one"}, got)
	column.Release()
	require.Zero(t, column.Len())
}

func TestArraysThatHoldNoTextsAreRefused(t *testing.T) {
	m := memory.DefaultAllocator
	numbers := array.NewInt64Builder(m).NewArray()
	_, err := NewTexts([]arrow.Array{largeStrings("a"), numbers})
	require.Equal(t, fault.ColumnError, fault.KindOf(err))
	require.ErrorContains(t, err, "int64 holds no texts; pass utf8")
	of := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32,
		ValueType: arrow.PrimitiveTypes.Int64}
	coded := array.NewDictionaryArray(of, array.NewInt32Builder(m).NewArray(), numbers)
	_, err = NewTexts([]arrow.Array{coded})
	require.Equal(t, fault.ColumnError, fault.KindOf(err))
}

func TestARowOutsideItsDictionaryIsNamed(t *testing.T) {
	of := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32,
		ValueType: arrow.BinaryTypes.String}
	codes := array.NewInt32Builder(memory.DefaultAllocator)
	codes.AppendValues([]int32{0, 1, 2}, nil)
	words := fill(array.NewStringBuilder(memory.DefaultAllocator), "a", "b")
	data := array.NewDataWithDictionary(of, 3, codes.NewArray().Data().Buffers(), 0, 0,
		words.Data().(*array.Data))
	_, err := NewTexts([]arrow.Array{largeStrings("a", "b"), array.NewDictionaryData(data)})
	require.Equal(t, fault.ColumnError, fault.KindOf(err))
	require.Equal(t, int64(4), err.(*fault.Error).Row)
	require.ErrorContains(t, err, "row 4 names text 2 of a dictionary of 2")
}

func TestArraysAreKeptUntilTheColumnLetsGo(t *testing.T) {
	checked := memory.NewCheckedAllocator(memory.DefaultAllocator)
	a := fill(array.NewStringBuilder(checked), "one", long)
	column, err := NewTexts([]arrow.Array{a})
	require.NoError(t, err)
	a.Release()
	require.Equal(t, long, column.At(1))
	column.Release()
	column.Release()
	checked.AssertSize(t, 0)
}

// chunksOf cuts texts into two arrays.
func chunksOf(texts []string) []arrow.Array {
	half := len(texts) / 2
	return []arrow.Array{largeStrings(texts[:half]...), largeStrings(texts[half:]...)}
}
