package arrowidx

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/simd"
)

// AddOptions says how rows are added.
type AddOptions struct {
	// Replace deletes rows of the same ids; without it such ids are an error.
	Replace bool
	// Threads limits this call; 0 means the default of SetThreads.
	Threads int
	// Progress, if set, counts the rows coded.
	Progress *Progress
}

// Add appends the column's rows, called by the ids (nil continues ids that are positions), and
// returns how many rows of the same ids they replace. All of them are added or none. Codes are
// made with the mean, the rotation and the cells of the build, at a cost in proportion to the rows
// added; the first rows of an empty index make these, and rows more than twice as long as the
// longest (dot, l2 and sqeuclidean) have it built anew. The index keeps a copy of the vectors
// unless it keeps none: the column may change afterwards.
//
// Errors: DimensionMismatch, InvalidVector naming row and column (null rows too), DuplicateID
// naming the first id that is in the index already (unless Replace) or twice among ids,
// InvalidArgument for ids of another type or number, Cancelled, OutOfMemory, IndexClosed.
func (ix *Index) Add(
	ctx context.Context, ids *IDs, col *Column, o AddOptions,
) (replaced int, err error) {
	err = ix.change("add", func(v *version) (*version, error) {
		a := addition{v: v, asked: ix.asked, room: &ix.room, col: col, o: o,
			threads: Threads(o.Threads)}
		next, err := a.make(ctx, ids)
		replaced = a.replaced
		return next, err
	})
	if e := (*Error)(nil); errors.As(err, &e) && (e.Op == "build" || e.Op == "add") {
		if e.Op == "build" && e.Kind == InvalidVector {
			e.Fix = "repair or drop the row; nothing was added"
		}
		if e.Op = "add"; o.Replace {
			e.Op = "upsert"
		}
	}
	if err != nil {
		replaced = 0
	}
	return replaced, err
}

// Upsert is Add with Replace: rows of new ids are added, rows of known ids replaced.
func (ix *Index) Upsert(ctx context.Context, ids *IDs, col *Column, o AddOptions) (int, error) {
	o.Replace = true
	return ix.Add(ctx, ids, col, o)
}

// Delete deletes the rows of the ids (an array of the type of the index's ids; null names no row)
// and returns how many these are. Ids of no row are an error, and nothing is deleted, unless
// missing says that they are fine. The cost is a copy of one bit a row; memory comes back with
// Compact.
//
// Errors: UnknownID naming the first id that no row has, InvalidArgument for ids of another type,
// IndexClosed.
func (ix *Index) Delete(ids arrow.Array, missing bool) (deleted int, err error) {
	err = ix.change("delete", func(v *version) (*version, error) {
		var rows []int64
		if missing {
			rows, err = v.find(ids)
		} else {
			rows, err = v.known("delete", ids)
		}
		if err != nil {
			return nil, err
		}
		parts, n := v.without(rows)
		deleted = n
		if n == 0 {
			return nil, nil
		}
		return v.with(parts), nil
	})
	return deleted, err
}

// without returns v's parts with the rows deleted, and how many rows these are. Rows below zero
// and rows that are deleted already do not count.
func (v *version) without(rows []int64) (parts []*segment, n int) {
	parts = append(parts, v.parts...)
	for _, row := range rows {
		if row < 0 {
			continue
		}
		i := v.partOf(row)
		at := int(row) - v.starts[i]
		if parts[i].isDeleted(at) {
			continue
		}
		if parts[i] == v.parts[i] {
			parts[i] = v.parts[i].deletable()
		}
		parts[i].deleteRow(at)
		n++
	}
	return parts, n
}

// deletable returns a copy of the segment that has its own bits.
func (ix *segment) deletable() *segment {
	other := *ix
	other.alive = append([]uint32(nil), ix.alive...)
	other.gone = make([]uint32, len(ix.alive))
	copy(other.gone, ix.gone)
	other.slots = append([]uint32(nil), ix.slots...)
	other.retain()
	return &other
}

func (ix *segment) deleteRow(row int) {
	word, bit := row/simd.BlockRows, uint32(1)<<(row%simd.BlockRows)
	ix.gone[word] |= bit
	ix.deleted++
	if ix.alive[word]&bit == 0 {
		if ix.nulls > 0 {
			ix.nulls--
		} else {
			ix.bad--
		}
		return
	}
	ix.alive[word] &^= bit
	ix.usable--
	if ix.cells != nil {
		slot := ix.held.slotsOf(ix)[row]
		ix.slots[slot/simd.BlockRows] &^= 1 << (slot % simd.BlockRows)
	}
}

