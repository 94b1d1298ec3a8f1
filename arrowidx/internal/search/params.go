package search

import (
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// SearchParams is one search: NQ queries of the index's dimension. Where NQ is 0, it is as many as
// Queries, Bits or Like hold. The zero value of all that follows K is an exact answer at the recall
// of the index.
type SearchParams struct {
	Queries []float32 // NQ x dim, row-major
	// Wide is Queries as float64, in their place: nothing is rounded.
	Wide  []float64
	Bits  []byte // for Hamming and Jaccard, instead of Queries: NQ x dim/8, packed as the rows
	NQ, K int
	// Like names rows by their ids to search with instead of Queries, NQ of them: each finds the K
	// rows nearest to it, itself left out. The ids are looked up in the version that is searched.
	Like arrow.Array
	// Diversity in [0, 1] chooses rows that differ from each other among the nearest 4 K (at least
	// 64): each of greatest (1 - Diversity) times its similarity to the query minus Diversity times
	// its greatest similarity to a row chosen before (maximal marginal relevance). Answers come in
	// the order of choice, with their plain scores. 0 is a plain search.
	Diversity float64
	// Epsilon0 is the width of error bounds in standard deviations; 0 takes it from Recall.
	Epsilon0 float64
	// Recall is the target; 0 means the index's. Above 0.99 the vectors themselves are scanned, or
	// the whole codes of all rows where vectors are not at hand.
	Recall float64
	// Rerank says how many of the best rows are measured on the vectors: 0 or less as many as the
	// bounds ask for, n the n best (at least K). It has no meaning for kind exact.
	Rerank int
	// Estimates asks for scores from codes alone: no row is measured. It has no meaning for kind
	// exact.
	Estimates bool
	// Probes is the number of cells that a query looks into (kind ivf); 0 takes it from Recall.
	// More cells are probed when those hold fewer than K rows that may be found.
	Probes int
	Mask   []byte  // rows that may be found: not zero, one byte a row; nil: all
	Rows   []int64 // rows that may be found, if Mask is nil; nil: all
	// IDs names the rows that may be found, if Mask and Rows are nil; nil: all. Unlike rows, ids
	// mean the same whatever is added or deleted meanwhile.
	IDs arrow.Array
	// Source is a column with the index's rows to measure on, nil: the index's own.
	Source *column.Column
	// Threads limits this search; 0 means the default of SetThreads. 1 runs on the calling
	// goroutine.
	Threads int

	Rule   Rule       // with Probes, while calibrating; zero: none
	Survey *Surveying // with Probes and Rule, while calibrating; nil: none
	// Copies says, with Probes, while calibrating, that copies are looked at.
	Copies bool
	Known  bool // Source is the column that the index is being built of
}

// SearchOut receives the answers; the caller allocates: Rows and Scores have one length, NQ*K or
// more, Counts NQ or more. Query i's answers are Counts[i] entries
// from i*K on, best first; the rest of its K entries are row -1 and score NaN.
type SearchOut struct {
	Rows   []int64
	Scores []float32
	Counts []int64
	IDs    *column.IDs // set by the search: what its rows are called
}

// Holds reports whether the arrays have room for k answers of each of n questions, whose product is
// known to fit.
func (o *SearchOut) Holds(n, k int) bool {
	return len(o.Rows) >= n*k && len(o.Scores) == len(o.Rows) && len(o.Counts) >= n
}

// Blank makes all answers absent.
func (o *SearchOut) Blank() {
	for i := range o.Rows {
		o.Rows[i], o.Scores[i] = -1, float32(math.NaN())
	}
	clear(o.Counts)
}

// noRoom refuses arrays that are too short for the answers.
func noRoom(nq, k int) error {
	return fault.New(fault.InvalidArgument, "search",
		fmt.Sprintf("no room for %d answers of k = %d", nq, k),
		"make Rows and Scores NQ*K long and Counts NQ")
}

// Without returns the rows and scores found for query i, one fewer than k, the given row left out.
// Where it was not found, because enough rows are as near, the last one is left out.
func (o *SearchOut) Without(i, k, row int) SearchOut {
	n := int(o.Counts[i])
	rows, scores := o.Rows[i*k:i*k+n], o.Scores[i*k:i*k+n]
	if at := slices.Index(rows, int64(row)); at >= 0 {
		return SearchOut{Rows: slices.Delete(rows, at, at+1),
			Scores: slices.Delete(scores, at, at+1)}
	}
	n = min(n, k-1)
	return SearchOut{Rows: rows[:n], Scores: scores[:n]}
}

// Counted returns the parameters with the number of queries, which Queries, Bits or Like tell.
func (p *SearchParams) Counted(base *segment.Segment) (*SearchParams, error) {
	if p.NQ != 0 {
		return p, nil
	}
	if p.Like != nil {
		own := *p
		own.NQ = p.Like.Len()
		return &own, nil
	}
	n, err := QueriesIn("search", len(p.Queries)+len(p.Wide), p.Bits, base)
	if n == 0 || err != nil {
		return p, err
	}
	own := *p
	own.NQ = n
	return &own, nil
}

// QueriesIn returns how many queries of the index's dimension there are.
func QueriesIn(op string, numbers int, bits []byte, base *segment.Segment) (int, error) {
	n, each, unit := numbers, base.Dim, "numbers"
	if bits != nil {
		n, each, unit = len(bits), base.Dim/8, "bytes"
	}
	switch {
	case n == 0:
		return 0, nil
	case each == 0:
		return 0, fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("%d %s of queries for an index whose dimension is not known", n, unit),
			"set NQ, or add rows first")
	case n%each != 0:
		return 0, fault.New(fault.DimensionMismatch, op,
			fmt.Sprintf("%d %s are no whole number of queries of %d dimensions", n, unit, base.Dim),
			"queries need the dimensions of the indexed vectors")
	}
	return n / each, nil
}

// MakeQueries makes room for n numbers as queries, in memory that they had before.
func (p *SearchParams) MakeQueries(n int, wide bool) {
	if wide {
		p.Wide, p.Queries = mem.Grow(p.Wide, n), nil
	} else {
		p.Queries, p.Wide = mem.Grow(p.Queries, n), nil
	}
}

// SetQuery makes a row query i, in the room made for it.
func (p *SearchParams) SetQuery(i, dim int, col *column.Column, row int) {
	if p.Wide != nil {
		to := p.Wide[i*dim : (i+1)*dim]
		copy(to, col.WideRow(row, to))
		return
	}
	to := p.Queries[i*dim : (i+1)*dim]
	copy(to, col.Row(row, to))
}
