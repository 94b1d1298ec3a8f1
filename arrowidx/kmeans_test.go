package arrowidx

import (
	"math"
	rand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
)

// blobs returns n rows of d numbers around as many centres of unequal weight, short enough to be
// rows of an index.
func blobs(t *testing.T, seed uint64, n, d, centres int) []float32 {
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	middle := make([]float64, centres*d)
	for i := range middle {
		middle[i] = r.NormFloat64()
	}
	x := make([]float32, n*d)
	for i := range n {
		u := r.Float64()
		c := int(u * u * float64(centres))
		for j := range d {
			v := middle[c*d+j] + 0.5*r.NormFloat64()
			x[i*d+j] = float32(v / (2 * math.Sqrt(float64(d))))
		}
	}
	return x
}

// sampleOf makes rows a sample, and returns what rounding made of them.
func sampleOf(rows []float32, padded int) (*build.Sample, []float32) {
	n := len(rows) / padded
	s := &build.Sample{
		Rows: n, Padded: padded, Codes: make([]int8, n*padded), Step: make([]float32, n),
	}
	rounded := make([]float32, n*padded)
	for r := range n {
		s.Put(r, rows[r*padded:(r+1)*padded])
		s.Read(rounded[r*padded:(r+1)*padded], r)
	}
	return s, rounded
}

func train(t *testing.T, rows []float32, padded, k, threads int) *build.Kmeans {
	t.Helper()
	rounds := 0
	s, _ := sampleOf(rows, padded)
	m := &build.Kmeans{Sample: s, K: k, Threads: threads}
	centroids, err := m.Train(t.Context(), func(done, of int) {
		rounds++
		require.Equal(t, rounds, done)
		require.Equal(t, build.KmeansRounds, of)
	})
	require.NoError(t, err)
	require.Equal(t, build.KmeansRounds, rounds)
	require.Len(t, centroids, k*padded)
	return m
}

func trained(t *testing.T, rows []float32, padded, k, threads int) []float32 {
	t.Helper()
	return train(t, rows, padded, k, threads).Centroids
}

func squared(a, b []float32) (sum float64) {
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return sum
}

// nearestOf is the nearest centroid by brute force, the smaller one of equals.
func nearestOf(x, centroids []float32) (best int, least float64) {
	d := len(x)
	least = math.Inf(1)
	for c := range len(centroids) / d {
		if v := squared(x, centroids[c*d:(c+1)*d]); v < least {
			best, least = c, v
		}
	}
	return best, least
}

// residual is the mean distance of rows to their nearest centroids.
func residual(rows, centroids []float32, d int) float64 {
	sum := 0.0
	for i := range len(rows) / d {
		_, least := nearestOf(rows[i*d:(i+1)*d], centroids)
		sum += math.Sqrt(least)
	}
	return sum / float64(len(rows)/d)
}

func TestCentroidsDoNotDependOnThreads(t *testing.T) {
	const n, d, k = 5000, 64, 150
	sample := blobs(t, 400, n, d, 40)
	want := train(t, sample, d, k, 1)
	for _, threads := range []int{2, 7, 64} {
		have := train(t, sample, d, k, threads)
		require.Equal(t, want.Centroids, have.Centroids, "%d threads", threads)
		require.Equal(t, want.Owner, have.Owner, "%d threads", threads)
	}
}

// lloyd is the plain algorithm in float64, with so many rows a cell in every round.
func lloyd(sample []float32, d, k int, rounds ...int) []float32 {
	centroids := append([]float32{}, sample[:k*d]...)
	for _, perCell := range rounds {
		n := min(perCell*k, len(sample)/d)
		sums, counts := make([]float64, k*d), make([]int, k)
		for i := range n {
			x := sample[i*d : (i+1)*d]
			c, _ := nearestOf(x, centroids)
			counts[c]++
			for j, v := range x {
				sums[c*d+j] += float64(v)
			}
		}
		for c, count := range counts {
			for j := 0; count > 0 && j < d; j++ {
				centroids[c*d+j] = float32(sums[c*d+j] / float64(count))
			}
		}
	}
	return centroids
}

