package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/simd"
)

// Rows a cell that k-means sees at most, and the rounds on a growing part of them: early rounds
// only have to tell the regions apart.
const sampleRows = 64

var kmeansRounds = [...]int{8, 8, 8, 16, 16, 32, 32, 64, 64}

// kmeans finds centroids by Lloyd's algorithm. The number of rounds is fixed and sums are float64,
// added in the order of rows, so the result depends on the sample alone.
type kmeans struct {
	sample  []float32 // rows x padded, in an order that is random
	rows    int
	padded  int
	k       int
	threads int

	centroids []float32
	norm2     []float32
	plane     *centroidPlane
	owner     []uint32 // cell of every row
	first     []uint32 // k+1: where a cell's rows begin in members
	members   []uint32 // rows by cell, rising within one
	finders   []*finder
}

// train returns k centroids of padded numbers.
func (m *kmeans) train(ctx context.Context, done func(rounds, of int)) ([]float32, error) {
	m.centroids = make([]float32, m.k*m.padded)
	copy(m.centroids, m.sample[:m.k*m.padded])
	m.norm2 = make([]float32, m.k)
	m.owner = make([]uint32, m.rows)
	m.members = make([]uint32, m.rows)
	m.first = make([]uint32, m.k+1)
	var err error
	if m.plane, err = newCentroidPlane(m.centroids, m.k, m.padded, L2); err != nil {
		return nil, err
	}
	defer m.plane.free()
	m.finders = make([]*finder, m.threads)
	for i, perCell := range kmeansRounds {
		if err := m.round(ctx, min(perCell*m.k, m.rows)); err != nil {
			return nil, err
		}
		done(i+1, len(kmeansRounds))
	}
	return m.centroids, nil
}

// round assigns the first n rows and moves every centroid to the mean of its rows.
func (m *kmeans) round(ctx context.Context, n int) error {
	m.measureCentroids()
	const step = maxTileRows
	err := parallel(ctx, "build", m.threads, (n+step-1)/step, func(w, i int) error {
		if m.finders[w] == nil {
			m.finders[w] = newFinder(m.plane, m.centroids, m.norm2)
		}
		from, to := i*step, min((i+1)*step, n)
		m.finders[w].nearest(m.sample[from*m.padded:to*m.padded], to-from, m.owner[from:to])
		return nil
	})
	if err != nil {
		return err
	}
	m.group(n)
	sums := make([][]float64, m.threads)
	const cellsAtOnce = 64
	err = parallel(ctx, "build", m.threads, (m.k+cellsAtOnce-1)/cellsAtOnce,
		func(w, i int) error {
			if sums[w] == nil {
				sums[w] = make([]float64, 2*m.padded)
			}
			for c := i * cellsAtOnce; c < min((i+1)*cellsAtOnce, m.k); c++ {
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

func (m *kmeans) measureCentroids() {
	for c := range m.k {
		m.norm2[c] = simd.Norm16(m.centroid(c))
	}
	m.plane.code(m.centroids, L2)
}

func (m *kmeans) centroid(c int) []float32 { return m.centroids[c*m.padded : (c+1)*m.padded] }

// group sorts the first n rows by cell.
func (m *kmeans) group(n int) {
	clear(m.first)
	groupByCell(m.owner[:n], m.first, m.members)
}

// groupByCell counts rows by their cell into first (one longer than there are cells, zeros) and
// lists the rows cell by cell. Owners of none are noCell.
func groupByCell(owner, first, rows []uint32) {
	for _, c := range owner {
		if c != noCell {
			first[c+1]++
		}
	}
	for c := 1; c < len(first); c++ {
		first[c] += first[c-1]
	}
	for r, c := range owner {
		if c != noCell {
			rows[first[c]] = uint32(r)
			first[c]++
		}
	}
	copy(first[1:], first[:len(first)-1])
	first[0] = 0
}

// move puts a centroid at the mean of its rows: float64 sums of shards of shardRows, added in
// order.
func (m *kmeans) move(c int, sums []float64) {
	rows := m.members[m.first[c]:m.first[c+1]]
	if len(rows) == 0 {
		return
	}
	clear(sums)
	total, part := sums[:m.padded], sums[m.padded:]
	shard := rows[0] / shardRows
	for _, r := range rows {
		if r/shardRows != shard {
			addTo(total, part)
			shard = r / shardRows
		}
		simd.AddScaled(part, m.sample[int(r)*m.padded:(int(r)+1)*m.padded], 1)
	}
	addTo(total, part)
	x := m.centroid(c)
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
func (m *kmeans) fillEmpty() {
	taken := make([]uint32, m.k)
	for c := range m.k {
		if m.first[c+1] > m.first[c] {
			continue
		}
		full, most := 0, uint32(0)
		for o := range m.k {
			if left := m.first[o+1] - m.first[o] - taken[o]; left > most {
				full, most = o, left
			}
		}
		if most < 2 {
			return
		}
		taken[full]++
		r := int(m.members[m.first[full+1]-taken[full]])
		copy(m.centroid(c), m.sample[r*m.padded:(r+1)*m.padded])
	}
}
