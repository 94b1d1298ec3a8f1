package arrowidx

import (
	"encoding/binary"
	"math"
)

// CalibrationPoint is how an index of kind ivf searches for one recall target.
type CalibrationPoint struct {
	Target   float64 `json:"target"`   // recall@10 asked for
	Recall   float64 `json:"recall"`   // recall@10 measured when the index was calibrated
	Epsilon0 float64 `json:"epsilon0"` // width of error bounds in standard deviations
	Probes   int     `json:"probes"`   // most cells that a query looks into
	// Cut leaves cells out whose rows would have to lie at a smaller angle to the query than
	// nearly all neighbours do: its cosine (see probe.leaveOut). At least 1: no cell is left out.
	Cut     float64 `json:"cut"`
	Rerank  int     `json:"rerank"`  // rows measured on the vectors for a query, on average
	Vectors bool    `json:"vectors"` // whether vectors are at hand, or scores are estimates
}

// tunedBytes is a line of the section of tuning: f64 target, recall, epsilon0 and cut, u32 probes
// and rerank, u32 1 for vectors, u32 zero.
const tunedBytes = 48

// maxTuned is the most lines of a section of tuning.
const maxTuned = 64

func packTuning(points []CalibrationPoint) []byte {
	var b []byte
	le := binary.LittleEndian
	for _, t := range points {
		for _, v := range [...]float64{t.Target, t.Recall, t.Epsilon0, t.Cut} {
			b = le.AppendUint64(b, math.Float64bits(v))
		}
		vectors := uint32(0)
		if t.Vectors {
			vectors = 1
		}
		for _, v := range [...]uint32{uint32(t.Probes), uint32(t.Rerank), vectors, 0} {
			b = le.AppendUint32(b, v)
		}
	}
	return b
}

func unpackTuning(b []byte) []CalibrationPoint {
	le := binary.LittleEndian
	var out []CalibrationPoint
	for ; len(b) >= tunedBytes; b = b[tunedBytes:] {
		out = append(out, CalibrationPoint{
			Target:   math.Float64frombits(le.Uint64(b)),
			Recall:   math.Float64frombits(le.Uint64(b[8:])),
			Epsilon0: math.Float64frombits(le.Uint64(b[16:])),
			Cut:      math.Float64frombits(le.Uint64(b[24:])),
			Probes:   int(le.Uint32(b[32:])), Rerank: int(le.Uint32(b[36:])),
			Vectors: le.Uint32(b[40:]) == 1,
		})
	}
	return out
}

// sound reports whether a line of a file can have been measured on an index of so many cells.
func (t CalibrationPoint) sound(cells int) bool {
	return t.Target > 0 && t.Target <= 1 && t.Recall >= 0 && t.Recall <= 1 &&
		t.Probes >= 1 && t.Probes <= cells && t.Rerank <= MaxRows && t.Cut >= -1 && t.Cut <= 1 &&
		t.Epsilon0 > 0 && t.Epsilon0 <= maxEpsilon
}

// tunedFor returns the settings of the least target that is at least the asked one, with vectors or
// without. Above the greatest target all rows are measured (epsilon 0); an index that could not
// be calibrated looks into all its cells.
func (ix *segment) tunedFor(recall float64, vectors bool) CalibrationPoint {
	for _, t := range ix.tuning {
		if t.Vectors == vectors && t.Target >= recall {
			return t
		}
	}
	return CalibrationPoint{
		Target: recall, Epsilon0: epsilonFor(recall), Probes: max(1, ix.cellCount()),
		Cut: 1,
	}
}

// cellCount returns the number of cells: 0 for kind exact, 1 for flat.
func (ix *segment) cellCount() int {
	switch {
	case ix.codes == nil:
		return 0
	case ix.cells == nil:
		return 1
	}
	return ix.cells.n
}
