package arrowidx_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

type cell[I arrowidx.TopKID] struct {
	id    I
	score float32
}

// mergedBySorting is the definition: all cells of a query by id, the best of each, by score.
func mergedBySorting[I arrowidx.TopKID](
	larger bool, k int, parts []arrowidx.TopK[I], q int,
) []cell[I] {
	best := map[I]float32{}
	for _, p := range parts {
		for i := q * p.K; i < q*p.K+int(p.Counts[q]); i++ {
			was, known := best[p.IDs[i]]
			better := p.Scores[i] < was
			if larger {
				better = p.Scores[i] > was
			}
			if p.Scores[i] == was {
				better = math.Signbit(float64(was)) && !math.Signbit(float64(p.Scores[i]))
			}
			if !known || better {
				best[p.IDs[i]] = p.Scores[i]
			}
		}
	}
	all := make([]cell[I], 0, len(best))
	for id, score := range best {
		all = append(all, cell[I]{id, score})
	}
	slices.SortFunc(all, func(a, b cell[I]) int {
		by := cmp.Compare(a.score, b.score)
		if larger {
			by = -by
		}
		return cmp.Or(by, cmp.Compare(a.id, b.id))
	})
	return all[:min(k, len(all))]
}

// requireSameBits compares answers as memory: NaN equals NaN, and zeros have signs.
func requireSameBits[I arrowidx.TopKID](t *testing.T, want, got arrowidx.TopK[I], why string) {
	t.Helper()
	require.Equal(t, want.K, got.K, why)
	require.Equal(t, want.Counts, got.Counts, why)
	require.Equal(t, want.IDs, got.IDs, why)
	require.Equal(t, bitsOf(want.Scores), bitsOf(got.Scores), why)
}

func bitsOf(scores []float32) []uint32 {
	bits := make([]uint32, len(scores))
	for i, s := range scores {
		bits[i] = math.Float32bits(s)
	}
	return bits
}

// someScores are few, so that many are equal; the zeros differ in sign, two are not finite.
var someScores = []float32{0, float32(math.Copysign(0, -1)), 0.5, -0.5, 1, 2,
	float32(math.Inf(1)), float32(math.Inf(-1)), math.SmallestNonzeroFloat32}

// randomPart draws cells in no order, with ids that repeat within the part and among parts.
func randomPart[I arrowidx.TopKID](r *rand.Rand, nq, k int, id func(int) I) arrowidx.TopK[I] {
	p := arrowidx.TopK[I]{K: k, IDs: make([]I, nq*k), Scores: make([]float32, nq*k),
		Counts: make([]int64, nq)}
	for i := range p.IDs {
		p.IDs[i] = id(r.IntN(3 + 2*k))
		p.Scores[i] = someScores[r.IntN(len(someScores))]
	}
	for q := range p.Counts {
		p.Counts[q] = int64(r.IntN(k + 1))
		for i := q*k + int(p.Counts[q]); i < (q+1)*k; i++ {
			p.Scores[i] = float32(math.NaN()) // absent: must not be read
		}
	}
	return p
}

func randomParts[I arrowidx.TopKID](r *rand.Rand, id func(int) I) []arrowidx.TopK[I] {
	nq := r.IntN(4)
	parts := make([]arrowidx.TopK[I], 1+r.IntN(6))
	for i := range parts {
		parts[i] = randomPart(r, nq, r.IntN(9), id)
	}
	return parts
}

func int64ID(i int) int64   { return int64(i) - 5 }
func uint64ID(i int) uint64 { return math.MaxUint64 - 7 + uint64(i) }

// textID draws texts whose order by UTF-16 would be another one than that by UTF-8.
func textID(i int) string { return []string{"a", "", "\uffff", "\U0001f600", "ä"}[i%5] }

func merged[I arrowidx.TopKID](
	t *testing.T, larger bool, k int, parts ...arrowidx.TopK[I],
) arrowidx.TopK[I] {
	t.Helper()
	out, err := arrowidx.MergeTopK(larger, k, parts)
	require.NoError(t, err)
	return out
}

func requireDefinition[I arrowidx.TopKID](
	t *testing.T, larger bool, k int, parts []arrowidx.TopK[I], absent I, why string,
) {
	t.Helper()
	got := merged(t, larger, k, parts...)
	for q := range got.Counts {
		want := mergedBySorting(larger, k, parts, q)
		require.EqualValues(t, len(want), got.Counts[q], why)
		for i := range k {
			id, score := got.IDs[q*k+i], got.Scores[q*k+i]
			if i >= len(want) {
				require.Equal(t, absent, id, why)
				require.True(t, score != score, why)
				continue
			}
			require.Equal(t, want[i].id, id, why)
			require.Equal(t, math.Float32bits(want[i].score), math.Float32bits(score), why)
		}
	}
}

