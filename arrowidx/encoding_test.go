package arrowidx_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// An encoding is of the version that it was made of, and as long as it says.
func TestAnEncodingIsOfOneVersionWhateverComesAfter(t *testing.T) {
	r := arrowidxtest.Rand(t, 85)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		rows := arrowidxtest.Gaussian(r, 400, 24)
		ix, want := build(t, rows, 24, arrowidx.BuildOptions{Kind: kind}, true)
		e, err := ix.Encoding(t.Context(), true)
		require.NoError(t, err)
		require.EqualValues(t, len(want), e.Size())
		col := arrowidxtest.Column(t, rows[:10*24], 24, 1)
		_, err = ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
		col.Release()
		require.NoError(t, err)
		later := encode(t, ix, true)
		ix.Close()
		for range 2 { // it may be written more than once
			got := make([]byte, e.Size())
			require.NoError(t, e.CopyTo(t.Context(), got))
			require.Equal(t, want, got)
		}
		require.NotEqual(t, want, later)
		for _, n := range []int64{0, e.Size() - 1, e.Size() + 1} {
			require.Equal(t, arrowidx.InvalidArgument,
				arrowidx.KindOf(e.CopyTo(t.Context(), make([]byte, n))))
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.Equal(t, arrowidx.Cancelled,
			arrowidx.KindOf(e.CopyTo(ended, make([]byte, e.Size()))))
		e.Close()
		e.Close()
	}
}

// Checksums are of what was readied: other vectors behind them would be a damaged file.
func TestVectorsThatChangeWhileTheyAreWrittenAreAnError(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 86), 9000, 32)
	col := arrowidxtest.Column(t, rows, 32, 1)
	defer col.Release()
	for _, row := range []int{0, 4000, 8999} {
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Flat})
		require.NoError(t, err)
		want := encode(t, ix, true)
		e, err := ix.Encoding(t.Context(), true)
		require.NoError(t, err)
		got := make([]byte, e.Size())
		col.Row(row, nil)[0]++
		require.Equal(t, arrowidx.VectorsChanged, arrowidx.KindOf(e.CopyTo(t.Context(), got)))
		copy(col.Row(row, nil), rows[row*32:])
		require.NoError(t, e.CopyTo(t.Context(), got))
		require.Equal(t, want, got)
		e.Close()
		ix.Close()
	}
}

func TestOnlyWhatIsAtHandIsEncoded(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 87), 100, 8)
	ix, _ := build(t, rows, 8, arrowidx.BuildOptions{Kind: arrowidx.Flat,
		Keep: arrowidx.KeepNone}, false)
	_, err := ix.Encoding(t.Context(), true)
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err))
	ix.Close()
	_, err = ix.Encoding(t.Context(), false)
	require.Equal(t, arrowidx.IndexClosed, arrowidx.KindOf(err))
}
