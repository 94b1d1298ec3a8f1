package arrowidx_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// hashOf hashes on one thread and on several, which is the same.
func hashOf(t testing.TB, col *arrowidx.Column) [16]byte {
	t.Helper()
	one, err := col.Hash(t.Context(), 1)
	require.NoError(t, err)
	many, err := col.Hash(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, one, many)
	return one
}

func TestOneBitOfAnyRowMakesAnotherHash(t *testing.T) {
	const n, d = 5000, 64 // more than one shard of float32
	r := arrowidxtest.Rand(t, 930)
	rows := make([]float32, n*d)
	for i := range rows {
		rows[i] = float32(r.IntN(100))
	}
	for _, valid := range [][]bool{nil, holes(r, n)} {
		for name, a := range arrowidxtest.Layouts(rows, d, valid) {
			col := arrowidxtest.ColumnOf(t, a)
			want := hashOf(t, col)
			b := a.Data().Children()[0].Buffers()[1].Bytes()
			list, ok := a.(*array.FixedSizeList)
			for range 40 {
				at := r.IntN(len(b))
				if ok && valid != nil && !list.IsValid(at*n/len(b)) {
					continue
				}
				bit := byte(1) << r.IntN(8)
				b[at] ^= bit
				require.NotEqual(t, want, hashOf(t, col), "%s byte %d", name, at)
				b[at] ^= bit
			}
			require.Equal(t, want, hashOf(t, col), name)
			col.Release()
		}
	}
}

func TestValidityOfRowsAndOfNumbersIsHashed(t *testing.T) {
	const n, d = 700, 3
	r := arrowidxtest.Rand(t, 931)
	rows := wholeRows(t, n, d)
	seen := map[[16]byte]string{}
	note := func(name string, a ...arrow.Array) {
		col := arrowidxtest.ColumnOf(t, a...)
		defer col.Release()
		hash := hashOf(t, col)
		require.NotContains(t, seen, hash, "%s and %s", name, seen[hash])
		seen[hash] = name
	}
	note("all there", arrowidxtest.FixedSizeList(rows, d, nil))
	for _, row := range []int{0, 1, 350, n - 1} {
		valid := slices.Repeat([]bool{true}, n)
		valid[row] = false
		note(fmt.Sprint("row ", row), arrowidxtest.FixedSizeList(rows, d, valid))
	}
	for _, at := range []int{0, 1, d, 1000, n*d - 1, r.IntN(n * d)} {
		whole := withoutNumber(rows, d, at)
		note(fmt.Sprint("number ", at), whole)
		col := arrowidxtest.ColumnOf(t, whole)
		pieces := arrowidxtest.ColumnOf(t, pieces(r, whole)...)
		require.Equal(t, hashOf(t, col), hashOf(t, pieces), "however chunked")
		col.Release()
		pieces.Release()
	}
}

// withoutNumber is rows of d numbers of which one is null.
func withoutNumber(rows []float32, d, at int) arrow.Array {
	child := arrowidxtest.FixedSizeList(rows, d, nil).ListValues().Data()
	bitmap := slices.Repeat([]byte{0xFF}, int(bitutil.BytesForBits(int64(len(rows)))))
	bitutil.ClearBit(bitmap, at)
	data := array.NewData(arrow.PrimitiveTypes.Float32, len(rows),
		[]*memory.Buffer{memory.NewBufferBytes(bitmap), child.Buffers()[1]}, nil, 1, 0)
	return array.NewFixedSizeListData(array.NewData(
		arrow.FixedSizeListOf(int32(d), arrow.PrimitiveTypes.Float32), len(rows)/d,
		[]*memory.Buffer{nil}, []arrow.ArrayData{data}, 0, 0))
}

func TestHashesDoNotDependOnChunksOfShardsEither(t *testing.T) {
	const n, d = 9000, 40
	r := arrowidxtest.Rand(t, 932)
	rows := arrowidxtest.Gaussian(r, n, d)
	for _, valid := range [][]bool{nil, holes(r, n)} {
		for _, name := range []string{"fixed float32", "list float32", "large float64"} {
			a := arrowidxtest.Layouts(rows, d, valid)[name]
			col := arrowidxtest.ColumnOf(t, a)
			want := hashOf(t, col)
			for range 5 {
				other := arrowidxtest.ColumnOf(t, pieces(r, a)...)
				require.Equal(t, want, hashOf(t, other), name)
				other.Release()
			}
			col.Release()
		}
	}
}

func TestAHashStopsWhenItsContextEnds(t *testing.T) {
	col := arrowidxtest.Column(t, make([]float32, 1<<16), 16, 1)
	defer col.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := col.Hash(ctx, 0)
	var e *arrowidx.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, arrowidx.Cancelled, e.Kind)
}

// BenchmarkHash says how fast memory that the caches do not hold is hashed.
func TestRowsHaveTheirHashesInAnyColumn(t *testing.T) {
	const n, d = 3000, 24
	r := arrowidxtest.Rand(t, 931)
	rows := make([]float32, n*d)
	for i := range rows {
		rows[i] = float32(r.IntN(1000))
	}
	valid := holes(r, n)
	wants := map[string][]uint64{} // by the type of numbers
	for name, a := range arrowidxtest.Layouts(rows, d, valid) {
		col := arrowidxtest.ColumnOf(t, a)
		got := make([]uint64, n)
		require.NoError(t, col.HashRows(t.Context(), 0, got, 1))
		for i := range got {
			require.Equal(t, valid[i], got[i] != 0, "%s row %d", name, i)
		}
		kind := name[strings.LastIndex(name, " ")+1:]
		want := wants[kind]
		if want == nil {
			want, wants[kind] = got, got
		}
		require.Equal(t, want, got, name)
		part := make([]uint64, 500)
		require.NoError(t, col.HashRows(t.Context(), 1234, part, 0))
		require.Equal(t, want[1234:1734], part, name)
		col.Release()
	}
	for kind, want := range wants {
		seen := map[uint64]bool{}
		for i, h := range want {
			require.False(t, valid[i] && seen[h], "%s row %d", kind, i)
			seen[h] = true
		}
	}
}

func BenchmarkHash(b *testing.B) {
	const n, d = 200_000, 384
	rows := make([]float32, n*d)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		rows[i] = r.Float32()
	}
	col, err := arrowidx.MatrixColumn(rows, n, d)
	require.NoError(b, err)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprint(threads, " threads"), func(b *testing.B) {
			b.SetBytes(4 * n * d)
			for b.Loop() {
				_, _ = col.Hash(b.Context(), threads)
			}
		})
	}
}