// slotsOf returns the slot of every row that is in a cell. It is made when first asked for; where
// a change and a search ask at once, both make the same.
func (h *held) slotsOf(ix *segment) []uint32 {
	if p := h.slots.Load(); p != nil {
		return *p
	}
	c, slots := ix.cells, make([]uint32, ix.rows)
	for i := range c.n {
		at := c.block[i] * simd.BlockRows
		for _, row := range c.rows[c.first[i]:c.first[i+1]] {
			slots[row] = at
			at++
		}
	}
	h.slots.Store(&slots)
	return slots
}

// addition is one call of Add.
type addition struct {
	v        *version
	asked    BuildOptions // of the build
	room     *reserve
	col      *Column
	o        AddOptions
	threads  int
	replaced int
}

func (a *addition) make(ctx context.Context, ids *IDs) (*version, error) {
	base := a.v.parts[0]
	if a.o.Progress == nil {
		a.o.Progress = &Progress{}
	}
	a.o.Progress.total.Store(int64(a.col.rows))
	a.o.Progress.stages.Store(2)
	if dim := base.metric.dims(a.col); dim != 0 && base.dim != 0 && dim != base.dim {
		return nil, newError(DimensionMismatch, "add",
			fmt.Sprintf("rows of %d dimensions for an index of %d", dim, base.dim),
			"embed them with the model that made the indexed vectors")
	}
	names, err := a.v.namesFor(ids, a.col.rows)
	if err != nil {
		return nil, err
	}
	old, err := a.known(names)
	if err != nil || a.col.rows == 0 {
		return nil, err
	}
	m, err := measure(ctx, a.col, &BuildOptions{Metric: base.metric, Progress: a.o.Progress},
		a.threads)
	if err != nil {
		return nil, err
	}
	parts, replaced := a.v.without(old)
	t := tail{v: a.v, parts: parts, ctx: ctx, threads: a.threads, asked: a.asked, room: a.room}
	err = t.append(a, names, m)
	if err != nil {
		t.forget()
		return nil, err
	}
	a.replaced = replaced
	next := a.v.with(t.parts)
	next.next = max(a.v.next, names.after())
	next.drift = t.drift
	return next, nil
}

// known returns the rows that have the names already.
func (a *addition) known(names *IDs) ([]int64, error) {
	if names.kind == IDPositions && names.first >= a.v.next {
		return nil, nil
	}
	rows, err := a.v.rowsOf(names)
	if err != nil || a.o.Replace {
		return rows, err
	}
	for i, row := range rows {
		if row >= 0 {
			return nil, errorAt(DuplicateID, "add", int64(i), -1,
				fmt.Sprintf("id %s of row %d is in the index already", names.Name(int64(i)), i),
				"upsert it, or add with replace; nothing was added")
		}
	}
	return nil, nil
}

// namesFor returns the names of n new rows in the form that the index has.
func (v *version) namesFor(ids *IDs, n int) (*IDs, error) {
	kind, counted := v.names.kind, v.names.counted()
	if ids == nil {
		if !counted {
			return nil, newError(InvalidArgument, "add",
				fmt.Sprintf("rows without ids for an index of %s ids", kind), "give one id a row")
		}
		if uint64(n) > noNumber-v.next {
			return nil, newError(LimitExceeded, "add", "no numbers are left to count with", "")
		}
		return &IDs{n: n, first: v.next}, nil
	}
	if ids.n != n {
		return nil, newError(InvalidArgument, "add", fmt.Sprintf("%d ids for %d rows", ids.n, n),
			"give one id a row")
	}
	if ids.kind == kind && !counted {
		return ids, nil
	}
	fits := ids.kind != IDString && kind != IDString
	signed := ids.kind == IDInt64 && kind != IDUint64
	for i := 0; fits && !signed && i < n; i++ {
		fits = int64(ids.num[i]) >= 0 // means the same number in both types
	}
	if !fits && n > 0 {
		return nil, newError(InvalidArgument, "add",
			fmt.Sprintf("ids of type %s for an index of %s ids", ids.kind, kind),
			"use the type that the index was built with")
	}
	if counted {
		kind = IDCounted
	}
	return &IDs{kind: kind, n: n, num: ids.num}, nil
}
