package arrowidxtest

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// Builder makes an index of the column with the given options, the kind and the bits of the
// implementation under test filled in. It fails the test on an error.
type Builder func(
	t testing.TB, col *arrowidx.Column, o arrowidx.BuildOptions,
) *arrowidx.Index

// Metrics are all metrics.
var Metrics = []arrowidx.Metric{
	arrowidx.Cosine, arrowidx.Dot, arrowidx.L2, arrowidx.SqEuclidean,
}

// Sure is so wide a bound that no row of a test is lost to chance.
const Sure = 6

// Conform runs everything that an index of any kind promises, whatever it is made of.
func Conform(t *testing.T, build Builder) {
	s := suite{build}
	t.Run("answers are those of brute force", s.answers)
	t.Run("the number of rows does not matter", s.rowCounts)
	t.Run("k is any number", s.edgesOfK)
	t.Run("ties go to the smaller row", s.ties)
	t.Run("masks and rows say the same", s.filters)
	t.Run("a batch is its queries", s.batches)
	t.Run("chunks do not matter", s.chunks)
	t.Run("number types do not matter", s.elements)
	t.Run("skipped rows are never found", s.skipped)
	t.Run("ids are kept", s.ids)
	t.Run("files answer like what they were made of", s.roundTrip)
	t.Run("rows have their neighbors", s.neighbors)
	t.Run("rows are asked with by their ids", s.like)
	t.Run("diverse answers are chosen one by one", s.diverse)
	t.Run("ranges hold what brute force finds", s.ranges)
	t.Run("changed rows are those that are found", s.changes)
	t.Run("a closed index says so", s.closed)
	t.Run("closing waits for searches", s.closing)
}

type suite struct{ build Builder }

// task is a set of rows and queries of d numbers.
type task struct {
	d, n, nq int
	rows     []float32
	queries  []float32
}

// newTask draws clustered rows with duplicates; queries come from the same clusters.
func newTask(r *rand.Rand, n, d, nq int) task {
	all := Clustered(r, n+nq, d, 20)
	k := task{d: d, n: n, nq: nq, rows: all[:n*d], queries: all[n*d:]}
	for range n / 10 {
		copy(k.row(r.IntN(n)), k.row(r.IntN(n)))
	}
	return k
}

func (k task) row(i int) []float32   { return k.rows[i*k.d : (i+1)*k.d] }
func (k task) query(i int) []float32 { return k.queries[i*k.d : (i+1)*k.d] }

// index builds an index of the rows in so many chunks.
func (s suite) index(
	t testing.TB, k task, chunks int, o arrowidx.BuildOptions,
) *arrowidx.Index {
	t.Helper()
	col := Column(t, k.rows, k.d, chunks)
	defer col.Release()
	ix := s.build(t, col, o)
	t.Cleanup(ix.Close)
	return ix
}

// params asks all queries of the task for the k nearest, surely.
func (k task) params(n int) arrowidx.SearchParams {
	return arrowidx.SearchParams{
		Queries: k.queries, NQ: k.nq, K: n, Rerank: -1, Epsilon0: Sure, Probes: math.MaxInt32,
	}
}

// check compares every query's answer with brute force over the rows that admit lets through.
func (k task) check(
	t testing.TB, metric arrowidx.Metric, out arrowidx.SearchOut, n int, admit func(int) bool,
) {
	t.Helper()
	for i := range k.nq {
		want := Nearest(metric, k.rows, k.query(i), n, admit)
		if diff := Differs(want, out, i, n); diff != "" {
			t.Fatalf("%s n=%d d=%d query %d: %s", metric, k.n, k.d, i, diff)
		}
	}
}

func (s suite) answers(t *testing.T) {
	r := Rand(t, 100)
	for i, d := range []int{1, 2, 3, 17, 63, 64, 65, 130} {
		k := newTask(r, 4097, d, 6)
		for j, metric := range Metrics {
			if (i+j)%2 != 0 && !Whole() {
				continue
			}
			ix := s.index(t, k, 1, arrowidx.BuildOptions{Metric: metric, Seed: uint64(d)})
			out, plan := Search(t, ix, k.params(10))
			k.check(t, metric, out, 10, nil)
			if !plan.Exact || plan.Certified != int64(k.nq) || plan.Rows != int64(k.n) {
				t.Fatalf("%s d=%d: plan %+v", metric, d, plan)
			}
			ix.Close()
		}
	}
}

func (s suite) rowCounts(t *testing.T) {
	r := Rand(t, 101)
	for _, n := range []int{0, 1, 2, 31, 32, 33, 63, 64, 65, 255, 256, 257, 1024, 1025} {
		for _, metric := range Metrics {
			k := newTask(r, n, 9, 3)
			ix := s.index(t, k, 1, arrowidx.BuildOptions{Metric: metric})
			if ix.Len() != n || ix.Metric() != metric {
				t.Fatalf("%d rows by %s, want %d by %s", ix.Len(), ix.Metric(), n, metric)
			}
			out, _ := Search(t, ix, k.params(5))
			k.check(t, metric, out, 5, nil)
			ix.Close()
		}
	}
}

