package pca

import (
	"context"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Subspace iteration: how many directions are carried beside those asked for, when it has
// converged (relative growth of the variance explained) and when it gives up.
const (
	subspaceExtra = 16
	subspaceDone  = 1e-6
	subspaceMost  = 24
)

// leading writes the first principal components of the centred rows to out, dims x d, by subspace
// iteration with a Rayleigh-Ritz step (Halko, Martinsson and Tropp 2011, section 4.5): a basis of
// dims + 16 directions is multiplied by rows^T rows and made orthonormal again until the variance
// that its best dims directions explain grows by less than a millionth. The start is fixed, so
// equal rows give equal components. Directions of nearly equal variance come out mixed; where no
// direction stands out, it stops after 24 rounds with nearly the greatest variance.
func leading(ctx context.Context, rows *mat.Dense, dims int, out []float64) error {
	n, d := rows.Dims()
	width := dims + subspaceExtra
	basis := firstBasis(d, width)
	image := mat.NewDense(n, width, nil)
	explained := 0.0
	for i := range subspaceMost {
		orthonormalise(basis)
		next, err := multiply(ctx, rows, basis, image)
		if err != nil {
			return err
		}
		total, turn, err := ritz(image, dims)
		if err != nil {
			return err
		}
		if total-explained <= subspaceDone*total || i == subspaceMost-1 {
			writeComponents(basis, turn, out)
			return nil
		}
		explained, basis = total, next
	}
	return nil
}

// multiply sets image to rows basis and returns rows^T image, a slice of rows at a time.
func multiply(ctx context.Context, rows, basis, image *mat.Dense) (*mat.Dense, error) {
	n, d := rows.Dims()
	_, width := basis.Dims()
	next := mat.NewDense(d, width, nil)
	var part mat.Dense
	for from := 0; from < n; from += pcaSlice {
		if err := fault.FromContext(ctx, "pca"); err != nil {
			return nil, err
		}
		to := min(from+pcaSlice, n)
		some := rows.Slice(from, to, 0, d)
		seen := image.Slice(from, to, 0, width).(*mat.Dense)
		seen.Mul(some, basis)
		part.Reset()
		part.Mul(some.T(), seen)
		next.Add(next, &part)
	}
	return next, nil
}

// firstBasis fills a d x width matrix with numbers that favour no direction: the fractional parts
// of multiples of an irrational number, about zero.
func firstBasis(d, width int) *mat.Dense {
	data := make([]float64, d*width)
	for i := range data {
		_, data[i] = math.Modf(float64(i+1) * math.Phi * math.Sqrt(float64(i+2)))
		data[i] -= 0.5
	}
	return mat.NewDense(d, width, data)
}

// orthonormalise makes the columns orthonormal, in order, by Gram and Schmidt's method applied
// twice; a column that depends on those before it becomes zero.
func orthonormalise(m *mat.Dense) {
	d, width := m.Dims()
	columns := make([]*mat.VecDense, width)
	for c := range columns {
		v := mat.VecDenseCopyOf(m.ColView(c))
		before := v.Norm(2)
		for range 2 {
			for _, u := range columns[:c] {
				v.AddScaledVec(v, -mat.Dot(u, v), u)
			}
		}
		if norm := v.Norm(2); norm > before*1e-12 {
			v.ScaleVec(1/norm, v)
		} else {
			v.Zero()
		}
		columns[c] = v
		for i := range d {
			m.Set(i, c, v.AtVec(i))
		}
	}
}

// ritz solves the small eigenproblem of image^T image. It returns the variance that the best dims
// directions explain and how the basis makes them, width x dims; a direction in which nothing
// varies is zero.
func ritz(image *mat.Dense, dims int) (float64, *mat.Dense, error) {
	var small mat.SymDense
	small.SymOuterK(1, image.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(&small, true) {
		return 0, nil, fault.New(fault.NativeError, "pca", "the eigenvalues did not converge", "")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	values := eigen.Values(nil) // in rising order
	width := len(values)
	turn := mat.NewDense(width, dims, nil)
	total := 0.0
	for c := range dims {
		value := values[width-1-c]
		if value <= values[width-1]*1e-14 {
			break
		}
		total += value
		turn.ColView(c).(*mat.VecDense).CopyVec(vectors.ColView(width - 1 - c))
	}
	return total, turn, nil
}

func writeComponents(basis, turn *mat.Dense, out []float64) {
	d, _ := basis.Dims()
	_, dims := turn.Dims()
	var components mat.Dense
	components.Mul(basis, turn)
	for c := range dims {
		to := out[c*d : (c+1)*d]
		mat.Col(to, c, &components)
		if mat.Norm(mat.NewVecDense(d, to), 2) > 0.5 {
			orient(to)
		}
	}
}
