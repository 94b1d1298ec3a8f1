package arrowidx_test

import (
	"bytes"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// While memory is short long work ends, nothing is left of it, and afterwards all is as before.
func TestEveryVerbEndsWithOutOfMemoryWhileMemoryIsShort(t *testing.T) {
	r := arrowidxtest.Rand(t, 88)
	rows := arrowidxtest.Gaussian(r, 3000, 16)
	col := arrowidxtest.Column(t, rows, 16, 1)
	defer col.Release()
	var short atomic.Uint32
	arrowidx.WatchMemory(&short)
	defer arrowidx.WatchMemory(nil)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, file := build(t, rows, 16, arrowidx.BuildOptions{Kind: kind}, true)
		path := filepath.Join(t.TempDir(), "x")
		require.NoError(t, ix.Save(t.Context(), path, true))
		low := -1.0
		p := arrowidx.SearchParams{Queries: rows[:64*16], NQ: 64, K: 5, Rerank: -1}
		verbs := map[string]func() error{
			"build": func() error {
				made, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
				if err == nil {
					made.Close()
				}
				return err
			},
			"search": func() error {
				out := arrowidxtest.Outputs(64, 5)
				_, err := ix.Search(t.Context(), &p, &out)
				return err
			},
			"within": func() error {
				_, err := ix.Within(t.Context(), &arrowidx.WithinParams{Queries: rows[:16], NQ: 1,
					MinSimilarity: &low}, func(arrowidx.Range) error { return nil })
				return err
			},
			"encode": func() error { return ix.Encode(t.Context(), &bytes.Buffer{}, true) },
			"save":   func() error { return ix.Save(t.Context(), path, true) },
			"load": func() error {
				made, err := arrowidx.Load(t.Context(), path)
				if err == nil {
					made.Close()
				}
				return err
			},
			"add": func() error {
				_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
				return err
			},
		}
		short.Store(1)
		for name, verb := range verbs {
			require.Equal(t, arrowidx.OutOfMemory, arrowidx.KindOf(verb()), "%v %s", kind, name)
		}
		short.Store(0)
		require.Equal(t, file, encode(t, ix, true))
		require.Equal(t, []string{"x"}, listed(t, filepath.Dir(path)))
		for name, verb := range verbs {
			require.NoError(t, verb(), "%v %s", kind, name)
		}
	}
}
