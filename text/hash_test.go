package text

import (
	"context"
	"fmt"
	rand "math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
)

// layouts builds the same texts (nil is null) in every type, whole, sliced and in chunks.
func layouts(texts []*string) map[string][]arrow.Array {
	pool := memory.NewGoAllocator()
	fill := func(put func(string), null func()) {
		for _, t := range texts {
			if t == nil {
				null()
			} else {
				put(*t)
			}
		}
	}
	one := array.NewStringBuilder(pool)
	fill(one.Append, one.AppendNull)
	large := array.NewLargeStringBuilder(pool)
	fill(large.Append, large.AppendNull)
	view := array.NewStringViewBuilder(pool)
	fill(view.Append, view.AppendNull)
	dict := array.NewDictionaryBuilder(pool, &arrow.DictionaryType{
		IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String,
	}).(*array.BinaryDictionaryBuilder)
	fill(func(t string) { _ = dict.AppendString(t) }, dict.AppendNull)
	padded := array.NewStringBuilder(pool)
	padded.Append("before")
	fill(padded.Append, padded.AppendNull)
	padded.Append("behind")
	whole := one.NewArray()
	n := len(texts)
	out := map[string][]arrow.Array{
		"utf8": {whole}, "large_utf8": {large.NewArray()}, "utf8_view": {view.NewArray()},
		"dictionary": {dict.NewArray()},
		"slice":      {array.NewSlice(padded.NewArray(), 1, int64(n+1))},
		"chunks": {array.NewSlice(whole, 0, int64(n/3)), array.NewSlice(whole, int64(n/3),
			int64(n/3)), array.NewSlice(whole, int64(n/3), int64(n))},
	}
	out["of several types"] = []arrow.Array{array.NewSlice(out["utf8_view"][0], 0, int64(n/2)),
		array.NewSlice(whole, int64(n/2), int64(n))}
	return out
}

func randomTexts(r *rand.Rand, n int) []*string {
	texts := make([]*string, n)
	for i := range texts {
		if r.IntN(9) > 0 {
			t := strings.Repeat("täxt", r.IntN(9)) + fmt.Sprint(r.IntN(1000))
			texts[i] = &t
		}
	}
	return texts
}

func hashesOf(t *testing.T, chunks []arrow.Array) ([16]byte, []uint64) {
	t.Helper()
	texts, err := NewTexts(chunks)
	require.NoError(t, err)
	defer texts.Release()
	one, err := texts.Hash(t.Context(), 1)
	require.NoError(t, err)
	many, err := texts.Hash(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, one, many)
	rows := make([]uint64, 2*texts.Len())
	require.NoError(t, texts.HashRows(t.Context(), 0, rows, 77, 0))
	if n := texts.Len(); n > 10 {
		part := make([]uint64, 2*(n-7))
		require.NoError(t, texts.HashRows(t.Context(), 5, part, 77, 1))
		require.Equal(t, rows[10:10+len(part)], part)
	}
	return one, rows
}

func TestEqualTextsHaveEqualHashesInAnyLayout(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 2))
	for _, n := range []int{0, 1, 2, 40, hashTexts, 2*hashTexts + 33} {
		texts := randomTexts(r, n)
		var whole *[16]byte
		var each []uint64
		for name, chunks := range layouts(texts) {
			sum, rows := hashesOf(t, chunks)
			if whole == nil {
				whole, each = &sum, rows
			}
			require.Equal(t, *whole, sum, "%s of %d", name, n)
			require.Equal(t, each, rows, "%s of %d", name, n)
		}
		for i, text := range texts {
			require.Equal(t, text == nil, each[2*i] == 0 && each[2*i+1] == 0)
		}
	}
}

func TestEveryChangeOfTextsMakesAnotherHash(t *testing.T) {
	r := rand.New(rand.NewPCG(42, 2))
	texts := randomTexts(r, hashTexts+500)
	want, rows := hashesOf(t, layouts(texts)["utf8"])
	for range 30 {
		i := r.IntN(len(texts))
		before := texts[i]
		changed := "other"
		if texts[i] = &changed; before != nil && r.IntN(3) == 0 {
			texts[i] = nil
		}
		for name, chunks := range layouts(texts) {
			sum, now := hashesOf(t, chunks)
			require.NotEqual(t, want, sum, "%s text %d", name, i)
			require.NotEqual(t, rows[2*i:2*i+2], now[2*i:2*i+2])
			now[2*i], now[2*i+1] = rows[2*i], rows[2*i+1]
			require.Equal(t, rows, now)
		}
		texts[i] = before
	}
	str := func(in ...string) []*string {
		var out []*string
		for _, s := range in {
			out = append(out, &s)
		}
		return out
	}
	seen := map[[16]byte]string{}
	for name, texts := range map[string][]*string{
		"ab c": str("ab", "c"), "a bc": str("a", "bc"), "abc": str("abc"), "abc -": str("abc", ""),
		"abc null": {str("abc")[0], nil}, "null abc": {nil, str("abc")[0]}, "none": {},
		"null": {nil}, "empty": str(""), "two": str("", ""),
	} {
		sum, _ := hashesOf(t, layouts(texts)["large_utf8"])
		require.Empty(t, seen[sum], name)
		seen[sum] = name
	}
}

func TestBytesUnderNullTextsAreNotHashed(t *testing.T) {
	sums := map[[16]byte]bool{}
	for _, hidden := range []string{"xx", "yy", ""} {
		data := memory.NewBufferBytes([]byte("ab" + hidden + "c"))
		n := int32(2 + len(hidden))
		cuts := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{0, 2, n, n + 1}))
		valid := memory.NewBufferBytes([]byte{0b101})
		a := array.NewStringData(array.NewData(arrow.BinaryTypes.String, 3,
			[]*memory.Buffer{valid, cuts, data}, nil, 1, 0))
		sum, _ := hashesOf(t, []arrow.Array{a})
		sums[sum] = true
	}
	require.Len(t, sums, 1)
}

func TestASeedMakesOtherHashesOfRows(t *testing.T) {
	a, b := "a", "b"
	texts, err := NewTexts(layouts([]*string{&a, &b, nil})["utf8"])
	require.NoError(t, err)
	defer texts.Release()
	one, two := make([]uint64, 6), make([]uint64, 6)
	require.NoError(t, texts.HashRows(t.Context(), 0, one, 1, 0))
	require.NoError(t, texts.HashRows(t.Context(), 0, two, 2, 0))
	require.NotEqual(t, one[:4], two[:4])
	require.Equal(t, one[4:], two[4:])
	require.Error(t, texts.HashRows(t.Context(), 1, one, 1, 0))
	require.Error(t, texts.HashRows(t.Context(), -1, one[:2], 1, 0))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = texts.Hash(ctx, 0)
	require.ErrorContains(t, err, "cancel")
}

func BenchmarkHashTexts(b *testing.B) {
	r := rand.New(rand.NewPCG(43, 2))
	texts := randomTexts(r, 1<<17)
	for name, chunks := range layouts(texts) {
		b.Run(name, func(b *testing.B) {
			t, err := NewTexts(chunks)
			require.NoError(b, err)
			size := int64(0)
			for i := range t.Len() {
				size += int64(8 + len(t.At(i)))
			}
			b.SetBytes(size)
			for b.Loop() {
				_, _ = t.Hash(b.Context(), 1)
			}
		})
	}
}
