// Package pairs scores rows one by one: each row of a column with one vector, or with the row of
// another column. Scores are those that a search gives for the same two vectors, to the last bit:
// the same sums in float64, in the same order.
package pairs

import (
	"context"
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const op = "scores"

// shardBytes is about how much of a column one worker reads in one go, between two looks at the
// context.
const shardBytes = 1 << 20

// Params says how rows are scored.
type Params struct {
	Metric  column.Metric  // not of bits
	Other   *column.Column // one row, for all rows of the column, or as many as it has
	SkipBad bool           // rows with NaN, infinities or null numbers have no score; else an error
	Threads int            // 0: all
}

// Score writes the score of every row to out, and 1 to valid; where the row or the other one is
// null NaN and 0.
//
// Errors: MetricError for a metric of bits and a column of them, DimensionMismatch for other
// lengths or dimensions, InvalidArgument when out or valid is not one value a row, InvalidVector
// for a row that the metric cannot work with, Cancelled.
func Score(
	ctx context.Context, col *column.Column, p Params, out []float32, valid []byte,
) error {
	if err := check(col, &p, out, valid); err != nil || col.Len() == 0 {
		return err
	}
	rows := max(1, shardBytes/(4*max(col.Dim(), 1)))
	threads := mem.Threads(p.Threads)
	all := make([]worker, threads)
	for i := range all {
		all[i] = worker{metric: p.Metric, skip: p.SkipBad, one: p.Other.Len() == 1 && col.Len() != 1}
		all[i].mine.col, all[i].other.col = col, p.Other
		all[i].wide = col.Wide() || p.Other.Wide()
		all[i].units.Unit = 1
	}
	return mem.Parallel(ctx, op, threads, (col.Len()+rows-1)/rows, func(w, i int) error {
		return all[w].shard(out, valid, i*rows, min((i+1)*rows, col.Len()))
	})
}

func check(col *column.Column, p *Params, out []float32, valid []byte) error {
	if p.Metric.Binary() {
		return fault.New(fault.MetricError, op,
			fmt.Sprintf("metric %s compares bits, not vectors", p.Metric),
			"use cosine, dot, l2 or sqeuclidean")
	}
	for _, c := range []*column.Column{col, p.Other} {
		if err := p.Metric.Fits(op, c); err != nil {
			return err
		}
	}
	if n := p.Other.Len(); n != 1 && n != col.Len() {
		return fault.New(fault.DimensionMismatch, op,
			fmt.Sprintf("%d rows and %d to compare them with", col.Len(), n),
			"compare with one vector, or with as many rows")
	}
	if a, b := col.Dim(), p.Other.Dim(); a != b && a > 0 && b > 0 {
		return fault.New(fault.DimensionMismatch, op,
			fmt.Sprintf("rows of %d dimensions and others of %d", a, b),
			"embed both with one model")
	}
	if len(out) != col.Len() || len(valid) != col.Len() {
		return fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("room for %d scores of %d rows", len(out), col.Len()), "")
	}
	return nil
}

// side is one of the two vectors that are compared.
type side struct {
	col    *column.Column
	number int  // the row at hand
	known  bool // there is one
	fine   bool // it is neither null nor left out
	x      []float32
	wide   []float64 // nil: x
	length float64
	spare  []float32
	room   []float64
	even   []float64
}

// worker scores the rows of one thread.
type worker struct {
	metric      column.Metric
	skip        bool
	one         bool // the other is one vector for all
	wide        bool // a column holds float64
	mine, other side
	units       search.Query // scores of distances
}

func (w *worker) shard(out []float32, valid []byte, from, to int) error {
	for row := from; row < to; row++ {
		partner := row
		if w.one {
			partner = 0
		}
		if err := w.read(&w.mine, row, false); err != nil {
			return err
		}
		if err := w.read(&w.other, partner, true); err != nil {
			return err
		}
		out[row], valid[row] = float32(math.NaN()), 0
		if w.mine.fine && w.other.fine {
			out[row], valid[row] = w.units.Score(w.metric, w.measure()), 1
		}
	}
	return nil
}

// read makes a row the one at hand.
func (w *worker) read(s *side, row int, other bool) error {
	if s.known && s.number == row {
		return nil
	}
	s.number, s.known, s.wide = row, true, nil
	s.fine = s.col.NullCount() == 0 || s.col.Valid(row)
	if !s.fine {
		return nil
	}
	var square float64
	if w.wide {
		square = simd.WideNorm(s.widened())
	} else {
		s.spare = mem.Grow(s.spare, s.col.Dim())
		s.x = s.col.Row(row, s.spare)
		square = simd.Norm64(s.x)
	}
	if ck := s.col.ChunkOf(row); !(square <= build.MaxSquareNorm) || ck.BadElem != nil {
		if err := w.refuse(s, ck, square, other); err != nil || !s.fine {
			return err
		}
	}
	s.length = math.Sqrt(square)
	if w.metric == column.Cosine && (w.wide || !segment.IsEven(s.length)) {
		s.even = mem.Grow(s.even, s.col.Dim())
		s.wide, s.length = column.Evened(s.widened(), s.even)
	}
	return nil
}

// widened returns the row at hand as float64.
func (s *side) widened() []float64 {
	if s.wide == nil {
		s.room = mem.Grow(s.room, s.col.Dim())
		s.wide = s.col.WideRow(s.number, s.room)
	}
	return s.wide
}

// refuse looks at a row that may be bad: then it is an error, or left out.
func (w *worker) refuse(s *side, ck *column.Chunk, square float64, other bool) error {
	err := build.BadRow(op, ck, w.metric, s.number, s.widened(), square)
	if !w.wide {
		s.wide = nil
	}
	switch {
	case err == nil:
		return nil
	case w.skip && !(other && w.one):
		s.fine = false
		return nil
	case other:
		return ofOther(err, w.one)
	}
	return err
}

// ofOther says that the row of an error is one of those compared with.
func ofOther(err error, one bool) error {
	known := *err.(*fault.Error)
	if one {
		known.Msg = "the query: " + known.Msg
	} else {
		known.Msg = "the other column: " + known.Msg
	}
	return &known
}

// measure is the distance of the two rows at hand as search.Query has it, smaller for nearer ones.
func (w *worker) measure() float64 {
	a, b := &w.mine, &w.other
	narrow := a.wide == nil && b.wide == nil
	switch w.metric {
	case column.Dot, column.Cosine:
		norm := 1.0
		if w.metric == column.Cosine {
			if norm = a.length * b.length; norm == 0 {
				return 0
			}
		}
		if narrow {
			return -simd.Dot64(a.x, b.x) / norm
		}
		return -simd.WideDot(a.widened(), b.widened()) / norm
	}
	if narrow {
		return simd.L2Sq64(a.x, b.x)
	}
	return simd.WideL2Sq(a.widened(), b.widened())
}
