package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/compact"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/format"
	"github.com/ruvector/ruvector-arrow/fault"
)

// Encoding readies the bytes that Encode writes, so that their number is known before there is
// room for them.
//
// Errors: those of Encode.
func (ix *Index) Encoding(ctx context.Context, vectors bool) (*Encoding, error) {
	return ix.encoding(ctx, SaveOptions{Vectors: vectors})
}

func (ix *Index) encoding(ctx context.Context, o SaveOptions) (e *Encoding, err error) {
	defer func() {
		if err != nil && e != nil {
			e.Close()
			e = nil
		}
	}()
	defer fault.Caught(&err)
	u, err := ix.enter("save")
	if err != nil {
		return nil, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	seg, err := compact.Whole(ctx, v, 0)
	if err != nil {
		return nil, err
	}
	named := *seg
	named.IDs, named.Next = seg.IDs.Explicit(), 0
	if o.Provenance != "" {
		named.Provenance = []byte(o.Provenance)
	}
	if v.IDs.Counted() && v.Next > named.IDs.After() {
		named.Next = v.Next
	}
	e = &Encoding{Seg: seg, Minor: format.Minor(&named)}
	if o.Vectors && seg.Source != nil && seg.Source.Wide() && seg.Rows*seg.Dim > 0 {
		e.Minor = max(e.Minor, 4)
	}
	if e.Secs, err = format.CheckedSections(ctx, &named, o.Vectors); err != nil {
		return e, err
	}
	e.Length = format.PlaceSections(e.Secs)
	return e, nil
}
