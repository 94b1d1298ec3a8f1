package segment

import (
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
)

// Watch takes digests of rows of the column that the segment measures on, if that is borrowed.
func (seg *Segment) Watch() {
	seg.Spots = nil
	if seg.Keep == KeepBorrow && seg.Source != nil && seg.Usable > 0 {
		seg.Spots = column.NewSpotChecks(seg.Source, seg.Alive)
	}
}

// Unchanged looks at all rows that have a digest, before the vectors are read as a whole.
func (seg *Segment) Unchanged(op string) error {
	if seg.Spots == nil {
		return nil
	}
	return seg.Spots.Look(op, seg.Source, seg.Alive, column.Spots)
}

// Unchanged looks at all rows that have a digest, in all segments.
func (v *Version) Unchanged(op string) error {
	for _, p := range v.Segments {
		if err := p.Unchanged(op); err != nil {
			return err
		}
	}
	return nil
}

// Glance looks at the digests of a few rows, for every one of n rows that will be read.
func (v *Version) Glance(op string, n int) error {
	for _, p := range v.Segments {
		if s := p.Spots; s != nil {
			if err := s.Look(op, p.Source, p.Alive, min(n, column.Spots)*s.Each); err != nil {
				return err
			}
		}
	}
	return nil
}

// Recognise returns the digests of a column that a search brings along; the first search of an
// index with it takes them, when it has found the index's rows there.
func (seg *Segment) Recognise(op string, col *column.Column) (*column.SpotChecks, error) {
	if b := col.Brought.Load(); b != nil && b.Digest == seg.Digest {
		return b.Spots, nil
	}
	same := seg.Hashed != nil && col.Hashed.Load() != nil && *seg.Hashed == *col.Hashed.Load()
	if !same && SampleDigest(col, seg.Alive) != seg.Digest {
		return nil, fault.New(fault.VectorsChanged, op, "these are not the vectors of this index",
			"bring the column that it was built from, or build again")
	}
	b := &column.Brought{Digest: seg.Digest, Spots: column.NewSpotChecks(col, seg.Alive)}
	col.Brought.Store(b)
	return b.Spots, nil
}
