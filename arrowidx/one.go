package arrowidx

import (
	"context"
	"fmt"
	"runtime"
)

// Hit is a row that a search found.
type Hit struct {
	Row   int64  // its number in the version that was searched
	ID    string // what it is called, numbers in decimal; its position where rows have no other ids
	Score float32
}

// SearchOne returns the k rows nearest to one query, best first, ties by the smaller row, and how
// they were found. Fewer come back only when fewer can be found.
//
// Errors: those of Search.
func (ix *Index) SearchOne(ctx context.Context, query []float32, k int) ([]Hit, Plan, error) {
	v, err := ix.enter("search")
	if err != nil {
		return nil, Plan{}, err
	}
	defer ix.leave(v)
	room := max(min(k, v.usable()), 0)
	out := SearchOut{Rows: make([]int64, room), Scores: make([]float32, room),
		Counts: make([]int64, 1)}
	p := SearchParams{Queries: query, NQ: 1, K: min(k, room), Threads: 1}
	plan, err := v.search(ctx, &p, &out)
	if err != nil {
		return nil, Plan{}, err
	}
	hits := make([]Hit, out.Counts[0])
	for i := range hits {
		hits[i] = Hit{out.Rows[i], out.IDs.plain(out.Rows[i]), out.Scores[i]}
	}
	return hits, plan, nil
}

// plain returns the id of a row as it is, without quotes.
func (ids *IDs) plain(row int64) string {
	if ids.kind == IDString {
		defer runtime.KeepAlive(ids)
		return string(ids.at(row))
	}
	return ids.Name(row)
}

// counted returns the parameters with the number of queries, which Queries, Bits or Like tell.
func (p *SearchParams) counted(base *segment) (*SearchParams, error) {
	if p.NQ != 0 {
		return p, nil
	}
	if p.Like != nil {
		own := *p
		own.NQ = p.Like.Len()
		return &own, nil
	}
	n, err := queriesIn("search", len(p.Queries)+len(p.Wide), p.Bits, base)
	if n == 0 || err != nil {
		return p, err
	}
	own := *p
	own.NQ = n
	return &own, nil
}

// queriesIn returns how many queries of the index's dimension there are.
func queriesIn(op string, numbers int, bits []byte, base *segment) (int, error) {
	n, each, unit := numbers, base.dim, "numbers"
	if bits != nil {
		n, each, unit = len(bits), base.dim/8, "bytes"
	}
	switch {
	case n == 0:
		return 0, nil
	case each == 0:
		return 0, newError(InvalidArgument, op,
			fmt.Sprintf("%d %s of queries for an index whose dimension is not known", n, unit),
			"set NQ, or add rows first")
	case n%each != 0:
		return 0, newError(DimensionMismatch, op,
			fmt.Sprintf("%d %s are no whole number of queries of %d dimensions", n, unit, base.dim),
			"queries need the dimensions of the indexed vectors")
	}
	return n / each, nil
}
