package simd

import "math"

const (
	// sampleSize values give the pivot of a round of SelectKth.
	sampleSize = 32
	// sampleMargin is how many places the pivot lies beyond the sought rank in the sample, so that
	// the sought value is nearly always on the pivot's smaller side.
	sampleMargin = 2
	// sampledRounds is how many rounds use a sample; the ones after them halve the range of values.
	sampledRounds = 12
)

// SelectKth returns the k-th smallest value of v, k from 0, and reorders v. v must hold no NaN
// (the result is then some value, or NaN) and k an index of it; -0 equals 0.
//
// It takes time proportional to len(v), allocates nothing and draws no random numbers: the pivots
// come from an evenly spaced sample (Floyd and Rivest, 1975), and after a fixed number of rounds
// from the middle of the remaining range of float32 values, which ends within 32 rounds more.
func SelectKth(v []float32, k int) float32 {
	if k < 0 || k >= len(v) {
		panic("simd: SelectKth: the rank is not an index of the values")
	}
	for round := 0; len(v) > sampleSize; round++ {
		pivot := samplePivot(v, k)
		if round >= sampledRounds {
			pivot = middlePivot(v)
		}
		below := partition(v, pivot, false)
		switch {
		case below == len(v): // only NaN among the values does this
			return pivot
		case k < below:
			v = v[:below]
		case below > 0:
			v, k = v[below:], k-below
		default: // the pivot is the least value
			equal := partition(v, pivot, true)
			if k < equal || equal == 0 {
				return pivot
			}
			v, k = v[equal:], k-equal
		}
	}
	sortFew(v)
	return v[k]
}

// partition moves the values under the pivot, or also those equal to it, to the front and returns
// their number. The loops have no branch to mispredict.
func partition(v []float32, pivot float32, equal bool) int {
	n := 0
	if equal {
		for i, x := range v {
			v[i] = v[n]
			v[n] = x
			passed := 0
			if x <= pivot {
				passed = 1
			}
			n += passed
		}
		return n
	}
	for i, x := range v {
		v[i] = v[n]
		v[n] = x
		passed := 0
		if x < pivot {
			passed = 1
		}
		n += passed
	}
	return n
}

// samplePivot returns a value of v somewhat beyond rank k, on the side of the median.
func samplePivot(v []float32, k int) float32 {
	var sample [sampleSize]float32
	for i := range sample {
		sample[i] = v[i*len(v)/sampleSize]
	}
	sortFew(sample[:])
	rank := k * sampleSize / len(v)
	if k < len(v)/2 {
		return sample[rank+sampleMargin]
	}
	return sample[rank-sampleMargin]
}

// middlePivot returns the value in the middle of the range of v, counted in float32 values, above
// the least value unless all are equal.
func middlePivot(v []float32) float32 {
	least, most := v[0], v[0]
	for _, x := range v {
		least, most = min(least, x), max(most, x)
	}
	low, high := ordered(least), ordered(most)
	return fromOrdered(low + (high-low+1)/2)
}

// ordered maps float32 values to integers in the same order; -0 maps like 0.
func ordered(x float32) int64 {
	bits := int64(math.Float32bits(x))
	if bits >= 1<<31 {
		return 1<<31 - bits
	}
	return bits
}

func fromOrdered(i int64) float32 {
	if i < 0 {
		return -math.Float32frombits(uint32(-i))
	}
	return math.Float32frombits(uint32(i))
}

// sortFew sorts a few values by insertion.
func sortFew(v []float32) {
	for i := 1; i < len(v); i++ {
		x, j := v[i], i
		for ; j > 0 && x < v[j-1]; j-- {
			v[j] = v[j-1]
		}
		v[j] = x
	}
}
