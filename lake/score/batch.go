package score

import (
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// slots is how many batches are at work at once: one is read, one searched, one written.
const slots = 3

// batch is some rows on their way from the input to the output.
type batch struct {
	slot  int
	first int64 // row of the file that is the batch's first
	n     int
	// The rows that are searched with: those that are not null. Query i is row asked[i]; nil: every
	// row is one.
	asked   []int
	queries int
	vectors mem.Slab // room for n vectors; those of the queries lie at its beginning
	valid   []bool
	k       int
	rows    []int64 // queries x k
	scores  []float32
	counts  []int64
	ids     *arrowidx.IDs
	queryOf []int // of each row, -1 for null ones; only where asked is not nil
	err     error
}

// newBatch makes room for n rows of vectors of so many bytes.
func newBatch(slot, n, vector, k int) (*batch, error) {
	b := &batch{slot: slot, k: k, valid: make([]bool, n), counts: make([]int64, n)}
	var err error
	if b.vectors, err = mem.NewSlab(op, int64(n)*int64(vector)); err != nil {
		return nil, err
	}
	b.rows, b.scores = make([]int64, n*k), make([]float32, n*k)
	return b, nil
}

// ask numbers the queries: rows that are not null have one.
func (b *batch) ask() {
	b.asked, b.queryOf, b.queries = nil, nil, b.n
	if !slices.Contains(b.valid[:b.n], false) {
		return
	}
	b.queries, b.queryOf = 0, make([]int, b.n)
	for row := range b.n {
		b.queryOf[row] = -1
		if b.valid[row] {
			b.asked = append(b.asked, row)
			b.queryOf[row] = b.queries
			b.queries++
		}
	}
}

// take copies the vectors of the queries. Rows of which every number is NaN have none: they become
// null.
func (b *batch) take(vectors []float32, dim int) {
	room, kept := b.vectors.Floats(), 0
	for q := range b.queries {
		row, v := q, vectors[q*dim:(q+1)*dim]
		if b.asked != nil {
			row = b.asked[q]
		}
		if !slices.ContainsFunc(v, func(x float32) bool { return !math.IsNaN(float64(x)) }) {
			b.valid[row] = false
			continue
		}
		copy(room[kept*dim:], v)
		kept++
	}
	if kept < b.queries {
		b.ask()
	}
}

// query is the number of the query of a row, -1 for null rows.
func (b *batch) query(row int) int {
	if b.queryOf == nil {
		return row
	}
	return b.queryOf[row]
}

// hits is how often the row is written.
func (b *batch) hits(row int) int {
	q := b.query(row)
	if q < 0 {
		return 0
	}
	return int(b.counts[q])
}

// cell is where a hit of a row lies in rows and scores.
func (b *batch) cell(row, hit int) int { return b.query(row)*b.k + hit }

// cut drops hits behind the threshold. Scores of a query lie best first.
func (b *batch) cut(least, most *float64) {
	if least == nil && most == nil {
		return
	}
	for q := range b.queries {
		scores := b.scores[q*b.k : q*b.k+int(b.counts[q])]
		n := len(scores)
		for n > 0 && outside(float64(scores[n-1]), least, most) {
			n--
		}
		b.counts[q] = int64(n)
	}
}

func outside(score float64, least, most *float64) bool {
	return least != nil && score < *least || most != nil && score > *most
}

func (b *batch) free() { b.vectors.Free() }
