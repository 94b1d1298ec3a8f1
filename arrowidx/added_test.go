package arrowidx

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Codes of added rows do not depend on how many come in a call or on threads: files are the same.
func TestAddedRowsAreCodedAlikeHoweverTheyCome(t *testing.T) {
	const n, d, more = 500, 72, 700
	rows := blobs(t, 720, n+more, d, 10)
	for _, metric := range []Metric{Cosine, L2, Dot} {
		for _, kind := range []Kind{Exact, Flat, IVF} {
			var want []byte
			for _, how := range []struct{ few, step, threads int }{{0, more, 1}, {0, more, 4}, {90, 61, 2}} {
				ix := recallIndex(t, rows[:n*d], d, BuildOptions{Kind: kind, Metric: metric, Keep: KeepCopy},
					nil)
				addRows(t, ix, rows[n*d:(n+how.few)*d], d, 1)
				for at := n + how.few; at < n+more; at += how.step {
					col := columnOf(t, rows[at*d:min(at+how.step, n+more)*d], d)
					_, err := ix.Add(t.Context(), nil, col, AddOptions{Threads: how.threads})
					require.NoError(t, err)
					col.Release()
				}
				var file bytes.Buffer
				require.NoError(t, ix.Encode(t.Context(), &file, true))
				if want == nil {
					want = file.Bytes()
				}
				require.True(t, bytes.Equal(want, file.Bytes()), "%s %s %+v", metric, kind, how)
			}
		}
	}
}

// A call that adds one row makes little more memory than the segment that it leaves.
func TestARowAddedAloneTakesLittleMemory(t *testing.T) {
	const n, d, calls = 2000, 384, 200
	rows := blobs(t, 721, n+1, d, 10)
	for kind, most := range map[Kind]uint64{Flat: 16_000, IVF: 20_000} {
		ix := recallIndex(t, rows[:n*d], d, BuildOptions{Kind: kind}, nil)
		col := columnOf(t, rows[n*d:], d)
		defer col.Release()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range calls {
			_, err := ix.Add(t.Context(), nil, col, AddOptions{Threads: 1})
			require.NoError(t, err)
		}
		runtime.ReadMemStats(&after)
		require.Less(t, (after.TotalAlloc-before.TotalAlloc)/calls, most, kind)
		require.LessOrEqual(t, (after.Mallocs-before.Mallocs)/calls, uint64(60), kind)
	}
}
