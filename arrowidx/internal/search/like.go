package search

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// chosenCells is about how many candidates a search that chooses among them holds at a time.
const chosenCells = 1 << 20

// choosing is a search whose answers are chosen from those of a plain one: without the rows that
// are asked with (Like), and so that they differ from each other (Diversity).
type choosing struct {
	v     *segment.Version
	p     *SearchParams
	out   *SearchOut
	plain SearchParams
	rows  []int64 // with Like: those asked with
	found SearchOut
	plan  Plan
}

// searchChosen answers a search that has Like or Diversity, a round of queries after the other.
func searchChosen(
	ctx context.Context, v *segment.Version, p *SearchParams, out *SearchOut,
) (Plan, error) {
	begin := time.Now()
	c := choosing{v: v, p: p, out: out, plain: *p}
	c.plain.Like, c.plain.Diversity = nil, 0
	if err := c.prepare(); err != nil {
		return Plan{}, err
	}
	k := c.plain.K
	step := max(chosenCells/max(k, 1), 1)
	n := min(step, max(p.NQ, 0))
	c.found = SearchOut{Rows: make([]int64, n*k), Scores: make([]float32, n*k),
		Counts: make([]int64, n)}
	for from := 0; ; from += step {
		if err := c.round(ctx, from, min(from+step, p.NQ)); err != nil {
			return Plan{}, err
		}
		if from+step >= p.NQ {
			break
		}
	}
	c.plan.Total = time.Since(begin)
	return c.plan, nil
}

// prepare refuses what cannot be answered, finds the rows asked with and blanks the answers.
func (c *choosing) prepare() error {
	p, v := c.p, c.v
	if p.K < 0 || p.NQ < 0 || p.NQ > 0 && p.K > math.MaxInt/p.NQ/64 {
		return fault.New(fault.InvalidArgument, "search", fmt.Sprintf("%d queries of k = %d", p.NQ, p.K),
			"use k >= 0, and search in parts")
	}
	if !(p.Diversity >= 0 && p.Diversity <= 1) {
		return fault.New(fault.InvalidArgument, "search",
			fmt.Sprintf("diversity %v is not in [0, 1]", p.Diversity),
			"use 0 for the nearest rows, for example 0.3 for some variety")
	}
	if err := c.findLike(); err != nil {
		return err
	}
	if !c.out.Holds(p.NQ, p.K) {
		return noRoom(p.NQ, p.K)
	}
	c.plain.K = min(p.K, v.Usable())
	if p.Diversity != 0 {
		if err := c.needVectors("diversity compares the rows found with each other"); err != nil {
			return err
		}
		if p.K > 0 {
			c.plain.K = min(max(candidateShare*p.K, leastCandidates), v.Usable())
		}
	}
	if p.Like != nil {
		c.plain.K++ // the row itself
	}
	c.out.Blank()
	c.out.IDs = v.IDs
	return nil
}

// needVectors refuses an index whose rows are only codes.
func (c *choosing) needVectors(why string) error {
	if c.p.Source != nil {
		return nil
	}
	for _, seg := range c.v.Segments {
		if seg.Source == nil && seg.Usable > 0 {
			return fault.New(fault.InvalidArgument, "search", why+", but the index holds codes, not vectors",
				"load it with vectors=column, or attach the column that it was built from")
		}
	}
	return nil
}

// findLike looks up the rows asked with.
func (c *choosing) findLike() error {
	p := c.p
	if p.Like == nil {
		return nil
	}
	if p.Queries != nil || p.Wide != nil || p.NQ != p.Like.Len() {
		return fault.New(fault.InvalidArgument, "search",
			fmt.Sprintf("%d ids to search like, %d queries of %d numbers", p.Like.Len(), p.NQ,
				len(p.Queries)), "with Like leave Queries nil and set NQ to the number of ids")
	}
	if err := c.needVectors("a row is asked with by its vector"); err != nil {
		return err
	}
	var err error
	c.rows, err = c.v.Known("search", p.Like)
	return err
}

