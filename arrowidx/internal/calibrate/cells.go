package calibrate

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

const (
	// exactly is the most queries whose true neighbours are looked for in all cells. Those of the
	// others are looked for where those of these lie, and a little around it.
	exactly     = 256
	aroundCells = 1.25
	aroundScore = 1.0 / 16
	// surveyEpsilon is the width of bounds with which first thresholds are found: the estimates that
	// they rest on hardly depend on it, unless it is so small that near rows are lost.
	surveyEpsilon = 1.9
	// surveyMost is the most cells of all queries together that are kept: 16 bytes each.
	surveyMost = 2 << 20
)

// surveyed is what routing says of one query.
type surveyed struct {
	cells []listed // rising
	homes []int32  // of every true neighbour: its cell's index among the cells, -1: not considered
	// The same of second cells, where copies are looked at; nil: they are not.
	seconds []int32
}

// listed is a considered cell.
type listed struct {
	cell  uint32
	place uint32  // its rank in routing's order
	rows  uint32  // and copies, where these are looked at
	score float32 // see search.Rule; -infinity: looked into whatever the rule says
}

// truth finds the true neighbours of all queries and surveys their cells.
func (c *calibration) truth(ctx context.Context) error {
	if !c.twice { // else it is known
		c.exact = make([][]int64, c.nq)
	}
	c.seen, c.nearest = make([]surveyed, c.nq), make([]float32, c.nq)
	cellOf := c.cellOf()
	all := settings{considered: c.seg.CellCount(), rule: search.Rule{Cut: 1}}
	few := min(exactly, c.nq)
	if err := c.find(ctx, 0, few, all); err != nil {
		return err
	}
	if err := c.look(ctx, cellOf, 0, few, c.seg.CellCount()); err != nil || few == c.nq {
		return err
	}
	around, need := c.around(c.seen[:few])
	if err := c.find(ctx, few, c.nq, around); err != nil {
		return err
	}
	want := min(need, max(surveyMost/c.nq, 64), c.seg.CellCount())
	for i := range few {
		c.seen[i].keep(want)
	}
	return c.look(ctx, cellOf, few, c.nq, want)
}

// around returns settings that find every neighbour of the surveyed queries, and the cells that
// must be surveyed to compare settings.
func (c *calibration) around(seen []surveyed) (s settings, want int) {
	l := ledgerOf(seen)
	need := c.enough(l, 1-missShare*(1-calibrationTargets[len(calibrationTargets)-1]))
	want = max(int(math.Ceil(times*float64(need))), 64)
	cells := float32(c.seg.CellCount())
	last := quantile(slices.Sorted(slices.Values(l.places)), 0)
	s.considered = int(min(aroundCells*(last+1), cells))
	s.rule.Cut = 1
	if s.rule.Weight = c.weight(); s.rule.Weight > 0 {
		s.rule.Cut = max(min(quantile(l.sorted, 0)+aroundScore, cutMost), -1)
	}
	return s, want
}

// cellOf returns the cell of every row.
func (c *calibration) cellOf() []uint32 {
	cells, out := c.seg.Cells, make([]uint32, c.seg.Rows)
	for i := range cells.N {
		for _, r := range cells.Rows[cells.First[i]:cells.First[i+1]] {
			out[r] = uint32(i)
		}
	}
	return out
}

// find looks for the neighbours of queries [from, to).
func (c *calibration) find(ctx context.Context, from, to int, s settings) error {
	if c.twice {
		return nil
	}
	part := c.part(from, to)
	if _, err := part.search(ctx, s, wideEpsilon, true); err != nil {
		return err
	}
	for q := range to - from {
		c.exact[from+q] = slices.Clone(part.found(q))
	}
	return nil
}

// look surveys queries [from, to) with so many cells each, and finds the homes of their neighbours.
func (c *calibration) look(ctx context.Context, cellOf []uint32, from, to, want int) error {
	p := c.params(from, to)
	p.Epsilon0, p.Copies = surveyEpsilon, c.twice
	rule := search.Rule{Weight: c.weight()}
	return search.Survey(ctx, c.seg, p, want, func(i int, cells []search.Considered) {
		s := &c.seen[from+i]
		s.cells = make([]listed, len(cells))
		for j, o := range cells {
			if o.Done {
				o.Cosine = -mem.Infinity
			}
			score := rule.Score(o.Cosine, int(o.Place))
			s.cells[j] = listed{o.Cell, o.Place, c.rowsIn(int(o.Cell)), score}
		}
		s.homes = s.find(c.exact[from+i], cellOf)
		if c.twice {
			s.seconds = s.find(c.exact[from+i], c.second)
		}
		c.nearest[from+i] = mem.Infinity
		for _, o := range cells {
			c.nearest[from+i] = min(c.nearest[from+i], o.Order)
		}
	})
}

// rowsIn returns how many rows, and copies if they are looked at, are in a cell.
func (c *calibration) rowsIn(cell int) uint32 {
	n := c.seg.Cells.Size(cell)
	if c.twice {
		n += c.seg.Copies.Size(cell)
	}
	return uint32(n)
}

// find returns where the cells of rows are among the cells, -1 where they are not.
func (s *surveyed) find(rows []int64, cellOf []uint32) []int32 {
	out := make([]int32, len(rows))
	for i, row := range rows {
		at, is := slices.BinarySearchFunc(s.cells, cellOf[row], func(l listed, cell uint32) int {
			return cmp.Compare(l.cell, cell)
		})
		if out[i] = -1; is {
			out[i] = int32(at)
		}
	}
	return out
}

// keep drops the cells that a search does not consider that considers so many.
func (s *surveyed) keep(considered int) {
	moved, kept := make([]int32, len(s.cells)), s.cells[:0]
	for i, l := range s.cells {
		moved[i] = -1
		if int(l.place) < considered {
			moved[i] = int32(len(kept))
			kept = append(kept, l)
		}
	}
	s.cells = slices.Clone(kept)
	for _, homes := range [][]int32{s.homes, s.seconds} {
		for i, home := range homes {
			if home >= 0 {
				homes[i] = moved[home]
			}
		}
	}
}

// usualShare of the calibrating queries keep the usual distance to their nearest centroid, and
// usualLeast queries are the fewest that tell.
const (
	usualShare = 0.99
	usualLeast = 64
)

// usual returns the distance that nearly all queries keep to their nearest centroid, 0 where too
// few were asked or cells have no distance, as for inner products.
func (c *calibration) usual() float32 {
	var sorted []float32
	for q, v := range c.nearest {
		if len(c.seen[q].cells) > 0 {
			sorted = append(sorted, v)
		}
	}
	if c.seg.Metric == column.Dot || len(sorted) < usualLeast {
		return 0
	}
	slices.Sort(sorted)
	return max(sorted[int(usualShare*float64(len(sorted)))], 0)
}
