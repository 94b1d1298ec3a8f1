package text

import (
	"cmp"
	"context"
	"fmt"
	"math"
	rand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

// found is an answer to one query.
type found struct {
	Row   int64
	Score float32
}

func build(t testing.TB, threads int, texts ...string) *WordIndex {
	t.Helper()
	column, err := NewTexts(chunksOf(texts))
	require.NoError(t, err)
	defer column.Release()
	x, err := BuildWords(context.Background(), column, threads, nil)
	require.NoError(t, err)
	t.Cleanup(x.Close)
	return x
}

func ask(t testing.TB, x *WordIndex, k int, allowed []byte, queries ...string) [][]found {
	t.Helper()
	n := len(queries)
	out := WordHits{make([]int64, n*k), make([]float32, n*k), make([]int64, n)}
	err := x.Search(context.Background(),
		WordQuery{Queries: queries, K: k, Allowed: allowed, Threads: 2}, out)
	require.NoError(t, err)
	answers := make([][]found, n)
	for i := range answers {
		for j := range k {
			row, score := out.Rows[i*k+j], out.Scores[i*k+j]
			if int64(j) >= out.Counts[i] {
				require.EqualValues(t, -1, row)
				require.True(t, math.IsNaN(float64(score)))
				continue
			}
			answers[i] = append(answers[i], found{row, score})
		}
	}
	return answers
}

// formula ranks texts by the formula in the comment of WordIndex, word for word.
func formula(texts []string, query string, k int, allowed []byte) []found {
	counts := make([]map[string]int, len(texts))
	lengths := make([]int, len(texts))
	rows, total, n := map[string]int{}, 0, 0
	for i, text := range texts {
		counts[i] = map[string]int{}
		for _, term := range plainTerms(text) {
			counts[i][term]++
			lengths[i]++
		}
		for term := range counts[i] {
			rows[term]++
		}
		total += lengths[i]
		if lengths[i] > 0 {
			n++
		}
	}
	type exact struct {
		row   int
		score float64
	}
	var all []exact
	terms := plainTerms(query)
	slices.Sort(terms)
	for i := range texts {
		score := 0.0
		for at := 0; at < len(terms); {
			term, times := terms[at], 0
			for ; at < len(terms) && terms[at] == term; at++ {
				times++
			}
			if tf := float64(counts[i][term]); tf > 0 {
				df := float64(rows[term])
				idf := math.Log(1 + (float64(n)-df+0.5)/(df+0.5))
				mean := float64(total) / float64(n)
				score += float64(times) * idf * tf /
					(tf + 1.2*(1-0.75+0.75*float64(lengths[i])/mean))
			}
		}
		if score > 0 && (allowed == nil || allowed[i] != 0) {
			all = append(all, exact{i, score})
		}
	}
	slices.SortStableFunc(all, func(a, b exact) int {
		return cmp.Compare(float32(b.score), float32(a.score))
	})
	var best []found
	for _, e := range all[:min(k, len(all))] {
		best = append(best, found{int64(e.row), float32(e.score)})
	}
	return best
}

func requireAlike(t *testing.T, want, got []found, why ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), why...)
	for i := range want {
		require.Equal(t, want[i].Row, got[i].Row, why...)
		require.InEpsilon(t, want[i].Score, got[i].Score, 1e-6, why...)
	}
}

func TestSumsThatDifferByRoundingAloneAreTies(t *testing.T) {
	// 1/(1+1.2(1/4+3/4*2/3)) = 2/(2+1.2(1/4+3/4*5/3)): the second is a bit larger in float64.
	texts := []string{"v b", "8 i", "", "x b b c d"}
	requireAlike(t, formula(texts, "b", 5, nil), ask(t, build(t, 1, texts...), 5, nil, "b")[0])
	require.Equal(t, int64(0), ask(t, build(t, 1, texts...), 5, nil, "b")[0][0].Row)
}

