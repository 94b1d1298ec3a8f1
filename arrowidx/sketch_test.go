package arrowidx

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/sketch"
)

func columnOf(t *testing.T, rows []float32, d int) *Column {
	col, err := column.MatrixColumn(rows, len(rows)/d, d)
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
				seg := recallIndex(t, rows[:n*d], d, BuildOptions{
					Kind: Flat, Metric: metric, Keep: KeepCopy}, nil).base()
				list := make([]uint32, n)
				for i := range list {
					list[i] = uint32(i)
				}
				k := sketch.New(seg, seg.Source, list)
				name := fmt.Sprintf("%s, scale %v, offset %v", metric, scale, offset)
				tight := 0
				for q := range nq {
					tight += boundsHold(t, seg, k, rows, n+q, name)
				}
				require.Greater(t, tight, nq*n/2, "%s: and they say something", name)
			}
		}
	}
}

// boundsHold checks the bounds of one query, and counts rows whose bounds are less than a fifth of
// the range of all distances.
func boundsHold(
	t *testing.T, seg *segment.Segment, k *sketch.Sketch, rows []float32, at int, name string,
) int {
	n, d := len(k.Step), seg.Dim
	p := &search.Probe{Query: &search.Query{}}
	require.NoError(t, p.Prepare(asking(seg, rows[at*d:(at+1)*d], 1.9), 0))
	if p.Zero {
		return n
	}
	s := &search.Searcher{Run: &search.Run{Seg: seg}}
	s.Sketched.Z = make([]int8, k.Padded)
	s.SketchQuery(k, p, 0)
	width := float64(s.Sketched.Width[0])
	var values, exact []float64
	for i := range n {
		sum := 0.0
		for j, z := range s.Sketched.Z {
			sum += float64(z) * float64(k.Codes[i*k.Padded+j])
		}
		sum *= float64(s.Sketched.Step[0]) * float64(k.Step[i])
		if !seg.Metric.Larger() {
			sum *= 2
		}
		values = append(values, float64(k.Add[i])-sum)
		dist := p.Exact(seg.Metric, rows[i*d:(i+1)*d])
		if !seg.Metric.Larger() {
			dist -= float64(p.Norm2)
		} else { // <x, mean> is counted in every row, <q, mean> in none
			dist += middleDot(seg, p)
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
func middleDot(seg *segment.Segment, p *search.Probe) float64 {
	sum, length := 0.0, p.Norm
	if seg.Metric == Dot {
		length = float64(seg.Scale) / p.Unit
	}
	for j, m := range seg.Mean {
		sum += (float64(p.Vec[j])/length - float64(m)) * float64(m)
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
				require.NotNil(t, search.FiltersOf(ix.base()).Kept[0].Side.Sketch)
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
