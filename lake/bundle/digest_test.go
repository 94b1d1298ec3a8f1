package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
)

// vectors makes an array of rows of a type; nil is a null row.
func vectors(t testing.TB, of arrow.DataType, rows ...[]float64) arrow.Array {
	b := array.NewListBuilder(memory.DefaultAllocator, of)
	for _, row := range rows {
		b.Append(row != nil)
		for _, v := range row {
			switch child := b.ValueBuilder().(type) {
			case *array.Float32Builder:
				child.Append(float32(v))
			case *array.Float64Builder:
				child.Append(v)
			case *array.Int8Builder:
				child.Append(int8(v))
			case *array.Uint8Builder:
				child.Append(uint8(v))
			default:
				t.Fatal(of)
			}
		}
	}
	return b.NewArray()
}

func column(t testing.TB, chunks ...arrow.Array) *arrowidx.Column {
	c, err := arrowidx.NewColumn(chunks)
	require.NoError(t, err)
	return c
}

func named(t testing.TB, a arrow.Array) *arrowidx.IDs {
	ids, err := arrowidx.NewIDs(a)
	require.NoError(t, err)
	return ids
}

func int64s(v ...int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(v, nil)
	return b.NewArray()
}

func sum(t testing.TB, ids *arrowidx.IDs, c *arrowidx.Column) string {
	d := NewDigest()
	require.NoError(t, d.Add(ids, c))
	require.EqualValues(t, c.Len(), d.Rows())
	return d.Sum()
}

// The bytes are written out here, so that a change of them cannot pass.
func TestWhatADigestCoversIsFixed(t *testing.T) {
	rows := [][]float64{{1, -2}, {0.1, 0}, nil}
	want := "" +
		"\x00\x05\x00\x00\x00\x00\x00\x00\x00" + "\x04\x02\x00\x00\x00\x00\x00\x80\x3f\x00\x00\x00\xc0" +
		"\x01\xff\xff\xff\xff\xff\xff\xff\xff" + "\x08\x02\x00\x00\x00\x9a\x99\x99\x99\x99\x99\xb9\x3f" +
		"\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x07\x00\x00\x00\x00\x00\x00\x00" + "\x00\x02\x00\x00\x00"
	assert.Equal(t, digestOfBlocks(want),
		sum(t, named(t, int64s(5, -1, 7)), column(t, vectors(t, arrow.PrimitiveTypes.Float64, rows...))))

	texts := array.NewStringBuilder(memory.DefaultAllocator)
	texts.Append("é")
	want = "\x02\x02\x00\x00\x00\x00\x00\x00\x00\xc3\xa9" +
		"\x04\x01\x00\x00\x00\x00\x00\x00\x3f"
	assert.Equal(t, digestOfBlocks(want), sum(t, named(t, texts.NewArray()),
		column(t, vectors(t, arrow.PrimitiveTypes.Float32, []float64{.5}))))
	assert.Equal(t, digestOfBlocks(), NewDigest().Sum())
}

// digestOfBlocks is the digest of rows whose bytes are given, a block each.
func digestOfBlocks(blocks ...string) string {
	all := []byte("ruvector-content-v1|")
	for _, b := range blocks {
		hashed := sha256.Sum256([]byte(b))
		all = append(all, hashed[:]...)
	}
	hashed := sha256.Sum256(all)
	return hex.EncodeToString(hashed[:])
}

