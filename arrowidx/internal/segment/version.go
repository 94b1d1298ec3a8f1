package segment

import (
	"fmt"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Version is an index between two changes: segments whose rows follow each other. The first is what
// was built, the others are what was added since. Immutable but for Refs.
type Version struct {
	Refs     int // uses, guarded by Index.swap
	Segments []*Segment
	Starts   []int // the row at which each segment begins, and the number of rows
	IDs      *column.IDs
	Next     uint64 // what the next row is called where rows are called by their positions
	Changed  bool   // rows no longer lie in the order in which they were given
	Drift    Drift
	Mapped   []*mem.Mapping // files that segments lie in, still mapped
}

// few is the number of segments of most versions, which are one object and their ids another.
const few = 4

// NewVersion makes a version of the segments, which it takes over.
func NewVersion(segments []*Segment) *Version {
	v := &struct {
		Version
		starts [few + 1]int
	}{Version: Version{Refs: 1, Segments: segments}}
	var room [few]*column.IDs
	ids := room[:0]
	v.Starts = append(v.starts[:0], 0)
	for i, p := range segments {
		v.Starts = append(v.Starts, v.Starts[i]+p.Rows)
		ids = append(ids, p.IDs)
		if m := p.File.Mapping(); m != nil {
			v.Mapped = append(v.Mapped, m)
		}
	}
	v.IDs = column.JoinIDs(ids)
	return &v.Version
}

// With returns a version of other segments. Those that v has too are shared, the others taken over.
func (v *Version) With(segments []*Segment) *Version {
	for _, p := range segments {
		if slices.Contains(v.Segments, p) {
			p.Retain()
		}
	}
	next := NewVersion(segments)
	next.Next, next.Changed, next.Drift = v.Next, true, v.Drift
	return next
}

// Attached returns a version whose first segment measures on another column.
func (v *Version) Attached(seg *Segment, col *column.Column, keep Keep) *Version {
	other := *seg
	other.Source, other.Keep = col, keep
	other.Watch()
	other.Retain()
	next := v.With(append([]*Segment{&other}, v.Segments[1:]...))
	next.Changed = v.Changed
	return next
}

// Paged reports whether the vectors of some segment are not in memory.
func (v *Version) Paged() bool {
	return slices.ContainsFunc(v.Segments, func(p *Segment) bool { return p.Source.Paged() })
}

// Free releases the segments; Index does so when nobody uses the version any more.
func (v *Version) Free() {
	for _, p := range v.Segments {
		p.Release()
	}
}

// Rows returns the number of rows, deleted ones included.
func (v *Version) Rows() int { return v.Starts[len(v.Segments)] }

// Usable returns the number of rows that can be found.
func (v *Version) Usable() int {
	n := 0
	for _, p := range v.Segments {
		n += p.Usable
	}
	return n
}

// Count returns the number of rows that are not deleted.
func (v *Version) Count() int {
	n := v.Rows()
	for _, p := range v.Segments {
		n -= p.Deleted
	}
	return n
}

// At returns the segment that a row lies in, and its number there.
func (v *Version) At(row int64) (*Segment, int) {
	if len(v.Segments) == 1 {
		return v.Segments[0], int(row)
	}
	i := v.SegmentOf(row)
	return v.Segments[i], int(row) - v.Starts[i]
}

// SegmentOf returns the number of the segment that a row lies in.
func (v *Version) SegmentOf(row int64) int {
	return sort.Search(len(v.Segments), func(i int) bool { return v.Starts[i+1] > int(row) })
}

// Only returns the one segment of an index that was never changed.
func (v *Version) Only(op string) (*Segment, error) {
	if v.Changed {
		return nil, fault.New(fault.InvalidArgument, op,
			"rows were added or deleted: the rows of the index have no order that a column has",
			"name rows by their ids")
	}
	return v.Segments[0], nil
}

// Known returns the row of every id.
//
// Errors: those of Find, and UnknownID naming the first id that no row has.
func (v *Version) Known(op string, a arrow.Array) ([]int64, error) {
	rows, err := v.Find(a)
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
		return nil, fault.At(fault.UnknownID, op, int64(first), -1,
			fmt.Sprintf("%d of %d ids are not in the index, first %s", unknown, len(rows),
				a.ValueStr(first)), "")
	}
	return rows, nil
}

// Find returns the row of every id that is not deleted, -1 for ids of no row.
//
// Errors: those of IDs.Lookup.
func (v *Version) Find(a arrow.Array) ([]int64, error) {
	ask, err := column.AskedIDs(a)
	if err != nil {
		return nil, err
	}
	return v.RowsOf(ask)
}

// RowsOf returns the row of every id that is not deleted, -1 for ids of no row.
func (v *Version) RowsOf(ask *column.IDs) ([]int64, error) {
	rows := make([]int64, ask.Len())
	for i := range rows {
		rows[i] = -1
	}
	for i, p := range v.Segments {
		found, err := p.IDs.RowsOf(ask)
		if err != nil {
			return nil, err
		}
		for j, row := range found {
			if row >= 0 && !p.IsDeleted(int(row)) {
				rows[j] = row + int64(v.Starts[i])
			}
		}
	}
	return rows, nil
}

