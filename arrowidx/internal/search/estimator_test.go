package search_test

import (
	"cmp"
	"fmt"
	"math"
	rand "math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// estimatorDims are the dimensions of the promise.
var estimatorDims = []int{3, 64, 100, 128, 384, 768, 1000, 1536, 4096}

// pairsPerDim is how many pairs are drawn; of many dimensions that takes long, and make test draws
// fewer.
const pairsPerDim = 50_000

// tally sums z = (estimate - truth) / standard error, and counts bounds that hold.
type tally struct {
	n, held, heldTables int
	sum, sumSq          float64
}

func (t *tally) add(z float64, held, heldTables bool) {
	t.n++
	t.sum += z
	t.sumSq += z * z
	if held {
		t.held++
	}
	if heldTables {
		t.heldTables++
	}
}

// mean returns the mean of z and its standard error.
func (t *tally) mean() (mean, stderr float64) {
	mean = t.sum / float64(t.n)
	return mean, math.Sqrt((t.sumSq/float64(t.n) - mean*mean) / float64(t.n))
}

// estimate codes a residual against a centre and estimates its distance from a query, under one
// rotation.
type estimate struct {
	seg   *segment.Segment
	q     search.Query
	coder *rabitq.Coder
	masks [1]uint32
	est   [simd.BlockRows]float32
}

const testEpsilon = 1.9

func newEstimate(t testing.TB, d, bits int, seed uint64) *estimate {
	seg := &segment.Segment{Held: segment.NewHeld(), Kind: segment.Flat, Bits: bits, Dim: d, Rows: 1,
		Metric: column.SqEuclidean, Scale: 1, IDs: column.PositionIDs(1),
	}
	seg.Mean = make([]float32, d)
	seg.Rot = rabitq.NewRotation(rabitq.PaddedDim(d), seed)
	codes, err := rabitq.NewCodes(1, 1, d, bits)
	require.NoError(t, err)
	seg.Codes = codes
	return &estimate{seg: seg, coder: rabitq.NewCoder(codes.Padded, bits, column.SqEuclidean)}
}

func (e *estimate) rotate(x []float32) []float32 {
	out := make([]float32, e.seg.Codes.Padded)
	copy(out, x)
	e.seg.Rot.Apply(out, 1)
	return out
}

// product returns <y, v> of the stored code of e extra bits.
func (e *estimate) product(extraBits int, v []float32) float64 {
	f := e.seg.Codes
	var extra []byte
	if extraBits > 0 {
		extra = f.ExtraOf(0)
	}
	sum := 0.0
	for _, x := range v {
		sum += float64(x)
	}
	half := float64(int(2)<<extraBits-1) / 2
	return float64(simd.DotCodeFloat(f.Block(0), 0, extra, extraBits, f.Padded, v)) - half*sum
}

// measure adds a pair to the tallies of plane and whole code: a residual r from a centre c, and a
// query q, all in the space before rotation. The estimate is for |r - (q - c)|^2 with the tables
// of q itself (notes of section 3.3 of the paper: one table for all centres).
func (e *estimate) measure(t testing.TB, r, c, q []float32, plane, code *tally) {
	f := e.seg.Codes
	var extra []byte
	if f.Bits > 1 {
		extra = f.ExtraOf(0)
	}
	fs, _ := e.coder.Encode(e.rotate(r), 0, nil, extra)
	f.PutPlane(0, e.coder.Signs, fs)
	run := &search.Run{Seg: e.seg, P: &search.SearchParams{Queries: q}, Epsilon: testEpsilon}
	require.NoError(t, e.q.Prepare(run, 0))
	w := make([]float32, len(q)) // the query from the centre
	for i := range w {
		w[i] = q[i] - c[i]
	}
	centre := e.rotate(c)
	truth, length := simd.L2Sq64(r, w), math.Sqrt(simd.Norm64(w))
	e.q.Scan.Add, e.q.Scan.Err = float32(length*length), float32(testEpsilon*length)
	e.q.Origin = search.Place{Add: e.q.Scan.Add, Err: e.q.Scan.Err}

	fs.Add -= float32(float64(fs.Rescale) * e.product(0, centre))
	f.PutPlane(0, e.coder.Signs, fs)
	if sd := float64(fs.Err) * length; sd > 0 {
		est := float64(fs.Add+e.q.Scan.Add) + float64(fs.Rescale)*e.product(0, e.q.Rotated)
		plane.add((est-truth)/sd, est-testEpsilon*sd <= truth, e.scanLow(fs) <= truth)
	}
	if f.Bits == 1 {
		return
	}
	tail := extra[f.Row-rabitq.FactorsBytes:]
	whole := rabitq.GetFactors(tail)
	whole.Add -= float32(float64(whole.Rescale) * e.product(f.Bits-1, centre))
	whole.Put(tail)
	if est, width := e.q.Code(f, e.q.Origin, 0); width > 0 {
		held := float64(est-width) <= truth
		code.add((float64(est)-truth)/(float64(width)/testEpsilon), held, held)
	}
}

// scanLow is the lower bound of the scan kernel's estimate, table error included.
func (e *estimate) scanLow(fs rabitq.Factors) float64 {
	sq := e.q.Scan
	sq.Tau = float32(math.Inf(1))
	f := e.seg.Codes
	simd.Scan(f.Block(0), f.Padded, []uint32{1}, &sq, e.masks[:], e.est[:], nil)
	return float64(e.est[0] - fs.Err*sq.Err - mem.Abs32(fs.Rescale)*sq.TabErr)
}

func TestEstimatorIsUnbiasedAndItsBoundsHold(t *testing.T) {
	const seed = 20
	t.Logf("seed %d", seed)
	for _, d := range estimatorDims {
		for _, ratio := range []float64{1, 3, 10} {
			t.Run(fmt.Sprintf("d=%d/ratio=%v", d, ratio), func(t *testing.T) {
				t.Parallel()
				pairs := pairsPerDim
				switch {
				case testing.Short():
					pairs /= 20
				case d > 384 && !arrowidxtest.Whole():
					pairs /= 8
				}
				checkEstimator(t, d, ratio, pairs, seed)
			})
		}
	}
}

// checkEstimator draws uncorrelated pairs under several rotations.
func checkEstimator(t *testing.T, d int, ratio float64, pairs int, seed uint64) {
	const rotations = 25
	r := rand.New(rand.NewPCG(seed, uint64(d)))
	var plane, code tally
	for s := range rotations {
		e := newEstimate(t, d, 5, uint64(s))
		for range pairs / rotations {
			x, q, c := arrowidxtest.Sphere(r, d), arrowidxtest.Sphere(r, d), make([]float32, d)
			if ratio > 1 { // |q| = ratio and |q - c| = 1; else the centre is the origin
				w := arrowidxtest.Sphere(r, d)
				simd.Scale(q, q, float32(ratio))
				simd.Center(c, q, 1, w)
			}
			e.measure(t, x, c, q, &plane, &code)
		}
		e.seg.Release()
	}
	n := float64(plane.n)
	for name, ta := range map[string]*tally{"plane": &plane, "code": &code} {
		mean, stderr := ta.mean()
		require.LessOrEqualf(t, math.Abs(mean), 3*stderr, "%s: mean z %.5f, standard error %.5f",
			name, mean, stderr)
		// 97.1 % of a Gaussian lies below 1.9 standard deviations.
		least := 0.971 - 3*math.Sqrt(0.971*0.029/n)
		require.GreaterOrEqualf(t, float64(ta.held)/n, least, "%s: coverage", name)
	}
	require.GreaterOrEqual(t, float64(plane.heldTables)/n, 0.965, "coverage with rounded tables")
	mean, _ := plane.mean()
	t.Logf("plane mean z %+.4f coverage %.4f with tables %.4f", mean, float64(plane.held)/n,
		float64(plane.heldTables)/n)
}

// The rows that matter are the near ones, whose errors are smaller: the bound holds for more than
// 99 % of them.
func TestBoundsHoldForTheNearestRows(t *testing.T) {
	const seed, n, queries, near = 30, 400, 40, 10
	t.Logf("seed %d", seed)
	for _, d := range estimatorDims {
		t.Run(fmt.Sprintf("d=%d", d), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, uint64(d)))
			var plane, code tally
			for s := range 8 {
				checkNearest(t, r, newEstimate(t, d, 5, uint64(s)), n, queries, near, &plane, &code)
			}
			require.GreaterOrEqual(t, float64(plane.heldTables)/float64(plane.n), 0.99, "plane")
			require.GreaterOrEqual(t, float64(code.held)/float64(code.n), 0.99, "whole code")
		})
	}
}

// checkNearest draws clusters of 20 rows and queries from the same clusters: a query's nearest rows
// then resemble it (cosine about 0.67), as in embeddings.
func checkNearest(
	t *testing.T, r *rand.Rand, e *estimate, n, queries, near int, plane, code *tally,
) {
	defer e.seg.Release()
	d := e.seg.Dim
	centres := make([][]float32, n/20)
	for i := range centres {
		centres[i] = arrowidxtest.Sphere(r, d)
	}
	draw := func(cluster int) []float32 {
		x := arrowidxtest.Sphere(r, d)
		for j, v := range centres[cluster] {
			x[j] = v + 0.7*x[j]
		}
		simd.Scale(x, x, float32(1/math.Sqrt(simd.Norm64(x))))
		return x
	}
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = draw(i / 20)
	}
	zero := make([]float32, d)
	for range queries {
		q := draw(r.IntN(len(centres)))
		slices.SortFunc(rows, func(a, b []float32) int {
			return cmp.Compare(simd.L2Sq64(a, q), simd.L2Sq64(b, q))
		})
		for _, x := range rows[:near] {
			e.measure(t, x, zero, q, plane, code)
		}
	}
}