func (s suite) edgesOfK(t *testing.T) {
	const n = 1500
	k := newTask(Rand(t, 102), n, 12, 4)
	ix := s.index(t, k, 1, arrowidx.BuildOptions{Metric: arrowidx.L2})
	for _, want := range []int{0, 1, 2, 31, 33, n - 1, n, n + 1, 3 * n} {
		out, _ := Search(t, ix, k.params(want))
		k.check(t, arrowidx.L2, out, want, nil)
		for i := range k.nq {
			for j := int(out.Counts[i]); j < want; j++ {
				row, score := out.Rows[i*want+j], float64(out.Scores[i*want+j])
				if row != -1 || !math.IsNaN(score) {
					t.Fatalf("k=%d: place %d past the end holds row %d, score %v", want, j, row, score)
				}
			}
		}
	}
	none, _ := Search(t, ix, arrowidx.SearchParams{K: 5, Rerank: -1})
	if len(none.Counts) != 0 {
		t.Fatalf("no queries have %d answers", len(none.Counts))
	}
}

// ties asks rows on a coarse grid, each there several times, so that most distances are equal.
func (s suite) ties(t *testing.T) {
	r := Rand(t, 103)
	for _, metric := range Metrics {
		k := task{d: 5, n: 2400, nq: 5}
		k.rows, k.queries = grid(r, k.n*k.d), grid(r, k.nq*k.d)
		copy(k.rows[k.n*k.d/2:], k.rows[:k.n*k.d/2])
		ix := s.index(t, k, 1, arrowidx.BuildOptions{Metric: metric})
		for _, n := range []int{1, 7, 60, 700} {
			out, _ := Search(t, ix, k.params(n))
			k.check(t, metric, out, n, nil)
		}
		ix.Close()
	}
}

func grid(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.IntN(3) - 1)
	}
	return x
}

func (s suite) filters(t *testing.T) {
	const n = 5000
	r := Rand(t, 104)
	k := newTask(r, n, 20, 4)
	ix := s.index(t, k, 1, arrowidx.BuildOptions{})
	for _, share := range []float64{0, 0.0005, 0.01, 0.2, 0.5, 0.99, 1} {
		mask, rows := make([]byte, n), []int64{}
		for i := range mask {
			if r.Float64() < share {
				mask[i] = byte(1 + r.IntN(255))
				rows = append(rows, int64(i), int64(i)) // saying it twice changes nothing
			}
		}
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		p := k.params(8)
		p.Mask = mask
		byMask, plan := Search(t, ix, p)
		k.check(t, arrowidx.Cosine, byMask, 8, func(i int) bool { return mask[i] != 0 })
		if plan.Eligible != int64(len(rows)/2) {
			t.Fatalf("share %v: %d eligible, want %d", share, plan.Eligible, len(rows)/2)
		}
		p.Mask, p.Rows = nil, rows
		byRows, _ := Search(t, ix, p)
		if diff := Unequal(byMask, byRows); diff != "" {
			t.Fatalf("share %v: by rows: %s", share, diff)
		}
	}
}

func (s suite) batches(t *testing.T) {
	const most = 530 // more than one round of a batch
	k := newTask(Rand(t, 105), 2000, 16, most)
	ix := s.index(t, k, 1, arrowidx.BuildOptions{Metric: arrowidx.Dot})
	for _, rerank := range []int{-1, 0, 20} {
		p := k.params(4)
		p.Rerank, p.Threads = rerank, 1
		p.Estimates = rerank == 0
		want, _ := Search(t, ix, p)
		for _, threads := range []int{2, 3} {
			p.Threads = threads
			got, _ := Search(t, ix, p)
			if diff := Unequal(want, got); diff != "" {
				t.Fatalf("rerank %d, %d threads: %s", rerank, threads, diff)
			}
		}
		for _, size := range []int{1, 3, 4, 5, 33} {
			for from := 0; from+size <= 40; from += size {
				part := p
				part.Queries, part.NQ = k.queries[from*k.d:(from+size)*k.d], size
				got, _ := Search(t, ix, part)
				if diff := Unequal(Part(want, from, size, 4), got); diff != "" {
					t.Fatalf("rerank %d, %d queries from %d: %s", rerank, size, from, diff)
				}
			}
		}
	}
}

