package arrowidx

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func columnOf(t *testing.T, rows []float32, d int) *Column {
	col, err := MatrixColumn(rows, len(rows)/d, d)
	require.NoError(t, err)
	return col
}

// oddRows are blobs with what sketches could stumble over: lengths that differ, zeros, equal rows,
// one number that is all there is, and a middle far from the origin.
func oddRows(t *testing.T, n, d int, scale, offset float32) []float32 {
	rows := blobs(t, 700, n, d, 15)
	for i := range rows {
		rows[i] = scale * (rows[i]*[]float32{1, 0.5, 0.25}[i/d%3] + offset)
	}
	for i := 0; i < n; i += 97 {
		clear(rows[i*d : (i+1)*d])
		if i%2 == 1 {
			rows[i*d+i%d] = scale
		}
	}
	copy(rows[50*d:60*d], rows[200*d:210*d])
	return rows
}

// The bounds hold for every row and query: what float64 measures lies within the width.
func TestSketchesBoundDistancesWithCertainty(t *testing.T) {
	const n, d, nq = 600, 70, 12
	for _, metric := range []Metric{Cosine, Dot, L2} {
		for _, scale := range []float32{1e-7, 1, 1e7} {
			for _, offset := range []float32{0, 0.3, 5} {
				rows := oddRows(t, n+nq, d, scale, offset)
				ix := recallIndex(t, rows[:n*d], d, BuildOptions{
					Kind: Flat, Metric: metric, Keep: KeepCopy}, nil).base()
				list := make([]uint32, n)
				for i := range list {
					list[i] = uint32(i)
				}
				k := newSketch(ix, ix.source, list)
				name := fmt.Sprintf("%s, scale %v, offset %v", metric, scale, offset)
				tight := 0
				for q := range nq {
					tight += boundsHold(t, ix, k, rows, n+q, name)
				}
				require.Greater(t, tight, nq*n/2, "%s: and they say something", name)
			}
		}
	}
}

// boundsHold checks the bounds of one query, and counts rows whose bounds are less than a fifth of
// the range of all distances.
func boundsHold(t *testing.T, ix *segment, k *sketch, rows []float32, at int, name string) int {
	n, d := len(k.step), ix.dim
	p := &probe{query: &query{}}
	require.NoError(t, p.prepare(asking(ix, rows[at*d:(at+1)*d], 1.9), 0))
	if p.zero {
		return n
	}
	s := &searcher{run: &run{ix: ix}}
	s.sketched.z = make([]int8, k.padded)
	s.sketchQuery(k, p, 0)
	width := float64(s.sketched.width[0])
	var values, exact []float64
	for i := range n {
		sum := 0.0
		for j, z := range s.sketched.z {
			sum += float64(z) * float64(k.codes[i*k.padded+j])
		}
		sum *= float64(s.sketched.step[0]) * float64(k.step[i])
		if !ix.metric.Larger() {
			sum *= 2
		}
		values = append(values, float64(k.add[i])-sum)
		dist := p.exact(ix.metric, rows[i*d:(i+1)*d])
		if !ix.metric.Larger() {
			dist -= float64(p.norm2)
		} else { // <x, mean> is counted in every row, <q, mean> in none
			dist += middleDot(ix, p)
		}
		exact = append(exact, dist)
	}
	least, most := math.Inf(1), math.Inf(-1)
	for i := range exact {
		require.InDelta(t, exact[i], values[i], width, "%s: row %d", name, i)
		least, most = min(least, exact[i]), max(most, exact[i])
	}
	if width < (most-least)/5 {
		return n
	}
	return 0
}

// middleDot is the product of the scaled query, minus the mean, with the mean.
func middleDot(ix *segment, p *probe) float64 {
	sum, length := 0.0, p.norm
	if ix.metric == Dot {
		length = float64(ix.scale) / p.unit
	}
	for j, m := range ix.mean {
		sum += (float64(p.vec[j])/length - float64(m)) * float64(m)
	}
	return sum
}

// Whatever the rows are like, a mask used often finds what it found the first time.
func TestSketchesChangeNoAnswer(t *testing.T) {
	const n, d, nq, k = 8000, 70, 40, 10
	for _, metric := range []Metric{Cosine, Dot, L2} {
		for _, scale := range []float32{1e-7, 1, 1e7} {
			for _, offset := range []float32{0, 5} {
				rows := oddRows(t, n+nq, d, scale, offset)
				ix := recallIndex(t, rows[:n*d], d, BuildOptions{
					Kind: Flat, Metric: metric, Keep: KeepCopy}, nil)
				// Two masks of the same rows, one of which is asked about one query at a time.
				mask, twin := randomMask(702, n, 0.025), make([]byte, n)
				for i, m := range mask {
					if m != 0 {
						twin[i] = m ^ 0xFF | 1
					}
				}
				many := SearchOut{Rows: make([]int64, nq*k), Scores: make([]float32, nq*k),
					Counts: make([]int64, nq)}
				p := SearchParams{Queries: rows[n*d:], NQ: nq, K: k, Rerank: -1, Mask: mask}
				_, err := ix.Search(t.Context(), &p, &many)
				require.NoError(t, err)
				require.NotNil(t, filtersOf(ix.base()).kept[0].side.sketch)
				for i := range nq {
					one := SearchOut{Rows: make([]int64, k), Scores: make([]float32, k),
						Counts: make([]int64, 1)}
					p := SearchParams{Queries: rows[(n+i)*d : (n+i+1)*d], NQ: 1, K: k, Rerank: -1,
						Mask: twin}
					_, err := ix.Search(t.Context(), &p, &one)
					require.NoError(t, err)
					name := fmt.Sprintf("%s, scale %v, offset %v, query %d", metric, scale, offset, i)
					require.Equal(t, one.Rows, many.Rows[i*k:(i+1)*k], name)
					require.Equal(t, one.Scores, many.Scores[i*k:(i+1)*k], name)
				}
			}
		}
	}
}
