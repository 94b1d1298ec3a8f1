package segment

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
)

// DefaultEpsilon is what the default recall target asks for.
const DefaultEpsilon = 1.9

// MaxEpsilon keeps every product with an error bound inside float32.
const MaxEpsilon = 1 << 20

// EpsilonFor is the fixed table from a recall target to the width of error bounds; 0 means that
// the target asks for an exact scan.
func EpsilonFor(recall float64) float64 {
	switch {
	case recall <= 0.90:
		return 1.6
	case recall <= 0.95:
		return DefaultEpsilon
	case recall <= 0.99:
		return 2.4
	}
	return 0
}

// CalibrationPoint is how an index of kind ivf searches for one recall target.
type CalibrationPoint struct {
	Target   float64 `json:"target"`   // recall@10 asked for
	Recall   float64 `json:"recall"`   // recall@10 measured when the index was calibrated
	Epsilon0 float64 `json:"epsilon0"` // width of error bounds in standard deviations
	Probes   int     `json:"probes"`   // most cells that a query considers
	// Cut is the greatest score of a cell that is looked into: the cosine of the angle at which its
	// rows would have to lie, plus Weight times log2 of one more than its rank (see [search.Rule]).
	// At least 1 with Weight 0: no cell is left out.
	Cut     float64 `json:"cut"`
	Weight  float64 `json:"weight"`
	Rerank  int     `json:"rerank"`  // rows measured on the vectors for a query, on average
	Vectors bool    `json:"vectors"` // whether vectors are at hand, or scores are estimates
	// Usual is a squared distance that 99 of 100 calibrating queries keep to their nearest centroid:
	// what was measured holds for queries that do, too. 0: not known.
	Usual float32 `json:"usual"`
}

// PointBytes is a calibration point in a file: f64 target, recall, epsilon0 and cut, u32 probes
// and rerank, u32 1 for vectors, f32 usual, f64 weight. Where no point has a weight, files are
// written without it, as before minor number 5: OldPointBytes.
const (
	PointBytes    = 56
	OldPointBytes = 48
)

// MaxPoints is the most calibration points of a file.
const MaxPoints = 64

// Weighted reports whether points need more than OldPointBytes.
func Weighted(points []CalibrationPoint) bool {
	return slices.ContainsFunc(points, func(t CalibrationPoint) bool { return t.Weight != 0 })
}

// PackPoints writes calibration points as a file has them, and returns the size of each.
func PackPoints(points []CalibrationPoint) (b []byte, size int) {
	size = OldPointBytes
	if Weighted(points) {
		size = PointBytes
	}
	le := binary.LittleEndian
	for _, t := range points {
		for _, v := range [...]float64{t.Target, t.Recall, t.Epsilon0, t.Cut} {
			b = le.AppendUint64(b, math.Float64bits(v))
		}
		vectors := uint32(0)
		if t.Vectors {
			vectors = 1
		}
		for _, v := range [...]uint32{uint32(t.Probes), uint32(t.Rerank), vectors,
			math.Float32bits(t.Usual)} {
			b = le.AppendUint32(b, v)
		}
		if size == PointBytes {
			b = le.AppendUint64(b, math.Float64bits(t.Weight))
		}
	}
	return b, size
}

// UnpackPoints reads what PackPoints wrote, size bytes each; whether the numbers make sense is for
// Sound.
func UnpackPoints(b []byte, size int) []CalibrationPoint {
	le := binary.LittleEndian
	var out []CalibrationPoint
	for ; len(b) >= size; b = b[size:] {
		t := CalibrationPoint{
			Target:   math.Float64frombits(le.Uint64(b)),
			Recall:   math.Float64frombits(le.Uint64(b[8:])),
			Epsilon0: math.Float64frombits(le.Uint64(b[16:])),
			Cut:      math.Float64frombits(le.Uint64(b[24:])),
			Probes:   int(le.Uint32(b[32:])), Rerank: int(le.Uint32(b[36:])),
			Vectors: le.Uint32(b[40:]) == 1, Usual: math.Float32frombits(le.Uint32(b[44:])),
		}
		if size >= PointBytes {
			t.Weight = math.Float64frombits(le.Uint64(b[48:]))
		}
		out = append(out, t)
	}
	return out
}

// Sound reports whether a line of a file can have been measured on an index of so many cells.
func (t CalibrationPoint) Sound(cells int) bool {
	return t.Target > 0 && t.Target <= 1 && t.Recall >= 0 && t.Recall <= 1 &&
		t.Probes >= 1 && t.Probes <= cells && t.Rerank <= column.MaxRows &&
		t.Weight >= 0 && t.Weight <= 1 && t.Cut >= -1 && t.Cut <= 1+64*t.Weight &&
		t.Epsilon0 > 0 && t.Epsilon0 <= MaxEpsilon && t.Usual >= 0 && t.Usual <= math.MaxFloat32
}

// PointFor returns the settings of the least target that is at least the asked one, with vectors or
// without. Above the greatest target all rows are measured (epsilon 0); an index that could not
// be calibrated looks into all its cells.
func (seg *Segment) PointFor(recall float64, vectors bool) CalibrationPoint {
	for _, t := range seg.Points {
		if t.Vectors == vectors && t.Target >= recall {
			return t
		}
	}
	return CalibrationPoint{
		Target: recall, Epsilon0: EpsilonFor(recall), Probes: max(1, seg.CellCount()),
		Cut: 1,
	}
}

// CellCount returns the number of cells: 0 for kind exact, 1 for flat.
func (seg *Segment) CellCount() int {
	switch {
	case seg.Codes == nil:
		return 0
	case seg.Cells == nil:
		return 1
	}
	return seg.Cells.N
}
