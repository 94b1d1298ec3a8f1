package mem

import (
	"math/bits"
)

// Generator is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). Its outputs are part of the index
// format: rotations are drawn from it, so it must never change.
type Generator struct{ State uint64 }

// Next returns 64 random bits.
func (g *Generator) Next() uint64 {
	g.State += 0x9E3779B97F4A7C15
	z := g.State
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Below returns a number in [0, n), every one as likely (Lemire, ACM TOMACS 2019).
func (g *Generator) Below(n uint64) uint64 {
	for {
		hi, lo := bits.Mul64(g.Next(), n)
		if lo >= n || lo >= -n%n {
			return hi
		}
	}
}