// round answers queries [from, to).
func (c *choosing) round(ctx context.Context, from, to int) error {
	n, k := to-from, c.plain.K
	own := c.plain
	own.NQ = n
	if c.rows != nil {
		if err := AskWith(c.v, "search", c.rows[from:to], c.p.Source, &own); err != nil {
			return err
		}
	} else {
		own.Queries = QueryRange(c.p.Queries, from, to, c.p.NQ)
		own.Wide = QueryRange(c.p.Wide, from, to, c.p.NQ)
		own.Bits = QueryRange(c.p.Bits, from, to, c.p.NQ)
	}
	found := SearchOut{Rows: c.found.Rows[:n*k], Scores: c.found.Scores[:n*k],
		Counts: c.found.Counts[:n]}
	plan, err := Search(ctx, c.v, &own, &found)
	if err != nil {
		return err
	}
	c.plan.Follow(&plan)
	threads := mem.Threads(c.p.Threads)
	choosers := make([]chooser, threads)
	return mem.Parallel(ctx, "search", threads, n, func(worker, i int) error {
		hits := SearchOut{Rows: found.Rows[i*k : i*k+int(found.Counts[i])],
			Scores: found.Scores[i*k : i*k+int(found.Counts[i])]}
		if c.rows != nil {
			hits = found.Without(i, k, int(c.rows[from+i]))
		}
		if c.p.Diversity != 0 {
			q := Side{X: QueryRange(own.Queries, i, i+1, n), Wide: QueryRange(own.Wide, i, i+1, n),
				bits: QueryRange(own.Bits, i, i+1, n)}
			if err := choosers[worker].choose(ctx, c, q, &hits); err != nil {
				return err
			}
		}
		at := (from + i) * c.p.K
		copy(c.out.Rows[at:at+c.p.K], hits.Rows)
		copy(c.out.Scores[at:at+c.p.K], hits.Scores)
		c.out.Counts[from+i] = int64(min(len(hits.Rows), c.p.K))
		return nil
	})
}

// QueryRange is what queries [from, to) of nq are in numbers that do not divide unless they are
// wrong.
func QueryRange[T any](all []T, from, to, nq int) []T {
	if nq == 0 || len(all)%nq != 0 {
		return all
	}
	each := len(all) / nq
	return all[from*each : to*each]
}

// AskWith makes rows the queries of a search, their vectors taken from source, if that is not nil.
// The memory of the search's queries is used again.
func AskWith(
	v *segment.Version, op string, rows []int64, source *column.Column, p *SearchParams,
) error {
	dim, binary := v.Segments[0].Dim, v.Segments[0].Metric.Binary()
	if binary {
		p.Bits = mem.Grow(p.Bits, len(rows)*dim/8)
	} else {
		p.MakeQueries(len(rows)*dim, Wide(v, source))
	}
	p.NQ = len(rows)
	for i, row := range rows {
		if seg, at := v.At(row); !seg.IsAlive(at) {
			return fault.At(fault.InvalidArgument, op, row, -1,
				fmt.Sprintf("row %d has no vector: it was null or bad when the index was built", row),
				"ask with another id")
		}
		col, at := columnOf(v, row, source)
		if binary {
			copy(p.Bits[i*dim/8:(i+1)*dim/8], col.PackedRow(at))
		} else {
			p.SetQuery(i, dim, col, at)
		}
	}
	return nil
}

// Wide reports whether some rows, or those of source if that is not nil, are float64.
func Wide(v *segment.Version, source *column.Column) bool {
	if source != nil {
		return source.Wide()
	}
	for _, p := range v.Segments {
		if p.Source != nil && p.Source.Wide() {
			return true
		}
	}
	return false
}

// columnOf returns the column that holds a row's vector, source if that is not nil, and the row's
// number there.
func columnOf(v *segment.Version, row int64, source *column.Column) (*column.Column, int) {
	if source != nil {
		return source, int(row)
	}
	seg, at := v.At(row)
	return seg.Source, at
}
