package mem_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

func TestASlabIsZeroedWritableAndWhole(t *testing.T) {
	for _, n := range []int64{1, 63, 4096, 4097, 3 << 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s, err := mem.NewSlab("test", n)
			require.NoError(t, err)
			require.Len(t, s.Mem, int(n))
			for i, b := range s.Mem {
				if b != 0 {
					t.Fatalf("byte %d is %d", i, b)
				}
			}
			s.Mem[0], s.Mem[n-1] = 1, 2
			require.Len(t, s.Floats(), int(n/4))
			s.Free()
			require.Nil(t, s.Mem)
			s.Free() // twice is once
		})
	}
}

func TestSlabsOfImpossibleSizesAreRefused(t *testing.T) {
	empty, err := mem.NewSlab("test", 0)
	require.NoError(t, err)
	require.Nil(t, empty.Mem)
	empty.Free()
	for n, want := range map[int64]fault.Kind{
		-1: fault.LimitExceeded, 1<<46 + 1: fault.LimitExceeded, math.MinInt64: fault.LimitExceeded,
		math.MaxInt64: fault.LimitExceeded, 1 << 46: fault.OutOfMemory,
	} {
		_, err := mem.NewSlab("build", n)
		require.Equal(t, want, fault.KindOf(err), "%d bytes: %v", n, err)
		require.ErrorContains(t, err, "build: ")
	}
}

func TestAViewIsNotUnmapped(t *testing.T) {
	s, err := mem.NewSlab("test", 8192)
	require.NoError(t, err)
	defer s.Free()
	s.Mem[5000] = 9
	view := mem.Slab{Mem: s.Mem[4096:], View: true}
	view.Free()
	require.Nil(t, view.Mem)
	require.EqualValues(t, 9, s.Mem[5000])
}

func TestDroppedPagesAreZeroAndKeptOnesAreNot(t *testing.T) {
	const n = 1 << 20
	s, err := mem.NewSlab("test", n)
	require.NoError(t, err)
	defer func() { s.View = false; s.Free() }()
	for i := range s.Mem {
		s.Mem[i] = 7
	}
	s.DropPages(0, 0)
	require.EqualValues(t, 7, s.Mem[n-1], "free will unmap it: nothing to drop")
	s.View = true
	const from, to = 300_000, 300_100
	s.DropPages(from, to)
	for i := from; i < to; i++ {
		require.EqualValues(t, 7, s.Mem[i])
	}
	require.Contains(t, []byte{0, 7}, s.Mem[0], "where the system can, the page is gone")
}
