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
func (ix *Index) measureNorms(
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
	longest := make([]float32, shards)
	err = parallel(ctx, "build", threads, shards, func(_, s int) error {
		buf := make([]float32, ix.dim)
		for r := s * shardRows; r < min((s+1)*shardRows, col.rows); r++ {
			if ix.isAlive(r) {
				norms[r] = float32(math.Sqrt(simd.Norm64(col.Row(r, buf))))
				longest[s] = max(longest[s], norms[r])
			}
		}
		return nil
	})
	for _, v := range longest {
		ix.longest = max(ix.longest, v)
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
		rows := s.run.col.tile(from, n, s.read)
		if s.run.ix.metric.Larger() {
			simd.DotTile(s.out, rows, n, d, d, s.matrix, len(ps), d)
		} else {
			simd.L2Tile(s.out, rows, n, d, d, s.matrix, len(ps), d)
		}
		for i, p := range ps {
			s.offerExact(p, s.out[i*n:(i+1)*n], from)
		}
		from = end
	}
	return nil
}

// flatQueries lays the queries' numbers side by side for the tile kernels.
func (s *searcher) flatQueries(ps []*probe) {
	d := s.run.ix.dim
	s.matrix = grow(s.matrix, len(ps)*d)
	for i, q := range ps {
		copy(s.matrix[i*d:], q.vec)
	}
}

// exactGamma bounds the relative rounding error of the tile kernels over d numbers, with room for
// the few operations after them (see simd.DotTile and simd.L2Tile).
func exactGamma(d int) float32 { return 2 * float32(d/8+24) / (1 << 24) }

// offerExact turns one query's kernel results into distances with bounds. Values are inner products
// or squared distances; a distance is minus the inner product (for cosine over both lengths).
func (s *searcher) offerExact(p *probe, values []float32, from int) {
	p.counts.scanned += int64(len(values))
	ix, c, gamma := s.run.ix, &p.found, exactGamma(s.run.ix.dim)
	if !ix.metric.Larger() {
		for i := simd.NextBelow(values, 0, nextUp(c.tau*(1+2*gamma))); i < len(values); {
			if v := values[i]; s.run.admits(from + i) {
				c.offer(from+i, v*(1-gamma), v*(1+gamma), v)
			}
			i = simd.NextBelow(values, i+1, nextUp(c.tau*(1+2*gamma)))
		}
		return
	}
	norms := ix.norms.floats()
	for i, v := range values {
		norm := norms[from+i]
		var dist, slack float32
		switch {
		case ix.metric == Dot:
			dist, slack = -v, gamma*norm*float32(p.norm)
		case norm != 0:
			dist, slack = -v/(norm*float32(p.norm)), gamma
		}
		if dist-slack <= c.tau && s.run.admits(from+i) {
			c.offer(from+i, dist-slack, dist+slack, dist)
		}
	}
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
