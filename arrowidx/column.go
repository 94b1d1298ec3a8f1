package arrowidx

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
)

// Column is a sequence of Arrow arrays of vectors with one number of dimensions, read in place:
// FixedSizeList, List or LargeList of float32, float64, float16, int8 or uint8, with offsets,
// slices, chunks and validity honoured. Numbers that are not float32 are converted where a row or
// a tile of rows is read, never all at once. FixedSizeBinary, Binary and LargeBinary are rows of
// packed bits, for the metrics Hamming and Jaccard, which take uint8 as such too. A column holds
// references to the arrays until the last Release and never writes to them. The memory must not
// change while the column is in use. Safe for concurrent use.
type Column = column.Column

// IDKind is the type of the ids that rows have. The numbers are stored in index files.
type IDKind = column.IDKind

// IDs are what an index's rows are called, each used once. Immutable; safe for concurrent use.
type IDs = column.IDs

// The types of ids.
const (
	IDPositions = column.IDPositions // row i is called i
	IDInt64     = column.IDInt64
	IDUint64    = column.IDUint64
	IDString    = column.IDString
	IDCounted   = column.IDCounted
)

// The limits of a column.
const (
	MaxDim  = column.MaxDim
	MaxRows = column.MaxRows
)

// MatrixColumn makes a column of a row-major float32 matrix of n rows, whose memory it borrows:
// that must neither change nor be freed while the column is used, or an index that borrows it.
//
// Errors: DimensionMismatch when the numbers are not n rows of dim, LimitExceeded above MaxDim or
// MaxRows.
func MatrixColumn(values []float32, n, dim int) (*Column, error) {
	return column.MatrixColumn(values, n, dim)
}

// NewColumn makes a column of the chunks, which it retains. It checks types, shapes and lengths
// (a child array shorter than its parent says is refused); the numbers themselves are checked by
// Build. A column of no rows may have no dimension yet: Dim is then 0.
//
// Errors: ColumnError for a type that holds no vectors, InvalidVector with the row for a ragged
// list, LimitExceeded above MaxDim or MaxRows.
func NewColumn(chunks []arrow.Array) (*Column, error) {
	return column.NewColumn(chunks)
}

// Pager reads rows of vectors that are not in memory, for example from files.
type Pager = column.Pager

// Paged describes a column whose rows a Pager reads.
type Paged = column.Paged

// NewPagedColumn makes a column whose rows p reads where they are asked for: a build reads them
// pass by pass in order, a search those few that it measures, and the rows are never all in memory
// (with KeepCopy they are, in the end). An index of it is the same, byte for byte, as one of the
// same rows in memory. What p returns as an error ends the call under way with it and leaves the
// index as it was. The column takes p over, in every outcome.
//
// Errors: ColumnError for numbers of other types, LimitExceeded above MaxDim or MaxRows.
func NewPagedColumn(p Pager, is Paged) (*Column, error) {
	return column.NewPaged(p, is)
}

// NewIDs copies ids from an Arrow array of integers (kept as int64, or as uint64 when the type is
// unsigned and 64 bits wide) or strings.
//
// Errors: InvalidArgument for other types, and with the row for an id that is null or text that is
// not UTF-8 (a file of it would be refused), DuplicateID with the later row of the first pair.
func NewIDs(a arrow.Array) (*IDs, error) {
	return column.NewIDs(a)
}

// PositionIDs names n rows by their positions.
func PositionIDs(n int) *IDs {
	return column.PositionIDs(n)
}
