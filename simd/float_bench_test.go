package simd

import (
	"fmt"
	"math/rand"
	"testing"
)

// benchEachTier runs f under every available tier.
func benchEachTier(b *testing.B, f func(b *testing.B)) {
	for _, tier := range Available() {
		b.Run(tier.String(), func(b *testing.B) { withTier(b, tier, func() { f(b) }) })
	}
}

// perRow runs call, which handles one row, under every tier and reports nanoseconds a row.
func perRow(b *testing.B, name string, call func()) {
	b.Run(name, func(b *testing.B) {
		benchEachTier(b, func(b *testing.B) {
			for b.Loop() {
				call()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/row")
		})
	})
}

var sink float64

func BenchmarkFloat1024(b *testing.B) {
	const d = 1024
	in := randomInputs(rand.New(rand.NewSource(1)), d)
	dst := make([]float32, d)
	perRow(b, "Center", func() { Center(dst, in.x, in.s, in.y) })
	perRow(b, "Scale", func() { Scale(dst, in.x, in.s) })
	perRow(b, "MaxAbs", func() { sink += float64(MaxAbs(in.x)) })
	perRow(b, "Dot16", func() { sink += float64(Dot16(in.x, in.y)) })
	perRow(b, "Norm16", func() { sink += float64(Norm16(in.x)) })
	perRow(b, "Dot64", func() { sink += Dot64(in.x, in.y) })
	perRow(b, "L2Sq64", func() { sink += L2Sq64(in.x, in.y) })
	perRow(b, "Norm64", func() { sink += Norm64(in.x) })
	perRow(b, "AddScaled", func() { AddScaled(in.wide, in.x, 1e-9) })
	perRow(b, "F16ToF32", func() { F16ToF32(dst, in.half) })
	signed := make([]int8, d)
	perRow(b, "Int8ToF32", func() { Int8ToF32(dst, signed) })
	perRow(b, "Uint8ToF32", func() { Uint8ToF32(dst, in.codes) })
	perRow(b, "F64ToF32", func() { F64ToF32(dst, in.wide) })
}

func BenchmarkRotate(b *testing.B) {
	for _, d := range []int{64, 384, 768, 1024, 1536, 4096} {
		in := randomInputs(rand.New(rand.NewSource(1)), d)
		signs := randomFlips(rand.New(rand.NewSource(2)), d)
		perRow(b, fmt.Sprintf("d=%d", d), func() { Rotate(in.x, 1, d, signs) })
	}
}

// BenchmarkEncode times a whole row of 1+4 bits and its parts.
func BenchmarkEncode(b *testing.B) {
	const d, e = 1024, 4
	in := randomInputs(rand.New(rand.NewSource(1)), d)
	code, k, extra := make([]byte, d/8), make([]byte, d), make([]byte, d*e/8)
	perRow(b, "PackSigns", func() { PackSigns(code, in.x) })
	perRow(b, "EncodeExtra", func() { EncodeExtra(k, in.x, 5.3, e) })
	perRow(b, "PackExtra", func() { PackExtra(extra, k, code, e, d) })
	perRow(b, "1+4", func() {
		PackSigns(code, in.x)
		for range 3 {
			EncodeExtra(k, in.x, 5.3, e)
		}
		PackExtra(extra, k, code, e, d)
	})
}
