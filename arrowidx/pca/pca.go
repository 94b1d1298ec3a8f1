// Package pca projects the rows of a column on their principal components, for plots and for
// looking at data; no search uses it.
//
// Reading order: pca.go (the covariance as a whole, where dimensions are few), pca_subspace.go
// (subspace iteration, where they are many).
package pca

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/simd"
)

// pcaRows is the largest number of rows that the components are computed from; above it evenly
// spaced rows are taken. All rows are projected.
const pcaRows = 16_384

// pcaExact is the largest order of a matrix that is decomposed whole; the time grows with its cube.
const pcaExact = 256

// pcaSlice is the number of rows between two looks at the context.
const pcaSlice = 1024

// PCA writes the column's coordinates along its `dims` principal components to out (Len x dims):
// the directions of greatest variance, in falling order, of the rows about their mean. Everything
// is computed in float64; symmetric eigenproblems are solved by gonum: that of the covariance (or,
// with fewer rows than dimensions, of the Gram matrix) up to order 256, above it that of a subspace
// (see leading). A component's sign is chosen so that its entry of largest magnitude (the first of
// equals) is positive, hence equal columns give equal pictures. Null rows become NaN and take no
// part.
//
// Errors: InvalidArgument when dims is not in [1, Dim] or out has the wrong length, EmptyIndex
// without a row that is not null, InvalidVector naming a row that is not finite, Cancelled.
func PCA(ctx context.Context, col *column.Column, dims int, out []float32) error {
	if len(out) != col.Len()*dims || dims < 1 || col.Dim() > 0 && dims > col.Dim() {
		return fault.New(fault.InvalidArgument, "pca",
			fmt.Sprintf("%d components of %d rows of %d dimensions", dims, col.Len(), col.Dim()),
			"ask for 1 to Dim components")
	}
	if col.Bits {
		return fault.New(fault.ColumnError, "pca", "the column holds packed bits, not numbers", "")
	}
	if col.Len() == col.NullCount() {
		return fault.New(fault.EmptyIndex, "pca", "there is no row that is not null", "")
	}
	mean, rows, err := centredRows(ctx, col)
	if err != nil {
		return err
	}
	components := make([]float64, dims*col.Dim())
	if n, d := rows.Dims(); min(n, d) <= pcaExact || 2*dims > min(n, d) {
		err = principal(ctx, rows, dims, components)
	} else {
		err = leading(ctx, rows, dims, components)
	}
	if err != nil {
		return err
	}
	return project(ctx, col, mean, components, dims, out)
}

// cancelledAt looks at the context now and then: row is the row that is to be read.
func cancelledAt(ctx context.Context, row int) error {
	if row%pcaSlice != 0 {
		return nil
	}
	return fault.FromContext(ctx, "pca")
}

// centredRows returns the mean of the rows that the components are fitted to, and those rows minus
// it.
func centredRows(ctx context.Context, col *column.Column) ([]float64, *mat.Dense, error) {
	d := col.Dim()
	step := (col.Len() + pcaRows - 1) / pcaRows
	data := make([]float64, 0, (col.Len()/step+1)*d)
	mean := make([]float64, d)
	buf := make([]float32, d)
	n, seen := 0, 0
	for r := range col.Len() {
		if err := cancelledAt(ctx, r); err != nil {
			return nil, nil, err
		}
		if !col.Valid(r) {
			continue
		}
		seen++
		x := col.Row(r, buf)
		for j, v := range x {
			if v-v != 0 {
				return nil, nil, fault.At(fault.InvalidVector, "pca", int64(r), int64(j),
					fmt.Sprintf("row %d is not finite in dimension %d", r, j), "")
			}
		}
		if (seen-1)%step != 0 {
			continue
		}
		simd.AddScaled(mean, x, 1)
		for _, v := range x {
			data = append(data, float64(v))
		}
		n++
	}
	for j := range mean {
		mean[j] /= float64(n)
	}
	for i := range data {
		data[i] -= mean[i%d]
	}
	return mean, mat.NewDense(n, d, data), nil
}

// principal writes the eigenvectors of the greatest eigenvalues of rows' covariance, dims x d, to
// out; components in whose direction nothing varies stay zero.
// With fewer rows than dimensions it decomposes the Gram matrix, whose eigenvectors u give the
// same components as rows^T u.
func principal(ctx context.Context, rows *mat.Dense, dims int, out []float64) error {
	n, d := rows.Dims()
	s, err := products(ctx, rows)
	if err != nil {
		return err
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(s, true) {
		return fault.New(fault.NativeError, "pca", "the eigenvalues did not converge", "")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	values := eigen.Values(nil) // in rising order
	order := len(values)
	noise := values[order-1] * float64(max(n, d)) * 0x1p-52
	for c := range min(dims, order) {
		if values[order-1-c] <= noise {
			break // nothing varies in the directions left
		}
		v := vectors.ColView(order - 1 - c)
		to := mat.NewVecDense(d, out[c*d:(c+1)*d])
		if n < d {
			to.MulVec(rows.T(), v)
		} else {
			to.CopyVec(v)
		}
		orient(out[c*d : (c+1)*d])
	}
	return nil
}

// products returns rows^T rows, or rows rows^T when that is smaller, summed over slices.
func products(ctx context.Context, rows *mat.Dense) (*mat.SymDense, error) {
	n, d := rows.Dims()
	s := mat.NewSymDense(min(n, d), nil)
	for from := 0; from < max(n, d); from += pcaSlice {
		if err := fault.FromContext(ctx, "pca"); err != nil {
			return nil, err
		}
		if to := from + pcaSlice; n < d {
			s.SymRankK(s, 1, rows.Slice(0, n, from, min(to, d)))
		} else {
			s.SymRankK(s, 1, rows.Slice(from, min(to, n), 0, d).T())
		}
	}
	return s, nil
}

// orient scales a component to length 1 and makes its largest entry positive.
func orient(v []float64) {
	norm, largest := 0.0, 0.0
	for _, x := range v {
		norm += float64(x * x)
		if math.Abs(x) > math.Abs(largest) {
			largest = x
		}
	}
	scale := math.Copysign(1/math.Sqrt(norm), largest)
	for i := range v {
		v[i] *= scale
	}
}

func project(
	ctx context.Context, col *column.Column, mean, components []float64, dims int, out []float32,
) error {
	d := col.Dim()
	buf := make([]float32, d)
	centred := make([]float64, d)
	for r := range col.Len() {
		if err := cancelledAt(ctx, r); err != nil {
			return err
		}
		to := out[r*dims : (r+1)*dims]
		if !col.Valid(r) {
			for c := range to {
				to[c] = float32(math.NaN())
			}
			continue
		}
		for j, v := range col.Row(r, buf) {
			centred[j] = float64(v) - mean[j]
		}
		for c := range to {
			sum := 0.0
			for j, v := range components[c*d : (c+1)*d] {
				sum += float64(v * centred[j])
			}
			to[c] = float32(sum)
		}
	}
	return nil
}
