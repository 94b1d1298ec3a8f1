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
// # Layout
//
// This package is the public API: metric.go, column.go, options.go, params.go and errors.go
// (vocabulary, most of it names of what the packages below hold), index.go ([Build], and what an
// index is while others change it), search.go, one.go, within.go, within_reader.go, groups.go,
// neighbors.go, scores.go, dedup.go, merge_topk.go (verbs), update.go, calibrate.go, recall.go,
// encoding.go and file.go, info.go. It hands the work down:
//
//   - column: what comes in; pca: projections of it
//   - internal/segment: what an index is made of, as data
//   - internal/rabitq: codes; internal/build: segments of columns
//   - internal/topk, internal/sketch, internal/search: the way of a query
//   - internal/calibrate, internal/nndescent, internal/pairs, internal/dedup, internal/compact,
//     internal/format: settings, graphs, scores without an index, duplicates, changes, files
//
// Each says in its own comment which file to read first. A search goes search.go (here, the
// version), internal/search search.go (one run on one segment), pipeline.go (the stages of every
// verb: prepare, route, scan, join, finish), batch.go (those of a search), and the kernels of
// package simd.
//
// # Changes
//
// [Index.Add], [Index.Upsert] and [Index.Delete] change an index, [Index.Compact] gives memory
// back. Each makes a new version of the index, all of it or nothing, and a search keeps the version
// that it began with: any number of goroutines may search while others change. Rows are called by
// their [IDs]; their numbers hold within one version ([SearchOut] brings the ids along).
//
// Inside, a version is a list of segments (internal/segment): first what was built, then short ones
// of rows added since, which are joined as they grow (internal/compact). A search asks every
// segment and joins the answers (join.go of internal/search).
//
// # Answers
//
// Answers do not depend on the number of threads, on the batch a query travels in, or on the kernel
// tier. Ties go to the smaller row.
package arrowidx
