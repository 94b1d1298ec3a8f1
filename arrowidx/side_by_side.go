package arrowidx

import (
	"sync"
	"sync/atomic"
)

// copyBytes is the most memory that the vectors of a filter's rows may take side by side.
const copyBytes = 16 << 20

// sideBySide holds the vectors of a filter's rows one behind the other, in the order of its list.
// A filter that is used again makes it: rows that lie scattered in memory cost four times what the
// same rows cost in a line. It changes no answer, since the numbers are the same.
type sideBySide struct {
	uses    atomic.Int64
	made    sync.Once
	from    *Column   // where the vectors come from; no other column is answered for
	vectors []float32 // eligible x dim
	inverse []float32 // cosine: the inverse of each length, NaN where it is out of range

	outlined sync.Once
	sketch   *sketch // kinds that code: once the filter is used often
}

// neighbouring returns the vectors of the filter's rows side by side, nil if they are not at hand
// or not worth it.
func (r *run) neighbouring() *sideBySide {
	f := r.filter
	if !r.copies() || r.uses < 2 && r.p.NQ < tileQueries {
		return nil
	}
	f.side.made.Do(func() { f.lineUp(r) })
	if f.side.from != r.col {
		return nil
	}
	return &f.side
}

// copies reports whether the filter's vectors may be copied: they are the index's own, few, and
// listed. A column that a search brings along may be another the next time.
func (r *run) copies() bool {
	f := r.filter
	return f != nil && f.rows != nil && r.p.Source == nil && 4*len(f.rows)*r.ix.dim <= copyBytes
}

// sketches reports whether gathered rows are looked at by their sketches first.
func (r *run) sketches() bool {
	return (r.uses >= sketchUses || r.p.NQ >= 4*sketchUses) && r.copies() && r.ix.codes != nil &&
		r.ix.dim >= sketchDim && len(r.filter.rows) > 4*r.collect()+fewRows
}

// outline returns the sketch of the filter's rows, of a run that sketches.
func (r *run) outline(side *sideBySide) *sketch {
	side.outlined.Do(func() {
		side.sketch = newSketch(r.ix, side.from, r.filter.rows)
		r.filter.bytes.Add(side.sketch.bytes())
	})
	return side.sketch
}

// lineUp copies the vectors of the filter's rows.
func (f *filter) lineUp(r *run) {
	d := r.ix.dim
	f.side.vectors = make([]float32, len(f.rows)*d)
	if r.ix.metric == Cosine {
		f.side.inverse = make([]float32, len(f.rows))
	}
	var wide wideRows
	for i, row := range f.rows {
		if ahead := i + gatherAhead; ahead < len(f.rows) {
			r.fetchRow(f.rows[ahead])
		}
		own := f.side.vectors[i*d : (i+1)*d]
		if x := r.see(int(row), 1, own, &wide); &x[0] != &own[0] {
			copy(own, x)
		}
		if r.ix.metric == Cosine {
			r.measureLengths(own, int(row), f.side.inverse[i:i+1])
		}
	}
	f.side.from = r.col
	f.bytes.Add(4 * int64(len(f.side.vectors)+len(f.side.inverse)))
}
