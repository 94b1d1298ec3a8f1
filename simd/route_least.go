package simd

import "math"

const (
	// limits is how many thresholds one pass over the values counts up to.
	limits = 7
	// leastGroups is how many groups leastOfGroups makes.
	leastGroups = 32
	// linearRounds is how many passes divide the range evenly. Those after them divide the float32
	// values in it, which ends within a dozen for any values.
	linearRounds = 4
)

// farSteps are the limits of a pass after one that found too few values, in units of its range.
var farSteps = [limits]float32{1, 1.25, 1.5, 2, 3, 6, 12}

// SelectLeast writes the indexes of the least values of v to near, rising, and returns how many: at
// least want and at most most of them, if there is a threshold that so many values do not exceed,
// else more, namely all up to the want-th least. All values up to the greatest selected one are
// selected. want may be any number; near holds at least len(v) values, of which those after the
// selected ones may be overwritten too. NaN among the values is never selected, and may make them
// fewer than want.
//
// The threshold is found by counting the values up to seven limits a pass, in the range that the
// counts before left. The same on every tier.
func SelectLeast(near []uint32, v []float32, want, most int) int {
	checkRoom("SelectLeast", len(near), len(v))
	if want >= len(v) {
		return selectBelowKernel(near[:len(v)], v, infinite(1))
	}
	if want <= 0 {
		return 0
	}
	return selectBelowKernel(near[:len(v)], v, leastLimit(v, want, most))
}

// leastLimit returns a value that want to most values of v do not exceed, or the want-th least.
func leastLimit(v []float32, want, most int) float32 {
	r := newLimitRange(v, want)
	for round := 0; r.high-r.low > 1; round++ {
		at := r.limits(round)
		if r.narrow(&at, countUpTo(v, at), want) <= most {
			break
		}
	}
	return fromOrdered(r.high)
}

// countUpTo counts the values of v that are at most each limit.
func countUpTo(v []float32, at [limits]float32) [limits]uint32 {
	counts := countUpToKernel(v[:min(callFloats, len(v))], at)
	for from := callFloats; from < len(v); from += callFloats {
		for i, n := range countUpToKernel(v[from:min(from+callFloats, len(v))], at) {
			counts[i] += n
		}
	}
	return counts
}

// limitRange says where the sought limit lies, as ordered integers: above low, up to high.
type limitRange struct {
	low, high   int64
	least, span float32 // where the first limits begin, and how far they go
}

// newLimitRange finds where to begin. Some four values for each group are at most the greatest of
// the least ones of groups: that tells more about the least values than a sample of so many. Where
// more are sought, the groups are those of fewer values.
func newLimitRange(v []float32, want int) limitRange {
	r := limitRange{low: ordered(infinite(-1)) - 1, high: ordered(infinite(1))}
	least, greatest := leastOfGroupsKernel(v[:min(callFloats, len(v))])
	if len(v) <= callFloats {
		r.low = ordered(least) - 1
	}
	if some := want / leastGroups / 2; some > 0 && len(v) <= callFloats {
		n := len(v) / some
		_, greatest = leastOfGroupsKernel(v[(len(v)-n)/2:][:n])
	}
	r.least, r.span = least, greatest-least
	return r
}

// limits returns the limits of a pass, which rise.
func (r *limitRange) limits(round int) (at [limits]float32) {
	low, span := r.least, r.span
	unknown := r.high == ordered(infinite(1))
	if !unknown {
		low = fromOrdered(r.low)
		span = fromOrdered(r.high) - low
	}
	switch {
	case round >= linearRounds || unknown && round > 1 || !(span < infinite(1)):
		for i := range at {
			at[i] = fromOrdered(r.low + (r.high-r.low)*int64(i+1)/(limits+1))
		}
	case unknown && round == 1:
		for i, step := range farSteps {
			at[i] = low + float32(span*step)
		}
	default:
		for i := range at {
			at[i] = low + float32(span*(float32(i+1)/(limits+1)))
		}
	}
	return at
}

// narrow takes the counts of a pass and returns how many values high, if it is a new one, holds.
func (r *limitRange) narrow(at *[limits]float32, counts [limits]uint32, want int) int {
	less := 0
	for _, n := range counts {
		less += int(one(int(n) < want))
	}
	if less > 0 {
		r.low = max(r.low, ordered(at[less-1]))
	}
	if less == limits {
		return math.MaxInt
	}
	r.high = min(r.high, ordered(at[less]))
	return int(counts[less])
}

func infinite(sign int) float32 { return float32(math.Inf(sign)) }
