package arrowidx_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
)

// outlined are the bytes of an index file of three rows of two numbers.
func outlined(t *testing.T, values ...float32) []byte {
	col, err := arrowidx.MatrixColumn(values, len(values)/2, 2)
	require.NoError(t, err)
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Metric: arrowidx.L2})
	require.NoError(t, err)
	defer ix.Close()
	var b bytes.Buffer
	require.NoError(t, ix.Encode(t.Context(), &b, true))
	return b.Bytes()
}

func TestAnOutlineTellsFilesApart(t *testing.T) {
	one, two := outlined(t, 1, 2, 3, 4, 5, 6), outlined(t, 1, 2, 3, 4, 5, 7)
	first, err := arrowidx.ReadOutline(bytes.NewReader(one), int64(len(one)))
	require.NoError(t, err)
	assert.EqualValues(t, 3, first.Rows)
	assert.Equal(t, 2, first.Dim)
	assert.Equal(t, arrowidx.L2, first.Metric)
	second, err := arrowidx.ReadOutline(bytes.NewReader(two), int64(len(two)))
	require.NoError(t, err)
	assert.NotEqual(t, first.Digest, second.Digest)
}

func TestADamagedOutlineIsANamedError(t *testing.T) {
	whole := outlined(t, 1, 2, 3, 4, 5, 6)
	for n := range whole {
		_, err := arrowidx.ReadOutline(bytes.NewReader(whole[:n]), int64(n))
		require.Contains(t, []fault.Kind{fault.NotAnIndex, fault.CorruptIndex, fault.PersistError},
			fault.KindOf(err), "%d bytes: %v", n, err)
	}
	_, err := arrowidx.ReadOutline(bytes.NewReader(nil), -1)
	require.Error(t, err)
	head := 64 + 48*8
	for at := range head {
		broken := bytes.Clone(whole)
		broken[at] ^= 1
		if _, err := arrowidx.ReadOutline(bytes.NewReader(broken), int64(len(whole))); err != nil {
			require.NotEqual(t, fault.NativeError, fault.KindOf(err), "byte %d: %v", at, err)
		}
	}
}

func TestAnOpenFileIsOpenedAndReadPartByPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.rvx")
	require.NoError(t, os.WriteFile(path, outlined(t, 1, 2, 3, 4, 5, 6), 0o600))
	for _, mapped := range []bool{false, true} {
		f, err := os.Open(path)
		require.NoError(t, err)
		ix, err := arrowidx.OpenFile(t.Context(), f, "somewhere", arrowidx.OpenOptions{Map: mapped})
		require.NoError(t, err)
		part := make([]float32, 4)
		require.NoError(t, ix.MatrixFrom(part, 1, 3))
		assert.Equal(t, []float32{3, 4, 5, 6}, part)
		require.NoError(t, ix.MatrixFrom(part[:2], 0, 3))
		assert.Equal(t, []float32{1, 2}, part[:2])
		wide := make([]float64, 2)
		require.NoError(t, ix.WideMatrixFrom(wide, 2, 3))
		assert.Equal(t, []float64{5, 6}, wide)
		assert.Equal(t, fault.VectorsChanged, fault.KindOf(ix.MatrixFrom(part, 1, 4)))
		ix.Close()
	}
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	_, err = arrowidx.OpenFile(t.Context(), f, "somewhere", arrowidx.OpenOptions{})
	require.Equal(t, fault.NotAnIndex, fault.KindOf(err), "%v", err)
	assert.Contains(t, err.Error(), "somewhere")
}
