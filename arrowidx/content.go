package arrowidx

import (
	"github.com/ruvector/ruvector-arrow/fault"
)

// Content calls visit with the ids and the vectors of all rows, in the order of rows. Both may be
// read until visit returns.
//
// Errors: InvalidArgument when the index keeps no vectors, or rows were added or deleted since it
// was built or loaded; CorruptIndex and PersistError of a mapped file, VectorsChanged, IndexClosed;
// what visit returns.
func (ix *Index) Content(visit func(ids *IDs, vectors *Column) error) (err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("content")
	if err != nil {
		return err
	}
	defer ix.leave(&u, &err)
	seg, err := u.v.Only("content")
	if err != nil {
		return err
	}
	if seg.Source == nil {
		return fault.New(InvalidArgument, "content", "the index keeps no vectors",
			"attach the column that it was built from")
	}
	if err := u.v.Unchanged("content"); err != nil {
		return err
	}
	return visit(seg.IDs, seg.Source)
}