func TestCellsAreAsTightAsThoseOfPlainLloyd(t *testing.T) {
	for i, c := range []struct{ n, d, k, centres int }{
		{2500, 64, 40, 25}, {3000, 64, 100, 1000}, {2000, 128, 30, 400},
	} {
		sample := blobs(t, 410+uint64(i), c.n, c.d, c.centres)
		ours := residual(sample, trained(t, sample, c.d, c.k, 2), c.d)
		plain := residual(sample, lloyd(sample, c.d, c.k, 64, 64, 256, 256, 256, 256), c.d)
		start := residual(sample, sample[:c.k*c.d], c.d)
		t.Logf("%+v: residual %.4f, plain %.4f, at the start %.4f", c, ours, plain, start)
		require.LessOrEqual(t, ours, plain*1.03)
		require.Less(t, ours, start, "training helps")
	}
}

func TestNoCellStaysEmptyWhenRowsDiffer(t *testing.T) {
	const d = 64
	for i, c := range []struct{ n, k, centres int }{{2000, 60, 3}, {600, 300, 10}, {100, 100, 5}} {
		sample := blobs(t, 420+uint64(i), c.n, d, c.centres)
		centroids := trained(t, sample, d, c.k, 2)
		held := make([]int, c.k)
		for r := range c.n {
			cell, _ := nearestOf(sample[r*d:(r+1)*d], centroids)
			held[cell]++
		}
		require.NotContains(t, held, 0, "%+v", c)
	}
}

// Far apart, blobs are settled before training ends: then nothing moves any more.
func TestACentroidIsTheMeanOfItsRows(t *testing.T) {
	const n, d = 3000, 64
	for i, k := range []int{1, 20} {
		rows := blobs(t, 430+uint64(i), n, d, 15)
		m := train(t, rows, d, k, 2)
		_, rounded := sampleOf(rows, d)
		settled := 0
		for c := range k {
			members := m.Members[m.First[c]:m.First[c+1]]
			mean := make([]float64, d)
			for _, r := range members {
				require.Equal(t, uint32(c), m.Owner[r])
				for j := range d {
					mean[j] += float64(rounded[int(r)*d+j]) / float64(len(members))
				}
			}
			off := 0.0
			for j := range d {
				off = max(off, math.Abs(mean[j]-float64(m.Centroid(c)[j])))
			}
			require.Less(t, off, 0.03, "cell %d of %d", c, k)
			if off < 1e-6 {
				settled++
			}
		}
		t.Logf("%d of %d cells are settled", settled, k)
		require.GreaterOrEqual(t, 2*settled, k)
		require.EqualValues(t, min(n, build.KmeansUses(n, k)), m.First[k], "every row is in one cell")
	}
}

// The cells that training leaves rows in are those that a search of all cells finds: rows that
// moved only to cells around theirs are not lost far away.
func TestTrainingLeavesRowsInTheirNearestCells(t *testing.T) {
	for i, c := range []struct{ n, d, k, centres int }{
		{3000, 64, 200, 60}, {2000, 128, 300, 200}, {5000, 64, 3, 10},
	} {
		rows := blobs(t, 470+uint64(i), c.n, c.d, c.centres)
		m := train(t, rows, c.d, c.k, 2)
		other, used := 0, build.KmeansUses(c.n, c.k)
		for r, cell := range m.Owner[:used] {
			x := rows[r*c.d : (r+1)*c.d]
			best, least := nearestOf(x, m.Centroids)
			if int(cell) == best {
				continue
			}
			other++
			have := squared(x, m.Centroid(int(cell)))
			require.LessOrEqual(t, math.Sqrt(have), 1.1*math.Sqrt(least), "row %d of %+v", r, c)
		}
		t.Logf("%+v: %d of %d rows are not in their nearest cells", c, other, used)
		require.LessOrEqual(t, other, used/50)
	}
}

