package compact

import (
	"context"
	"fmt"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

// AddOptions says how rows are added.
type AddOptions struct {
	// Replace deletes rows of the same ids; without it such ids are an error.
	Replace bool
	// Threads limits this call; 0 means the default of SetThreads.
	Threads int
	// Progress, if set, counts the rows coded.
	Progress *build.Progress
}

// Addition is one call of Add.
type Addition struct {
	V        *segment.Version
	Asked    build.Options // of the build
	Arena    *Reserve
	Col      *column.Column
	O        AddOptions
	Threads  int
	Replaced int
}

// Version returns the version that has the rows too, nil where there is nothing to add. Nothing of
// the version before changes; on an error all that was made for the new one is given back.
func (a *Addition) Version(ctx context.Context, ids *column.IDs) (*segment.Version, error) {
	base := a.V.Segments[0]
	if a.O.Progress == nil {
		a.O.Progress = &build.Progress{}
	}
	a.O.Progress.Total.Store(int64(a.Col.Len()))
	a.O.Progress.Stages.Store(2)
	if dim := base.Metric.Dims(a.Col); dim != 0 && base.Dim != 0 && dim != base.Dim {
		return nil, fault.New(fault.DimensionMismatch, "add",
			fmt.Sprintf("rows of %d dimensions for an index of %d", dim, base.Dim),
			"embed them with the model that made the indexed vectors")
	}
	ids, err := a.V.IDsFor(ids, a.Col.Len())
	if err != nil {
		return nil, err
	}
	old, err := a.known(ids)
	if err != nil || a.Col.Len() == 0 {
		return nil, err
	}
	m, err := build.MeasureAdded(ctx, a.Col,
		&build.Options{Metric: base.Metric, Progress: a.O.Progress}, a.Threads)
	if err != nil {
		return nil, err
	}
	segments, replaced := a.V.Without(old)
	t := tail{v: a.V, segments: segments, ctx: ctx, threads: a.Threads, asked: a.Asked, arena: a.Arena}
	err = t.add(a, ids, m)
	if err != nil {
		t.forget()
		return nil, err
	}
	a.Replaced = replaced
	next := a.V.With(t.segments)
	next.Next = max(a.V.Next, ids.After())
	next.Drift = t.drift
	return next, nil
}

// known returns the rows that have the ids already.
func (a *Addition) known(ids *column.IDs) ([]int64, error) {
	if ids.Kind() == column.IDPositions && ids.First >= a.V.Next {
		return nil, nil
	}
	rows, err := a.V.RowsOf(ids)
	if err != nil || a.O.Replace {
		return rows, err
	}
	for i, row := range rows {
		if row >= 0 {
			return nil, fault.At(fault.DuplicateID, "add", int64(i), -1,
				fmt.Sprintf("id %s of row %d is in the index already", ids.Name(int64(i)), i),
				"upsert it, or add with replace; nothing was added")
		}
	}
	return nil, nil
}
