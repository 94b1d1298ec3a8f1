package simd

import (
	"math"
	"math/rand/v2"
	"testing"
)

func init() {
	exactKernels = append(exactKernels, []exactKernel{
		{"Dot64Tile", 1, func(m *memory, in *inputs) []uint64 { return tileOf(m, in, Dot64Tile) }},
		{"L2Sq64Tile", 1, func(m *memory, in *inputs) []uint64 { return tileOf(m, in, L2Sq64Tile) }},
	}...)
}

// tileOf is a tile of four rows and three, which fill no block.
func tileOf(
	m *memory, in *inputs, tile func(out []float64, x, y [][]float32, room *TileRoom),
) []uint64 {
	a, b := given(m, in.x), given(m, in.y)
	out := make([]float64, 12)
	var wide TileRoom
	tile(out, [][]float32{a, b, b, a}, [][]float32{b, a, b}, &wide)
	return bits64(out...)
}

// A sum of a tile has the bits of the sum of its pair, at every place of a block and with all that
// scratch memory may hold.
func TestATileIsTheSumsOfItsPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(530, 0))
	var room TileRoom
	eachTier(t, func(t *testing.T, _ Tier) {
		for _, d := range []int{1, 15, 16, 17, 100, 384, callFloats/blockX + 1} {
			for _, shape := range [][2]int{{1, 1}, {1, 2}, {2, 5}, {3, 2}, {4, 3}, {10, 32}} {
				x, y := gaussians(r, shape[0], d), gaussians(r, shape[1], d)
				dots, squares := make([]float64, len(x)*len(y)), make([]float64, len(x)*len(y))
				Dot64Tile(dots, x, y, &room)
				for i := range room.padded {
					room.padded[i] = float32(math.NaN())
				}
				L2Sq64Tile(squares, x, y, &room)
				for i, at := range squares {
					a, b := x[i%len(x)], y[i/len(x)]
					if dots[i] != Dot64(a, b) || at != L2Sq64(a, b) {
						t.Fatalf("d %d, shape %v, place %d: %v and %v, want %v and %v", d, shape, i,
							dots[i], at, Dot64(a, b), L2Sq64(a, b))
					}
				}
			}
		}
	})
	if room.x[0] != nil || room.y[0] != nil {
		t.Error("the room holds on to the rows")
	}
	Dot64Tile(nil, nil, [][]float32{{1}}, &room)
	Dot64Tile(nil, [][]float32{{1}}, nil, &room)
}

func gaussians(r *rand.Rand, n, d int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, d)
		for j := range rows[i] {
			rows[i][j] = float32(r.NormFloat64())
		}
	}
	return rows
}

func TestATileOfTooShortRowsPanics(t *testing.T) {
	var room TileRoom
	for name, call := range map[string]func(){
		"out": func() { Dot64Tile(make([]float64, 3), gaussianRows(2), gaussianRows(2), &room) },
		"x": func() {
			Dot64Tile(make([]float64, 4), [][]float32{{1, 2}, {1}}, [][]float32{{1, 2}, {1, 2}}, &room)
		},
		"y": func() {
			L2Sq64Tile(make([]float64, 2), [][]float32{{1, 2}}, [][]float32{{1, 2}, {1}}, &room)
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

func gaussianRows(n int) [][]float32 { return gaussians(rand.New(rand.NewPCG(531, 0)), n, 8) }

func BenchmarkTilesOfFloat64(b *testing.B) {
	r := rand.New(rand.NewPCG(532, 0))
	for _, n := range []int{3, 10, 32} {
		x, y := gaussians(r, n, 384), gaussians(r, 32, 384)
		out := make([]float64, n*32)
		var room TileRoom
		b.Run(string(rune('0'+n/10))+string(rune('0'+n%10)), func(b *testing.B) {
			for b.Loop() {
				Dot64Tile(out, x, y, &room)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n*32), "ns/pair")
		})
	}
	b.Run("pairs", func(b *testing.B) {
		x := gaussians(r, 32, 384)
		for i := 0; b.Loop(); i++ {
			Dot64(x[i%32], x[i/32%32])
		}
	})
}
