package arrowidx_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// A query's answer depends on nobody else: not on the company of a batch, its place there, or the
// number of threads.

const companyRows, companyDim, companyQueries, companyK = 6000, 40, 600, 10

// company is an index with its queries and a mask that leaves a third of the rows.
type company struct {
	ix      *arrowidx.Index
	rows    []float32
	queries []float32
	mask    []byte
}

func newCompany(t *testing.T, o arrowidx.BuildOptions) company {
	r := arrowidxtest.Rand(t, 300)
	all := arrowidxtest.Clustered(r, companyRows+companyQueries, companyDim, 60)
	for i := range all { // lengths differ, which dot and l2 see
		all[i] *= 1 + float32(i/companyDim%7)/4
	}
	c := company{rows: all[:companyRows*companyDim], queries: all[companyRows*companyDim:],
		mask: make([]byte, companyRows)}
	for i := range c.mask {
		if r.IntN(3) == 0 {
			c.mask[i] = 1
		}
	}
	o.Kind = arrowidx.IVF
	c.ix, _ = build(t, c.rows, companyDim, o, false)
	return c
}

// part are the parameters of queries [from, from+n).
func (c company) part(p arrowidx.SearchParams, from, n int) arrowidx.SearchParams {
	p.Queries, p.NQ = c.queries[from*companyDim:(from+n)*companyDim], n
	p.K = companyK
	return p
}

// settings are the ways to ask an index of cells.
func (c company) settings() []arrowidx.SearchParams {
	return []arrowidx.SearchParams{
		{Recall: 0.9, Rerank: -1},
		{Recall: 0.99, Rerank: -1},
		{Recall: 0.9, Estimates: true},
		{Probes: 7, Estimates: true, Mask: c.mask},
		{Probes: 7, Rerank: -1, Mask: c.mask},
		{Probes: 3, Rerank: 30},
		{Recall: 0.99, Rerank: 30, Mask: c.mask},
	}
}

func TestACellsAnswerIsTheSameAloneInAnyBatchOnAnyThreads(t *testing.T) {
	manyCores(t)
	for i, metric := range arrowidxtest.Metrics {
		bits := []int{5, 1, 8, 3}[i]
		c := newCompany(t, arrowidx.BuildOptions{Metric: metric, Bits: bits})
		for _, p := range c.settings() {
			name := fmt.Sprintf("%s, %d bits, recall %v, probes %d, rerank %d, mask %v", metric,
				bits, p.Recall, p.Probes, p.Rerank, p.Mask != nil)
			c.check(t, name, p)
		}
	}
}

func (c company) check(t *testing.T, name string, p arrowidx.SearchParams) {
	p.Threads = 1
	want, plan := arrowidxtest.Search(t, c.ix, c.part(p, 0, companyQueries))
	require.Positive(t, plan.Scanned, "%s: planes are scanned", name)
	require.Less(t, plan.Probed, plan.Cells*companyQueries, "%s: cells are left out", name)
	for _, threads := range []int{2, 7, 64} {
		p.Threads = threads
		got, have := arrowidxtest.Search(t, c.ix, c.part(p, 0, companyQueries))
		require.Empty(t, arrowidxtest.Unequal(want, got), "%s: %d threads", name, threads)
		require.Equal(t, plan.Probed, have.Probed, name)
		require.Equal(t, plan.Scanned, have.Scanned, "%s: %d threads", name, threads)
		require.Equal(t, plan.Reranked, have.Reranked, name)
	}
	for _, size := range []int{1, 3, 4, 5, 127, 128, 129} {
		p.Threads = 1 + size%3
		// Steps that fall on every place in a group of four.
		step := max(size, 37)
		if testing.Short() {
			step = max(size, 149)
		}
		for from := 0; from+size <= companyQueries; from += step {
			got, _ := arrowidxtest.Search(t, c.ix, c.part(p, from, size))
			diff := arrowidxtest.Unequal(
				arrowidxtest.Part(want, from, size, companyK), got)
			require.Empty(t, diff, "%s: %d queries from %d", name, size, from)
		}
	}
}

// Copies of one query among others have one answer, wherever they stand.
func TestCopiesOfAQueryInABatchAnswerAlike(t *testing.T) {
	c := newCompany(t, arrowidx.BuildOptions{Metric: arrowidx.L2, Bits: 4})
	for _, p := range c.settings() {
		alone, _ := arrowidxtest.Search(t, c.ix, c.part(p, 11, 1))
		p := c.part(p, 0, 130)
		p.Queries = append([]float32{}, p.Queries...)
		for _, at := range []int{0, 1, 6, 63, 64, 127, 128, 129} {
			copy(p.Queries[at*companyDim:(at+1)*companyDim], c.queries[11*companyDim:])
		}
		out, _ := arrowidxtest.Search(t, c.ix, p)
		for _, at := range []int{0, 1, 6, 11, 63, 64, 127, 128, 129} {
			require.Empty(t, arrowidxtest.Unequal(alone, arrowidxtest.Part(out, at, 1, companyK)),
				"place %d, %+v", at, p.Probes)
		}
	}
}

// A loaded index and one without vectors are asked in the same company.
func TestALoadedIndexOfCellsAnswersAlike(t *testing.T) {
	for i, metric := range arrowidxtest.Metrics {
		c := newCompany(t, arrowidx.BuildOptions{Metric: metric, Bits: 1 + 2*i})
		for _, vectors := range []bool{true, false} {
			again, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, c.ix, vectors))
			require.NoError(t, err)
			for _, p := range c.settings() {
				if !vectors && !p.Estimates {
					continue
				}
				want, _ := arrowidxtest.Search(t, c.ix, c.part(p, 100, 77))
				got, _ := arrowidxtest.Search(t, again, c.part(p, 100, 77))
				require.Empty(t, arrowidxtest.Unequal(want, got), "%s %+v", metric, p.Rerank)
			}
			again.Close()
		}
	}
}

func TestAMaskOfAllRowsOfCellsIsNoMask(t *testing.T) {
	c := newCompany(t, arrowidx.BuildOptions{Metric: arrowidx.Dot, Bits: 5})
	all, rows := make([]byte, companyRows), make([]int64, companyRows)
	for i := range all {
		all[i], rows[i] = 1, int64(companyRows-1-i)
	}
	for _, rerank := range []int{-1, 0, 40} {
		p := c.part(arrowidx.SearchParams{Rerank: rerank, Estimates: rerank == 0}, 0, 50)
		want, _ := arrowidxtest.Search(t, c.ix, p)
		p.Mask = all
		byMask, _ := arrowidxtest.Search(t, c.ix, p)
		p.Mask, p.Rows = nil, rows
		byRows, _ := arrowidxtest.Search(t, c.ix, p)
		require.Empty(t, arrowidxtest.Unequal(want, byMask))
		require.Empty(t, arrowidxtest.Unequal(want, byRows))
	}
}
