package arrowidx

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/compact"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Compact gives the memory of deleted rows back, and moves added rows to where built ones are:
// afterwards the index is as small and as fast as one that was built of its rows. Searches go on
// meanwhile with the old version, so that memory for both is needed. Borrowed vectors stay
// borrowed. threads 0 means the default of SetThreads.
//
// Errors: Cancelled, OutOfMemory, IndexClosed; the index is then as it was.
func (ix *Index) Compact(ctx context.Context, threads int) error {
	return ix.change("compact", func(v *segment.Version) (*segment.Version, error) {
		if err := (&use{v: v, op: "compact"}).unlimited("a copy of the index"); err != nil {
			return nil, err
		}
		seg, err := compact.Whole(ctx, v, threads)
		if err != nil {
			return nil, err
		}
		if seg == v.Segments[0] {
			seg.Release()
			return nil, nil
		}
		ix.arena.Drop()
		return v.With([]*segment.Segment{seg}), nil
	})
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
	err = ix.change("add", func(v *segment.Version) (*segment.Version, error) {
		a := compact.Addition{V: v, Asked: ix.asked, Arena: &ix.arena, Col: col, O: o,
			Threads: mem.Threads(o.Threads)}
		next, err := a.Version(ctx, ids)
		replaced = a.Replaced
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
	err = ix.change("delete", func(v *segment.Version) (*segment.Version, error) {
		var rows []int64
		if missing {
			rows, err = v.Find(ids)
		} else {
			rows, err = v.Known("delete", ids)
		}
		if err != nil {
			return nil, err
		}
		parts, n := v.Without(rows)
		deleted = n
		if n == 0 {
			return nil, nil
		}
		return v.With(parts), nil
	})
	return deleted, err
}
