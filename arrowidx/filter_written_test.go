package arrowidx

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/xxh3"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
)

// made makes the filter of a mask from what its owner has written to it since it was hashed.
func (c cachedFilters) made(asked, written *SearchParams, key xxh3.Uint128) *search.Filter {
	seg := c.ix.base()
	f := search.FiltersOf(seg).Take(key, seg.Alive, 0)
	f.Made.Do(func() { f.Fill(seg, written) })
	return f
}

func TestAFilterWrittenToMeanwhileIsNeitherUsedNorRememberedAsWhatItWas(t *testing.T) {
	for _, kind := range []Kind{Exact, Flat, IVF} {
		c := newCachedFilters(t, kind, 16_000)
		mask, other := make([]byte, c.n), make([]byte, c.n)
		for i := range mask {
			mask[i], other[i] = byte(i%2), byte(1-i%2)
		}
		f := c.made(c.params(mask), c.params(other), xxh3.Hash128(mask))
		require.NotContains(t, []xxh3.Uint128{f.Key}, f.Read)
		for range 3 {
			for _, row := range c.search(t, c.params(mask)).Rows {
				require.EqualValues(t, 1, row%2, kind)
			}
		}
		require.NotContains(t, search.FiltersOf(c.ix.base()).Kept, f)
		for _, row := range c.search(t, c.params(other)).Rows {
			require.EqualValues(t, 0, row%2, kind)
		}
	}
}

func TestRowsWrittenToMeanwhileCannotReachOutsideTheIndex(t *testing.T) {
	c := newCachedFilters(t, Flat, 8000)
	p := c.params(nil)
	p.Rows = []int64{5, -1, 1 << 60, int64(c.n), 6}
	f := &search.Filter{}
	f.Fill(c.ix.base(), p)
	require.Equal(t, 2, f.Eligible)
	require.EqualValues(t, 1<<5|1<<6, f.Words[0])
}

func BenchmarkReadMask(b *testing.B) {
	mask := randomMask(3, 1_000_000, 0.3)
	f := &search.Filter{Words: make([]uint32, len(mask)/32+1)}
	b.SetBytes(int64(len(mask)))
	for b.Loop() {
		clear(f.Words)
		f.ReadMask(mask)
	}
}
