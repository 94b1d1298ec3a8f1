/* Part of ruvector.h: parquet files. */

/* ---- Scoring ---- */

/* One part of a scoring: rows of a parquet file, which is a path or data_len bytes in memory that
 * stay with the caller until the part is freed. out: path of the file to write, which must not be
 * there. options: JSON of "label" (what errors call the file), "on", "text", "first" and "groups"
 * (row groups; groups -1: all), "columns" (null: all but on), "constants" (name, type, value as
 * text or null), "names" (of row, rank, id and score), "k", "least", "most", "memory", "batch",
 * "dim", "dtype" and "limits". Of search epsilon0, recall, rerank, probes, threads and a filter of
 * kind 1 are read, during the call. */
typedef struct rv_score_params {
    uint32_t size, pad;
    const char *path;
    int64_t path_len;
    const void *data;
    int64_t data_len;
    const char *out;
    int64_t out_len;
    const char *options;
    int64_t options_len;
    const rv_search_params *search;
} rv_score_params;

/* What a file is, as JSON of "rows", "groups" (rows and bytes of each), "columns" (name, type and
 * kind of each: "vectors", "text" or "other"), "digest" and "created_by". Of params the file, label
 * and limits are read. */
RV_API int32_t rv_score_look(const rv_score_params *params, rv_bytes *out, rv_error *error);
/* Columns of matched rows: the stream's, which has a row for each of the `rows` rows of an index in
 * the order of rv_index_ids, or place says which row each has, -1 for none (rows of them, copied).
 * rv_info tells their names. */
RV_API int32_t rv_right_import_stream(struct ArrowArrayStream *stream, int64_t rows,
    const int64_t *place, rv_handle *right, rv_error *error);
/* Opens the input and creates the output. right may be 0. rv_info tells rows, first row, dim,
 * batch and schema; rv_free removes the output unless it was finished. A part is used by one task
 * at a time. */
RV_API int32_t rv_score_open(rv_handle index, rv_handle right, const rv_score_params *params,
    rv_handle *part, rv_error *error);
/* Scores all rows of a part of vectors; its progress is rows. */
RV_API int32_t rv_score_run_start(rv_handle part, rv_handle *task, rv_error *error);
/* The next texts of a part of texts, at most n: the task's result is for rv_answer_stream, of one
 * column of large_string, no rows at the end. */
RV_API int32_t rv_score_texts_start(rv_handle part, int64_t n, rv_handle *task, rv_error *error);
/* Scores the rows of the last texts with vectors of those that are not null, rows x dim, which stay
 * with the task until it has ended. */
RV_API int32_t rv_score_step_start(rv_handle part, const float *vectors, int64_t rows, int64_t dim,
    rv_handle *task, rv_error *error);
/* Completes the output, on the disk. counts receives rows read, rows written, null rows and bytes;
 * then of the plans of all searches queries, probed, scanned, coded, reranked and certified; it
 * stays with the task until it has ended. */
RV_API int32_t rv_score_finish_start(rv_handle part, int64_t counts[10], rv_handle *task,
    rv_error *error);

/* ---- Vectors ---- */

/* How vectors are read. dim 0: as many as the first has. dtype: of the numbers in a column of bytes
 * of fixed length, NUL-terminated, NULL for float32. cache: bytes of decoded pages that are kept.
 * The rest are limits, 0 for the default: bytes of the footer, fields of the schema, row groups of
 * a file; bytes of a page as stored and unpacked; bytes of a row group's vectors; bytes that become
 * of one that is read; numbers of a list. */
typedef struct rv_parquet_params {
    uint32_t size;
    int32_t pad;
    int64_t dim;
    const char *dtype;
    int64_t cache;
    int64_t footer, columns, groups, page, page_decoded, decoded, ratio, list;
} rv_parquet_params;

/* Files whose names end in a NUL each, as one column of vectors; column "" is the only one that
 * holds vectors. The task's result is a handle, of which rv_info says "rows", "dim", "type" (of the
 * numbers, as NumPy names it), "column", "files" and "groups". */
RV_API int32_t rv_parquet_open_start(const char *paths, int64_t len, const char *column,
    int64_t column_len, const rv_parquet_params *params, rv_handle *task, rv_error *error);
/* Decodes all vectors to data of bytes (rows x dim numbers), and to valid, one byte a row, which is
 * rows long; NULL makes a null row an error. Both stay with the task, whose progress is rows. */
RV_API int32_t rv_parquet_read_start(rv_handle files, void *data, int64_t bytes, uint8_t *valid,
    int32_t threads, rv_handle *task, rv_error *error);

/* Vectors that stay in parquet files. paths: the files in order, as texts (bytes of any encoding
 * that the system has). column: the name of the column of vectors, NULL the only one. dim: numbers
 * of a row, 0 what the files say (columns of bytes of fixed length do not say). dtype: the type of
 * the numbers of such a column, NULL is "float32". Everything is copied before a function
 * returns. */
typedef struct rv_parquet_source {
    uint32_t size;
    int32_t threads;
    const rv_values *paths;
    const char *column, *dtype;
    int64_t dim;
} rv_parquet_source;
/* Makes a column that reads rows from the files where they are asked for; they must not change
 * while it or an index of it is open. */
RV_API int32_t rv_parquet_column_start(const rv_parquet_source *source, rv_handle *task,
    rv_error *error);
/* rv_build_start for such a column, which names the file of a row that is refused. ids: the name of
 * a column of ids in the same files, NULL: positions; params->ids is not read. */
RV_API int32_t rv_parquet_build_start(rv_handle column, const char *ids,
    const rv_build_params *params, rv_handle *task, rv_error *error);

/* ---- Index files that stay mapped ---- */

/* flags: bit 0 maps the file: it must neither be written to nor cut while the index is open.
 * memory: the most bytes beside the mapped ones that searches of it may hold, 0 for no limit; it
 * needs bit 0. column: attached to the index, or 0. */
typedef struct rv_open_params {
    uint32_t size, flags;
    const char *path;
    int64_t path_len;
    rv_handle column;
    int64_t memory;
} rv_open_params;

/* rv_load_start with more to say. */
RV_API int32_t rv_open_start(const rv_open_params *params, rv_handle *task, rv_error *error);
/* Looks at all that no call has looked at yet of a mapped file, and whether borrowed vectors are
 * the same. The progress is blocks of 256 KiB. */
RV_API int32_t rv_verify_start(rv_handle index, int32_t threads, rv_handle *task, rv_error *error);
