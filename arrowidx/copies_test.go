package arrowidx_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Second codes of rows: searches find the same rows for less, and nothing else notices.

// copyTargets are recall targets that searches with copies are calibrated for.
var copyTargets = []float64{0.8, 0.9, 0.95, 0.98, 0.99}

// spread is a company whose rows lie alike in all directions: queries look into many cells.
func spread(t *testing.T, o arrowidx.BuildOptions) company {
	all := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 470), companyRows+companyQueries, companyDim)
	c := company{rows: all[:companyRows*companyDim], queries: all[companyRows*companyDim:],
		mask: make([]byte, companyRows)}
	for i := range c.mask {
		c.mask[i] = byte(i % 3 / 2)
	}
	o.Kind = arrowidx.IVF
	c.ix, _ = build(t, c.rows, companyDim, o, false)
	return c
}

// twoOf are indexes of the same rows and bits, with copies of all and without.
func twoOf(t *testing.T, o arrowidx.BuildOptions) (with, without company) {
	o.Copies, o.Bits = arrowidx.CopyAll, cmp.Or(o.Bits, 5)
	with = spread(t, o)
	o.Copies = arrowidx.CopyNone
	return with, spread(t, o)
}

func TestAnAnswerWithCopiesIsTheSameAloneInAnyBatchOnAnyThreads(t *testing.T) {
	manyCores(t)
	for i, metric := range []arrowidx.Metric{arrowidx.Cosine, arrowidx.L2, arrowidx.SqEuclidean} {
		bits := []int{5, 2, 8}[i]
		c := spread(t, arrowidx.BuildOptions{Metric: metric, Bits: bits, Copies: arrowidx.CopyAll})
		require.Equal(t, companyRows, c.ix.Info().Copies)
		for _, p := range []arrowidx.SearchParams{
			{Recall: 0.8}, {Recall: 0.99}, {Recall: 0.95, Estimates: true}, {Recall: 0.99, Rerank: 30},
		} {
			c.check(t, fmt.Sprintf("%s, %d bits, %v", metric, bits, p.Recall), p)
		}
	}
}

func TestAnAnswerWithCopiesIsTheSameOnEveryTier(t *testing.T) {
	before := simd.Active()
	defer func() { require.NoError(t, simd.SetTier(before)) }()
	c := spread(t, arrowidx.BuildOptions{Copies: arrowidx.CopyAll})
	for _, target := range copyTargets {
		p := c.part(arrowidx.SearchParams{Recall: target}, 0, 200)
		require.NoError(t, simd.SetTier(before))
		want, plan := arrowidxtest.Search(t, c.ix, p)
		for _, tier := range simd.Available() {
			require.NoError(t, simd.SetTier(tier))
			got, have := arrowidxtest.Search(t, c.ix, p)
			require.Empty(t, arrowidxtest.Unequal(want, got), "%s, %v", tier, target)
			require.Equal(t, plan.Scanned, have.Scanned)
		}
	}
}

// besideTruth returns the true nearest rows, and what a search finds.
func besideTruth(
	t *testing.T, ix *arrowidx.Index, p arrowidx.SearchParams,
) (truth, out arrowidx.SearchOut, plan arrowidx.Plan) {
	t.Helper()
	exact := p
	exact.Recall = 1
	truth, _ = arrowidxtest.Search(t, ix, exact)
	out, plan = arrowidxtest.Search(t, ix, p)
	return truth, out, plan
}

// recallOf returns the share of the true nearest rows that a search finds. No row may come up
// twice.
func recallOf(
	t *testing.T, ix *arrowidx.Index, p arrowidx.SearchParams,
) (recall float64, plan arrowidx.Plan) {
	t.Helper()
	truth, out, plan := besideTruth(t, ix, p)
	hits := 0
	for i := range p.NQ {
		found := slices.Clone(out.Rows[i*p.K : i*p.K+int(out.Counts[i])])
		for _, row := range found {
			if slices.Contains(truth.Rows[i*p.K:(i+1)*p.K], row) {
				hits++
			}
		}
		slices.Sort(found)
		require.Len(t, slices.Compact(found), int(out.Counts[i]), "a row comes up twice")
	}
	return float64(hits) / float64(len(truth.Rows)), plan
}

