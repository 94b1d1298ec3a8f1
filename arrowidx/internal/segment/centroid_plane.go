package segment

import (
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// AssignEpsilon is the width of the bounds, in standard deviations, by which a code of one bit
// rules a centroid out. A row that this sends to its second nearest cell is no worse coded.
const AssignEpsilon = 1.6

// CentroidPlane holds centroids as codes of one bit around the origin, to rule most of them out
// before any is measured. Immutable.
type CentroidPlane struct {
	rabitq.Codes
	Alive   []uint32 // a bit for every centroid
	err     float32  // largest f_error
	rescale float32  // largest |f_rescale|
}

// NewCentroidPlane codes n centroids of padded numbers for distances (order L2) or inner products
// (order Dot).
func NewCentroidPlane(
	centroids []float32, n, padded int, order column.Metric,
) (*CentroidPlane, error) {
	p := &CentroidPlane{
		Codes: rabitq.Codes{Padded: padded, Bits: 1, Rows: n, Count: rabitq.BlocksOf(n),
			Stride: simd.BlockStride(padded)},
	}
	var err error
	if p.Blocks, err = mem.NewSlab("build", int64(p.Count*p.Stride)); err != nil {
		return nil, err
	}
	p.Code(centroids, order)
	p.Alive = make([]uint32, p.Count)
	for b := range p.Alive {
		p.Alive[b] = mem.LowBits(n - b*simd.BlockRows)
	}
	return p, nil
}

// clone copies the plane.
func (p *CentroidPlane) clone() (*CentroidPlane, error) {
	q := *p
	var err error
	if q.Blocks, err = mem.NewSlab("build", int64(len(p.Blocks.Mem))); err != nil {
		return nil, err
	}
	copy(q.Blocks.Mem, p.Blocks.Mem)
	return &q, nil
}

// Code codes centroids anew.
func (p *CentroidPlane) Code(centroids []float32, order column.Metric) {
	coder := rabitq.NewCoder(p.Padded, 1, order)
	p.err, p.rescale = 0, 0
	for i := range p.Rows {
		fs, _ := coder.Encode(centroids[i*p.Padded:(i+1)*p.Padded], 0, nil, nil)
		p.PutPlane(i, coder.Signs, fs)
		p.err, p.rescale = max(p.err, fs.Err), max(p.rescale, -fs.Rescale)
	}
}

// Width bounds how far a query's estimates are from the truth.
func (p *CentroidPlane) Width(q *simd.ScanQuery) float32 {
	return float32(p.err*q.Err) + float32(p.rescale*q.TabErr)
}

// PlaneQuery makes a rotated vector ready for scans of planes whose estimates begin at zero:
// bounds are epsilon standard deviations wide. tables has 4 bytes per dimension.
func PlaneQuery(x []float32, tables []byte, epsilon float32) simd.ScanQuery {
	step, abs := simd.BuildTables(tables, x)
	length := float32(math.Sqrt(float64(simd.Norm16(x))))
	return simd.ScanQuery{
		Tables: tables, Step: step, Bias: -abs / 2, Err: epsilon * length,
		TabErr: epsilon * step * float32(math.Sqrt(float64(len(x))/4/12)),
		Tau:    float32(math.Inf(1)),
	}
}
