package text

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// The constants of BM25: how soon more of a term counts little, and how much long texts lose.
const (
	BM25K1 = 1.2
	BM25B  = 0.75
)

// WordIndex is an inverted index of a column of texts: for every term the rows that have it. Search
// ranks them by BM25 as Lucene computes it. The score of a row for a query is the sum over the
// query's terms t, each as often as the query has it, of
//
//	ln(1 + (N - n + 0.5) / (n + 0.5)) * tf / (tf + k1 * (1 - b + b * length / mean))
//
// where N texts have any term, n of them t, tf is how often the row has t, length is how many terms
// the row has and mean is the mean of that over the N texts. Rows without a term, null ones among
// them, count nowhere and are never found; nor is a row without a term of the query.
//
// Any number of goroutines may search at once. Its memory lies outside the Go heap.
//
// Source: S. Robertson, H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"
// (2009); the idf above 0 and the form without the factor k1 + 1 are Lucene's since version 8.
type WordIndex struct {
	pieces  []piece
	slab    mem.Slab
	lengths []uint32 // terms of each row
	count   int
	texts   int
	terms   int
	tokens  int64
	closed  atomic.Bool
	scratch sync.Pool // *scorer
}

// WordInfo is what an index of words holds: Rows of the column, Texts with a term, different Terms,
// Tokens (terms counted as often as they stand there), Bytes of memory, and the Version of the rule
// that cut them.
type WordInfo struct {
	Rows    int   `json:"rows"`
	Texts   int   `json:"texts"`
	Terms   int   `json:"terms"`
	Tokens  int64 `json:"tokens"`
	Bytes   int64 `json:"bytes"`
	Version int   `json:"version"`
}

// Info returns what the index holds.
func (x *WordIndex) Info() WordInfo {
	info := WordInfo{Rows: x.count, Texts: x.texts, Terms: x.terms, Tokens: x.tokens,
		Bytes: int64(len(x.slab.Mem)), Version: WordsVersion}
	for i := range x.pieces {
		info.Bytes += int64(len(x.pieces[i].slab.Mem))
	}
	return info
}

// Close frees the memory; no search may run or begin any more.
func (x *WordIndex) Close() {
	if x.closed.Swap(true) {
		return
	}
	for i := range x.pieces {
		x.pieces[i].slab.Free()
	}
	x.slab.Free()
	x.pieces, x.lengths = nil, nil
}

// WordQuery is one search: the K best rows for each of the Queries. Allowed says with a byte that
// is not 0 which rows may be found, nil all; what BM25 counts is of all rows nevertheless.
type WordQuery struct {
	Queries []string
	K       int
	Allowed []byte
	Threads int
}

// WordHits receives the answers, made by the caller: Rows and Scores have K places for each query,
// best first, equal scores by the smaller row; Counts says how many were found. Places past that
// hold -1 and NaN.
type WordHits struct {
	Rows   []int64
	Scores []float32
	Counts []int64
}

// Search finds the best rows for each query. Scores are summed in float64, term after term in the
// order of their bytes, so an answer depends on nothing but the texts and the query's terms. Rows
// are ranked by the float32 that is shown: sums that are equal but for rounding are ties.
//
// Errors: IndexClosed, InvalidArgument for lengths that do not fit, Cancelled.
func (x *WordIndex) Search(ctx context.Context, q WordQuery, out WordHits) error {
	if x.closed.Load() {
		return fault.Closed("words")
	}
	if err := x.check(&q, &out); err != nil {
		return err
	}
	return mem.Parallel(ctx, "words", mem.Threads(q.Threads), len(q.Queries),
		func(_, i int) error {
			s, _ := x.scratch.Get().(*scorer)
			if s == nil {
				s = &scorer{scores: make([]float64, x.count)}
			}
			from, to := i*q.K, (i+1)*q.K
			n, err := s.best(ctx, x, q.Queries[i], q.Allowed, out.Rows[from:to],
				out.Scores[from:to])
			if err != nil {
				return err // with a scratch that is not clean, and so is dropped
			}
			out.Counts[i] = int64(n)
			x.scratch.Put(s)
			return nil
		})
}

func (x *WordIndex) check(q *WordQuery, out *WordHits) error {
	n := len(q.Queries)
	if q.K < 0 || n > 0 && q.K > math.MaxInt/n {
		return fault.New(fault.InvalidArgument, "words",
			fmt.Sprintf("k = %d for %d queries", q.K, n), "use 0 <= k <= number of rows")
	}
	if len(out.Rows) != n*q.K || len(out.Scores) != n*q.K || len(out.Counts) != n {
		return fault.New(fault.InvalidArgument, "words",
			fmt.Sprintf("room for %d rows, %d scores and %d counts; %d queries of k = %d",
				len(out.Rows), len(out.Scores), len(out.Counts), n, q.K), "")
	}
	if q.Allowed != nil && len(q.Allowed) != x.count {
		return fault.New(fault.InvalidArgument, "words",
			fmt.Sprintf("a mask of %d rows, the index has %d", len(q.Allowed), x.count),
			"give one value for each row")
	}
	return nil
}

