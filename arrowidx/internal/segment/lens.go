package segment

import (
	"sync"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Lens brings rows to float32 for scans where rounding them as they are would lose what tells them
// apart: squared distances are taken from points minus the mean of the build, computed in float64,
// so that an offset that all share costs no digits; rows under cosine come at length one, however
// short or long they are. Bounds contain what is rounded (blur), and what they leave in is measured
// in float64.
type Lens struct {
	metric column.Metric
	Mean   []float64 // as codes use it: of scaled rows
	Centre []float64 // what is subtracted from rows and queries; zeros but for distances
	norms  []float32 // lengths of rows; nil where they are not stored
}

// WideRows is one worker's memory for rows as float64.
type WideRows struct{ Row, Even []float64 }

// Lengths under cosine of rows that float32 can scan as they are.
const (
	ShortestEven = 1.0 / (1 << 60)
	longestEven  = 1 << 60
)

// IsEven reports whether a row of such a length can be scanned as it is. A row of zeros can.
func IsEven(length float64) bool {
	return length == 0 || length >= ShortestEven && length <= longestEven
}

// lensOnce makes a segment's lens when it is first asked for.
type lensOnce struct {
	made sync.Once
	lens *Lens
}

// LensFor returns how rows of a column come to float32, nil where they are scanned as they are.
func (seg *Segment) LensFor(col *column.Column) *Lens {
	if col == nil || seg.Metric.Binary() || !col.Wide() && !seg.Uneven {
		return nil
	}
	return seg.Lens()
}

// Lens returns the segment's lens, made when it is first asked for.
func (seg *Segment) Lens() *Lens {
	once := &seg.Held.lens
	once.made.Do(func() {
		l := &Lens{metric: seg.Metric, Mean: make([]float64, seg.Dim), Centre: make([]float64, seg.Dim)}
		column.Widen(l.Mean, seg.Mean)
		if !seg.Metric.Larger() {
			for i, v := range l.Mean {
				l.Centre[i] = v / float64(seg.Scale)
			}
		}
		if seg.Kind == Exact && seg.Metric == column.Cosine {
			l.norms = seg.Norms.Floats()
		}
		once.lens = l
	})
	return once.lens
}

// Put writes a row to dst.
func (l *Lens) Put(dst []float32, x []float64, row int, w *WideRows) {
	factor := 1.0
	if l.metric == column.Cosine {
		length := 0.0
		if l.norms != nil {
			length = float64(l.norms[row])
		}
		if length == 0 || !IsEven(length) {
			w.Even = mem.Grow(w.Even, len(x))
			x, length = column.Evened(x, w.Even)
			if !(length > 0) {
				clear(dst)
				return
			}
		}
		factor = 1 / length
	}
	simd.Narrow(dst, x, factor, l.Centre)
}
