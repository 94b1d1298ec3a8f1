package arrowidx

import (
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/compact"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// BuildOptions says how to build. The zero value is cosine, auto kind, 5 bits (8 with KeepNone),
// borrowed vectors, recall target 0.95, nulls and bad rows rejected.
type BuildOptions = build.Options

// MaxProvenance is the longest provenance in bytes.
const MaxProvenance = build.MaxProvenance

// NullPolicy says what a null row does to a build.
type NullPolicy = build.NullPolicy

// BadPolicy says what a row does to a build that holds NaN, infinity, a number outside float32, or
// a square norm out of range.
type BadPolicy = build.BadPolicy

// The policies.
const (
	RejectNulls = build.RejectNulls // a null row is an error
	SkipNulls   = build.SkipNulls   // a null row keeps its position and is never found
	RejectBad   = build.RejectBad   // a bad row is an error that names row and column
	SkipBad     = build.SkipBad     // a bad row is treated as null
)

// CopyPolicy says which rows of kind ivf have a second code, in the cell in which they would lie
// next to their own, so that searches for high recall look into fewer cells.
type CopyPolicy = build.CopyPolicy

// The policies.
const (
	CopyWhereItPays = build.CopyWhereItPays // most rows, if calibration says that it saves enough
	CopyAll         = build.CopyAll         // all rows
	CopyNone        = build.CopyNone        // no row
)

// AddOptions says how rows are added.
type AddOptions = compact.AddOptions

// Progress counts the work of a running operation. Safe for concurrent use.
type Progress = build.Progress

// SetThreads sets how many threads an operation uses when it does not say: 0 means all cores that
// the process may use. It does not change GOMAXPROCS.
func SetThreads(n int) {
	mem.SetThreads(n)
}

// Threads returns the number of threads that an operation with the given setting uses: the
// setting itself if positive, else the default of SetThreads, never more than GOMAXPROCS.
func Threads(setting int) int {
	return mem.Threads(setting)
}