// hit is a row found.
type hit struct {
	score float32
	row   uint32
}

// worse orders by score, equal ones by row.
func (h hit) worse(other hit) bool {
	return h.score < other.score || h.score == other.score && h.row > other.row
}

// scorer is the scratch memory of one query.
type scorer struct {
	words  Words
	terms  vocabulary
	times  []int // of each term in the query
	order  []uint32
	scores []float64 // of each row; all 0 between queries
	met    []uint32  // rows whose score is not
	heap   []hit     // the worst in front
}

// best writes the best rows for a query and returns how many there are.
func (s *scorer) best(
	ctx context.Context, x *WordIndex, query string, allowed []byte, rows []int64,
	scores []float32,
) (int, error) {
	if err := s.cut(ctx, query); err != nil {
		return 0, err
	}
	s.met = s.met[:0]
	for _, number := range s.order {
		if err := s.add(ctx, x, s.terms.term(int(number)), s.times[number], allowed); err != nil {
			return 0, err
		}
	}
	s.choose(len(rows))
	for i := range rows {
		rows[i], scores[i] = -1, float32(math.NaN())
		if i < len(s.heap) {
			rows[i], scores[i] = int64(s.heap[i].row), s.heap[i].score
		}
	}
	return len(s.heap), nil
}

// cut finds the terms of a query.
func (s *scorer) cut(ctx context.Context, query string) error {
	s.terms.reset()
	s.times = s.times[:0]
	s.words.Reset(query)
	for count := 1; s.words.Next(); count++ {
		n := int(s.terms.number(s.words.Term()))
		if n == len(s.times) {
			s.times = append(s.times, 0)
		}
		s.times[n]++
		if count%looksAfter == 0 {
			if err := fault.FromContext(ctx, "words"); err != nil {
				return err
			}
		}
	}
	var err error
	s.order, err = s.terms.sorted(ctx, s.order)
	return err
}

// add adds to the rows what a term is worth.
func (s *scorer) add(
	ctx context.Context, x *WordIndex, term []byte, times int, allowed []byte,
) error {
	postings, n := x.find(term)
	weight := float64(times) * idf(x.texts, n)
	fixed := BM25K1 * (1 - BM25B)
	each := BM25K1 * BM25B * float64(x.texts) / float64(max(x.tokens, 1))
	row := uint32(0)
	for count := 1; len(postings) > 0; count++ {
		var gap, tf uint32
		gap, tf, postings = readPosting(postings)
		row += gap
		if count%looksAfter == 0 {
			if err := fault.FromContext(ctx, "words"); err != nil {
				return err
			}
		}
		if allowed != nil && allowed[row] == 0 {
			continue
		}
		if s.scores[row] == 0 {
			s.met = append(s.met, row)
		}
		f := float64(tf)
		s.scores[row] += weight * f / (f + fixed + float64(each*float64(x.lengths[row])))
	}
	return nil
}

// idf is what a term counts that n of so many texts have. It is above 0.
func idf(texts, n int) float64 {
	return math.Log1p((float64(texts-n) + 0.5) / (float64(n) + 0.5))
}

// find returns the postings of a term and how many there are.
func (x *WordIndex) find(term []byte) ([]byte, int) {
	i := sort.Search(len(x.pieces), func(i int) bool { return x.pieces[i].above(term) }) - 1
	if i < 0 {
		return nil, 0
	}
	p := &x.pieces[i]
	if n := p.find(term); n >= 0 {
		return p.of(n), int(p.rows[n])
	}
	return nil, 0
}

// choose puts the k best rows that were met into the heap, best first, and clears the scores.
func (s *scorer) choose(k int) {
	s.heap = s.heap[:0]
	for _, row := range s.met {
		h := hit{float32(s.scores[row]), row}
		s.scores[row] = 0
		switch {
		case len(s.heap) < k:
			s.heap = append(s.heap, h)
			if len(s.heap) == k {
				for i := k/2 - 1; i >= 0; i-- {
					s.sink(i)
				}
			}
		case k > 0 && s.heap[0].worse(h):
			s.heap[0] = h
			s.sink(0)
		}
	}
	slices.SortFunc(s.heap, func(a, b hit) int {
		if b.worse(a) {
			return -1
		}
		return 1
	})
}

// sink moves a hit down until none below it is worse.
func (s *scorer) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(s.heap) {
			return
		}
		if child+1 < len(s.heap) && s.heap[child+1].worse(s.heap[child]) {
			child++
		}
		if !s.heap[child].worse(s.heap[i]) {
			return
		}
		s.heap[i], s.heap[child] = s.heap[child], s.heap[i]
		i = child
	}
}
