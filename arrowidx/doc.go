// Package arrowidx is the vector search engine: Arrow columns in, nearest neighbours out;
// bytes in, index out.
//
// A [Column] is a list of Arrow arrays of equal-length float vectors, read where they lie. [Build]
// turns a column into an [Index] of one of three kinds:
//
//   - exact: every query scans the caller's own vectors in float32 and orders the best rows by
//     distances accumulated in float64;
//   - flat: RaBitQ codes (Gao and Long, SIGMOD 2024; Gao et al., SIGMOD 2025) of 1 to 9 bits per
//     dimension. A 1-bit plane of every row is scanned by table look-ups, the rows whose lower
//     bound survives are scored with all their bits, and those that may still be among the k
//     nearest are measured on the caller's vectors;
//   - ivf: the same codes of what is left of each row when the centroid of its cell is taken off. A
//     query looks only into the cells nearest to it, as many as calibration on rows of the index
//     found to give the recall asked for.
//
// Reading order: metric.go and errors.go (vocabulary), column.go (what comes in), moments.go
// (validation, scale and mean), rotate.go and rabitq.go (codes and their factors), codes.go
// (layout), encoder.go, query.go, scan.go and search.go (one query), batch.go (many); for ivf
// ivf.go and kmeans.go (build), route.go and visit.go (search), calibrate.go; encode.go and
// decode.go (bytes). Filters: filter.go and placement.go (rows as bits), gather.go, side_by_side.go
// and sketch.go (few rows), reach.go (cells). Other verbs: within.go, neighbors.go, groups.go,
// like.go, diversity.go and merge_topk.go.
//
// # Changes
//
// [Index.Add], [Index.Upsert] and [Index.Delete] change an index, [Index.Compact] gives memory
// back. Each makes a new version of the index, all of it or nothing, and a search keeps the version
// that it began with: any number of goroutines may search while others change. Rows are called by
// their [IDs]; their numbers hold within one version ([SearchOut] brings the names along).
//
// Inside, a version is a list of segments (segment.go, version.go): first what was built, then
// short ones of rows added since (update.go, tail.go), which are joined as they grow (merge.go,
// fold.go). A search asks every segment and joins the answers (join.go).
//
// # Answers
//
// Answers do not depend on the number of threads, on the batch a query travels in, or on the kernel
// tier. Ties go to the smaller row.
package arrowidx
