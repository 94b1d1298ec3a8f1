package calibrate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// heldOut is a run over the rows that training left out of an index of clustered rows.
func heldOut(t *testing.T, metric column.Metric, n, threads int) (*calibration, []float32) {
	const d, clusters = 32, 40
	r := rand.New(rand.NewPCG(480, 0))
	centres, rows := make([]float32, clusters*d), make([]float32, n*d)
	for i := range centres {
		centres[i] = float32(r.NormFloat64())
	}
	for i := range n {
		own := centres[r.IntN(clusters)*d:]
		for j := range d {
			rows[i*d+j] = own[j] + 0.4*float32(r.NormFloat64())
		}
	}
	col, err := column.MatrixColumn(rows, n, d)
	require.NoError(t, err)
	t.Cleanup(col.Release)
	o := build.Options{Kind: segment.IVF, Metric: metric, Seed: 3}
	require.NoError(t, o.Resolve(col))
	seg, held, err := build.NewSegment(t.Context(), col, &o)
	require.NoError(t, err)
	t.Cleanup(seg.Release)
	c := &calibration{seg: seg, col: col, threads: threads, nq: len(held), own: held, k: 10}
	require.NoError(t, c.ask(t.Context()))
	return c, rows
}

// distances are those of all rows from a row, that of itself infinite.
func distances(metric column.Metric, rows []float32, own, d int) []float64 {
	q := rows[own*d : (own+1)*d]
	out := make([]float64, len(rows)/d)
	for i := range out {
		dot, length, far := 0.0, 0.0, 0.0
		for j, v := range rows[i*d : (i+1)*d] {
			dot += float64(v) * float64(q[j])
			length += float64(v) * float64(v)
			far += float64(v-q[j]) * float64(v-q[j])
		}
		switch metric {
		case column.Dot:
			out[i] = -dot
		case column.Cosine:
			out[i] = -dot / math.Sqrt(length)
		default:
			out[i] = far
		}
	}
	out[own] = math.Inf(1)
	return out
}

// Most queries look for their neighbours in some cells only: where those of the first ones lie.
func TestTruthIsFoundWhereNeighboursLie(t *testing.T) {
	const n, d = 16_000, 32
	for _, metric := range []column.Metric{column.Cosine, column.L2, column.Dot} {
		c, rows := heldOut(t, metric, n, 2)
		require.Greater(t, c.nq, exactly)
		require.NoError(t, c.truth(t.Context()))
		cellOf, lost := c.cellOf(), 0
		for q, own := range c.own {
			far := distances(metric, rows, int(own), d)
			sorted := slices.Sorted(slices.Values(far))
			require.Len(t, c.exact[q], c.k)
			for _, row := range c.exact[q] {
				if far[row] > sorted[c.k-1]+1e-5 {
					lost++
				}
			}
			s := &c.seen[q]
			require.True(t, slices.IsSortedFunc(s.cells, func(a, b listed) int {
				return int(a.cell) - int(b.cell)
			}))
			require.Len(t, s.homes, c.k)
			for i, home := range s.homes {
				if home >= 0 {
					require.Equal(t, cellOf[c.exact[q][i]], s.cells[home].cell)
				}
			}
			require.Less(t, c.nearest[q], mem.Infinity)
		}
		t.Logf("%s: %d of %d neighbours lost", metric, lost, c.nq*c.k)
		require.LessOrEqual(t, lost, c.nq*c.k/500)
	}
}

func TestTruthDoesNotDependOnThreads(t *testing.T) {
	one, _ := heldOut(t, column.L2, 15_000, 1)
	require.NoError(t, one.truth(t.Context()))
	for _, threads := range []int{2, 7} {
		other := *one
		other.threads, other.ledger = threads, nil
		require.NoError(t, other.truth(t.Context()))
		require.Equal(t, one.exact, other.exact)
		require.Equal(t, one.seen, other.seen)
		require.Equal(t, one.nearest, other.nearest)
	}
}

