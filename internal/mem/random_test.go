package mem_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

func TestTheGeneratorGivesThePublishedNumbers(t *testing.T) {
	// SplitMix64 from seeds 1234567 and 0, as in the reference implementation's test vectors.
	for seed, want := range map[uint64][]uint64{
		1234567: {6457827717110365317, 3203168211198807973, 9817491932198370423,
			4593380528125082431, 16408922859458223821},
		0: {0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC},
	} {
		g := mem.Generator{State: seed}
		for i, v := range want {
			require.Equal(t, v, g.Next(), "seed %d, number %d", seed, i)
		}
	}
}

func TestTheGeneratorsBitsAreFair(t *testing.T) {
	const draws = 100_000
	g := mem.Generator{State: 9}
	var ones [64]int
	for range draws {
		v := g.Next()
		for b := range ones {
			ones[b] += int(v >> b & 1)
		}
	}
	for b, n := range ones {
		// 5 standard deviations of a fair coin.
		require.InDelta(t, draws/2, n, 5*math.Sqrt(draws)/2, "bit %d", b)
	}
}
