package parquet

import (
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPageIsDecodedByOneOfThoseWhoWantIt(t *testing.T) {
	v := &Vectors{cache: &pageCache{limit: 1000}}
	var made atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for k := range 5 {
				p, err := v.page(3, k, func() ([]byte, error) {
					made.Add(1)
					return []byte{byte(k)}, nil
				})
				if err != nil || p.data[0] != byte(k) {
					panic("another page")
				}
				v.cache.done(p)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 5, made.Load())
}

func TestMemoryOfAPageIsNotUsedAgainWhileItIsRead(t *testing.T) {
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	v := &Vectors{cache: &pageCache{limit: 64}} // four of 16 bytes
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewSource(seed + int64(w)))
			for range 3000 {
				k := r.Intn(20)
				p, err := v.page(0, k, func() ([]byte, error) {
					data := v.cache.room(16)
					for i := range data {
						data[i] = byte(k)
					}
					return data, nil
				})
				if err != nil {
					panic(err)
				}
				for range 3 {
					for _, b := range p.data {
						if b != byte(k) {
							panic("the page was written to while it was read")
						}
					}
				}
				v.cache.done(p)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, v.cache.bytes, int64(64))
	require.LessOrEqual(t, len(v.cache.spare), mostSpare)
}

func TestPagesLongerThanTheCacheAndThoseOfClosedFilesAreNotKept(t *testing.T) {
	c := &pageCache{limit: 10}
	one, other := &Vectors{cache: c}, &Vectors{cache: c}
	long, err := one.page(0, 0, func() ([]byte, error) { return make([]byte, 11), nil })
	require.NoError(t, err)
	require.Len(t, long.data, 11)
	c.done(long)
	require.Nil(t, c.get(pageKey{one, 0, 0}))
	for _, v := range []*Vectors{one, other} {
		p, err := v.page(0, 1, func() ([]byte, error) { return make([]byte, 4), nil })
		require.NoError(t, err)
		c.done(p)
	}
	require.EqualValues(t, 8, c.bytes)
	c.forget(one)
	require.EqualValues(t, 4, c.bytes)
	require.Nil(t, c.get(pageKey{one, 0, 1}))
	require.NotNil(t, c.get(pageKey{other, 0, 1}))
	none, err := one.page(0, 2, func() ([]byte, error) { return nil, nil })
	require.NoError(t, err)
	require.Nil(t, none, "a page whose values lie in the file as they are")
}
