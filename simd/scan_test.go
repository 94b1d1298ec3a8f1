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
	next    []byte // what the scan asks for
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
	c.next = make([]byte, r.Intn(2*len(c.blocks)+100))
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
		Scan4(c.blocks, c.d, c.alive, &c.queries, masks, est, c.next)
	} else {
		Scan(c.blocks, c.d, c.alive, &c.queries[0], masks, est, c.next)
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
	for _, tier := range []Tier{AVX2, AVX512, NEON} {
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

// A scan in parts asks for all of the memory, as far into it as it is itself.
func TestScanPartsAskForAllOfWhatComesNext(t *testing.T) {
	const d, n = 64, 10
	stride := BlockStride(d)
	blocks := make([]byte, n*stride)
	for _, room := range []int{0, 1, 3*stride + 5, n * stride, n*stride + 999} {
		next := make([]byte, room)
		for _, step := range []int{1, 3, 5, n} {
			asked := 0
			for b := 0; b < n; b += step {
				whole := scanPart{blocks, d, make([]uint32, n), next}
				part := whole.between(b, min(b+step, n))
				if len(part.next) > 0 && &part.next[0] != &next[b*stride] {
					t.Fatalf("%d of %d bytes, from block %d: another place", len(part.next), room, b)
				}
				if b+step < n && len(part.next) > step*stride {
					t.Fatalf("blocks from %d of %d ask for %d bytes", b, step, len(part.next))
				}
				asked += len(part.next)
			}
			if asked != room {
				t.Errorf("%d of %d bytes asked for in parts of %d blocks", asked, room, step)
			}
		}
	}
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

func TestScanReadsNothingOutsideItsInputs(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		for _, d := range []int{64, 128, 1024, 4160} {
			for n := 1; n <= 4; n++ {
				c := randomScan(r, d, n)
				fill(c.alive, ^uint32(0))
				for i := range c.queries {
					c.queries[i].Tau = 1e30
					c.queries[i].Tables = guardedCopy(t, c.queries[i].Tables)
				}
				c.blocks, c.alive = guardedCopy(t, c.blocks), guardedCopy(t, c.alive)
				c.next = guardedCopy(t, make([]byte, 100*n))
				masks, est := guarded[uint32](t, 4*n), guarded[float32](t, 4*n*BlockRows)
				withTier(t, tier, func() {
					Scan4(c.blocks, d, c.alive, &c.queries, masks, est, c.next)
					Scan(c.blocks, d, c.alive, &c.queries[0], masks[3*n:], est[3*n*BlockRows:],
						c.next)
				})
			}
		}
	}
}

func TestScanDoesNotDependOnAlignment(t *testing.T) {
	r := newRand(t)
	const d, n = 128, 3
	c := randomScan(r, d, n)
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for _, nq := range []int{1, 4} {
				wantMasks, wantEst := c.run(nq)
				for offset := range 64 {
					m := c.moved(offset)
					masks := newFenced[uint32](nq*n, offset)
					est := newFenced[float32](nq*n*BlockRows, 63-offset)
					fill(est.Slice, -12345)
					if nq == 4 {
						Scan4(m.blocks, d, m.alive, &m.queries, masks.Slice, est.Slice, m.next)
					} else {
						Scan(m.blocks, d, m.alive, &m.queries[0], masks.Slice, est.Slice, m.next)
					}
					masks.Check(t, "masks")
					est.Check(t, "estimates")
					if !slices.Equal(masks.Slice, wantMasks) || !sameBits(est.Slice, wantEst) {
						t.Fatalf("%s: results of %d queries change at offset %d", tier, nq, offset)
					}
				}
			}
		})
	}
}

// moved returns the same case with every input at another address modulo 64.
func (c *scanCase) moved(offset int) *scanCase {
	m := *c
	blocks, alive := newFenced[byte](len(c.blocks), offset), newFenced[uint32](c.n, 63-offset)
	copy(blocks.Slice, c.blocks)
	copy(alive.Slice, c.alive)
	m.blocks, m.alive = blocks.Slice, alive.Slice
	for i := range m.queries {
		tables := newFenced[byte](4*c.d, (offset*5+i)%64)
		copy(tables.Slice, c.queries[i].Tables)
		m.queries[i].Tables = tables.Slice
	}
	return &m
}

func TestScanSumsAreExactAtTheLargestEntries(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for _, tier := range Available() {
		for _, d := range []int{4096, 4160, 65536} {
			c := randomScan(r, d, 3)
			fill(c.alive, ^uint32(0))
			for b := range c.n {
				for i := range BlockRows {
					setFactor(c.blocks[b*BlockStride(d)+4*d:], i, 0)
					setFactor(c.blocks[b*BlockStride(d)+4*d:], 32+i, 1)
				}
			}
			for i := range c.queries {
				c.queries[i] = ScanQuery{Tables: make([]byte, 4*d), Step: 1, Tau: 1e9}
				fill(c.queries[i].Tables, maxEntry)
			}
			withTier(t, tier, func() {
				for _, nq := range []int{1, 4} {
					_, est := c.run(nq)
					for i, e := range est {
						if want := float32(d / 4 * maxEntry); e != want {
							t.Fatalf("%s: d=%d row %d: %g, want %g", tier, d, i, e, want)
						}
					}
				}
			})
		}
	}
}