// unequal is the sum of squares of the cells' sizes over that of equal ones.
func unequal(rows, centroids []float32, d int) (out float64) {
	k, n := len(centroids)/d, len(rows)/d
	sizes := make([]float64, k)
	for r := range n {
		c, _ := nearestOf(rows[r*d:(r+1)*d], centroids)
		sizes[c]++
	}
	for _, size := range sizes {
		out += size * size
	}
	return out * float64(k) / float64(n) / float64(n)
}

// Centroids begin at random rows, so that where rows are dense there are many. Rounds on a few rows
// a cell lose that, and cells of very unequal sizes cost every query that looks into them.
func TestCellsAreOfMoreLikeSizesThanAfterRoundsOnFewRows(t *testing.T) {
	const n, d, k = 5000, 64, 40
	ours, grown := 0.0, 0.0
	for seed := range uint64(4) {
		rows := blobs(t, 480+seed, n, d, 200)
		ours += unequal(rows, trained(t, rows, d, k, 2), d) / 4
		few := lloyd(rows, d, k, 8, 8, 8, 16, 16, 32, 32, 64, 64)
		grown += unequal(rows, few, d) / 4
	}
	t.Logf("sums of squares are %.3f times those of equal cells, %.3f after few rows", ours, grown)
	require.Less(t, ours, 0.97*grown)
}

// Equal rows leave cells that cannot be told apart: training ends and stays finite.
func TestTrainingOnEqualRowsEnds(t *testing.T) {
	const n, d, k = 640, 64, 10
	sample := make([]float32, n*d)
	for i := range sample {
		sample[i] = float32(i%d) / 64
	}
	copy(sample[600*d:], blobs(t, 440, 3, d, 3))
	for _, v := range trained(t, sample, d, k, 2) {
		require.False(t, v != v || math.IsInf(float64(v), 0))
	}
}

func finderOf(t *testing.T, centroids []float32, d int) *build.Finder {
	t.Helper()
	k := len(centroids) / d
	plane, err := segment.NewCentroidPlane(centroids, k, d, L2)
	require.NoError(t, err)
	t.Cleanup(plane.Free)
	norm2 := make([]float32, k)
	for c := range k {
		norm2[c] = float32(squared(centroids[c*d:(c+1)*d], make([]float32, d)))
	}
	return build.NewFinder(plane, centroids, norm2)
}

func TestRowsAreAssignedToTheirNearestCentroids(t *testing.T) {
	for i, c := range []struct{ d, k, centres int }{
		{64, 1, 3}, {64, 33, 20}, {64, 700, 60}, {128, 257, 300}, {384, 100, 100},
	} {
		const n = 1201 // not whole groups of four
		rows := blobs(t, 450+uint64(i), n+c.k, c.d, c.centres)
		centroids := rows[n*c.d:]
		owner := make([]uint32, n)
		finderOf(t, centroids, c.d).Nearest(rows[:n*c.d], n, owner)
		other := 0
		for r, cell := range owner {
			x := rows[r*c.d : (r+1)*c.d]
			best, least := nearestOf(x, centroids)
			if int(cell) == best {
				continue
			}
			have := squared(x, centroids[int(cell)*c.d:(int(cell)+1)*c.d])
			require.LessOrEqual(t, math.Sqrt(have), 1.02*math.Sqrt(least), "row %d of %+v", r, c)
			other++
		}
		t.Logf("%+v: %d of %d rows are not in their nearest cells", c, other, n)
		require.LessOrEqual(t, other, n/200)
	}
}

func TestARowInTheMiddleGoesToTheSmallerCell(t *testing.T) {
	const d, copies = 64, 5
	one := blobs(t, 460, 40, d, 40)
	var centroids []float32
	for range copies {
		centroids = append(centroids, one...)
	}
	owner := make([]uint32, 40)
	f := finderOf(t, centroids, d)
	f.Nearest(one, 40, owner)
	for r, cell := range owner {
		require.EqualValues(t, r, cell, "the first of %d equal centroids", copies)
	}
	// Alone or four at a time, a row goes to the same cell.
	for r := range 40 {
		single := make([]uint32, 1)
		f.Nearest(one[r*d:(r+1)*d], 1, single)
		require.Equal(t, owner[r], single[0])
	}
}