// topical are rows that have some of 500 topics each, so that many lie between cells.
func topical(t *testing.T, n int) (rows, queries []float32) {
	const topics, each, d, asked = 500, 4, 256, 300
	r := arrowidxtest.Rand(t, 471)
	centres, all := arrowidxtest.Gaussian(r, topics, d), arrowidxtest.Gaussian(r, n+asked, d)
	for i := range n + asked {
		x := all[i*d : (i+1)*d]
		for k := range x {
			x[k] *= 0.3
		}
		for range each {
			topic, share := r.IntN(topics), float32(r.Float64()*r.Float64())
			for k := range x {
				x[k] += share * centres[topic*d+k]
			}
		}
	}
	return all[:n*d], all[n*d:]
}

func TestCopiesAreMadeWhereTheyPay(t *testing.T) {
	const n, d = 20_000, 256
	rows, queries := topical(t, n)
	o := arrowidx.BuildOptions{Kind: arrowidx.IVF}
	paying, file := build(t, rows, d, o, false)
	o.Copies, o.Bits = arrowidx.CopyNone, 4
	none, plain := build(t, rows, d, o, false)
	with, without := paying.Info(), none.Info()
	require.Zero(t, without.Copies)
	require.Equal(t, 4, with.Bits, "a bit less makes room for copies")
	require.Greater(t, with.Copies, n*2/5)
	require.Less(t, with.Copies, n*8/10, "rows that are found as well in their own cells have none")
	require.Zero(t, with.Copies%32, "blocks are full")
	each := float64(with.IndexBytes-without.IndexBytes) / float64(with.Copies)
	require.Less(t, each, 4.0*(d/32)+12+4+8, "a copy is a plane, its factors and a position")
	require.Equal(t, byte(6), file[10], "older readers refuse it")
	require.Equal(t, byte(5), plain[10])

	for _, target := range copyTargets {
		p := arrowidx.SearchParams{Queries: queries, NQ: len(queries) / d, K: 10, Recall: target}
		found, plan := recallOf(t, paying, p)
		other, before := recallOf(t, none, p)
		require.Greater(t, found, target-0.01)
		require.Greater(t, found, other-0.01)
		if target == 0.99 {
			require.Less(t, plan.Scanned, before.Scanned*3/4, "copies counted")
			require.Less(t, plan.Probed, before.Probed/4)
		} else if target < 0.95 {
			require.Equal(t, before.Scanned, plan.Scanned, "copies do not help with a low target")
		}
	}
	calibratesWithCopies(t, paying, none, queries)
}

func TestABitLessMakesRoomForCopiesUnlessBitsWereAskedFor(t *testing.T) {
	const n, d = 20_000, 256
	rows, queries := topical(t, n)
	bytesOf := func(o arrowidx.BuildOptions) (float64, arrowidx.Info) {
		o.Kind = arrowidx.IVF
		ix, _ := build(t, rows, d, o, false)
		info := ix.Info()
		for _, target := range copyTargets {
			found, _ := recallOf(t, ix, arrowidx.SearchParams{
				Queries: queries, NQ: len(queries) / d, K: 10, Recall: target})
			require.Greater(t, found, target-0.01)
		}
		return float64(info.IndexBytes) / n, info
	}
	plain, without := bytesOf(arrowidx.BuildOptions{Copies: arrowidx.CopyNone})
	require.Equal(t, 5, without.Bits)
	free, with := bytesOf(arrowidx.BuildOptions{})
	require.Equal(t, 4, with.Bits)
	require.Positive(t, with.Copies)
	require.Less(t, free, plain+2, "copies take what the bits leave")
	_, five := bytesOf(arrowidx.BuildOptions{Bits: 5})
	require.Equal(t, 5, five.Bits)
	require.Positive(t, five.Copies)
	_, three := bytesOf(arrowidx.BuildOptions{Bits: 3})
	require.Equal(t, 3, three.Bits)
}

// Without vectors estimates are all there is.
func TestWithoutVectorsCopiesCostNoBits(t *testing.T) {
	rows, _ := topical(t, 3000)
	ix, _ := build(t, rows, 256, arrowidx.BuildOptions{Kind: arrowidx.IVF, Keep: arrowidx.KeepNone,
		Copies: arrowidx.CopyAll}, false)
	require.Equal(t, 8, ix.Info().Bits)
	require.Positive(t, ix.Info().Copies)
}

// calibratesWithCopies makes sure that Calibrate measures searches with copies, too.
func calibratesWithCopies(t *testing.T, with, without *arrowidx.Index, queries []float32) {
	half := len(queries) / 2
	p := arrowidx.SearchParams{Queries: queries[half:], NQ: half / 256, K: 10, Recall: 0.99}
	_, before := recallOf(t, with, p)
	for _, ix := range []*arrowidx.Index{with, without} {
		require.NoError(t, ix.Calibrate(t.Context(),
			arrowidx.CalibrateParams{Queries: queries[:half]}))
	}
	found, plan := recallOf(t, with, p)
	require.Greater(t, found, 0.98)
	require.NotEqual(t, before.Scanned, plan.Scanned, "other settings")
	_, other := recallOf(t, without, p)
	require.Less(t, plan.Probed, other.Probed/2)
}

