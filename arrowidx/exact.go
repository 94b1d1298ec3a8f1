package arrowidx

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// exactTile is the bytes of rows that one pass of kind exact covers for all queries of a group.
const exactTile = 64 << 10

// measureNorms stores the length of every row, which bounds the rounding error of a float32 inner
// product and, for cosine, divides it.
func (ix *segment) measureNorms(
	ctx context.Context, col *Column, o *BuildOptions, threads int,
) error {
	o.Progress.encoded.Store(int64(col.rows))
	if !ix.metric.Larger() {
		return nil
	}
	var err error
	if ix.norms, err = newSlab("build", 4*int64(col.rows)); err != nil {
		return err
	}
	norms := ix.norms.floats()
	shards := (col.rows + shardRows - 1) / shardRows
	longest, uneven := make([]float32, shards), make([]bool, shards)
	err = parallel(ctx, "build", threads, shards, func(_, s int) error {
		step := max(1, crcBlock/(4*ix.dim))
		var room measured
		for r := s * shardRows; r < min((s+1)*shardRows, col.rows); r++ {
			if r%step == 0 {
				if err := cancelled(ctx, "build"); err != nil {
					return err
				}
			}
			if ix.isAlive(r) {
				norms[r] = room.length(col, r)
				longest[s] = max(longest[s], norms[r])
				uneven[s] = uneven[s] || !isEven(float64(norms[r]))
			}
		}
		return nil
	})
	for i, v := range longest {
		ix.longest = max(ix.longest, v)
		ix.uneven = ix.uneven || uneven[i] && ix.metric == Cosine
	}
	return err
}

// exactScan offers every row of [from, to) that the filter admits to the queries' collectors, with
// float32 distances and bounds that contain their rounding. It works on groups of queries, so
// that a tile of rows is read from memory once.
func (s *searcher) exactScan(ctx context.Context, ps []*probe, from, to int) error {
	d := s.run.ix.dim
	step := max(1, exactTile/(4*d))
	s.read = grow(s.read, step*d)
	s.out = grow(s.out, step*len(ps))
	s.flatQueries(ps)
	for from < to {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		end := min(s.run.col.tileEnd(from, step), to)
		n := end - from
		s.measureTile(ps, from, n)
		s.offerTile(ps, n, from)
		from = end
	}
	return nil
}

// measureTile writes the distances of the n rows from `from` to s.out, query by query.
func (s *searcher) measureTile(ps []*probe, from, n int) {
	d := s.run.ix.dim
	rows := s.run.see(from, n, s.read, &s.wideRows)
	if s.run.ix.metric.Larger() {
		simd.DotTile(s.out, rows, n, d, d, s.matrix, len(ps), d)
	} else {
		simd.L2Tile(s.out, rows, n, d, d, s.matrix, len(ps), d)
	}
}

// offerTile offers the n rows from `from` to every query.
func (s *searcher) offerTile(ps []*probe, n, from int) {
	if !s.run.ix.metric.Larger() {
		for i, p := range ps {
			s.offerSquares(p, s.out[i*n:(i+1)*n], from)
		}
		return
	}
	norms := s.norms(from, n)
	shortest, longest := norms[0], norms[0]
	for _, v := range norms {
		shortest, longest = min(shortest, v), max(longest, v)
	}
	for i, p := range ps {
		s.offerProducts(p, s.out[i*n:(i+1)*n], norms, shortest, longest, from)
	}
}

// flatQueries lays the queries' numbers side by side for the tile kernels, negated for inner
// products, so that smaller results are better.
func (s *searcher) flatQueries(ps []*probe) {
	d := s.run.ix.dim
	s.matrix = grow(s.matrix, len(ps)*d)
	for i, q := range ps {
		to := s.matrix[i*d : (i+1)*d]
		if s.run.ix.metric.Larger() {
			simd.Scale(to, q.vec, -1)
		} else {
			copy(to, q.vec)
		}
	}
}

// exactGamma bounds the relative rounding error of the tile kernels over d numbers, with room for
// the few operations after them (see simd.DotTile and simd.L2Tile).
func exactGamma(d int) float32 { return 2 * float32(d/8+24) / (1 << 24) }

// exactVanished bounds what d squares lose that lie below float32's smallest number.
func exactVanished(d int) float32 { return float32(d+8) * math.SmallestNonzeroFloat32 }

// lostProducts bounds what an inner product of d numbers loses below float32's smallest number: in
// the products, and in a row and a query of these lengths.
func lostProducts(d int, norm, length float32) float32 {
	return exactVanished(d) * (1 + norm + length)
}

// leastProduct is the product of lengths (a query's and the longest row's) below which float32
// inner products lose too much: the shortest row may be 2^-63 of the longest, and products of
// less than about 2^-113 come near float32's smallest number.
const leastProduct = 1.0 / (1 << 50)

// offerSquares offers squared distances with the bounds of their rounding.
func (s *searcher) offerSquares(p *probe, values []float32, from int) {
	c, gamma, lost := &p.found, p.gamma(s.run.ix), exactVanished(s.run.ix.dim)
	p.counts.scanned += int64(len(values))
	for i := -1; ; {
		i = simd.NextBelow(values, i+1, nextUp((p.blur.reach(c.tau)+lost)*(1+2*gamma)))
		if i == len(values) {
			return
		}
		if v := values[i]; s.run.admits(from + i) {
			low, up := p.blur.around(v*(1-gamma)-lost, v*(1+gamma)+lost)
			c.offer(from+i, low, up, v)
		}
	}
}

// offerProducts offers negated inner products, for cosine over both lengths. Rows are let through
// by a limit that the longest and the shortest row of the tile allow, then judged by their own.
func (s *searcher) offerProducts(
	p *probe, values, norms []float32, shortest, longest float32, from int,
) {
	c, gamma, length := &p.found, p.gamma(s.run.ix), float32(p.norm)
	cosine, d := s.run.ix.metric == Cosine, s.run.ix.dim
	p.counts.scanned += int64(len(values))
	for i := -1; ; {
		limit := c.tau + 2*gamma*longest*length + 2*lostProducts(d, longest, length)
		if cosine {
			limit = cosineLimit(c.tau+2*gamma, shortest, longest, length)
		}
		i = simd.NextBelow(values, i+1, nextUp(limit))
		if i == len(values) {
			return
		}
		dist, slack := values[i], gamma*norms[i]*length+lostProducts(d, norms[i], length)
		if cosine {
			if slack = gamma; norms[i] == 0 {
				dist, slack = 0, 0
			} else {
				dist /= norms[i] * length
			}
		}
		if dist-slack <= c.tau && s.run.admits(from+i) {
			c.offer(from+i, dist-slack, dist+slack, dist)
		}
	}
}

// cosineLimit is the largest negated inner product that can belong to a negated cosine of tau.
func cosineLimit(tau, shortest, longest, length float32) float32 {
	switch {
	case math.IsInf(float64(tau), 1):
		return tau
	case tau < 0:
		return tau * shortest * length
	}
	return tau * longest * length
}

// admits reports whether the row may be found.
func (r *run) admits(row int) bool {
	return r.words[row/simd.BlockRows]>>(row%simd.BlockRows)&1 != 0
}

// nextUp returns the least float32 above x, so that "below nextUp(x)" means "at most x".
func nextUp(x float32) float32 { return math.Nextafter32(x, float32(math.Inf(1))) }

// grow returns a slice of n elements, reusing old where it has room. Contents are unspecified.
func grow[T any](old []T, n int) []T {
	if cap(old) >= n {
		return old[:n]
	}
	return make([]T, n)
}