func TestRandomTextsAreRankedByTheFormula(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		texts := make([]string, r.IntN(40))
		for i := range texts {
			texts[i] = randomWords(r, r.IntN(9))
		}
		query := randomWords(r, 1+r.IntN(6))
		k := r.IntN(len(texts) + 3)
		var allowed []byte
		if r.IntN(2) == 0 {
			allowed = make([]byte, len(texts))
			for i := range allowed {
				allowed[i] = byte(r.IntN(2))
			}
		}
		x := build(t, 2, texts...)
		got := ask(t, x, k, allowed, query, "nowhere", query)
		requireAlike(t, formula(texts, query, k, allowed), got[0],
			"seed %d: %q in %q", seed, query, texts)
		require.Empty(t, got[1])
		require.Equal(t, got[0], got[2], "alone or in a batch")
	}
}

// randomWords draws from few words, often the first ones, so that texts share some.
func randomWords(r *rand.Rand, n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = []string{"Apfel", "BAUM", "東京", "d", "e1", "ß", "!", "École"}[r.IntN(8)*r.IntN(8)/8]
	}
	return strings.Join(words, " ")
}

func TestWhatIsFoundHasATermOfTheQuery(t *testing.T) {
	x := build(t, 1, "red apple", "", "green pear", "--- !", "apple apple red")
	got := ask(t, x, 5, nil, "apple", "", "  ,", "kiwi", "pear APPLE")
	require.Equal(t, []int64{4, 0}, []int64{got[0][0].Row, got[0][1].Row})
	require.Len(t, got[0], 2)
	require.Empty(t, got[1])
	require.Empty(t, got[2])
	require.Empty(t, got[3])
	require.Len(t, got[4], 3)
	require.EqualValues(t, WordInfo{Rows: 5, Texts: 3, Terms: 4, Tokens: 7, Bytes: x.Info().Bytes,
		Version: WordsVersion},
		x.Info())
}

func TestEqualScoresGoToTheSmallerRow(t *testing.T) {
	texts := slices.Repeat([]string{"same words here", "other"}, 50)
	x := build(t, 2, texts...)
	for i, hit := range ask(t, x, 7, nil, "words")[0] {
		require.EqualValues(t, 2*i, hit.Row)
	}
}

func TestRowsWithoutATermChangeNoScore(t *testing.T) {
	few := build(t, 1, "a b", "b c c", "d")
	more := build(t, 1, "", "a b", "", "b c c", "...", "d", "")
	a, b := ask(t, few, 3, nil, "b c")[0], ask(t, more, 3, nil, "b c")[0]
	require.Equal(t, a[0].Score, b[0].Score)
	require.Equal(t, a[1].Score, b[1].Score)
	require.Equal(t, []int64{3, 1}, []int64{b[0].Row, b[1].Row})
}

func TestAnIndexDoesNotDependOnThreadsOrChunks(t *testing.T) {
	texts := manyTexts(7*shardTexts+17, 3)
	one := build(t, 1, texts...)
	for _, threads := range []int{2, 3} {
		other := build(t, threads, texts...)
		require.Equal(t, one.lengths, other.lengths)
		require.Greater(t, len(one.pieces), 1, "several ranges of terms")
		require.Equal(t, len(one.pieces), len(other.pieces))
		for i := range one.pieces {
			require.Equal(t, one.pieces[i].slab.Mem, other.pieces[i].slab.Mem, "piece %d", i)
		}
	}
}

func TestManyTextsAreRankedByTheFormula(t *testing.T) {
	texts := manyTexts(2*shardTexts+100, 4)
	x := build(t, 2, texts...)
	for _, query := range []string{"w0", "w1 w2 w3 w3", "n17 w5 n9000", "w4 absent"} {
		requireAlike(t, formula(texts, query, 50, nil), ask(t, x, 50, nil, query)[0], query)
	}
}

// manyTexts have few frequent words and, each, some that are in few others.
func manyTexts(n int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 2))
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for range r.IntN(6) {
			fmt.Fprintf(&b, "w%d n%d ", r.IntN(8), r.IntN(9*n))
		}
		texts[i] = b.String()
	}
	return texts
}

func TestManySearchAtOnce(t *testing.T) {
	texts := manyTexts(2000, 5)
	x := build(t, 2, texts...)
	queries := []string{"w1", "w2 w3", "n5 w7", "w0 w0 w1"}
	want := ask(t, x, 10, nil, queries...)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 20 {
				q := (i + j) % len(queries)
				require.Equal(t, want[q], ask(t, x, 10, nil, queries[q])[0])
			}
		})
	}
	wait.Wait()
}

