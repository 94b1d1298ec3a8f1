package simd

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"
)

// scanCase is one scan: blocks, alive bits and four queries.
type scanCase struct {
	d, n    int
	blocks  []byte
	alive   []uint32
	queries [4]ScanQuery
}

// randomScan makes n blocks of dimension d. About one block in four is dead as a whole, and the
// thresholds let about half of the rows pass.
func randomScan(r *rand.Rand, d, n int) *scanCase {
	c := &scanCase{d: d, n: n, blocks: make([]byte, n*BlockStride(d)), alive: make([]uint32, n)}
	for b := range n {
		block := c.blocks[b*BlockStride(d) : (b+1)*BlockStride(d)]
		r.Read(block[:4*d])
		for i := range 3 * BlockRows {
			setFactor(block[4*d:], i, float32(r.NormFloat64()))
		}
		if r.Intn(4) > 0 {
			c.alive[b] = r.Uint32() | 1<<r.Intn(32)
		}
	}
	for i := range c.queries {
		c.queries[i] = ScanQuery{Tables: randomTables(r, d), Step: r.Float32() / float32(d),
			Bias: float32(r.NormFloat64()), Add: float32(r.NormFloat64()), Err: r.Float32(),
			TabErr: r.Float32(), Tau: float32(r.NormFloat64())}
	}
	return c
}

func randomTables(r *rand.Rand, d int) []byte {
	tab := make([]byte, 4*d)
	for i := range tab {
		tab[i] = byte(r.Intn(maxEntry + 1))
	}
	return tab
}

func setFactor(factors []byte, i int, x float32) {
	binary.LittleEndian.PutUint32(factors[4*i:], math.Float32bits(x))
}

// run scans with the tier in force; est starts with a marker so that rows that must stay
// unwritten are compared too.
func (c *scanCase) run(nq int) (masks []uint32, est []float32) {
	masks, est = make([]uint32, nq*c.n), make([]float32, nq*c.n*BlockRows)
	for i := range est {
		est[i] = -12345
	}
	if nq == 4 {
		Scan4(c.blocks, c.d, c.alive, &c.queries, masks, est)
	} else {
		Scan(c.blocks, c.d, c.alive, &c.queries[0], masks, est)
	}
	return masks, est
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y)
	})
}

// eachTier runs f as a subtest under every tier that is not Pure.
func eachTier(t *testing.T, f func(t *testing.T, tier Tier)) {
	t.Helper()
	for _, tier := range []Tier{AVX2} {
		t.Run(tier.String(), func(t *testing.T) {
			needTier(t, tier)
			f(t, tier)
		})
	}
}

func TestScanEqualsItsTwinBitForBit(t *testing.T) {
	eachTier(t, func(t *testing.T, tier Tier) {
		r := newRand(t)
		for _, d := range []int{64, 128, 192, 320, 1024, 4032, 4096, 4160, 8192, 12352} {
			for n := 0; n <= 9; n++ {
				compareScan(t, tier, randomScan(r, d, n))
			}
		}
		compareScan(t, tier, randomScan(r, 64, 1500))
	})
}

func compareScan(t *testing.T, tier Tier, c *scanCase) {
	t.Helper()
	for _, nq := range []int{1, 4} {
		var wantMasks, masks []uint32
		var wantEst, est []float32
		withTier(t, Pure, func() { wantMasks, wantEst = c.run(nq) })
		withTier(t, tier, func() { masks, est = c.run(nq) })
		name := fmt.Sprintf("d=%d blocks=%d queries=%d", c.d, c.n, nq)
		if !slices.Equal(masks, wantMasks) {
			t.Fatalf("%s: masks %08x, want %08x", name, masks, wantMasks)
		}
		if !sameBits(est, wantEst) {
			t.Fatalf("%s: estimates differ", name)
		}
	}
}
