package build

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Rows a cell of the sample that k-means looks at, round by round. The first rounds compare rows
// with all centroids: centroids that are still single rows say little about which lie around which.
// In the others a row stays in its cell or moves to one around it. Rounds on fewer rows than these
// would be cheaper, but leave cells of very unequal sizes.
const (
	wideRounds, wideRows   = 2, 64
	closeRounds, closeRows = 4, 256
	// KmeansRounds is the number of all rounds.
	KmeansRounds = wideRounds + closeRounds
	// sampleRows is how many rows a cell k-means sees at most.
	sampleRows = max(wideRows, closeRows)
)

// Cells around that a row may move to, its own among them: in a round one of 32, within these
// bounds, and in the end twice as many.
const leastAround, mostAround = 64, 128

func cellsAround(k int) int { return min(max(k/32, leastAround), mostAround) }

// Kmeans finds centroids by Lloyd's algorithm. The number of rounds is fixed, products are whole
// numbers and sums are float64, added in the order of rows, so the result depends on the sample
// alone.
type Kmeans struct {
	*Sample
	K       int
	Threads int

	Centroids []float32 // k x padded
	Owner     []uint32  // cell of every row that training looked at
	First     []uint32  // k+1: where a cell's rows begin in members
	Members   []uint32  // rows by cell, rising within one
	coarse    *coarse
	plane     *segment.CentroidPlane
	finders   []finder
	movers    []mover
}

// finder is one worker's memory for comparing rows with all centroids.
type finder struct {
	*Finder
	rows []float32
}

// KmeansUses returns how many rows of a sample training looks at: all the others have no owner.
func KmeansUses(rows, k int) int { return min(rows, closeRows*k) }

// Train returns k centroids of padded numbers and leaves the cells of rows in Owner.
func (m *Kmeans) Train(ctx context.Context, done func(rounds, of int)) ([]float32, error) {
	m.Centroids = make([]float32, m.K*m.Padded)
	for c := range m.K {
		m.Read(m.Centroid(c), c)
	}
	m.Owner, m.Members = make([]uint32, m.Rows), make([]uint32, m.Rows)
	m.First = make([]uint32, m.K+1)
	m.coarse = newCoarse(m.K, m.Padded)
	m.finders, m.movers = make([]finder, m.Threads), make([]mover, m.Threads)
	var err error
	if m.plane, err = segment.NewCentroidPlane(m.Centroids, m.K, m.Padded, column.L2); err != nil {
		return nil, err
	}
	defer m.plane.Free()
	seen := min(m.Rows, wideRows*m.K)
	for i := range wideRounds {
		if err := m.wide(ctx, seen); err != nil {
			return nil, err
		}
		if err := m.move(ctx); err != nil {
			return nil, err
		}
		done(i+1, KmeansRounds)
	}
	n := KmeansUses(m.Rows, m.K)
	for i := range closeRounds {
		if err := m.close(ctx, seen, n, cellsAround(m.K)); err != nil {
			return nil, err
		}
		if err := m.move(ctx); err != nil {
			return nil, err
		}
		seen = n
		done(wideRounds+i+1, KmeansRounds)
	}
	return m.Centroids, m.close(ctx, n, n, 2*cellsAround(m.K))
}

// wide assigns the first n rows, each to the nearest of all centroids.
func (m *Kmeans) wide(ctx context.Context, n int) error {
	for c := range m.K {
		m.coarse.norm2[c] = simd.Norm16(m.Centroid(c))
	}
	m.plane.Code(m.Centroids, column.L2)
	const step = simd.BlockRows
	err := mem.Parallel(ctx, "build", m.Threads, (n+step-1)/step, func(w, i int) error {
		f := &m.finders[w]
		if f.Finder == nil {
			f.Finder = NewFinder(m.plane, m.Centroids, m.coarse.norm2)
			f.rows = make([]float32, step*m.Padded)
		}
		from, to := i*step, min((i+1)*step, n)
		for r := from; r < to; r++ {
			m.Read(f.rows[(r-from)*m.Padded:(r-from+1)*m.Padded], r)
		}
		f.Nearest(f.rows, to-from, m.Owner[from:to])
		return nil
	})
	m.group(n)
	return err
}

// close lets the first n rows move to cells around theirs. Those from seen on have none yet: they
// are led to one first.
func (m *Kmeans) close(ctx context.Context, seen, n, around int) error {
	if err := m.coarse.measure(ctx, m.Centroids, around, m.Threads); err != nil {
		return err
	}
	if seen < n {
		g := m.coarse.group(m.Centroids)
		const step = simd.BlockRows
		err := mem.Parallel(ctx, "build", m.Threads, (n-seen+step-1)/step, func(w, i int) error {
			from, to := seen+i*step, min(seen+(i+1)*step, n)
			m.movers[w].enter(g, m.Sample, from, m.Owner[from:to])
			return nil
		})
		if err != nil {
			return err
		}
		m.group(n)
	}
	err := mem.Parallel(ctx, "build", m.Threads, m.K, func(w, c int) error {
		m.movers[w].stay(m.coarse, m.Sample, c, m.membersOf(c), m.Owner)
		return nil
	})
	m.group(n)
	return err
}

// Centroid returns centroid c, rotated and padded, in the memory of all.
func (m *Kmeans) Centroid(c int) []float32 { return m.Centroids[c*m.Padded : (c+1)*m.Padded] }

func (m *Kmeans) membersOf(c int) []uint32 { return m.Members[m.First[c]:m.First[c+1]] }

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

// listByCell lists the n rows that have a cell by their cells, and counts those of each.
func listByCell(owner []uint32, cells, n int) (sizes, rows []uint32) {
	first := make([]uint32, cells+1)
	rows, sizes = make([]uint32, n), make([]uint32, cells)
	GroupByCell(owner, first, rows)
	for i := range sizes {
		sizes[i] = first[i+1] - first[i]
	}
	return sizes, rows
}

// move puts every centroid at the mean of its rows.
func (m *Kmeans) move(ctx context.Context) error {
	err := mem.Parallel(ctx, "build", m.Threads, m.K, func(w, c int) error {
		m.movers[w].mean(m.Sample, m.membersOf(c), m.Centroid(c))
		return nil
	})
	if err == nil {
		m.fillEmpty()
	}
	return err
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
		m.Read(m.Centroid(c), int(m.Members[m.First[full+1]-taken[full]]))
	}
}
