package arrowidx_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// repaired makes the checksums of any bytes right that are long enough to have some, so that a
// fuzzer reaches what lies behind them.
func repaired(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) < 64 {
		return b
	}
	le := binary.LittleEndian
	copy(b, "\x89RVX\r\n\x1a\n")
	le.PutUint64(b[24:], uint64(len(b)))
	if n := le.Uint32(b[40:]); uint64(n)*48+64 > uint64(len(b)) {
		le.PutUint32(b[40:], n%(uint32(len(b)-64)/48+1))
	}
	repair(b)
	return b
}

// FuzzDecode holds the decoder to its promise: a correct index or a named error, whatever the
// bytes, and an index that can be asked, encoded again, and gives the same bytes.
func FuzzDecode(f *testing.F) {
	for _, file := range smallFiles(f) {
		f.Add(file)
		f.Add(file[:len(file)/2])
	}
	f.Add([]byte("\x89RVX\r\n\x1a\n"))
	f.Add(make([]byte, 300))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, b := range [][]byte{data, repaired(data)} {
			ix, err := arrowidx.Decode(t.Context(), b)
			if err != nil {
				require.Contains(t, []arrowidx.ErrorKind{arrowidx.NotAnIndex,
					arrowidx.FormatTooNew, arrowidx.CorruptIndex}, arrowidx.KindOf(err))
				continue
			}
			askEverything(t, ix)
			ix.Close()
		}
	})
}

// askEverything calls what a loaded index has, for crashes.
func askEverything(t *testing.T, ix *arrowidx.Index) {
	in := ix.Info()
	require.LessOrEqual(t, in.Usable+in.Nulls+in.Bad, in.Rows)
	const k = 3
	out := arrowidxtest.Outputs(2, k)
	text, err := json.Marshal(in)
	require.NoError(t, err, "%+v", in)
	require.NotEmpty(t, text)
	for _, rerank := range []int{-1, 0, 5} {
		p := arrowidx.SearchParams{NQ: 2, K: k, Rerank: rerank, Estimates: rerank == 0}
		if ix.Metric().Binary() {
			p.Bits = make([]byte, 2*ix.Dim()/8)
		} else {
			p.Queries = make([]float32, 2*ix.Dim())
		}
		for i := range p.Queries {
			p.Queries[i] = float32(i%7) - 3
		}
		_, err := ix.Search(t.Context(), &p, &out)
		require.NotEqual(t, arrowidx.NativeError, arrowidx.KindOf(err), "%v", err)
		for i, n := range out.Counts {
			require.LessOrEqual(t, n, int64(min(k, in.Usable)))
			for _, row := range out.Rows[i*k : i*k+int(n)] {
				require.Less(t, row, int64(in.Rows))
			}
		}
	}
	if in.Rows > 0 {
		require.NotEmpty(t, ix.IDs().Name(int64(in.Rows-1)))
	}
	var again bytes.Buffer
	require.NoError(t, ix.Encode(t.Context(), &again, in.Vectors))
	copied, err := arrowidx.Decode(t.Context(), again.Bytes())
	require.NoError(t, err, "what was encoded decodes")
	copied.Close()
	changeEverything(t, ix)
}

// changeEverything changes an index that came from anywhere: each change is made, or has an error
// of a named kind and leaves the index as it was.
func changeEverything(t *testing.T, ix *arrowidx.Index) {
	refused := func(err error) bool {
		if err != nil {
			require.Contains(t, []arrowidx.ErrorKind{arrowidx.InvalidVector, arrowidx.InvalidArgument,
				arrowidx.CorruptIndex, arrowidx.LimitExceeded, arrowidx.DuplicateID},
				arrowidx.KindOf(err), "%v", err)
		}
		return err != nil
	}
	if dim := ix.Dim(); dim > 0 && dim <= 64 {
		before := ix.Len()
		rows := make([]float32, 2*dim)
		for i := range rows {
			rows[i] = float32(i%5) - 1
		}
		col := arrowidxtest.Column(t, rows, dim, 1)
		if ix.Metric().Binary() {
			col.Release()
			var err error
			bits := packed(make([]byte, 2*dim/8), dim/8, nil)
			col, err = arrowidx.NewColumn([]arrow.Array{bits})
			require.NoError(t, err)
		}
		_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{Threads: 1})
		col.Release()
		added := 2
		if refused(err) {
			added = 0
		}
		require.Equal(t, before+added, ix.Len())
	}
	names, err := ix.IDArray(memory.DefaultAllocator)
	require.NoError(t, err)
	if n := int64(names.Len()); n > 0 {
		_, err = ix.Delete(array.NewSlice(names, n/2, n), true)
		refused(err)
	}
	refused(ix.Compact(t.Context(), 1))
	text, err := json.Marshal(ix.Info())
	require.NoError(t, err, "%+v", ix.Info())
	require.NotEmpty(t, text)
	var again bytes.Buffer
	require.NoError(t, ix.Encode(t.Context(), &again, ix.Info().Vectors))
	copied, err := arrowidx.Decode(t.Context(), again.Bytes())
	require.NoError(t, err, "what was changed decodes")
	require.Equal(t, ix.Len(), copied.Len())
	copied.Close()
}

// The same promise on random changes of every layout, in numbers that every run can afford.
func TestRandomDamageUnderRightChecksumsIsNoticedOrHarmless(t *testing.T) {
	r := arrowidxtest.Rand(t, 230)
	for name, file := range smallFiles(t) {
		opened := 0
		for range 1500 {
			bad := bytes.Clone(file)
			for range 1 + r.IntN(4) {
				at := r.IntN(len(bad))
				switch r.IntN(4) {
				case 0:
					bad[at] ^= 1 << r.IntN(8)
				case 1:
					bad[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[r.IntN(5)]
				case 2:
					copy(bad[at:], bad[r.IntN(len(bad)):])
				default:
					bad = append(bad[:at], bad[min(len(bad), at+r.IntN(100)):]...)
					bad = append(bad, make([]byte, 64)...)
				}
			}
			bad = repaired(bad)
			ix, err := arrowidx.Decode(t.Context(), bad)
			if err == nil {
				opened++
				askEverything(t, ix)
				ix.Close()
			}
		}
		t.Logf("%s: %d of 1500 opened", name, opened)
	}
}