func TestRowsAreHashedInBlocksOf1024(t *testing.T) {
	for _, rows := range []int{1, 1023, 1024, 1025, 2048, 3000} {
		var blocks []string
		for i := range rows {
			if i%1024 == 0 {
				blocks = append(blocks, "")
			}
			blocks[len(blocks)-1] += string(binary.LittleEndian.AppendUint64([]byte{0}, uint64(i))) +
				"\x04\x01\x00\x00\x00" + string(binary.LittleEndian.AppendUint32(nil,
				math.Float32bits(float32(i))))
		}
		numbers := make([]float32, rows)
		for i := range numbers {
			numbers[i] = float32(i)
		}
		c, err := arrowidx.MatrixColumn(numbers, rows, 1)
		require.NoError(t, err)
		for threads := range 4 {
			d := NewDigest()
			require.NoError(t, d.AddContext(t.Context(), arrowidx.PositionIDs(rows), c, threads))
			assert.Equal(t, digestOfBlocks(blocks...), d.Sum(), "%d rows", rows)
		}
	}
}

func TestHashingEndsWithItsContext(t *testing.T) {
	c, err := arrowidx.MatrixColumn(make([]float32, 5000), 5000, 1)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = NewDigest().AddContext(ctx, arrowidx.PositionIDs(5000), c, 2)
	requireKind(t, err, fault.Cancelled)
}

// broken is a pager whose file is gone.
type broken struct{}

func (broken) ReadRows(int, int, []byte) error { return errors.New("the disk is gone") }
func (broken) Unchanged(int) error             { return nil }
func (broken) Where() string                   { return "nowhere" }
func (broken) Close()                          {}

func TestRowsThatCannotBeReadEndIt(t *testing.T) {
	for _, rows := range []int{5, 5000} {
		of := arrowidx.Paged{Rows: rows, Dim: 2, Number: arrow.FLOAT32}
		c, err := arrowidx.NewPagedColumn(broken{}, of)
		require.NoError(t, err)
		err = NewDigest().Add(arrowidx.PositionIDs(rows), c)
		requireKind(t, err, fault.PersistError, "the disk is gone")
	}
}

func BenchmarkDigest(b *testing.B) {
	const rows, dim = 100_000, 128
	c, err := arrowidx.MatrixColumn(make([]float32, rows*dim), rows, dim)
	require.NoError(b, err)
	for _, threads := range []int{1, 0} {
		b.Run(fmt.Sprintf("threads=%d", arrowidx.Threads(threads)), func(b *testing.B) {
			b.SetBytes(rows * dim * 4)
			for b.Loop() {
				d := NewDigest()
				require.NoError(b, d.AddContext(b.Context(), arrowidx.PositionIDs(rows), c, threads))
				d.Sum()
			}
		})
	}
}

func TestADigestIsOfNumbersNotOfTypes(t *testing.T) {
	rows := [][]float64{{1, 2, 3}, {4, 5, 127}, {0, 7, 9}}
	ids := named(t, int64s(0, 1, 2))
	want := sum(t, ids, column(t, vectors(t, arrow.PrimitiveTypes.Float32, rows...)))
	for _, of := range []arrow.DataType{arrow.PrimitiveTypes.Float64, arrow.PrimitiveTypes.Int8,
		arrow.PrimitiveTypes.Uint8} {
		assert.Equal(t, want, sum(t, ids, column(t, vectors(t, of, rows...))), of)
	}
	bits := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator,
		&arrow.FixedSizeBinaryType{ByteWidth: 3})
	for _, row := range rows {
		bits.Append([]byte{byte(row[0]), byte(row[1]), byte(row[2])})
	}
	assert.Equal(t, want, sum(t, ids, column(t, bits.NewArray())), "packed bits")

	narrow := array.NewInt32Builder(memory.DefaultAllocator)
	narrow.AppendValues([]int32{0, 1, 2}, nil)
	unsigned := array.NewUint64Builder(memory.DefaultAllocator)
	unsigned.AppendValues([]uint64{0, 1, 2}, nil)
	vectors := column(t, vectors(t, arrow.PrimitiveTypes.Float32, rows...))
	for _, ids := range []*arrowidx.IDs{named(t, narrow.NewArray()), named(t, unsigned.NewArray()),
		arrowidx.PositionIDs(3)} {
		assert.Equal(t, want, sum(t, ids, vectors), ids.Kind())
	}
}

