package arrowidx

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/fault"
)

// TopKID is a type of ids by which answers are merged. Numbers are ordered as numbers, text by the
// bytes of its UTF-8.
type TopKID interface{ int64 | uint64 | string }

// maxAnswerCells is the largest answer that MergeTopK makes room for, in queries times k.
const maxAnswerCells = 1 << 31

// TopK holds the answers of one shard to a batch of queries, laid out as [Index.Search] leaves
// them: query q owns cells [q*K, (q+1)*K) of IDs and Scores, of which the first Counts[q] are
// there. What lies in the cells past them does not matter.
type TopK[I TopKID] struct {
	K      int       // cells a query
	IDs    []I       // len(Counts) * K
	Scores []float32 // len(Counts) * K
	Counts []int64   // one a query, each between 0 and K
}

// MergeTopK returns the k best of several shards' answers to the same queries. larger says which
// scores are better: [Metric.Larger]. Equal scores go to the smaller id. An id that is found more
// than once is kept once, with its better score. Absent cells hold -1 (the largest uint64, "") and
// NaN, as those of a search do.
//
// For one k the operation is associative, commutative and idempotent to the last bit, whatever the
// order within the parts: merging merged answers is merging all of them.
//
// Scores are those that one index over all rows would give. Among equal scores its ids may be
// others: it compares float64 distances, and then rows.
//
// Ids are what makes rows of different shards different: shards whose ids are positions must be
// given ids of their own first.
//
// Errors: InvalidArgument for no parts, parts of different numbers of queries, lengths that do not
// fit, a negative k; with the query as row and the cell as column for a count outside [0, K] and a
// score that is NaN; LimitExceeded for an answer of more than 2^31
// cells.
func MergeTopK[I TopKID](larger bool, k int, parts []TopK[I]) (TopK[I], error) {
	nq := 0
	if len(parts) > 0 {
		nq = len(parts[0].Counts)
	}
	switch {
	case k < 0:
		return TopK[I]{}, fault.New(InvalidArgument, "merge", fmt.Sprintf("k = %d", k),
			"use k >= 0")
	case nq > 0 && k > maxAnswerCells/nq:
		return TopK[I]{}, fault.New(LimitExceeded, "merge",
			fmt.Sprintf("%d queries of k = %d are more than %d cells", nq, k, maxAnswerCells),
			"merge the answers to fewer queries at once")
	}
	out := TopK[I]{K: k, IDs: make([]I, nq*k), Scores: make([]float32, nq*k),
		Counts: make([]int64, nq)}
	if err := MergeTopKInto(larger, parts, &out); err != nil {
		return TopK[I]{}, err
	}
	return out, nil
}

// MergeTopKInto is [MergeTopK] into memory of the caller, which must be none of the parts': out.K
// is k, and its slices have the lengths that this needs. After an error they hold anything.
func MergeTopKInto[I TopKID](larger bool, parts []TopK[I], out *TopK[I]) error {
	if len(parts) == 0 {
		return fault.New(InvalidArgument, "merge", "no answers to merge", "give one or more")
	}
	for i := range parts {
		if err := checkTopK(fmt.Sprintf("shard %d", i), &parts[i], len(parts[0].Counts)); err != nil {
			return err
		}
	}
	if err := checkTopK("the room for the answer", out, len(parts[0].Counts)); err != nil {
		return err
	}
	m := merger[I]{larger: larger, seen: map[I]struct{}{}, absent: absentID[I]()}
	for q := range out.Counts {
		if err := m.load(parts, q); err != nil {
			return err
		}
		from, to := q*out.K, (q+1)*out.K
		out.Counts[q] = int64(m.best(out.IDs[from:to], out.Scores[from:to]))
	}
	return nil
}

func checkTopK[I TopKID](name string, t *TopK[I], nq int) error {
	switch {
	case len(t.Counts) != nq:
		return fault.New(InvalidArgument, "merge",
			fmt.Sprintf("%s has answers to %d queries, shard 0 to %d", name, len(t.Counts), nq),
			"ask every shard the same queries")
	case t.K < 0 || nq > 0 && t.K > math.MaxInt/nq || len(t.IDs) != nq*t.K ||
		len(t.Scores) != nq*t.K:
		return fault.New(InvalidArgument, "merge",
			fmt.Sprintf("%s has %d ids and %d scores for %d queries of k = %d", name,
				len(t.IDs), len(t.Scores), nq, t.K), "")
	}
	return nil
}