func TestSearchesRefuseWhatDoesNotFit(t *testing.T) {
	x := build(t, 1, "a", "b")
	room := WordHits{make([]int64, 2), make([]float32, 2), make([]int64, 1)}
	for name, c := range map[string]struct {
		query WordQuery
		out   WordHits
	}{
		"k":         {WordQuery{Queries: []string{"a"}, K: -1}, room},
		"huge k":    {WordQuery{Queries: []string{"a", "b", "c"}, K: math.MaxInt}, room},
		"rows":      {WordQuery{Queries: []string{"a"}, K: 3}, room},
		"counts":    {WordQuery{Queries: []string{"a", "b"}, K: 1}, room},
		"mask":      {WordQuery{Queries: []string{"a"}, K: 2, Allowed: []byte{1}}, room},
		"long mask": {WordQuery{Queries: []string{"a"}, K: 2, Allowed: make([]byte, 3)}, room},
	} {
		err := x.Search(t.Context(), c.query, c.out)
		require.Equal(t, fault.InvalidArgument, fault.KindOf(err), name)
	}
	x.Close()
	x.Close()
	err := x.Search(t.Context(), WordQuery{Queries: []string{"a"}, K: 2}, room)
	require.Equal(t, fault.IndexClosed, fault.KindOf(err))
}

func TestWorkEndsWithItsContext(t *testing.T) {
	texts := []string{strings.Repeat("some words ", 100_000)}
	x := build(t, 1, append(slices.Repeat([]string{"some"}, 2*looksAfter), texts...)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	column := columnOf(t, texts...)
	_, err := BuildWords(ctx, column, 2, nil)
	require.Equal(t, fault.Cancelled, fault.KindOf(err))
	late := &countdown{Context: t.Context(), left: 3}
	_, err = BuildWords(late, column, 1, nil)
	require.Equal(t, fault.Cancelled, fault.KindOf(err), "inside of one long text")
	for _, query := range []string{"some", texts[0]} {
		late := &countdown{Context: t.Context(), left: 2}
		out := WordHits{make([]int64, 1), make([]float32, 1), make([]int64, 1)}
		err = x.Search(late, WordQuery{Queries: []string{query}, K: 1, Threads: 1}, out)
		require.Equal(t, fault.Cancelled, fault.KindOf(err), "%.10s", query)
	}
	require.NotEmpty(t, ask(t, x, 1, nil, "words")[0], "the index goes on")
}

// countdown is a context that ends after so many looks at it.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestProgressEndsAtItsTotal(t *testing.T) {
	var p Progress
	_, err := BuildWords(t.Context(), columnOf(t, manyTexts(9000, 6)...), 2, &p)
	require.NoError(t, err)
	done, total := p.Done()
	require.EqualValues(t, 18_000, total)
	require.Equal(t, total, done)
}

func TestAColumnOfNoTextsIsAnIndexOfNothing(t *testing.T) {
	for _, texts := range [][]string{nil, {""}, {"", "!"}} {
		x := build(t, 2, texts...)
		require.Empty(t, ask(t, x, 4, nil, "a")[0])
		require.Equal(t, len(texts), x.Info().Rows)
		require.Zero(t, x.Info().Texts+x.Info().Terms)
	}
}

func FuzzSearchFollowsTheFormula(f *testing.F) {
	f.Add("a b\nb c\n\nc c d", "b c")
	f.Add("東京\nÉ e\u0301\n\xff", "京 é")
	f.Fuzz(func(t *testing.T, lines, query string) {
		texts := strings.Split(lines, "\n")
		x := build(t, 1, texts...)
		requireAlike(t, formula(texts, query, 5, nil), ask(t, x, 5, nil, query)[0])
	})
}

func BenchmarkBuildWords(b *testing.B) {
	column, err := NewTexts(chunksOf(manyTexts(100_000, 7)))
	require.NoError(b, err)
	for b.Loop() {
		x, err := BuildWords(b.Context(), column, 0, nil)
		require.NoError(b, err)
		x.Close()
	}
}

func BenchmarkSearchWords(b *testing.B) {
	x := build(b, 0, manyTexts(100_000, 7)...)
	for b.Loop() {
		ask(b, x, 10, nil, "w1 w3 n77")
	}
}
