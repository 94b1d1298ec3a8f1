package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/pairs"
)

// ScoresParams says how [Scores] compares the rows of a column: with one vector, or with the rows
// of another column.
type ScoresParams = pairs.Params

// Scores writes the score of every row to out, one float32 a row, and 1 to valid: each row of the
// column with the only row of p.Other, or with the row of the same number there. Where either is
// null they are NaN and 0. Scores are those of a search, bit for bit. The column is read once,
// by p.Threads threads, and not copied. Safe for concurrent use.
//
// Errors: MetricError for a metric of bits and for a column of them, DimensionMismatch for other
// lengths or dimensions, InvalidArgument when out or valid is not one value a row, InvalidVector
// with row and column for a vector that the metric cannot work with, Cancelled.
func Scores(ctx context.Context, col *Column, p ScoresParams, out []float32, valid []byte) error {
	return pairs.Score(ctx, col, p, out, valid)
}