func TestDeadBlocksAreSkippedAndSilentOnesWriteNoEstimates(t *testing.T) {
	const d, n = 64, 5
	for _, tier := range Available() {
		withTier(t, tier, func() {
			c := randomScan(rand.New(rand.NewSource(3)), d, n)
			c.alive = []uint32{0, 1, 0, 1 << 31, 0}
			for i := range c.queries {
				c.queries[i].Tau = float32(math.Inf(1))
			}
			masks, est := c.run(1)
			if !slices.Equal(masks, c.alive) {
				t.Fatalf("%s: masks %x, want %x", tier, masks, c.alive)
			}
			for b := range n {
				if written := est[b*BlockRows] != -12345; written != (c.alive[b] != 0) {
					t.Fatalf("%s: block %d: estimates written: %v", tier, b, written)
				}
			}
			c.queries[0].Tau = float32(math.NaN())
			if masks, _ := c.run(1); !slices.Equal(masks, make([]uint32, n)) {
				t.Fatalf("%s: rows below NaN: %x", tier, masks)
			}
		})
	}
}

func TestScan4EqualsFourScans(t *testing.T) {
	r := newRand(t)
	const d, n = 192, 150
	c := randomScan(r, d, n)
	for _, tier := range Available() {
		withTier(t, tier, func() {
			masks, est := c.run(4)
			for i := range c.queries {
				one := *c
				one.queries[0] = c.queries[i]
				m, e := one.run(1)
				if !slices.Equal(m, masks[i*n:(i+1)*n]) || !sameBits(e, est[i*n*32:(i+1)*n*32]) {
					t.Fatalf("%s: query %d alone differs", tier, i)
				}
			}
		})
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	c := randomScan(rand.New(rand.NewSource(1)), 64, 2)
	masks, est := make([]uint32, 8), make([]float32, 8*BlockRows)
	for _, tier := range Available() {
		withTier(t, tier, func() {
			if n := testing.AllocsPerRun(10, func() {
				Scan(c.blocks, c.d, c.alive, &c.queries[0], masks, est, c.next)
				Scan4(c.blocks, c.d, c.alive, &c.queries, masks, est, c.next)
			}); n != 0 {
				t.Errorf("%s: %g allocations", tier, n)
			}
		})
	}
}

func TestShortSlicesAreRefused(t *testing.T) {
	c := randomScan(rand.New(rand.NewSource(1)), 64, 2)
	masks, est := make([]uint32, 2), make([]float32, 64)
	short := c.queries[0]
	short.Tables = short.Tables[1:]
	for name, call := range map[string]func(){
		"blocks":    func() { Scan(c.blocks[1:], 64, c.alive, &c.queries[0], masks, est, c.next) },
		"masks":     func() { Scan(c.blocks, 64, c.alive, &c.queries[0], masks[1:], est, nil) },
		"estimates": func() { Scan(c.blocks, 64, c.alive, &c.queries[0], masks, est[1:], nil) },
		"tables":    func() { Scan(c.blocks, 64, c.alive, &short, masks, est, nil) },
		"dimension": func() { Scan(c.blocks, 63, c.alive, &c.queries[0], masks, est, c.next) },
		"too wide":  func() { Scan(nil, 65600, nil, &c.queries[0], nil, nil, nil) },
		"table out": func() { BuildTables(make([]byte, 255), make([]float32, 64)) },
		"int8 out":  func() { QuantizeInt8(make([]int8, 63), make([]float32, 64)) },
		"bits":      func() { DotCode(c.blocks, 0, make([]byte, 64), 5, 64, make([]int8, 64)) },
		"row":       func() { DotCode(c.blocks, 32, make([]byte, 64), 4, 64, make([]int8, 64)) },
		"extra":     func() { DotCode(c.blocks, 0, make([]byte, 31), 4, 64, make([]int8, 64)) },
		"query":     func() { DotCodeFloat(c.blocks, 0, nil, 0, 64, make([]float32, 63)) },
		"start":     func() { NextBelow(est, -1, 0) },
	} {
		if !panics(call) {
			t.Errorf("%s: accepted", name)
		}
	}
}

func panics(call func()) (did bool) {
	defer func() { did = recover() != nil }()
	call()
	return false
}

func FuzzScan(f *testing.F) {
	f.Add(int64(1), uint8(0), uint8(1))
	f.Add(int64(2), uint8(15), uint8(4))
	f.Add(int64(3), uint8(64), uint8(3))
	f.Fuzz(func(t *testing.T, seed int64, groups, blocks uint8) {
		r := rand.New(rand.NewSource(seed))
		c := randomScan(r, 64*(1+int(groups)%80), int(blocks)%8)
		for _, tier := range assembled(t) {
			compareScan(t, tier, c)
		}
	})
}
