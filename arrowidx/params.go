package arrowidx

import (
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/calibrate"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/format"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/nndescent"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
)

// SearchParams is one search: NQ queries of the index's dimension. Where NQ is 0, it is as many as
// Queries, Bits or Like hold. The zero value of all that follows K is an exact answer at the recall
// of the index.
type SearchParams = search.SearchParams

// SearchOut receives the answers; the caller allocates. Query i's answers are Counts[i] entries
// from i*K on, best first; the rest of its K entries are row -1 and score NaN.
type SearchOut = search.SearchOut

// NoGroup is the group of rows that belong to none; [Index.SearchGroups] does not find them.
const NoGroup = search.NoGroup

// Plan says how a search was done. Counts are sums over the queries.
type Plan = search.Plan

// WithinParams is one range search: NQ queries of the index's dimension, and the score that a row
// must have. Exactly one of MinSimilarity and MaxDistance is given.
type WithinParams = search.WithinParams

// Range is some of the rows that are within a query's threshold, best first, ties by the smaller
// row. The slices are valid until the function they are given to returns.
type Range = search.Range

// NeighborsParams says which graph of neighbours is wanted: the K nearest other rows of every row.
type NeighborsParams = nndescent.NeighborsParams

// NeighborsOut receives a graph of neighbours; the caller allocates. Row Of[i] of the index has
// Counts[i] neighbours, laid out as in SearchOut: Rows and Scores from i*K on, best first.
type NeighborsOut = nndescent.NeighborsOut

// CalibrateParams are queries that stand for those to come.
type CalibrateParams = calibrate.CalibrateParams

// CalibrationPoint is how an index of kind ivf searches for one recall target.
type CalibrationPoint = segment.CalibrationPoint

// RecallParams says how recall is measured. The zero value measures the first 10 neighbours of 200
// rows at the index's own recall target.
type RecallParams = calibrate.RecallParams

// RecallReport is a measured recall@k: the mean over queries of the share of their true k nearest
// rows that a search found, and a 95 % interval around it.
type RecallReport = calibrate.RecallReport

// Encoding is the bytes of an index file that were not written yet: those of one version of an
// index, whatever happens to the index meanwhile. Close it. Not safe for concurrent use.
type Encoding = format.Encoding
