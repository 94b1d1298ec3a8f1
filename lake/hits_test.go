package lake

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

func TestOverRequestIsTheFormula(t *testing.T) {
	for _, c := range []struct{ k, s, want int }{
		{10, 0, 10}, {10, 1, 10}, {10, 2, 13}, {10, 4, 14}, {10, 16, 16}, {1, 100, 4}, {100, 4, 112},
		{0, 4, 0}, {1, 2, 2}, {-3, 4, 0},
	} {
		assert.Equal(t, c.want, overRequest(c.k, c.s), "k=%d S=%d", c.k, c.s)
	}
}

func TestTheFactorOfATargetIsNeverAboveTheLakes(t *testing.T) {
	for _, c := range []struct{ global, s, want int }{
		{20, 0, 20}, {20, 1, 20}, {20, 2, 10}, {20, 4, 5}, {20, 16, 5}, {3, 2, 3}, {3, 1, 3},
		{100, 4, 25}, {1, 9, 1},
	} {
		assert.Equal(t, c.want, shardFactor(c.global, c.s), "%d over %d", c.global, c.s)
	}
}

// madeIDs returns n ids of a kind that count from a number.
func madeIDs(t testing.TB, kind arrowidx.IDKind, first, n int) *arrowidx.IDs {
	t.Helper()
	var a interface {
		array.Builder
	}
	switch kind {
	case arrowidx.IDString:
		b := array.NewStringBuilder(memory.DefaultAllocator)
		for i := range n {
			b.Append(fmt.Sprintf("%d", first+i))
		}
		a = b
	case arrowidx.IDUint64:
		b := array.NewUint64Builder(memory.DefaultAllocator)
		for i := range n {
			b.Append(uint64(first + i))
		}
		a = b
	default:
		b := array.NewInt64Builder(memory.DefaultAllocator)
		for i := range n {
			b.Append(int64(first + i))
		}
		a = b
	}
	defer a.Release()
	arr := a.NewArray()
	defer arr.Release()
	ids, err := arrowidx.NewIDs(arr)
	require.NoError(t, err)
	return ids
}

func TestAnIDKeepsItsKind(t *testing.T) {
	assert.Equal(t, "-7", idOf(madeIDs(t, arrowidx.IDInt64, -7, 1), 0).String())
	assert.Equal(t, "7", idOf(madeIDs(t, arrowidx.IDString, 7, 1), 0).String())
	big := ID{Kind: arrowidx.IDUint64, Number: math.MaxUint64}
	assert.Equal(t, "18446744073709551615", big.String())
	assert.NotEqual(t, idOf(madeIDs(t, arrowidx.IDInt64, 7, 1), 0),
		idOf(madeIDs(t, arrowidx.IDString, 7, 1), 0))
	assert.Equal(t, arrowidx.IDInt64, idOf(arrowidx.PositionIDs(3), 2).Kind)
}

// modelCell is a cell as the model of merging sorts it.
type modelCell struct {
	hit   Hit
	order float32
}

// modelMerge is merging as it is told: join in the order of targets, sort stably, take the first k.
func modelMerge(answers []answer, keys []backend.Key, q, k int, larger, dedupe bool) []Hit {
	var cells []modelCell
	for _, a := range answers {
		for i := range int(a.counts[q]) {
			score := a.scores[q*a.k+i]
			order := score
			if larger {
				order = -score
			}
			cells = append(cells,
				modelCell{Hit{a.target, idOf(a.ids, a.rows[q*a.k+i]), score}, order})
		}
	}
	slices.SortStableFunc(cells, func(a, b modelCell) int {
		switch {
		case a.order < b.order:
			return -1
		case a.order > b.order:
			return 1
		}
		return 0
	})
	seen := map[string]bool{}
	hits := []Hit{}
	for _, c := range cells {
		text := "text"
		if c.hit.ID.Kind != arrowidx.IDString {
			text = "number"
		}
		called := fmt.Sprint(keys[c.hit.Target].Collection, text, c.hit.ID)
		if dedupe && seen[called] || len(hits) == k {
			continue
		}
		seen[called] = true
		hits = append(hits, c.hit)
	}
	return hits
}

// madeAnswer is an answer with scores that tie often.
func madeAnswer(t *testing.T, r *rand.Rand, target, nq int, larger bool) answer {
	k := r.IntN(6)
	kinds := []arrowidx.IDKind{arrowidx.IDInt64, arrowidx.IDUint64, arrowidx.IDString}
	a := answer{target: target, k: k, ids: madeIDs(t, kinds[r.IntN(3)], r.IntN(4), 8),
		rows: make([]int64, nq*k), scores: make([]float32, nq*k), counts: make([]int64, nq)}
	for q := range nq {
		n := r.IntN(k + 1)
		a.counts[q] = int64(n)
		rows := r.Perm(8)
		for i := range n {
			a.rows[q*k+i] = int64(rows[i])
			a.scores[q*k+i] = float32(r.IntN(4))
		}
		slices.Sort(a.scores[q*k : q*k+n])
		if larger {
			slices.Reverse(a.scores[q*k : q*k+n])
		}
	}
	return a
}

func TestMergingIsStableSortingOfWhatWasJoined(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		nq, k, larger, dedupe := 1+r.IntN(3), r.IntN(8), r.IntN(2) == 0, r.IntN(2) == 0
		keys := make([]backend.Key, 1+r.IntN(9))
		var answers []answer
		for i := range keys {
			keys[i] = backend.Key{Backend: fmt.Sprint(i), Collection: fmt.Sprint(r.IntN(2))}
			if r.IntN(5) > 0 {
				answers = append(answers, madeAnswer(t, r, i, nq, larger))
			}
		}
		f := &Federated{Targets: keys, K: k, Hits: make([]Hit, nq*k), Counts: make([]int64, nq)}
		m := merger{larger: larger, dedupe: dedupe, targets: keys, seen: map[name]struct{}{}}
		m.merge(answers, f)
		for q := range nq {
			require.Equal(t, modelMerge(answers, keys, q, k, larger, dedupe), f.Of(q))
			for _, rest := range f.Hits[q*k+int(f.Counts[q]) : (q+1)*k] {
				require.Equal(t, -1, rest.Target)
				require.True(t, rest.Score != rest.Score)
			}
		}
	}
}
