package parquet

import (
	"bytes"
	"context"
	"math"
	"math/rand"
	"slices"
	"sync"
	"testing"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

var codecs = []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy,
	compress.Codecs.Gzip, compress.Codecs.Brotli, compress.Codecs.Zstd, compress.Codecs.Lz4Raw}

// encodings lists what each type is written with; arrow-go's writer of differences panics at times,
// so those are pyarrow's, in python/tests/test_read_vectors.py.
var encodings = map[Element][]pq.Encoding{
	Float32: {pq.Encodings.Plain, pq.Encodings.ByteStreamSplit},
	Float64: {pq.Encodings.Plain, pq.Encodings.ByteStreamSplit},
	Float16: {pq.Encodings.Plain, pq.Encodings.ByteStreamSplit},
	Int8:    {pq.Encodings.Plain, pq.Encodings.ByteStreamSplit},
	Uint8:   {pq.Encodings.Plain},
}

// draw makes a random file, and returns its rows.
func draw(r *rand.Rand) (*made, []row, int) {
	e := Element(r.Intn(5))
	m := &made{elem: e, outer: pq.Repetitions.Optional, inner: pq.Repetition(r.Intn(2)),
		codec: codecs[r.Intn(len(codecs))], dictionary: r.Intn(3) == 0, version2: r.Intn(2) == 0,
		index: r.Intn(2) == 0, page: []int64{0, 64, 1000}[r.Intn(3)],
		encoding: encodings[e][r.Intn(len(encodings[e]))]}
	nulls := []float64{0, 0, 0.1, 0.9}[r.Intn(4)]
	switch r.Intn(5) {
	case 0:
		m.outer, nulls = pq.Repetitions.Required, 0
	case 1:
		m.twoLevel, m.encoding = true, pq.Encodings.Plain
	case 2:
		m.bare, m.encoding, nulls = true, pq.Encodings.Plain, 0
	}
	dim := []int{1, 2, 3, 7, 8, 9, 33, 200}[r.Intn(8)]
	var all []row
	for range 1 + r.Intn(4) {
		rows := vectors(r, r.Intn(300), dim, nulls)
		m.groups = append(m.groups, rows)
		all = append(all, rows...)
	}
	return m, all, dim
}

func TestRandomFilesAreReadByGroupAndByRow(t *testing.T) {
	seed := rand.Int63()
	t.Log("seed", seed)
	r := rand.New(rand.NewSource(seed))
	ctx := context.Background()
	for range 150 {
		m, all, dim := draw(r)
		v := open(t, m.bytes(t))
		if !slices.ContainsFunc(all, func(r row) bool { return r != nil }) {
			assert.Zero(t, v.Dim())
			continue
		}
		require.Equal(t, dim, v.Dim())
		require.Equal(t, m.elem, v.Type())
		require.Equal(t, int64(len(all)), v.Rows())
		data, valid := inMemory(m.elem, dim, all)
		readRows(t, r, v, data, valid)
		for g, rows := range m.groups {
			want, bits := inMemory(m.elem, dim, rows)
			dst, have := make([]byte, len(want)), make([]byte, len(bits))
			require.NoError(t, v.ReadGroup(ctx, g, dst, have), "%+v", m)
			require.True(t, bytes.Equal(want, dst), "%+v", m)
			require.Equal(t, bits, have)
		}
		readRows(t, r, v, data, valid)
	}
}

// readRows reads some runs of rows and compares them.
func readRows(t *testing.T, r *rand.Rand, v *Vectors, data, valid []byte) {
	t.Helper()
	size := int64(v.RowBytes())
	for range 20 {
		from := r.Int63n(v.Rows())
		n := min(1+r.Int63n(50), v.Rows()-from)
		dst, bits := make([]byte, n*size), make([]byte, (n+7)/8)
		require.NoError(t, v.ReadRows(context.Background(), from, n, dst, bits))
		require.True(t, bytes.Equal(data[from*size:(from+n)*size], dst), "rows %d to %d", from, from+n)
		for i := range n {
			at := from + i
			require.Equal(t, valid[at/8]>>(at%8)&1, bits[i/8]>>(i%8)&1)
		}
	}
}

func TestNumbersArriveBitByBit(t *testing.T) {
	special := row{math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 5e-324, 1e-45, math.MaxFloat64}
	for _, e := range []Element{Float32, Float64} {
		for _, encoding := range encodings[e] {
			m := made{elem: e, groups: [][]row{{special}}, encoding: encoding}
			v := open(t, m.bytes(t))
			dst := make([]byte, v.RowBytes())
			require.NoError(t, v.ReadGroup(context.Background(), 0, dst, nil))
			want, _ := inMemory(e, len(special), []row{special})
			assert.Equal(t, want, dst)
		}
	}
}

func TestNullRowsNeedValidity(t *testing.T) {
	m := made{outer: pq.Repetitions.Optional, groups: [][]row{{{1, 2}}, {{3, 4}, nil, {5, 6}}}}
	v := open(t, m.bytes(t))
	err := v.ReadGroup(context.Background(), 1, make([]byte, 24), nil)
	assert.Equal(t, fault.InvalidVector, fault.KindOf(err))
	assert.ErrorContains(t, err, "row 2 is null")
	err = v.ReadRows(context.Background(), 2, 1, make([]byte, 8), nil)
	assert.ErrorContains(t, err, "row 2 is null")
	require.NoError(t, v.ReadRows(context.Background(), 3, 1, make([]byte, 8), nil))
}