func TestRowsThatCopiesDoNotHelpHaveNone(t *testing.T) {
	r := arrowidxtest.Rand(t, 472)
	for name, o := range map[string]arrowidx.BuildOptions{
		"in clusters":      {},
		"inner products":   {Metric: arrowidx.Dot, Copies: arrowidx.CopyAll},
		"codes of one bit": {Bits: 1, Copies: arrowidx.CopyAll},
		"within a budget":  {Budget: 1 << 30, Copies: arrowidx.CopyAll},
		"not wanted":       {Copies: arrowidx.CopyNone},
		"of one cell":      {Cells: 1, Copies: arrowidx.CopyAll},
	} {
		o.Kind = arrowidx.IVF
		ix, file := build(t, arrowidxtest.Clustered(r, 3000, 64, 40), 64, o, false)
		require.Zero(t, ix.Info().Copies, name)
		require.LessOrEqual(t, file[10], byte(5), name)
	}
}

func TestEveryTargetIsReachedWithCopiesOfAllRows(t *testing.T) {
	with, without := twoOf(t, arrowidx.BuildOptions{Metric: arrowidx.L2})
	for _, target := range copyTargets {
		p := with.part(arrowidx.SearchParams{Recall: target}, 0, companyQueries)
		found, plan := recallOf(t, with.ix, p)
		require.Greater(t, found, target-0.02, "%v", target)
		_, before := recallOf(t, without.ix, p)
		require.Less(t, plan.Probed, before.Probed, "%v: fewer cells", target)
	}
	p := with.part(arrowidx.SearchParams{Recall: 0.99, Estimates: true}, 0, companyQueries)
	found, _ := recallOf(t, with.ix, p)
	other, _ := recallOf(t, without.ix, p)
	require.InDelta(t, other, found, 0.02, "scores from codes alone")
}

// Only plain searches look at copies: whatever else is asked answers as if there were none.
func TestOnlyPlainSearchesLookAtCopies(t *testing.T) {
	with, without := twoOf(t, arrowidx.BuildOptions{})
	some := make([]int64, companyRows/2)
	for i := range some {
		some[i] = int64(2 * i)
	}
	for name, p := range map[string]arrowidx.SearchParams{
		"a mask":         {Recall: 0.99, Mask: with.mask},
		"rows":           {Recall: 0.95, Rows: some},
		"probes":         {Probes: 5},
		"every row":      {Recall: 1},
		"ids":            {Recall: 0.9, IDs: arrowidxtest.Positions(some...)},
		"a mask, graded": {Recall: 0.9, Mask: with.mask, Estimates: true},
	} {
		p := with.part(p, 0, 100)
		want, plan := arrowidxtest.Search(t, without.ix, p)
		got, have := arrowidxtest.Search(t, with.ix, p)
		require.Empty(t, arrowidxtest.Unequal(want, got), name)
		require.Equal(t, plan.Scanned, have.Scanned, name)
	}
	within := arrowidx.WithinParams{Queries: with.queries[:40*companyDim], NQ: 40}
	arrowidxtest.Threshold(&within, arrowidx.Cosine, 0.8)
	want, _, _ := arrowidxtest.Within(t, without.ix, within)
	got, _, _ := arrowidxtest.Within(t, with.ix, within)
	require.Equal(t, want, got)

	groups := make([]uint32, companyRows)
	for i := range groups {
		groups[i] = uint32(i % 3)
	}
	p := with.part(arrowidx.SearchParams{Recall: 0.99}, 0, 40)
	a, b := arrowidxtest.Outputs(3*p.NQ, p.K), arrowidxtest.Outputs(3*p.NQ, p.K)
	_, err := without.ix.SearchGroups(t.Context(), &p, groups, 3, &a)
	require.NoError(t, err)
	_, err = with.ix.SearchGroups(t.Context(), &p, groups, 3, &b)
	require.NoError(t, err)
	require.Empty(t, arrowidxtest.Unequal(a, b))
}

