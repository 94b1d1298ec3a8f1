package mem_test

import (
	"runtime"
	"testing"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

var held []byte

// litter lets go of so many bytes.
func litter(n int) {
	for ; n > 0; n -= 1 << 20 {
		held = make([]byte, 1<<20)
	}
	held = nil
}

// collections returns how many collections f was the reason of.
func collections(f func()) uint32 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.NumForcedGC - before.NumForcedGC
}

func TestGarbageIsCollectedWhenThereIsMuch(t *testing.T) {
	kept := make([]byte, 16<<20)
	for _, c := range []struct {
		litter int
		most   int64
		want   uint32
	}{
		{2 << 20, 8 << 20, 0}, // less than may be
		{3 << 20, 1 << 20, 0}, // more, but little beside what is in use
		{9 << 20, 8 << 20, 1},
		{9 << 20, -1, 1},
		{9 << 20, 64 << 20, 0},
	} {
		got := collections(func() {
			litter(c.litter)
			mem.Collect(c.most)
			mem.Collect(c.most) // there is none any more
		})
		if got != c.want {
			t.Errorf("%d bytes let go of, %d allowed: %d collections, want %d", c.litter, c.most, got,
				c.want)
		}
	}
	runtime.KeepAlive(kept)
}

func BenchmarkCollectFindsLittle(b *testing.B) {
	for b.Loop() {
		mem.Collect(1 << 30)
	}
}