// faulty are groups of rows of which one is no vector, and what is said of it.
var faulty = []struct {
	name   string
	groups [][]row
	says   string
}{
	{"longer", [][]row{{{1, 2}}, {{3, 4}, {5, 6, 7}, {8, 9}}}, "row 2 has more than 2 dimensions"},
	{"shorter", [][]row{{{1, 2}}, {{3, 4}, {5}, {8, 9}}}, "row 2 has 1 dimensions"},
	{"shorter at the end", [][]row{{{1, 2}, {3}}}, "row 1 has 1 dimensions, the vectors have 2"},
	{"empty", [][]row{{{1, 2}}, {{3, 4}, {}}}, "row 2 has no numbers"},
	{"null number", [][]row{{{1, 2}, {3, math.NaN()}}}, "row 1 has a null at dimension 1"},
	{"null first number", [][]row{{{1, 2}, {math.NaN(), 3}}}, "row 1 has a null at dimension 0"},
	{"evened out", [][]row{{{1, 2}, {3}, {4, 5, 6}, {7, 8}}}, "row 1 has 1 dimensions"},
}

func TestRowsThatAreNoVectorsAreNamed(t *testing.T) {
	for _, c := range faulty {
		for _, codec := range codecs[:2] {
			m := made{outer: pq.Repetitions.Optional, inner: pq.Repetitions.Optional, groups: c.groups,
				codec: codec}
			data := m.bytes(t)
			err := readAll(data, Options{})
			assert.Equal(t, fault.InvalidVector, fault.KindOf(err), c.name)
			assert.ErrorContains(t, err, c.says, c.name)
			v, err := openBytes(t, data).Vectors(context.Background(), "v", Options{})
			if err != nil { // the first row is read to find the dimension
				assert.ErrorContains(t, err, c.says)
				continue
			}
			for i := int64(0); i < v.Rows() && err == nil; i++ {
				err = v.ReadRows(context.Background(), i, 1, make([]byte, 8), nil)
			}
			assert.ErrorContains(t, err, c.says, c.name)
		}
	}
}

func TestADimensionThatIsAskedForIsCompared(t *testing.T) {
	m := made{groups: [][]row{{{1, 2, 3}}}}
	data := m.bytes(t)
	f := openBytes(t, data)
	_, err := f.Vectors(context.Background(), "v", Options{Dim: 4})
	assert.Equal(t, fault.DimensionMismatch, fault.KindOf(err))
	assert.ErrorContains(t, err, "vectors of 3 dimensions, not 4")
	_, err = f.Vectors(context.Background(), "v", Options{Dim: 70_000})
	assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
	_, err = f.Vectors(context.Background(), "v", Options{Dim: 3})
	assert.NoError(t, err)
}

func TestFilesWithoutRowsHaveNoDimension(t *testing.T) {
	for _, groups := range [][][]row{nil, {{}}, {{nil, nil}}} {
		m := made{outer: pq.Repetitions.Optional, groups: groups}
		v := open(t, m.bytes(t))
		assert.Zero(t, v.Dim())
		for g := range groups {
			require.NoError(t, v.ReadGroup(context.Background(), g, nil, make([]byte, 1)))
		}
	}
}

func TestBuffersOfAWrongLengthAreRefused(t *testing.T) {
	m := made{groups: [][]row{{{1, 2}, {3, 4}}}}
	v := open(t, m.bytes(t))
	ctx := context.Background()
	for _, err := range []error{
		v.ReadGroup(ctx, 1, make([]byte, 16), nil), v.ReadGroup(ctx, -1, make([]byte, 16), nil),
		v.ReadGroup(ctx, 0, make([]byte, 15), nil), v.ReadGroup(ctx, 0, make([]byte, 16), []byte{}),
		v.ReadRows(ctx, 1, 2, make([]byte, 16), nil), v.ReadRows(ctx, -1, 1, make([]byte, 8), nil),
		v.ReadRows(ctx, 0, 1, make([]byte, 7), nil),
		v.ReadRows(ctx, math.MaxInt64, 2, make([]byte, 16), nil),
	} {
		assert.Equal(t, fault.InvalidArgument, fault.KindOf(err), "%v", err)
	}
	assert.NoError(t, v.ReadRows(ctx, 2, 0, nil, nil))
}

func TestAColumnIsReadByManyAtOnce(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	rows := vectors(r, 2000, 16, 0.1)
	for _, codec := range codecs {
		m := made{outer: pq.Repetitions.Optional, groups: [][]row{rows[:900], rows[900:]}, codec: codec,
			page: 500, dictionary: codec == compress.Codecs.Gzip}
		v := open(t, m.bytes(t))
		v.cache.limit = 2000
		data, valid := inMemory(Float32, 16, rows)
		var wait sync.WaitGroup
		for seed := range 4 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				readRows(t, rand.New(rand.NewSource(int64(seed))), v, data, valid)
			}()
		}
		wait.Wait()
		assert.LessOrEqual(t, v.cache.bytes, int64(2000))
	}
}

func TestACancelledReadEnds(t *testing.T) {
	m := made{groups: [][]row{{{1, 2}}}}
	v := open(t, m.bytes(t))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.Equal(t, fault.Cancelled, fault.KindOf(v.ReadGroup(ctx, 0, make([]byte, 8), nil)))
	assert.Equal(t, fault.Cancelled, fault.KindOf(v.ReadRows(ctx, 0, 1, make([]byte, 8), nil)))
}