// absentID is what cells without an id hold.
func absentID[I TopKID]() I {
	var id I
	switch p := any(&id).(type) {
	case *int64:
		*p = -1
	case *uint64:
		*p = math.MaxUint64
	}
	return id
}

// scored is one cell of an answer; order is its score, negated where larger ones are better.
type scored[I TopKID] struct {
	order, score float32
	id           I
}

// compare puts the better cell first. Equal scores of one id can only differ in the sign of a
// zero: the positive one is first, so that which one stays does not depend on where it was found.
func (a scored[I]) compare(b scored[I]) int {
	switch {
	case a.order < b.order:
		return -1
	case a.order > b.order:
		return 1
	}
	return cmp.Or(cmp.Compare(a.id, b.id),
		cmp.Compare(math.Float32bits(a.score), math.Float32bits(b.score)))
}

// merger merges the answers to one query after the other in the same memory.
type merger[I TopKID] struct {
	larger bool
	absent I
	cells  []scored[I]   // of all parts, each part's in order
	heap   [][]scored[I] // what is left of each part, the best head at the root
	seen   map[I]struct{}
}

// load takes the cells of query q out of the parts. A search breaks ties by rows, not by ids, so
// a part need not be in order yet.
func (m *merger[I]) load(parts []TopK[I], q int) error {
	m.cells, m.heap = m.cells[:0], m.heap[:0]
	total := int64(0)
	for i := range parts {
		n, k := parts[i].Counts[q], parts[i].K
		if n < 0 || n > int64(k) {
			return fault.At(InvalidArgument, "merge", int64(q), -1,
				fmt.Sprintf("query %d of shard %d: %d rows found in %d cells", q, i, n, k), "")
		}
		total += n
	}
	m.cells = slices.Grow(m.cells, int(total)) // the heap's slices must not move
	for i := range parts {
		from := len(m.cells)
		at, n := q*parts[i].K, int(parts[i].Counts[q])
		for j, score := range parts[i].Scores[at : at+n] {
			if score != score {
				return fault.At(InvalidArgument, "merge", int64(q), int64(j),
					fmt.Sprintf("query %d of shard %d: the score of place %d is NaN", q, i, j),
					"a score that is no number cannot be ordered")
			}
			order := score
			if m.larger {
				order = -score
			}
			m.cells = append(m.cells, scored[I]{order, score, parts[i].IDs[at+j]})
		}
		if own := m.cells[from:]; len(own) > 0 {
			if !slices.IsSortedFunc(own, scored[I].compare) {
				slices.SortFunc(own, scored[I].compare)
			}
			m.heap = append(m.heap, own)
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	return nil
}

// best writes the best cells of different ids and returns how many there are.
func (m *merger[I]) best(ids []I, scores []float32) int {
	clear(m.seen)
	n := 0
	for n < len(ids) && len(m.heap) > 0 {
		cell := m.heap[0][0]
		if m.heap[0] = m.heap[0][1:]; len(m.heap[0]) == 0 {
			last := len(m.heap) - 1
			m.heap[0] = m.heap[last]
			m.heap = m.heap[:last]
		}
		m.down(0)
		if _, twice := m.seen[cell.id]; twice {
			continue
		}
		m.seen[cell.id] = struct{}{}
		ids[n], scores[n] = cell.id, cell.score
		n++
	}
	for i := n; i < len(ids); i++ {
		ids[i], scores[i] = m.absent, float32(math.NaN())
	}
	return n
}

// down moves the list at i to where no list below it has a better head.
func (m *merger[I]) down(i int) {
	h := m.heap
	for {
		best := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child][0].compare(h[best][0]) < 0 {
				best = child
			}
		}
		if best == i {
			return
		}
		h[i], h[best] = h[best], h[i]
		i = best
	}
}
