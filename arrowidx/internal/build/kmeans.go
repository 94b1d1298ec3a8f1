package build

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Rows a cell that k-means sees at most, and the rounds on a growing part of them: early rounds
// only have to tell the regions apart.
const sampleRows = 64

// KmeansRounds has for every round of k-means how many rows a cell of the sample it looks at.
var KmeansRounds = [...]int{8, 8, 8, 16, 16, 32, 32, 64, 64}

// Kmeans finds centroids by Lloyd's algorithm. The number of rounds is fixed and sums are float64,
// added in the order of rows, so the result depends on the sample alone.
type Kmeans struct {
	Sample  []float32 // rows x padded, in an order that is random
	Rows    int
	Padded  int
	K       int
	Threads int

	centroids []float32
	norm2     []float32
	plane     *segment.CentroidPlane
	Owner     []uint32 // cell of every row
	First     []uint32 // k+1: where a cell's rows begin in members
	Members   []uint32 // rows by cell, rising within one
	finders   []*Finder
}

// Train returns k centroids of padded numbers.
func (m *Kmeans) Train(ctx context.Context, done func(rounds, of int)) ([]float32, error) {
	m.centroids = make([]float32, m.K*m.Padded)
	copy(m.centroids, m.Sample[:m.K*m.Padded])
	m.norm2 = make([]float32, m.K)
	m.Owner = make([]uint32, m.Rows)
	m.Members = make([]uint32, m.Rows)
	m.First = make([]uint32, m.K+1)
	var err error
	if m.plane, err = segment.NewCentroidPlane(m.centroids, m.K, m.Padded, column.L2); err != nil {
		return nil, err
	}
	defer m.plane.Free()
	m.finders = make([]*Finder, m.Threads)
	for i, perCell := range KmeansRounds {
		if err := m.round(ctx, min(perCell*m.K, m.Rows)); err != nil {
			return nil, err
		}
		done(i+1, len(KmeansRounds))
	}
	return m.centroids, nil
}

// round assigns the first n rows and moves every centroid to the mean of its rows.
func (m *Kmeans) round(ctx context.Context, n int) error {
	m.measureCentroids()
	const step = MaxTileRows
	err := mem.Parallel(ctx, "build", m.Threads, (n+step-1)/step, func(w, i int) error {
		if m.finders[w] == nil {
			m.finders[w] = NewFinder(m.plane, m.centroids, m.norm2)
		}
		from, to := i*step, min((i+1)*step, n)
		m.finders[w].Nearest(m.Sample[from*m.Padded:to*m.Padded], to-from, m.Owner[from:to])
		return nil
	})
	if err != nil {
		return err
	}
	m.group(n)
	sums := make([][]float64, m.Threads)
	const cellsAtOnce = 64
	err = mem.Parallel(ctx, "build", m.Threads, (m.K+cellsAtOnce-1)/cellsAtOnce,
		func(w, i int) error {
			if sums[w] == nil {
				sums[w] = make([]float64, 2*m.Padded)
			}
			for c := i * cellsAtOnce; c < min((i+1)*cellsAtOnce, m.K); c++ {
				m.move(c, sums[w])
			}
			return nil
		})
	if err != nil {
		return err
	}
	m.fillEmpty()
	return nil
}

func (m *Kmeans) measureCentroids() {
	for c := range m.K {
		m.norm2[c] = simd.Norm16(m.Centroid(c))
	}
	m.plane.Code(m.centroids, column.L2)
}

// Centroid returns centroid c, rotated and padded, in the memory of all.
func (m *Kmeans) Centroid(c int) []float32 { return m.centroids[c*m.Padded : (c+1)*m.Padded] }

// group sorts the first n rows by cell.
func (m *Kmeans) group(n int) {
	clear(m.First)
	GroupByCell(m.Owner[:n], m.First, m.Members)
}

// GroupByCell counts rows by their cell into first (one longer than there are cells, zeros) and
// lists the rows cell by cell. Owners of none are NoCell.
func GroupByCell(owner, first, rows []uint32) {
	for _, c := range owner {
		if c != NoCell {
			first[c+1]++
		}
	}
	for c := 1; c < len(first); c++ {
		first[c] += first[c-1]
	}
	for r, c := range owner {
		if c != NoCell {
			rows[first[c]] = uint32(r)
			first[c]++
		}
	}
	copy(first[1:], first[:len(first)-1])
	first[0] = 0
}

// move puts a centroid at the mean of its rows: float64 sums of shards of shardRows, added in
// order.
func (m *Kmeans) move(c int, sums []float64) {
	rows := m.Members[m.First[c]:m.First[c+1]]
	if len(rows) == 0 {
		return
	}
	clear(sums)
	total, part := sums[:m.Padded], sums[m.Padded:]
	shard := rows[0] / shardRows
	for _, r := range rows {
		if r/shardRows != shard {
			addTo(total, part)
			shard = r / shardRows
		}
		simd.AddScaled(part, m.Sample[int(r)*m.Padded:(int(r)+1)*m.Padded], 1)
	}
	addTo(total, part)
	x := m.Centroid(c)
	for j := range x {
		x[j] = float32(total[j] / float64(len(rows)))
	}
}

// addTo adds part to total and clears it.
func addTo(total, part []float64) {
	for j, v := range part {
		total[j] += v
	}
	clear(part)
}

// fillEmpty gives a cell without rows a row of the fullest cell.
func (m *Kmeans) fillEmpty() {
	taken := make([]uint32, m.K)
	for c := range m.K {
		if m.First[c+1] > m.First[c] {
			continue
		}
		full, most := 0, uint32(0)
		for o := range m.K {
			if left := m.First[o+1] - m.First[o] - taken[o]; left > most {
				full, most = o, left
			}
		}
		if most < 2 {
			return
		}
		taken[full]++
		r := int(m.Members[m.First[full+1]-taken[full]])
		copy(m.Centroid(c), m.Sample[r*m.Padded:(r+1)*m.Padded])
	}
}
