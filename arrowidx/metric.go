package arrowidx

import (
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
)

// Metric says how two vectors are compared.
type Metric = column.Metric

// The metrics.
const (
	Cosine      = column.Cosine      // <x,q> / (|x| |q|), larger is better; 0 if one is zero
	Dot         = column.Dot         // <x,q>, larger is better
	L2          = column.L2          // |x - q|, smaller is better
	SqEuclidean = column.SqEuclidean // |x - q|^2, smaller is better
	Hamming     = column.Hamming     // number of bits that differ, smaller is better
	Jaccard     = column.Jaccard     // 1 - |x and q| / |x or q|, smaller is better; 0 for two zeros
)

// ParseMetric reads a metric's name; "euclidean" is another name of "l2".
func ParseMetric(name string) (Metric, error) {
	return column.ParseMetric(name)
}

// Kind is the structure of an index.
type Kind = segment.Kind

// The kinds. Build resolves Auto from the number of rows alone: exact up to AutoExactRows, flat up
// to AutoFlatRows, ivf above.
const (
	Auto  = segment.Auto
	Exact = segment.Exact // every vector is measured
	Flat  = segment.Flat  // every code is scanned
	IVF   = segment.IVF   // the codes of the cells nearest to the query are scanned

	AutoExactRows = segment.AutoExactRows
	AutoFlatRows  = segment.AutoFlatRows
)

// ParseKind reads the name of a kind.
func ParseKind(name string) (Kind, error) {
	return segment.ParseKind(name)
}

// Keep says what an index does with the vectors it was built from.
type Keep = segment.Keep

// The ways to keep vectors.
const (
	KeepAuto   = segment.KeepAuto   // the same as KeepBorrow
	KeepBorrow = segment.KeepBorrow // hold the column: it must not change while the index is open
	KeepCopy   = segment.KeepCopy   // hold a float32 copy outside the Go heap
	KeepNone   = segment.KeepNone   // hold codes only, not kind exact: scores are estimates
)

// ParseKeep reads the name of a way to keep vectors.
func ParseKeep(name string) (Keep, error) {
	return segment.ParseKeep(name)
}
