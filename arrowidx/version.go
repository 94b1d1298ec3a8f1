package arrowidx

import (
	"fmt"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
)

// version is an index between two changes: segments whose rows follow each other. The first is what
// was built, the others are what was added since. Immutable but for refs.
type version struct {
	refs    int // uses, guarded by Index.swap
	parts   []*segment
	starts  []int // the row at which each part begins, and the number of rows
	names   *IDs
	next    uint64 // what the next row is called where rows are called by their positions
	changed bool   // rows no longer lie in the order in which they were given
	drift   drift
}

// newVersion makes a version of the parts, which it takes over.
func newVersion(parts []*segment) *version {
	v := &version{refs: 1, parts: parts, starts: make([]int, len(parts)+1)}
	names := make([]*IDs, len(parts))
	for i, p := range parts {
		v.starts[i+1] = v.starts[i] + p.rows
		names[i] = p.ids
	}
	v.names = joinIDs(names)
	return v
}

// with returns a version of other parts. Those that v has too are shared, the others taken over.
func (v *version) with(parts []*segment) *version {
	for _, p := range parts {
		if slices.Contains(v.parts, p) {
			p.retain()
		}
	}
	next := newVersion(parts)
	next.next, next.changed, next.drift = v.next, true, v.drift
	return next
}

// attached returns a version whose first part measures on another column.
func (v *version) attached(seg *segment, col *Column, keep Keep) *version {
	other := *seg
	other.source, other.keep = col, keep
	other.watch()
	other.retain()
	next := v.with(append([]*segment{&other}, v.parts[1:]...))
	next.changed = v.changed
	return next
}

func (v *version) free() {
	for _, p := range v.parts {
		p.release()
	}
}

// rows returns the number of rows, deleted ones included.
func (v *version) rows() int { return v.starts[len(v.parts)] }

// usable returns the number of rows that can be found.
func (v *version) usable() int {
	n := 0
	for _, p := range v.parts {
		n += p.usable
	}
	return n
}

// count returns the number of rows that are not deleted.
func (v *version) count() int {
	n := v.rows()
	for _, p := range v.parts {
		n -= p.deleted
	}
	return n
}

// at returns the part that a row lies in, and its number there.
func (v *version) at(row int64) (*segment, int) {
	if len(v.parts) == 1 {
		return v.parts[0], int(row)
	}
	i := v.partOf(row)
	return v.parts[i], int(row) - v.starts[i]
}

// partOf returns the number of the part that a row lies in.
func (v *version) partOf(row int64) int {
	return sort.Search(len(v.parts), func(i int) bool { return v.starts[i+1] > int(row) })
}

// only returns the one part of an index that was never changed.
func (v *version) only(op string) (*segment, error) {
	if v.changed {
		return nil, newError(InvalidArgument, op,
			"rows were added or deleted: the rows of the index have no order that a column has",
			"name rows by their ids")
	}
	return v.parts[0], nil
}

// known returns the row of every id.
//
// Errors: those of find, and UnknownID naming the first id that no row has.
func (v *version) known(op string, a arrow.Array) ([]int64, error) {
	rows, err := v.find(a)
	if err != nil {
		return nil, err
	}
	unknown, first := 0, 0
	for i, row := range rows {
		if row < 0 {
			if unknown == 0 {
				first = i
			}
			unknown++
		}
	}
	if unknown > 0 {
		return nil, errorAt(UnknownID, op, int64(first), -1,
			fmt.Sprintf("%d of %d ids are not in the index, first %s", unknown, len(rows),
				a.ValueStr(first)), "")
	}
	return rows, nil
}

// find returns the row of every id that is not deleted, -1 for ids of no row.
//
// Errors: those of IDs.Lookup.
func (v *version) find(a arrow.Array) ([]int64, error) {
	ask, err := askedIDs(a)
	if err != nil {
		return nil, err
	}
	return v.rowsOf(ask)
}

func (v *version) rowsOf(ask *IDs) ([]int64, error) {
	rows := make([]int64, ask.n)
	for i := range rows {
		rows[i] = -1
	}
	for i, p := range v.parts {
		found, err := p.ids.rowsOf(ask)
		if err != nil {
			return nil, err
		}
		for j, row := range found {
			if row >= 0 && !p.isDeleted(int(row)) {
				rows[j] = row + int64(v.starts[i])
			}
		}
	}
	return rows, nil
}