func (s suite) chunks(t *testing.T) {
	k := newTask(Rand(t, 106), 1300, 10, 5)
	o := arrowidx.BuildOptions{Metric: arrowidx.L2, Seed: 3}
	one := s.index(t, k, 1, o)
	want, file := first(Search(t, one, k.params(6))), Bytes(t, one, true)
	for _, chunks := range []int{2, 3, 40, 650, 1300} {
		o.Threads = chunks
		ix := s.index(t, k, chunks, o)
		if diff := Unequal(want, first(Search(t, ix, k.params(6)))); diff != "" {
			t.Fatalf("%d chunks: %s", chunks, diff)
		}
		if !bytes.Equal(file, Bytes(t, ix, true)) {
			t.Fatalf("%d chunks and threads give another file", chunks)
		}
		ix.Close()
	}
}

// elements builds the same whole numbers from every layout and number type: those that all floats
// hold from floats, the smallest to the largest of a byte from bytes.
func (s suite) elements(t *testing.T) {
	r := Rand(t, 107)
	for _, c := range []struct {
		least, most int
		types       []string
	}{
		{-1000, 1000, []string{"float32", "float64", "float16"}},
		{-128, 127, []string{"int8"}}, {0, 255, []string{"uint8"}},
	} {
		k := task{d: 7, n: 1400, nq: 4}
		k.rows, k.queries = make([]float32, k.n*k.d), Gaussian(r, k.nq, k.d)
		for i := range k.rows {
			k.rows[i] = float32(c.least + r.IntN(c.most-c.least+1))
		}
		k.rows[0], k.rows[1] = float32(c.least), float32(c.most)
		copy(k.query(0), k.row(9)) // whole numbers ask for whole numbers
		layouts := Layouts(k.rows, k.d, nil)
		for _, number := range c.types {
			for _, list := range []string{"fixed ", "list ", "large "} {
				s.eachMetric(t, k, list+number, layouts[list+number])
			}
		}
	}
}

// eachMetric asks indexes of the array, which holds the rows of the task.
func (s suite) eachMetric(t *testing.T, k task, name string, a arrow.Array) {
	for i, metric := range Metrics {
		if (i+len(name))%2 != 0 && !Whole() {
			continue
		}
		col := ColumnOf(t, a)
		ix := s.build(t, col, arrowidx.BuildOptions{Metric: metric})
		col.Release()
		if ix.Dim() != k.d {
			t.Fatalf("%s: %d dimensions", name, ix.Dim())
		}
		out, _ := Search(t, ix, k.params(9))
		k.check(t, metric, out, 9, nil)
		ix.Close()
	}
}

// skipped rows are null, or hold a number that is none.
func (s suite) skipped(t *testing.T) {
	r := Rand(t, 108)
	k := newTask(r, 3000, 6, 4)
	valid := make([]bool, k.n)
	usable := 0
	for i := range valid {
		valid[i] = r.IntN(5) > 0
		if r.IntN(9) == 0 {
			k.row(i)[r.IntN(k.d)] = float32(math.Inf(1 - 2*r.IntN(2)))
		}
		if valid[i] && !slices.ContainsFunc(k.row(i), infinite) {
			usable++
		}
	}
	admit := func(i int) bool { return valid[i] && !slices.ContainsFunc(k.row(i), infinite) }
	for name, a := range Layouts(k.rows, k.d, valid) {
		col := ColumnOf(t, a)
		ix := s.build(t, col, arrowidx.BuildOptions{Metric: arrowidx.L2,
			Nulls: arrowidx.SkipNulls, Bad: arrowidx.SkipBad})
		out, plan := Search(t, ix, k.params(12))
		k.check(t, arrowidx.L2, out, 12, admit)
		if plan.Eligible != int64(usable) || plan.Nulls != int64(k.n-usable) {
			t.Fatalf("%s: %d usable, plan %+v", name, usable, plan)
		}
		ix.Close()
		col.Release()
	}
}

func infinite(v float32) bool { return math.IsInf(float64(v), 0) }

func (s suite) ids(t *testing.T) {
	const n = 400
	k := newTask(Rand(t, 109), n, 8, 1)
	for name, ids := range EveryIDs(t, n) {
		ix := s.index(t, k, 1, arrowidx.BuildOptions{IDs: ids})
		again, err := arrowidx.Decode(t.Context(), Bytes(t, ix, true))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, ix := range []*arrowidx.Index{ix, again} {
			have := ix.IDs()
			if have.Kind() != ids.Kind() || have.Len() != n {
				t.Fatalf("%s: %d ids of kind %s", name, have.Len(), have.Kind())
			}
			rows, err := have.Lookup(ids.Array(memory.DefaultAllocator))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for i, row := range rows {
				if row != int64(i) || have.Name(row) != ids.Name(row) {
					t.Fatalf("%s: id %s of row %d leads to row %d", name, ids.Name(row), i, row)
				}
			}
		}
		again.Close()
		ix.Close()
	}
}
