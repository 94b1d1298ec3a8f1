package column

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Numbers returns numbers [from, to) of a slab of float32 or float64.
func Numbers(s *mem.Slab, wide bool, from, to int) elements {
	if wide {
		return elements{kind: elemFloat64, f64: arrow.Float64Traits.CastFromBytes(s.Mem)[from:to]}
	}
	return elements{kind: elemFloat32, f32: s.Floats()[from:to]}
}