// Row writes the vector of a row to dst, Dim numbers.
//
// Errors: those of Numbers.
func (v *Version) Row(row int64, dst []float32) error {
	seg, at, err := v.Numbers(row)
	if err == nil {
		copy(dst[:seg.Dim], seg.Source.Row(at, dst))
	}
	return err
}

// PackedRow writes the bits of a row to dst, Dim/8 bytes.
//
// Errors: those of Holding, InvalidArgument for an index of numbers.
func (v *Version) PackedRow(row int64, dst []byte) error {
	seg, at, err := v.Holding(row)
	if err != nil {
		return err
	}
	if !seg.Metric.Binary() {
		return fault.New(fault.InvalidArgument, "row",
			fmt.Sprintf("the index holds numbers (metric %s), not packed bits", seg.Metric),
			"ask for them with Row")
	}
	copy(dst[:seg.Dim/8], seg.Source.PackedRow(at))
	return nil
}

// Numbers is Holding for vectors of numbers.
func (v *Version) Numbers(row int64) (*Segment, int, error) {
	seg, at, err := v.Holding(row)
	if err == nil && seg.Metric.Binary() {
		err = fault.New(fault.InvalidArgument, "row", "the index holds packed bits, not numbers",
			"ask for them with PackedRow")
	}
	return seg, at, err
}

// Holding returns the segment that holds a row's vector, and the row's number there.
func (v *Version) Holding(row int64) (*Segment, int, error) {
	if row < 0 || row >= int64(v.Rows()) {
		return nil, 0, fault.At(fault.UnknownID, "row", row, -1,
			fmt.Sprintf("there is no row %d among %d", row, v.Rows()), "")
	}
	seg, at := v.At(row)
	if seg.Source == nil {
		return nil, 0, fault.New(fault.InvalidArgument, "row", "the index holds codes, not vectors",
			"load it with vectors=column, or attach the column that it was built from")
	}
	if !seg.IsAlive(at) {
		return nil, 0, fault.At(fault.InvalidArgument, "row", row, -1,
			fmt.Sprintf("row %d was null or bad when the index was built, or is deleted", row), "")
	}
	return seg, at, nil
}

// Without returns v's segments with the rows deleted, and how many rows these are. Rows below zero
// and rows that are deleted already do not count.
func (v *Version) Without(rows []int64) (segments []*Segment, n int) {
	if len(rows) == 0 {
		return slices.Clip(v.Segments), 0
	}
	segments = append(segments, v.Segments...)
	for _, row := range rows {
		if row < 0 {
			continue
		}
		i := v.SegmentOf(row)
		at := int(row) - v.Starts[i]
		if segments[i].IsDeleted(at) {
			continue
		}
		if segments[i] == v.Segments[i] {
			segments[i] = v.Segments[i].deletable()
		}
		segments[i].deleteRow(at)
		n++
	}
	return segments, n
}

// IDsFor returns the ids of n new rows in the form that the index has.
func (v *Version) IDsFor(ids *column.IDs, n int) (*column.IDs, error) {
	kind, counted := v.IDs.Kind(), v.IDs.Counted()
	if ids == nil {
		if !counted {
			return nil, fault.New(fault.InvalidArgument, "add",
				fmt.Sprintf("rows without ids for an index of %s ids", kind), "give one id a row")
		}
		if uint64(n) > column.NoNumber-v.Next {
			return nil, fault.New(fault.LimitExceeded, "add", "no numbers are left to count with", "")
		}
		return &column.IDs{N: n, First: v.Next}, nil
	}
	if ids.Len() != n {
		return nil, fault.New(fault.InvalidArgument, "add",
			fmt.Sprintf("%d ids for %d rows", ids.Len(), n), "give one id a row")
	}
	if ids.Kind() == column.IDPositions {
		ids = ids.Written()
	}
	if ids.Kind() == kind && !counted {
		return ids, nil
	}
	fits := ids.Kind() != column.IDString && kind != column.IDString
	signed := ids.Kind() == column.IDInt64 && kind != column.IDUint64
	for i := 0; fits && !signed && i < n; i++ {
		fits = int64(ids.Num[i]) >= 0 // means the same number in both types
	}
	if !fits && n > 0 {
		return nil, fault.New(fault.InvalidArgument, "add",
			fmt.Sprintf("ids of type %s for an index of %s ids", ids.Kind(), kind),
			"use the type that the index was built with")
	}
	if counted {
		kind = column.IDCounted
	}
	return &column.IDs{Form: kind, N: n, Num: ids.Num}, nil
}

// Drift compares the rows added with those that the index was built of.
type Drift struct {
	Built float64 // mean residual norm of the build; 0: not known
	Sum   float64 // of the residual norms of rows added
	Rows  int
}

// leastDrift is the mean residual norm below which rows of the build are one row but for rounding:
// nothing can be compared with it. The longest of them has a norm of 1/2 to 1.
const leastDrift = 1.0 / (1 << 20)

// Ratio is the mean residual norm of rows added over that of the build, 0 if it is not known.
func (d Drift) Ratio() float64 {
	if d.Rows == 0 || !(d.Built > leastDrift) {
		return 0
	}
	return d.Sum / float64(d.Rows) / d.Built
}
