package handle

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// entry is what a model of the table knows of one handle.
type entry struct {
	kind     Kind
	open     bool
	poisoned bool
	refs     []Ref
	closed   *int
}

// A table does what a map of counters would, whatever the order of calls.
func TestTheTableFollowsItsModel(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 0))
		var table Table
		model := map[uint64]*entry{}
		var names []uint64
		for range 2000 {
			if len(names) == 0 || r.IntN(6) == 0 {
				e := &entry{kind: Kind(1 + r.IntN(3)), open: true, closed: new(int)}
				h := table.Put(e.kind, e, func() { *e.closed++ })
				require.Nil(t, model[h], "seed %d: a handle twice", seed)
				model[h], names = e, append(names, h)
				continue
			}
			h := names[r.IntN(len(names))]
			step(t, r, &table, h, model[h])
			checkEntry(t, seed, model[h])
		}
		open := 0
		for _, e := range model {
			if e.open {
				open++
			}
		}
		require.Equal(t, open, table.Len(), "seed %d", seed)
	}
}

func step(t *testing.T, r *rand.Rand, table *Table, h uint64, e *entry) {
	switch r.IntN(8) {
	case 0:
		require.Equal(t, e.open, table.Free(h) == nil)
		e.open = false
	case 1:
		if len(e.refs) > 0 {
			e.refs[0].Poison("broken")
			e.poisoned = true
		}
	case 2, 3:
		if len(e.refs) > 0 {
			e.refs[0].Release()
			e.refs = e.refs[1:]
		}
	default:
		ask := Kind(r.IntN(4))
		ref, err := table.Acquire(h, ask)
		require.Equal(t, e.want(ask), arrowidx.KindOf(err), "%v", err)
		if err == nil {
			require.Same(t, e, ref.Value())
			e.refs = append(e.refs, ref)
		}
	}
}

// want is the kind of error that asking for a handle gives.
func (e *entry) want(ask Kind) arrowidx.ErrorKind {
	switch {
	case ask != Any && ask != e.kind:
		return arrowidx.InvalidArgument
	case !e.open && e.kind == Index:
		return arrowidx.IndexClosed
	case !e.open:
		return arrowidx.InvalidArgument
	case e.poisoned:
		return arrowidx.Poisoned
	}
	return arrowidx.OK
}

func checkEntry(t *testing.T, seed uint64, e *entry) {
	want := 0
	if !e.open && len(e.refs) == 0 {
		want = 1
	}
	require.Equal(t, want, *e.closed, "seed %d: closed once, when nobody has it", seed)
}

func TestErrorsSayWhatAHandleIsAndWas(t *testing.T) {
	var table Table
	column, index := table.Put(Column, 1, nil), table.Put(Index, 2, nil)
	work := table.Put(Task, 3, nil)
	for want, ask := range map[string]struct {
		h    uint64
		kind Kind
	}{
		"is of type column, not index": {column, Index},
		"is of type index, not task":   {index, Task},
		"is of type task, not column":  {work, Column},
		"is no handle of this process": {1<<40 | uint64(Index), Index},
		"the index is closed":          {0, Index},
		"the column is closed":         {0, Column},
	} {
		_, err := table.Acquire(ask.h, ask.kind)
		require.ErrorContains(t, err, want)
	}
	for h, want := range map[uint64]string{
		column: "the column is closed", index: "the index is closed", work: "the task is closed",
	} {
		require.NoError(t, table.Free(h))
		require.ErrorContains(t, table.Free(h), want)
	}
}