func TestDeletedRowsAreNotFoundByTheirCopies(t *testing.T) {
	c := spread(t, arrowidx.BuildOptions{Metric: arrowidx.L2, Copies: arrowidx.CopyAll})
	p := c.part(arrowidx.SearchParams{Recall: 0.99}, 0, 200)
	before, _ := arrowidxtest.Search(t, c.ix, p)
	gone := map[int64]bool{}
	var ids []int64
	for row := range int64(companyRows) { // most of all rows, most of what was found among them
		if row%3 > 0 {
			gone[row] = true
			ids = append(ids, row)
		}
	}
	require.True(t, slices.ContainsFunc(before.Rows, func(row int64) bool { return gone[row] }))
	n, err := c.ix.Delete(arrowidxtest.Positions(ids...), false)
	require.NoError(t, err)
	require.Equal(t, len(ids), n)
	require.Equal(t, companyRows, c.ix.Info().Copies, "they stay where they are")
	after, plan := arrowidxtest.Search(t, c.ix, p)
	for _, row := range after.Rows {
		require.False(t, gone[row], "row %d is deleted", row)
	}
	require.Less(t, plan.Coded, plan.Scanned/3, "first thresholds are those of rows that are left")
	found, _ := recallOf(t, c.ix, p)
	require.Greater(t, found, 0.97)
	c.check(t, "after deletes", arrowidx.SearchParams{Recall: 0.99})

	err = c.ix.Compact(t.Context(), 2)
	require.NoError(t, err)
	require.Zero(t, c.ix.Info().Copies, "their rows moved")
	found, _ = recallOf(t, c.ix, p)
	require.Greater(t, found, 0.97)
}

func TestRowsAddedBesideCopiesAreFound(t *testing.T) {
	c := spread(t, arrowidx.BuildOptions{Copies: arrowidx.CopyAll})
	more := arrowidxtest.Column(t, c.queries[:50*companyDim], companyDim, 1)
	defer more.Release()
	_, err := c.ix.Add(t.Context(), nil, more, arrowidx.AddOptions{})
	require.NoError(t, err)
	out, _ := arrowidxtest.Search(t, c.ix, c.part(arrowidx.SearchParams{Recall: 0.99}, 0, 50))
	for i := range 50 {
		require.EqualValues(t, companyRows+i, out.Rows[i*companyK], "a query that was added")
	}
	require.Equal(t, companyRows, c.ix.Info().Copies)
}

// Calibrate may find that copies help no target any more; they stay, and files hold them.
func TestCopiesThatHelpNoTargetAreNotLookedAt(t *testing.T) {
	with, without := twoOf(t, arrowidx.BuildOptions{Metric: arrowidx.L2})
	for _, ix := range []*arrowidx.Index{with.ix, without.ix} {
		require.NoError(t, ix.Calibrate(t.Context(), arrowidx.CalibrateParams{
			Queries: with.queries[:300*companyDim]}))
	}
	require.Equal(t, companyRows, with.ix.Info().Copies)
	again, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, with.ix, true))
	require.NoError(t, err)
	defer again.Close()
	p := with.part(arrowidx.SearchParams{Recall: 0.95}, 300, 300)
	want, plan := arrowidxtest.Search(t, without.ix, p)
	for _, ix := range []*arrowidx.Index{with.ix, again} {
		got, have := arrowidxtest.Search(t, ix, p)
		require.Empty(t, arrowidxtest.Unequal(want, got))
		require.Equal(t, plan.Scanned, have.Scanned)
		require.Equal(t, companyRows, ix.Info().Copies)
	}
}

func TestCopiesComeBackFromFiles(t *testing.T) {
	c := spread(t, arrowidx.BuildOptions{Bits: 3, Copies: arrowidx.CopyAll})
	file := arrowidxtest.Bytes(t, c.ix, true)
	path := filepath.Join(t.TempDir(), "copies.rvx")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	for _, mapped := range []bool{false, true} {
		again, err := arrowidx.Open(t.Context(), path, arrowidx.OpenOptions{Map: mapped})
		require.NoError(t, err)
		require.Equal(t, companyRows, again.Info().Copies)
		for _, target := range copyTargets {
			p := c.part(arrowidx.SearchParams{Recall: target}, 0, 100)
			want, plan := arrowidxtest.Search(t, c.ix, p)
			got, have := arrowidxtest.Search(t, again, p)
			require.Empty(t, arrowidxtest.Unequal(want, got), "mapped %v", mapped)
			require.Equal(t, plan.Scanned, have.Scanned)
		}
		require.Equal(t, hash(file), hash(arrowidxtest.Bytes(t, again, true)))
		if mapped {
			in := again.Info()
			require.Less(t, in.IndexBytes, c.ix.Info().IndexBytes/2, "codes lie in the file")
			require.NoError(t, again.Verify(t.Context(), 2, nil))
		}
		again.Close()
	}
}
