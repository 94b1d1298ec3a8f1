package calibrate

import "github.com/ruvector/ruvector-arrow/internal/mem"

// Levels around the sought one at which quantiles are taken, as multiples of it, and what a
// parabola through them, by least squares with the levels as weights, makes of each at the sought
// level.
var (
	tailLevels = [...]float64{
		4, 2.828427, 2, 1.414214, 1, 0.7071068, 0.5, 0.3535534, 0.25,
	}
	tailWeights = [...]float64{
		-0.234532, 0.167274, 0.290471, 0.282352, 0.222392, 0.150935, 0.086419, 0.035546, -0.000857,
	}
)

// smoothed returns a value that all but a share `level` of the values keep to, all finite. Few
// values are greater, so that the quantile itself depends on chance; the tail around it is smooth,
// and a parabola through quantiles there depends on it less.
func smoothed(sorted []float32, level float64) float32 {
	sum := 0.0
	for i, times := range tailLevels {
		v := quantile(sorted, level*times)
		if v == mem.Infinity || v == -mem.Infinity {
			return quantile(sorted, level)
		}
		sum += float64(tailWeights[i] * float64(v))
	}
	return float32(sum)
}

// quantile returns a value that all but a share `level` of the sorted values keep to; 0 where there
// are none.
func quantile(sorted []float32, level float64) float32 {
	if len(sorted) == 0 {
		return 0
	}
	at := int(float64(len(sorted)) * (1 - level))
	return sorted[min(max(at, 0), len(sorted)-1)]
}
