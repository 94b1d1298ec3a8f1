package arrowidx

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/ruvector/ruvector-arrow/simd"
)

// RecallParams says how recall is measured. The zero value measures the first 10 neighbours of 200
// rows at the index's own recall target.
type RecallParams struct {
	K       int // neighbours a query asks for, itself not counted; 0 means 10
	Sample  int // rows used as queries; 0 means 200
	Threads int // as in SearchParams
	// Recall is the target that the searches measured are given; 0 means the index's.
	Recall float64
}

// RecallReport is a measured recall@k: the mean over queries of the share of their true k nearest
// rows that a search found, and a 95 % interval around it.
type RecallReport struct {
	Mean, Low, High float64
	K, Sample       int // as measured: fewer than asked for where there are fewer rows
}

// recallBatch bounds the answers that a measurement holds at a time.
const recallBatch = 1 << 20

// recallQueries is how many queries are searched together, at most.
const recallQueries = 256

// MeasureRecall asks the index for the neighbours of a sample of its own rows and compares with an
// exact search. The sample depends on the index's seed and rows alone, so the same index gives the
// same report on every machine; a row is never its own neighbour, and a row as near as the k-th
// true neighbour counts as found whichever of the equals was returned. Queries that are unlike the
// rows may find less: see Calibrate.
//
// Errors: InvalidArgument for negative numbers, for an index without vectors and for one with fewer
// than two rows that can be found; Cancelled, IndexClosed, those of Search.
func (ix *Index) MeasureRecall(ctx context.Context, p RecallParams) (RecallReport, error) {
	if p.K < 0 || p.Sample < 0 {
		return RecallReport{}, newError(InvalidArgument, "recall",
			fmt.Sprintf("k = %d of %d rows", p.K, p.Sample), "use positive numbers")
	}
	v, err := ix.enter("recall")
	if err != nil {
		return RecallReport{}, err
	}
	defer ix.leave(v)
	rows, err := v.recallSample(&p)
	if err == nil {
		err = v.unchanged("recall")
	}
	if err != nil {
		return RecallReport{}, err
	}
	t := hitSums{k: p.K}
	step := min(max(recallBatch/(p.K+1), 1), recallQueries)
	for from := 0; from < len(rows); from += step {
		part := rows[from:min(from+step, len(rows))]
		if err := ix.countFound(ctx, v, &p, part, &t); err != nil {
			return RecallReport{}, err
		}
	}
	return t.report(), nil
}

// recallSample fills in defaults and draws the rows.
func (v *version) recallSample(p *RecallParams) ([]int, error) {
	usable := v.usable()
	if usable < 2 {
		return nil, newError(InvalidArgument, "recall",
			fmt.Sprintf("%d rows can be found: none has a neighbour", usable), "")
	}
	for _, part := range v.parts {
		if part.source == nil && part.usable > 0 {
			return nil, newError(InvalidArgument, "recall",
				"the index holds codes, not vectors: there is no truth to compare with",
				"load it with vectors=column, or attach the column that it was built from")
		}
	}
	if p.K == 0 {
		p.K = 10
	}
	if p.Sample == 0 {
		p.Sample = 200
	}
	p.K, p.Sample = min(p.K, usable-1), min(p.Sample, usable)
	g := generator{v.parts[0].seed}
	ranks := drawRanks(&g, usable, p.Sample)
	rows, before := make([]int, 0, len(ranks)), 0
	for i, part := range v.parts {
		var here []int
		for len(ranks) > 0 && ranks[0] < before+part.usable {
			here, ranks = append(here, ranks[0]-before), ranks[1:]
		}
		for _, row := range rowsOfRanks(part.alive, here) {
			rows = append(rows, row+v.starts[i])
		}
		before += part.usable
	}
	return rows, nil
}

// drawRanks returns m different numbers below n in increasing order, every set as likely as any
// other (Floyd's algorithm, Bentley 1987: m draws whatever n is).
func drawRanks(g *generator, n, m int) []int {
	taken := make(map[int]bool, m)
	ranks := make([]int, 0, m)
	for top := n - m; top < n; top++ {
		high, _ := bits.Mul64(g.next(), uint64(top)+1)
		rank := int(high)
		if taken[rank] {
			rank = top
		}
		taken[rank] = true
		ranks = append(ranks, rank)
	}
	slices.Sort(ranks)
	return ranks
}