func TestLargeUnsignedIDsAreNotNegativeOnes(t *testing.T) {
	unsigned := array.NewUint64Builder(memory.DefaultAllocator)
	unsigned.Append(1<<64 - 1)
	row := column(t, vectors(t, arrow.PrimitiveTypes.Float32, []float64{1}))
	assert.NotEqual(t, sum(t, named(t, int64s(-1)), row), sum(t, named(t, unsigned.NewArray()), row))
}

func TestTextsOfAnyWidthAreOne(t *testing.T) {
	short := array.NewStringBuilder(memory.DefaultAllocator)
	large := array.NewLargeStringBuilder(memory.DefaultAllocator)
	for _, text := range []string{"a", "", "bc"} {
		short.Append(text)
		large.Append(text)
	}
	rows := column(t, vectors(t, arrow.PrimitiveTypes.Float32, [][]float64{{1}, {2}, {3}}...))
	assert.Equal(t, sum(t, named(t, short.NewArray()), rows), sum(t, named(t, large.NewArray()), rows))
}

func TestADigestDoesNotDependOnHowRowsAreCut(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	const rows, dim = 3000, 17
	all, ids := make([][]float64, rows), make([]int64, rows)
	for i := range all {
		ids[i] = int64(i*7) - 100
		all[i] = make([]float64, dim)
		for j := range all[i] {
			all[i][j] = float64(float32(r.NormFloat64()))
		}
	}
	whole := vectors(t, arrow.PrimitiveTypes.Float32, all...)
	want := sum(t, named(t, int64s(ids...)), column(t, whole))
	for range 20 {
		cut := make([]int, 0, 6)
		for at := 0; at < rows; at = min(at+1+r.IntN(rows), rows) {
			cut = append(cut, at)
		}
		cut = append(cut, rows)
		parts, d := []arrow.Array{}, NewDigest()
		for i, from := range cut[:len(cut)-1] {
			part := array.NewSlice(whole, int64(from), int64(cut[i+1]))
			parts = append(parts, part)
			require.NoError(t, d.Add(named(t, int64s(ids[from:cut[i+1]]...)), column(t, part)))
			_ = d.Sum() // asking in between changes nothing
		}
		assert.Equal(t, want, d.Sum(), cut)
		assert.Equal(t, want, sum(t, named(t, int64s(ids...)), column(t, parts...)), cut)
	}
}

func TestEveryNumberAndIDAndTheirOrderCount(t *testing.T) {
	rows := [][]float64{{1, 2}, {3, 4}}
	seen := map[string]string{}
	for name, of := range map[string]struct {
		ids  []int64
		rows [][]float64
	}{
		"as it is": {[]int64{1, 2}, rows},
		"id":       {[]int64{1, 3}, rows},
		"order":    {[]int64{2, 1}, [][]float64{rows[1], rows[0]}},
		"swapped":  {[]int64{2, 1}, rows},
		"number":   {[]int64{1, 2}, [][]float64{{1, 2}, {3, 4.0000000001}}},
		"dim":      {[]int64{1, 2}, [][]float64{{1, 2, 0}, {3, 4, 0}}},
		"null":     {[]int64{1, 2}, [][]float64{{1, 2}, nil}},
		"fewer":    {[]int64{1}, rows[:1]},
	} {
		got := sum(t, named(t, int64s(of.ids...)),
			column(t, vectors(t, arrow.PrimitiveTypes.Float64, of.rows...)))
		assert.Empty(t, seen[got], name)
		seen[got] = name
	}
}

func TestIDsAndVectorsMustBeAsMany(t *testing.T) {
	rows := column(t, vectors(t, arrow.PrimitiveTypes.Float32, []float64{1}, []float64{2}))
	requireKind(t, NewDigest().Add(arrowidx.PositionIDs(3), rows), fault.DimensionMismatch, "3", "2")
}