// requireAlgebra checks that shards may be merged in any order, by any bracketing, and again.
func requireAlgebra[I arrowidx.TopKID](
	t *testing.T, r *rand.Rand, larger bool, k int, parts []arrowidx.TopK[I], why string,
) {
	t.Helper()
	all := merged(t, larger, k, parts...)
	shuffled := slices.Clone(parts)
	r.Shuffle(len(parts), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	requireSameBits(t, all, merged(t, larger, k, shuffled...), why+": commutative")
	cut := r.IntN(len(parts))
	if cut > 0 {
		left, right := merged(t, larger, k, parts[:cut]...), merged(t, larger, k, parts[cut:]...)
		requireSameBits(t, all, merged(t, larger, k, left, right), why+": associative")
	}
	folded := parts[0]
	for _, p := range parts {
		folded = merged(t, larger, k, folded, p)
	}
	requireSameBits(t, all, folded, why+": one after the other")
	requireSameBits(t, all, merged(t, larger, k, all), why+": idempotent")
	requireSameBits(t, all, merged(t, larger, k, append(shuffled, all)...), why+": absorbs")
}

func TestMergedAnswersAreThoseOfSortingEverything(t *testing.T) {
	const seed = 510
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 3_000 {
		k, larger := r.IntN(20), r.IntN(2) == 0
		why := fmt.Sprintf("seed %d, round %d", seed, round)
		requireDefinition(t, larger, k, randomParts(r, int64ID), -1, why)
		requireDefinition(t, larger, k, randomParts(r, uint64ID), math.MaxUint64, why)
		requireDefinition(t, larger, k, randomParts(r, textID), "", why)
	}
}

func TestMergingIsAssociativeCommutativeAndIdempotentToTheLastBit(t *testing.T) {
	const seed = 511
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 2_000 {
		k, larger := r.IntN(12), r.IntN(2) == 0
		why := fmt.Sprintf("seed %d, round %d", seed, round)
		requireAlgebra(t, r, larger, k, randomParts(r, int64ID), why)
		requireAlgebra(t, r, larger, k, randomParts(r, uint64ID), why)
		requireAlgebra(t, r, larger, k, randomParts(r, textID), why)
	}
}

func TestNegativeNumbersAreSmallerIdsAndLargeUnsignedOnesAreNot(t *testing.T) {
	score := []float32{1, 1}
	signed := merged(t, true, 2, arrowidx.TopK[int64]{K: 2, IDs: []int64{3, -3}, Scores: score,
		Counts: []int64{2}})
	require.Equal(t, []int64{-3, 3}, signed.IDs)
	unsigned := merged(t, true, 2, arrowidx.TopK[uint64]{K: 2, IDs: []uint64{1 << 63, 3},
		Scores: score, Counts: []int64{2}})
	require.Equal(t, []uint64{3, 1 << 63}, unsigned.IDs)
}

func TestMergingAllocatesByTheAnswerNotByTheQuery(t *testing.T) {
	r := rand.New(rand.NewPCG(512, 0))
	const nq, k = 200, 10
	parts := []arrowidx.TopK[int64]{randomPart(r, nq, k, int64ID), randomPart(r, nq, k, int64ID)}
	out := merged(t, true, k, parts...)
	allocs := testing.AllocsPerRun(5, func() {
		if arrowidx.MergeTopKInto(true, parts, &out) != nil {
			t.Error("merging failed")
		}
	})
	require.Less(t, allocs, 40.0, "allocations for %d queries", nq)
}

func TestMergingSaysWhichShardIsWrongAndWhere(t *testing.T) {
	good := arrowidx.TopK[int64]{K: 1, IDs: []int64{1, 2}, Scores: []float32{1, 2},
		Counts: []int64{1, 1}}
	with := func(change func(*arrowidx.TopK[int64])) arrowidx.TopK[int64] {
		bad := arrowidx.TopK[int64]{K: 1, IDs: slices.Clone(good.IDs),
			Scores: slices.Clone(good.Scores), Counts: slices.Clone(good.Counts)}
		change(&bad)
		return bad
	}
	nan := with(func(p *arrowidx.TopK[int64]) { p.Scores[1] = float32(math.NaN()) })
	for name, c := range map[string]struct {
		k           int
		parts       []arrowidx.TopK[int64]
		kind        arrowidx.ErrorKind
		row, column int64
		text        string
	}{
		"nothing":    {1, nil, arrowidx.InvalidArgument, -1, -1, "no answers"},
		"negative k": {-1, []arrowidx.TopK[int64]{good}, arrowidx.InvalidArgument, -1, -1, "k = -1"},
		"huge k": {1 << 31, []arrowidx.TopK[int64]{good}, arrowidx.LimitExceeded, -1, -1,
			"2 queries"},
		"NaN": {1, []arrowidx.TopK[int64]{good, nan}, arrowidx.InvalidArgument, 1, 0,
			"query 1 of shard 1: the score of place 0 is NaN"},
		"count above k": {1, []arrowidx.TopK[int64]{good, with(func(p *arrowidx.TopK[int64]) {
			p.Counts[0] = 2
		})}, arrowidx.InvalidArgument, 0, -1, "query 0 of shard 1: 2 rows"},
		"count below 0": {1, []arrowidx.TopK[int64]{with(func(p *arrowidx.TopK[int64]) {
			p.Counts[1] = -1
		})}, arrowidx.InvalidArgument, 1, -1, "query 1 of shard 0: -1 rows"},
		"other queries": {1, []arrowidx.TopK[int64]{good, with(func(p *arrowidx.TopK[int64]) {
			p.Counts = p.Counts[:1]
		})}, arrowidx.InvalidArgument, -1, -1, "shard 1 has answers to 1 queries, shard 0 to 2"},
		"short ids": {1, []arrowidx.TopK[int64]{good, with(func(p *arrowidx.TopK[int64]) {
			p.IDs = p.IDs[:1]
		})}, arrowidx.InvalidArgument, -1, -1, "shard 1 has 1 ids and 2 scores"},
		"short scores": {1, []arrowidx.TopK[int64]{with(func(p *arrowidx.TopK[int64]) {
			p.Scores = nil
		})}, arrowidx.InvalidArgument, -1, -1, "shard 0 has 2 ids and 0 scores"},
		"negative K": {1, []arrowidx.TopK[int64]{with(func(p *arrowidx.TopK[int64]) {
			p.K = -1
		})}, arrowidx.InvalidArgument, -1, -1, "k = -1"},
	} {
		_, err := arrowidx.MergeTopK(true, c.k, c.parts)
		var known *arrowidx.Error
		require.ErrorAs(t, err, &known, name)
		require.Equal(t, c.kind, known.Kind, name)
		require.Equal(t, c.row, known.Row, name)
		require.Equal(t, c.column, known.Column, name)
		require.ErrorContains(t, err, c.text, name)
	}
	tight := arrowidx.TopK[int64]{K: 2, IDs: make([]int64, 2), Scores: make([]float32, 4),
		Counts: make([]int64, 2)}
	err := arrowidx.MergeTopKInto(true, []arrowidx.TopK[int64]{good}, &tight)
	require.ErrorContains(t, err, "the room for the answer has 2 ids")
}

// FuzzMergeTopK holds any cells to the definition, or to an error that names a place.
func FuzzMergeTopK(f *testing.F) {
	f.Add([]byte{2, 1, 3, 0, 0, 128, 63, 3, 0, 0, 0, 64}, uint8(3), true)
	f.Add([]byte{0, 0, 0}, uint8(0), false)
	f.Fuzz(func(t *testing.T, data []byte, k uint8, larger bool) {
		parts := make([]arrowidx.TopK[int64], 1, 4)
		parts[0].Counts = []int64{0}
		for i := 0; i+5 <= len(data); i += 5 {
			if data[i]&7 == 0 && len(parts) < cap(parts) {
				parts = append(parts, arrowidx.TopK[int64]{Counts: []int64{0}})
			}
			p := &parts[len(parts)-1]
			p.K++
			p.Counts[0]++
			p.IDs = append(p.IDs, int64(int8(data[i])))
			p.Scores = append(p.Scores,
				math.Float32frombits(binary.LittleEndian.Uint32(data[i+1:])))
		}
		bad := slices.ContainsFunc(parts, func(p arrowidx.TopK[int64]) bool {
			return slices.ContainsFunc(p.Scores, func(s float32) bool { return s != s })
		})
		if bad {
			_, err := arrowidx.MergeTopK(larger, int(k), parts)
			require.ErrorContains(t, err, "NaN")
			return
		}
		requireDefinition(t, larger, int(k), parts, -1, "fuzzed")
	})
}
