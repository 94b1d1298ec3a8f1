package build

import (
	"context"
	"fmt"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

// resolveBits refuses kinds and ways to keep rows that an index of bits has not.
func (o *Options) resolveBits() error {
	if o.Kind != segment.Auto && o.Kind != segment.Exact {
		return fault.New(fault.InvalidArgument, "build",
			fmt.Sprintf("kind %s has no codes for metric %s: rows of packed bits are as small as "+
				"codes, and are scanned as fast", o.Kind, o.Metric), "use kind exact or auto")
	}
	if o.Keep == segment.KeepNone {
		return fault.New(fault.InvalidArgument, "build",
			fmt.Sprintf("metric %s searches the rows themselves", o.Metric),
			"use keep='borrow' or 'copy'")
	}
	o.Kind = segment.Exact
	return nil
}

// measureBits finds the rows that are null, and refuses null bytes in rows.
func measureBits(ctx context.Context, col *column.Column, o *Options) (*Moments, error) {
	m := &Moments{scale: 1}
	for r := range col.Len() {
		if r%shardRows == 0 {
			if err := fault.FromContext(ctx, "build"); err != nil {
				return nil, err
			}
		}
		if col.NullCount() > 0 && !col.Valid(r) {
			if o.Nulls == RejectNulls {
				return nil, fault.At(fault.InvalidVector, "build", int64(r), -1,
					fmt.Sprintf("row %d is null", r), skipNullRows)
			}
			m.nulls++
			m.drop(col.Len(), r)
			continue
		}
		ck := col.ChunkOf(r)
		if j := ck.NullElement(r-ck.Start, col.Dim()); j >= 0 {
			if o.Bad == RejectBad {
				return nil, fault.At(fault.InvalidVector, "build", int64(r), int64(j),
					fmt.Sprintf("byte %d of row %d is null", j, r), skipBadRows)
			}
			m.bad++
			m.drop(col.Len(), r)
		}
	}
	m.usable = col.Len() - m.nulls - m.bad
	o.Progress.Scanned.Add(int64(col.Len()))
	return m, nil
}
