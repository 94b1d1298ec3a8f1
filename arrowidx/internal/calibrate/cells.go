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
	// pilot is how many queries tell whether fewer should be asked.
	pilot = 16
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

// truth finds the true neighbours of all queries and surveys their cells: of the first in all
// cells, of the others where the neighbours of those before lie.
func (c *calibration) truth(ctx context.Context) error {
	if !c.twice { // else it is known
		c.exact = make([][]int64, c.nq)
	}
	c.seen, c.nearest = make([]surveyed, c.nq), make([]float32, c.nq)
	cellOf, want := c.cellOf(), 0
	s := settings{c.seg.CellCount(), search.Rule{Cut: mem.Infinity, Weight: c.weight()}}
	for from, to := 0, 0; from < c.nq; from = to {
		to = c.upTo(from)
		coded, err := c.look(ctx, cellOf, from, to, s, want)
		if err != nil {
			return err
		}
		if to == pilot {
			c.thin(int(coded) / pilot)
		}
		if to == exactly && to < c.nq {
			s, want = c.around(c.seen[:to])
			for i := range to {
				c.seen[i].keep(want)
			}
		}
	}
	return nil
}

// upTo returns where the queries end that are looked at together, from a query on.
func (c *calibration) upTo(from int) int {
	switch {
	case from == 0 && c.own != nil && !c.twice && c.nq > pilot:
		return pilot
	case from < exactly:
		return min(exactly, c.nq)
	}
	return c.nq
}

// thin keeps fewer rows as queries where bounds rule out little, as with few dimensions: their
// searches would take longer than the rest of the build. coded is how many rows one scored.
func (c *calibration) thin(coded int) {
	const codedRows = 48
	few := c.part(0, min(max(pilot, codedRows*c.seg.Usable/max(coded, 1)), c.nq))
	c.queries, c.wide, c.nq, c.own = few.queries, few.wide, few.nq, few.own
	c.exact, c.seen, c.nearest = few.exact, few.seen, c.nearest[:c.nq]
}

// around returns settings that find every neighbour of the surveyed queries, and how many cells
// must be surveyed to compare settings.
func (c *calibration) around(seen []surveyed) (s settings, want int) {
	l, n := ledgerOf(seen), c.seg.CellCount()
	need := c.enough(l, 1-missShare*(1-calibrationTargets[len(calibrationTargets)-1]))
	want = min(max(int(math.Ceil(times*float64(need))), 64), max(surveyMost/c.nq, 64), n)
	last := quantile(slices.Sorted(slices.Values(l.places)), 0) + 1
	s.considered = max(int(min(aroundCells*last, float32(n))), want)
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

// look looks for the neighbours of queries [from, to) with settings, surveys as many cells, and
// keeps the first `want` of them; 0: all. It returns how many rows it scored by their whole codes.
func (c *calibration) look(
	ctx context.Context, cellOf []uint32, from, to int, s settings, want int,
) (coded int64, err error) {
	done := make([]bool, to-from)
	list := func(i int, cells []search.Considered) {
		done[i] = true
		c.list(from+i, cells, want)
	}
	if !c.twice {
		part := c.part(from, to)
		if c.weight() > 0 {
			part.survey = &search.Surveying{Epsilon: surveyEpsilon, Each: list}
		}
		plan, err := part.search(ctx, s, wideEpsilon, true)
		if err != nil {
			return 0, err
		}
		coded = plan.Coded
		for q := range done {
			c.exact[from+q] = slices.Clone(part.found(q))
		}
	}
	if slices.Contains(done, false) { // not surveyed: all, or those that are looked at another way
		p := c.params(from, to)
		p.Epsilon0, p.Probes, p.Rule, p.Copies = surveyEpsilon, s.considered, s.rule, c.twice
		p.Survey = &search.Surveying{Epsilon: surveyEpsilon, Each: list}
		if err := search.Survey(ctx, c.seg, p); err != nil {
			return 0, err
		}
	}
	for q := range done {
		if done[q] {
			s, exact := &c.seen[from+q], c.exact[from+q]
			if s.homes = s.find(exact, cellOf); c.twice {
				s.seconds = s.find(exact, c.second)
			}
		}
	}
	return coded, nil
}

// list notes the first `want` surveyed cells of a query; 0: all.
func (c *calibration) list(q int, cells []search.Considered, want int) {
	nearest := mem.Infinity
	out := make([]listed, 0, len(cells))
	for _, o := range cells {
		nearest = min(nearest, o.Order)
		if want == 0 || int(o.Place) < want {
			out = append(out, listed{o.Cell, o.Place, c.rowsIn(int(o.Cell)), o.Score})
		}
	}
	c.seen[q].cells, c.nearest[q] = out, nearest
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
	if !slices.ContainsFunc(s.cells, func(l listed) bool { return int(l.place) >= considered }) {
		return
	}
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