// A search that surveys finds what one finds that looks into the same cells, and what it tells of
// cells is what a survey alone tells.
func TestASurveyingSearchIsASearchAndASurvey(t *testing.T) {
	c, _ := heldOut(t, column.L2, 15_000, 2)
	all := settings{c.seg.CellCount(), search.Rule{Cut: mem.Infinity, Weight: weight}}
	cellOf := c.cellOf()
	const n = 100
	c.exact, c.seen, c.nearest = make([][]int64, c.nq), make([]surveyed, c.nq), make([]float32, c.nq)
	coded, err := c.look(t.Context(), cellOf, 0, n, all, 0)
	require.NoError(t, err)
	require.Positive(t, coded)
	part := c.part(0, n)
	all.rule = search.Rule{Cut: 1}
	_, err = part.search(t.Context(), all, wideEpsilon, true)
	require.NoError(t, err)
	for q := range n {
		require.Equal(t, part.found(q), c.exact[q], "query %d", q)
	}
	alone := *c
	alone.seen, alone.nearest = make([]surveyed, c.nq), make([]float32, c.nq)
	p := alone.params(0, n)
	p.Epsilon0, p.Probes = surveyEpsilon, all.considered
	p.Rule = search.Rule{Cut: mem.Infinity, Weight: weight}
	p.Survey = &search.Surveying{Epsilon: surveyEpsilon, Each: func(i int, cells []search.Considered) {
		alone.list(i, cells, 0)
	}}
	require.NoError(t, search.Survey(t.Context(), c.seg, p))
	for q := range n {
		require.Equal(t, c.seen[q].cells, alone.seen[q].cells, "query %d", q)
	}
}

func TestQueriesAreLookedAtInSteps(t *testing.T) {
	steps := func(c *calibration) (out []int) {
		for at := 0; at < c.nq; {
			at = c.upTo(at)
			out = append(out, at)
		}
		return out
	}
	held := make([]uint32, 2048)
	require.Equal(t, []int{16, 256, 2048}, steps(&calibration{nq: 2048, own: held}))
	require.Equal(t, []int{16, 200}, steps(&calibration{nq: 200, own: held}))
	require.Equal(t, []int{16}, steps(&calibration{nq: 16, own: held}), "too few to ask fewer")
	require.Equal(t, []int{256, 300}, steps(&calibration{nq: 300}), "they are the caller's")
	require.Equal(t, []int{256, 300}, steps(&calibration{nq: 300, own: held, twice: true}))
	require.Empty(t, steps(&calibration{}))
}

func TestFewerRowsAreAskedWhereBoundsRuleOutLittle(t *testing.T) {
	c, _ := heldOut(t, column.L2, 15_000, 1)
	all := c.nq
	c.exact, c.seen, c.nearest = make([][]int64, all), make([]surveyed, all), make([]float32, all)
	c.thin(48)
	require.Equal(t, all, c.nq)
	c.thin(c.seg.Usable)
	require.Equal(t, 48, c.nq)
	require.Equal(t, [...]int{48, 48, 48, 48, 48 * 32}, [...]int{
		len(c.own), len(c.exact), len(c.seen), len(c.nearest), len(c.queries)})
	c.thin(48 * c.seg.Usable)
	require.Equal(t, pilot, c.nq, "so many are asked anyway")
}

func TestTheFirstQueriesTellWhereToLookForTheOthers(t *testing.T) {
	c := &calibration{nq: 2048, seg: &segment.Segment{
		Metric: column.L2, Cells: &segment.Cells{N: 1000}, Codes: &rabitq.Codes{}}}
	seen := make([]surveyed, exactly)
	for q := range seen {
		seen[q] = surveyed{cells: []listed{{1, 0, 9, 0.25}, {2, 99, 9, 0.5}}, homes: []int32{0, 1}}
	}
	s, want := c.around(seen)
	require.Equal(t, settings{175, search.Rule{Cut: 0.5 + aroundScore, Weight: weight}}, s)
	require.Equal(t, 175, want, "as many as settings may consider")
	c.seg.Metric = column.Dot
	s, _ = c.around(seen)
	require.Equal(t, search.Rule{Cut: 1}, s.rule, "inner products have no rule")
}
