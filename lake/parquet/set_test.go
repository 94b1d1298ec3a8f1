package parquet

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

// written writes files, one of each.
func written(t *testing.T, files ...made) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i := range files {
		path := filepath.Join(dir, fmt.Sprintf("%d.parquet", i))
		require.NoError(t, os.WriteFile(path, files[i].bytes(t), 0o600))
		paths = append(paths, path)
	}
	return paths
}

func TestFilesAreOneColumn(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	ctx := context.Background()
	for e := Float32; e <= Uint8; e++ {
		rows := vectors(r, 300, 5, 0.2)
		optional := pq.Repetitions.Optional
		paths := written(t,
			made{elem: e, outer: optional, groups: [][]row{{nil, nil}}}, // knows no dimension
			made{elem: e, outer: optional, groups: [][]row{rows[:100], rows[100:150]}},
			made{elem: e, outer: optional}, // has no row group
			made{elem: e, outer: optional, groups: [][]row{rows[150:]}, dictionary: true})
		s, err := OpenSet(ctx, paths, "", Options{}, Limits{})
		require.NoError(t, err)
		require.Equal(t, int64(302), s.Rows())
		require.Equal(t, 5, s.Dim())
		all := append([]row{nil, nil}, rows...)
		want, bits := inMemory(e, 5, all)
		dst, valid := make([]byte, len(want)), make([]byte, len(all))
		var done atomic.Int64
		require.NoError(t, s.Read(ctx, 2, dst, valid, &done))
		assert.Equal(t, want, dst)
		assert.Equal(t, int64(302), done.Load())
		c, err := s.Column(ctx, 1, nil)
		require.NoError(t, err)
		assert.Equal(t, 302, c.Len())
		for i := range all {
			assert.Equal(t, bits[i/8]>>(i%8)&1, valid[i])
			require.Equal(t, all[i] != nil, c.Valid(i))
			if all[i] != nil {
				assert.Equal(t, want[i*s.RowBytes():(i+1)*s.RowBytes()], c.Memory(i))
			}
		}
		c.Release()
		s.Close()
	}
}

func TestFilesThatDifferAreNamed(t *testing.T) {
	ctx := context.Background()
	cases := []struct {
		files []made
		kind  fault.Kind
		says  string
	}{
		{[]made{{groups: [][]row{{{1, 2}}}}, {groups: [][]row{{{1}}}}}, fault.DimensionMismatch,
			"1.parquet: column \"v\" has vectors of 1 dimensions, in "},
		{[]made{{groups: [][]row{{{1, 2}}}}, {elem: Float64, groups: [][]row{{{1, 2}}}}},
			fault.ColumnError, "1.parquet: column \"v\" is of float64, in "},
		{[]made{{groups: [][]row{{{1, 2}}}}, {groups: [][]row{{{1, 2}, {3}}}}}, fault.InvalidVector,
			"1.parquet: column \"v\": row 1 has 1 dimensions"},
	}
	for _, c := range cases {
		s, err := OpenSet(ctx, written(t, c.files...), "v", Options{}, Limits{})
		if err == nil {
			err = s.Read(ctx, 1, make([]byte, s.Rows()*8), nil, nil)
			var e *fault.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, int64(2), e.Row) // of all files
			s.Close()
		}
		assert.Equal(t, c.kind, fault.KindOf(err))
		assert.ErrorContains(t, err, c.says)
	}
	_, err := OpenSet(ctx, nil, "v", Options{}, Limits{})
	assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
}

func TestManyFilesAreNotAllOpen(t *testing.T) {
	ctx := context.Background()
	paths := make([]string, keptOpen+1)
	one := written(t, made{groups: [][]row{{{1, 2}}}})[0]
	for i := range paths {
		paths[i] = one
	}
	before := openFiles(t)
	s, err := OpenSet(ctx, paths, "v", Options{}, Limits{})
	require.NoError(t, err)
	defer s.Close()
	assert.Less(t, openFiles(t)-before, 20)
	dst := make([]byte, s.Rows()*8)
	require.NoError(t, s.Read(ctx, 2, dst, nil, nil))
	require.NoError(t, os.WriteFile(one, (&made{groups: [][]row{{{7, 2}}}}).bytes(t), 0o600))
	err = s.Read(ctx, 2, dst, nil, nil)
	assert.Equal(t, fault.PersistError, fault.KindOf(err))
	assert.ErrorContains(t, err, "was changed while it was read")
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}
