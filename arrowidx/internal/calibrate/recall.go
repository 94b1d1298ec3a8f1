package calibrate

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
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

// RecallBatch bounds the answers that a measurement holds at a time.
const RecallBatch = 1 << 20

// RecallQueries is how many queries are searched together, at most.
const RecallQueries = 256

// RecallSample fills in defaults and draws the rows.
func RecallSample(v *segment.Version, p *RecallParams) ([]int64, error) {
	usable := v.Usable()
	if usable < 2 {
		return nil, fault.New(fault.InvalidArgument, "recall",
			fmt.Sprintf("%d rows can be found: none has a neighbour", usable), "")
	}
	for _, seg := range v.Segments {
		if seg.Source == nil && seg.Usable > 0 {
			return nil, fault.New(fault.InvalidArgument, "recall",
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
	g := mem.Generator{State: v.Segments[0].Seed}
	ranks := DrawRanks(&g, usable, p.Sample)
	rows, before := make([]int64, 0, len(ranks)), 0
	for i, seg := range v.Segments {
		var here []int
		for len(ranks) > 0 && ranks[0] < before+seg.Usable {
			here, ranks = append(here, ranks[0]-before), ranks[1:]
		}
		for _, row := range RowsOfRanks(seg.Alive, here) {
			rows = append(rows, int64(row+v.Starts[i]))
		}
		before += seg.Usable
	}
	return rows, nil
}

// DrawRanks returns m different numbers below n in increasing order, every set as likely as any
// other (Floyd's algorithm, Bentley 1987: m draws whatever n is).
func DrawRanks(g *mem.Generator, n, m int) []int {
	taken := make(map[int]bool, m)
	ranks := make([]int, 0, m)
	for top := n - m; top < n; top++ {
		high, _ := bits.Mul64(g.Next(), uint64(top)+1)
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

// RowsOfRanks turns ranks, in increasing order, into the rows whose bits are the rank-th set ones.
func RowsOfRanks(words []uint32, ranks []int) []int {
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

// HitsWithin counts the rows found that are no farther than the farthest true neighbour. A row has
// the same score in both answers: final scores are float64 distances, rounded.
func HitsWithin(metric column.Metric, found, truth search.SearchOut) int {
	last := truth.Scores[len(truth.Scores)-1]
	hits := 0
	for _, score := range found.Scores {
		if score == last || metric.Larger() == (score > last) {
			hits++
		}
	}
	return hits
}

// HitSums sums the hits of queries that have k true neighbours each.
type HitSums struct {
	K, queries   int
	hits, square float64 // sums of the hits of a query and of their squares
}

// Add counts a query that found so many of its true neighbours.
func (t *HitSums) Add(hits int) {
	t.queries++
	t.hits += float64(hits)
	t.square += float64(hits) * float64(hits)
}

// Report is the mean with Wilson's interval (1927) for the number of independent neighbours that
// the sample is worth. Neighbours of one query are lost together, for instance with the cell they
// lie in, so that k of them may tell no more than one: the number is divided by the design effect
// (Kish, Survey Sampling, 1965), the variance of a query's hits over that of k independent draws.
// Samples with few misses cannot show how these cluster, so the estimate is averaged, weighted by
// the misses, with one miss worth of the worst case, k.
func (t *HitSums) Report() RecallReport {
	k, m := float64(t.K), float64(t.queries)
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
		High: max(min(centre+half, 1), p), K: t.K, Sample: t.queries}
}
