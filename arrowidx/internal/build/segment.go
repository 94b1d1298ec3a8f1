// Package build makes segments of columns. The result depends on the column and the options alone:
// sums are taken over shards of fixed length and added in order, whatever the number of threads.
//
// Reading order: options.go, segment.go (the steps), moments.go (validation, scale and mean) and
// bits.go (the same for packed bits), encoder.go (rotate and code) and added.go (the same for rows
// that come later); for kind ivf sample.go, kmeans.go (Lloyd's algorithm on the sample), coarse.go
// and groups.go (what makes its rounds cheap), cell_finder.go (nearest centroids) and cells.go;
// norms.go (kind exact), residual.go (how far rows lie from what codes are made around).
package build

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// NewSegment makes a segment of the column's rows. Of kind ivf it also returns rows to calibrate
// with, which training left out.
func NewSegment(
	ctx context.Context, col *column.Column, o *Options,
) (seg *segment.Segment, held []uint32, err error) {
	threads := mem.Threads(o.Threads)
	seg = &segment.Segment{
		Held: segment.NewHeld(), Kind: o.Kind, Metric: o.Metric, Bits: o.Bits, Keep: o.Keep,
		Rows: col.Len(), Dim: o.Metric.Dims(col), Recall: o.Recall, Seed: o.Seed, IDs: o.IDs,
		Provenance: []byte(o.Provenance), Scale: 1, Hashed: col.Hashed.Load(),
		Stages: &segment.Stages{},
	}
	if held, err = fill(ctx, seg, col, o, threads); err == nil && col.Dim() != 0 {
		err = KeepVectors(ctx, seg, col, threads)
	}
	if err != nil {
		seg.Release()
		return nil, nil, err
	}
	return seg, held, nil
}

func fill(
	ctx context.Context, seg *segment.Segment, col *column.Column, o *Options, threads int,
) (held []uint32, err error) {
	if col.Dim() == 0 {
		// No row tells the dimension: nothing can be found, whatever is asked.
		seg.Nulls = col.Len()
		if col.Len() > 0 && o.Nulls == RejectNulls {
			return nil, fault.At(fault.InvalidVector, "build", 0, -1, "row 0 is null", skipNullRows)
		}
		seg.SetAlive(nil, 0)
		seg.Digest = segment.SampleDigest(col, seg.Alive)
		o.Progress.Scanned.Add(int64(col.Len()))
		o.Progress.encoded.Add(int64(col.Len()))
		return nil, nil
	}
	var m *Moments
	took := seg.Stages
	err = segment.Timed(&took.Read, func() (err error) {
		m, err = Measure(ctx, col, o, threads)
		return err
	})
	if err != nil {
		return nil, err
	}
	seg.Scale, seg.Mean, seg.MeanSq = m.scale, m.mean, simd.Norm16(m.mean)
	seg.Nulls, seg.Bad, seg.Usable = m.nulls, m.bad, m.usable
	seg.SetAlive(m.skip, col.Len())
	seg.Digest = segment.SampleDigest(col, seg.Alive)
	switch seg.Kind {
	case segment.Exact:
		err = segment.Timed(&took.Encode, func() error {
			return MeasureNorms(ctx, seg, col, o, threads)
		})
	case segment.Flat:
		seg.Rot = rabitq.NewRotation(rabitq.PaddedDim(seg.Dim), seg.Seed)
		err = segment.Timed(&took.Encode, func() error {
			return EncodeFlat(ctx, seg, col, m.skip, o, threads)
		})
	default:
		seg.Rot = rabitq.NewRotation(rabitq.PaddedDim(seg.Dim), seg.Seed)
		held, err = buildCells(ctx, seg, col, m.skip, o, threads)
	}
	return held, err
}

// KeepVectors holds the column or a copy, as asked.
func KeepVectors(ctx context.Context, seg *segment.Segment, col *column.Column, threads int) error {
	switch seg.Keep {
	case segment.KeepBorrow:
		col.Retain()
		seg.Source = col
		seg.Watch()
	case segment.KeepCopy:
		if seg.Metric.Binary() {
			own, err := col.CopyBits(ctx, threads)
			seg.Source = own
			return err
		}
		wide := !col.FitsFloat32()
		own, err := mem.NewSlab("build", int64(col.Len())*int64(col.Dim())*column.NumberBytes(wide))
		if err != nil {
			return err
		}
		// Freed with the segment, whatever follows.
		seg.Source = column.Own(own, col.Len(), col.Dim(), wide)
		return col.CopyAll(ctx, "build", column.Numbers(&own, wide, 0, col.Len()*col.Dim()), threads)
	}
	return nil
}