// rowsOfRanks turns ranks, in increasing order, into the rows whose bits are the rank-th set ones.
func rowsOfRanks(words []uint32, ranks []int) []int {
	rows := make([]int, 0, len(ranks))
	before := 0
	for i, w := range words {
		inside := bits.OnesCount32(w)
		for len(rows) < len(ranks) && ranks[len(rows)] < before+inside {
			rest := w
			for range ranks[len(rows)] - before {
				rest &= rest - 1
			}
			rows = append(rows, i*simd.BlockRows+bits.TrailingZeros32(rest))
		}
		before += inside
	}
	return rows
}

// countFound searches the rows twice, as asked and exactly, and adds what was found to t.
func (ix *Index) countFound(
	ctx context.Context, v *version, p *RecallParams, rows []int, t *hitSums,
) error {
	k := p.K + 1 // one of them is the query itself
	search := SearchParams{NQ: len(rows), K: k, Recall: p.Recall, Rerank: -1, Threads: p.Threads}
	if err := v.askLike(rows, &search); err != nil {
		return err
	}
	var answers [2]SearchOut
	for i := range answers {
		answers[i] = SearchOut{Rows: make([]int64, len(rows)*k),
			Scores: make([]float32, len(rows)*k), Counts: make([]int64, len(rows))}
		if _, err := v.search(ctx, &search, &answers[i]); err != nil {
			return err
		}
		search.Recall = 1
	}
	for i, row := range rows {
		found, truth := answers[0].without(i, k, row), answers[1].without(i, k, row)
		t.add(hitsWithin(v.parts[0].metric, found, truth))
	}
	return nil
}

// askLike makes the rows the queries of a search.
func (v *version) askLike(rows []int, p *SearchParams) error {
	dim := v.parts[0].dim
	if v.parts[0].metric.Binary() {
		w := dim / 8
		p.Bits = make([]byte, len(rows)*w)
		for i, row := range rows {
			if err := v.packedRow(int64(row), p.Bits[i*w:(i+1)*w]); err != nil {
				return err
			}
		}
		return nil
	}
	p.room(len(rows)*dim, v.wide(nil))
	for i, row := range rows {
		seg, at, err := v.holding(int64(row))
		if err != nil {
			return err
		}
		p.take(i, dim, seg.source, at)
	}
	return nil
}

// without returns the rows and scores found for query i, one fewer than k, the given row left out.
// Where it was not found, because enough rows are as near, the last one is left out.
func (o *SearchOut) without(i, k, row int) SearchOut {
	n := int(o.Counts[i])
	rows, scores := o.Rows[i*k:i*k+n], o.Scores[i*k:i*k+n]
	if at := slices.Index(rows, int64(row)); at >= 0 {
		return SearchOut{Rows: slices.Delete(rows, at, at+1),
			Scores: slices.Delete(scores, at, at+1)}
	}
	n = min(n, k-1)
	return SearchOut{Rows: rows[:n], Scores: scores[:n]}
}

// hitsWithin counts the rows found that are no farther than the farthest true neighbour. A row has
// the same score in both answers: final scores are float64 distances, rounded.
func hitsWithin(metric Metric, found, truth SearchOut) int {
	last := truth.Scores[len(truth.Scores)-1]
	hits := 0
	for _, score := range found.Scores {
		if score == last || metric.Larger() == (score > last) {
			hits++
		}
	}
	return hits
}

// hitSums sums the hits of queries that have k true neighbours each.
type hitSums struct {
	k, queries   int
	hits, square float64 // sums of the hits of a query and of their squares
}

func (t *hitSums) add(hits int) {
	t.queries++
	t.hits += float64(hits)
	t.square += float64(hits) * float64(hits)
}

// report is the mean with Wilson's interval (1927) for the number of independent neighbours that
// the sample is worth. Neighbours of one query are lost together, for instance with the cell they
// lie in, so that k of them may tell no more than one: the number is divided by the design effect
// (Kish, Survey Sampling, 1965), the variance of a query's hits over that of k independent draws.
// Samples with few misses cannot show how these cluster, so the estimate is averaged, weighted by
// the misses, with one miss worth of the worst case, k.
func (t *hitSums) report() RecallReport {
	k, m := float64(t.k), float64(t.queries)
	p := t.hits / (m * k)
	effect := k
	if misses := m*k - t.hits; misses > 0 && p > 0 && m > 1 {
		variance := (t.square - t.hits*t.hits/m) / (m - 1)
		seen := min(max(variance/(k*p*(1-p)), 1), k)
		effect = (misses*seen + k) / (misses + 1)
	}
	const z = 1.959964 // of a normal distribution, 95 % between -z and z
	n := m * k / effect
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return RecallReport{Mean: p, Low: min(max(centre-half, 0), p),
		High: max(min(centre+half, 1), p), K: t.k, Sample: t.queries}
}
