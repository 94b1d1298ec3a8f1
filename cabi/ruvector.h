/* The C interface of ruvector: vector search over Arrow columns.
 *
 * Calls. Every function that can fail returns an error kind (0 = done) and takes an rv_error last,
 * which may be NULL. Texts that come in are UTF-8 with a length and need no NUL; names of a fixed
 * list ("cosine", "f") end with one. Structs begin with their size, set by the caller, so that
 * later versions can append fields.
 *
 * Generated from this file by cabi/internal/doors (make gen): doors.c, and structs and prototypes
 * for Python. It refuses C that it does not know.
 *
 * Handles. rv_handle is a number of our own table, never used twice in a process; 0 is none. A
 * handle that is closed, unknown or of another type is an error, never undefined. An operation
 * keeps what it uses alive until it ends, so the order in which handles are freed is free.
 *
 * Arrow. Every ArrowArray, ArrowSchema and ArrowArrayStream given in is consumed in every outcome:
 * its release is NULL or will be called exactly once, always on a thread that is inside one of
 * these functions. Arrays are borrowed, not copied: their memory must not change until they are
 * released.
 *
 * Threads. Any function may be called from any thread, at the same time, on the same handle,
 * except where it says otherwise. Tasks run on threads of the library and call nothing outside.
 *
 * fork. In a child of fork() every function returns RV_FORKED_PROCESS at once, except rv_live,
 * rv_abi_version and the release of what was exported.
 */
#ifndef RUVECTOR_H
#define RUVECTOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "ruvector_arrow.h"

#define RV_API __attribute__((visibility("default")))

/* Major in the upper half (must be equal), minor in the lower (must not be smaller). */
#define RV_ABI_VERSION 0x00030005u

/* Error kinds: the same numbers in Go, C and Python; only ever appended to. */
enum {
    RV_OK = 0, RV_INVALID_ARGUMENT = 1, RV_DIMENSION_MISMATCH = 2, RV_INVALID_VECTOR = 3,
    RV_EMPTY_INDEX = 4, RV_INDEX_CLOSED = 5, RV_UNKNOWN_ID = 6, RV_DUPLICATE_ID = 7,
    RV_VECTORS_CHANGED = 8, RV_COLUMN_ERROR = 9, RV_METRIC_ERROR = 10, RV_PERSIST_ERROR = 11,
    RV_NOT_AN_INDEX = 12, RV_FORMAT_TOO_NEW = 13, RV_CORRUPT_INDEX = 14, RV_LIMIT_EXCEEDED = 15,
    RV_OUT_OF_MEMORY = 16, RV_CANCELLED = 17, RV_FORKED_PROCESS = 18, RV_NATIVE_ERROR = 19,
    RV_POISONED = 20, RV_VECTOR_INDEX_ERROR = 21, RV_LAKE_ERROR = 22, RV_BACKEND_ERROR = 23,
    RV_UNKNOWN_BACKEND = 24, RV_UNKNOWN_COLLECTION = 25, RV_WITNESS_MISMATCH = 26,
    RV_CACHE_MISS = 27, RV_EMBED_ERROR = 28, RV_MISSING_EXTRA = 29, RV_A2A_ERROR = 30,
    RV_FILE_MISSING = 31
};

typedef uint64_t rv_handle;

/* Filled when a function fails. row and column are -1 where there is no such place. message is
 * UTF-8 and NUL-terminated; free it with release, which may be called once. code is the errno that
 * the system gave, or of what an adapter answered its own number, 0 if there is none (filled if
 * size has room for it). */
typedef struct rv_error {
    uint32_t size;
    int32_t kind;
    int64_t row, column;
    char *message;
    void (*release)(struct rv_error *);
    int32_t code, pad;
} rv_error;

/* Bytes made by the library; free them with release. */
typedef struct rv_bytes {
    uint32_t size, pad;
    char *data;
    int64_t len;
    void (*release)(struct rv_bytes *);
} rv_bytes;

/* What a search did. kind: 1 exact, 2 flat, 3 ivf. tier: 0 pure, 1 avx2, 2 avx512, 3 neon. plane:
 * bits per dimension that the scan read. cells: of the index, 0 for exact; probed, scanned, coded
 * and reranked are sums over the queries. unlike: 1, once a calibration, when many queries of this
 * and earlier searches lie further from every cell than those of the calibration: the recall target
 * does not hold for them. Times are nanoseconds of the clock; ns_first, a part of ns_route, is that
 * of the first thresholds, summed over the queries. size is set by the caller. */
typedef struct rv_plan {
    uint32_t size;
    int32_t kind, tier, exact_scores, threads, bits, plane, unlike;
    int64_t rows, eligible, nulls, queries, cells, probed, scanned, coded, reranked, certified;
    int64_t ns_prepare, ns_route, ns_scan, ns_rerank, ns_total;
    double epsilon0, recall;
    int64_t ns_first;
} rv_plan;

/* What is set once for the process: how many threads an operation may use (0 all cores), how much
 * Go's heap grows between collections (percent; 400 when nobody says), and the kernels, "pure",
 * "avx2", "avx512" or "neon", which must not change while something runs. -1 and NULL leave what
 * is. */
typedef struct rv_settings {
    uint32_t size;
    int32_t threads, gc_percent, pad;
    const char *simd;
} rv_settings;

/* Ids: n numbers of format "l" (int64) or "L" (uint64), or texts "U" with n+1 int64 offsets into
 * len bytes of UTF-8. The only form in which ids come in. They stay with the caller; a task reads
 * them until it has ended. */
typedef struct rv_values {
    const char *format;
    const void *data;
    const int64_t *offsets;
    int64_t n, len;
} rv_values;

/* One build. ids may be NULL: then positions are the ids. metric "cosine", "dot", "l2",
 * "sqeuclidean", "hamming", "jaccard"; kind "auto", "exact", "flat", "ivf"; keep "auto", "borrow",
 * "copy", "none"; NULL is "cosine" and "auto". skip_nulls, skip_bad: 1 leaves out rows that are
 * null, or have NaN or infinities in them, 0 refuses them. bits per dimension, cells, recall and
 * threads: 0 lets the library choose. budget: bytes that the build may allocate, 0 no limit.
 * provenance: n_provenance bytes of text that the index carries, for example what made the
 * vectors. */
typedef struct rv_build_params {
    uint32_t size;
    int32_t threads;
    const rv_values *ids;
    const char *metric, *kind, *keep;
    int32_t skip_nulls, skip_bad;
    int64_t bits, cells, budget;
    double recall;
    uint64_t seed;
    const char *provenance;
    int64_t n_provenance;
} rv_build_params;

/* One search. queries is nq x dim, row-major; for an index with metric hamming or jaccard, whose
 * dim is bits, it points to nq x dim / 8 bytes packed like the rows. ids and scores are nq x k,
 * counts is nq, made by the caller; cells past counts hold id -1 and score NaN. ids are int64, or
 * the bits of uint64, or row numbers when the index has string ids.
 * rerank: -1 closes the bounds, 0 returns estimates, n measures the n best candidates.
 * probes: cells that each query looks into, 0: from recall; more than there are: all.
 * epsilon0 0: from recall; recall 0: the index's. filter_kind: 0 none, 1 one byte a row in row
 * order (filter_len of them), 2 one rv_values of ids (which means the same while others add and
 * delete). texts: if not NULL and ids are texts, receives those of all nq x k cells, absent
 * ones empty; text_offsets then has nq x k + 1 places. like: if not NULL, nq ids of rows to search
 * with instead of queries, each left out of its own answer. diversity in [0, 1]: maximal marginal
 * relevance, 0 is a plain search. source: a column to measure against, 0 = the index's own. plan
 * may be NULL. numbers: 0 when queries are float32, 1 when they are double. brief: of tasks as many
 * compute at once as there are threads; 1 says that this one is short work, so that it waits for
 * its turn among others such alone. */
typedef struct rv_search_params {
    uint32_t size;
    int32_t threads;
    const float *queries;
    int64_t nq, dim, k, rerank, probes;
    double epsilon0, recall;
    const void *filter;
    int64_t filter_len;
    int32_t filter_kind, brief;
    rv_handle source;
    int64_t *ids;
    float *scores;
    int64_t *counts;
    rv_plan *plan;
    rv_bytes *texts;
    int64_t *text_offsets;
    const rv_values *like;
    double diversity;
    int32_t numbers, pad2;
} rv_search_params;

/* One graph of nearest neighbours. rows: for how many rows there is room; it becomes the number
 * of rows, which are in the order of rv_index_ids. of receives their ids: int64, or the bits of
 * uint64, or if they are texts and texts is not NULL, these come in texts with rows+1
 * text_offsets. neighbors and scores are rows x k, counts is rows: the neighbours of a row, best
 * first, as numbers of rows in that order; cells past counts hold -1 and NaN. recall 0: the
 * index's target. plan may be NULL. */
typedef struct rv_neighbors_params {
    uint32_t size;
    int32_t threads;
    int64_t k, rows;
    double recall;
    int64_t *of, *neighbors;
    float *scores;
    int64_t *counts;
    rv_plan *plan;
    rv_bytes *texts;
    int64_t *text_offsets;
} rv_neighbors_params;

/* One range search. search says queries, filter, source, threads, and where counts and plan go; its
 * k must be 0, and what tunes a search for the nearest is not read. threshold_kind: 1 the least
 * score of metrics cosine and dot, 2 the greatest of the others; both inclusive. limit: the most
 * rows of a query, the best ones, 0 all. max_bytes: memory of the rows found, 0 for
 * 1 GiB or half of what is free, if that is less (RV_OUT_OF_MEMORY then). */
typedef struct rv_within_params {
    uint32_t size;
    int32_t threshold_kind;
    double threshold;
    int64_t limit, max_bytes;
    const rv_search_params *search;
} rv_within_params;

/* rv_search in one pointer: for callers to whom every argument costs time. */
typedef struct rv_search_call {
    rv_handle index;
    rv_search_params *params;
    rv_error *error;
} rv_search_call;

/* What a search of one query asks besides it, for the function that rv_python_search makes: its
 * names mean what they mean in rv_search_params. uint64_ids: 1 when the bits of ids are those. */
typedef struct rv_python_query {
    rv_handle index;
    int64_t dim, k, rerank, probes;
    double recall;
    int32_t uint64_ids, pad;
} rv_python_query;

/* Addresses of the functions of Python's stable ABI in the order PyEval_SaveThread,
 * PyEval_RestoreThread, Py_IncRef, Py_DecRef, PyBytes_FromStringAndSize, PyBytes_AsStringAndSize,
 * PyTuple_New, PyTuple_SetItem, PyTuple_Size, PyTuple_GetItem, PyList_Size, PyList_GetItem,
 * PyFloat_AsDouble, PyObject_CallFunction, PyCFunction_NewEx; then objects. numpy is the table of
 * NumPy's C API, probe an array of float32 with strides (8,) and numbers whose third is 3, failed
 * a function of (kind, address of an rv_error) that raises. */
typedef struct rv_python {
    uint32_t size, pad;
    void *save_thread, *restore_thread, *retain, *release, *bytes, *read_bytes, *tuple, *set_item;
    void *tuple_size, *tuple_item, *list_size, *list_item, *number, *call, *new_function;
    void *none, *array_type, *list_type, *tuple_type, *float_type;
    void *numpy, *probe, *failed;
} rv_python;

/* Answers to nq queries as rv_search leaves them: ids and scores are nq x k, counts is nq; cells
 * past counts are not read. */
typedef struct rv_topk {
    int64_t k;
    int64_t *ids;
    float *scores;
    int64_t *counts;
} rv_topk;

/* One merge of the answers of n_parts shards to the same nq queries. larger: 1 when larger scores
 * are better, 0 when smaller ones are. unsigned_ids: 1 when ids are the bits of uint64. Ids that
 * are text come as their ranks in the order of their UTF-8. out is made by the caller, apart from
 * the parts; its k is the k of the answer, and cells past its counts will hold id -1 and score
 * NaN. */
typedef struct rv_merge_params {
    uint32_t size;
    int32_t larger, unsigned_ids, pad;
    int64_t nq, n_parts;
    const rv_topk *parts;
    rv_topk out;
} rv_merge_params;

/* One column to export. format is the Arrow format of a number or of the texts ("u", "U"; then
 * offsets has rows+1 entries of int32 or int64); dim > 0 makes a FixedSizeList of dim numbers a
 * row. validity is a bitmap or NULL. Names are NUL-terminated. */
typedef struct rv_export_column {
    const char *name, *format;
    int64_t dim;
    const void *data, *offsets;
    const uint8_t *validity;
} rv_export_column;

/* ---- Written in C: usable before anything else and without any Go. ---- */

RV_API uint32_t rv_abi_version(void);
/* Number of imported ArrowArrays whose release has not run yet. */
RV_API int64_t rv_live(void);
/* Makes Arrow structs over memory of the caller: a FixedSizeList of rows x dim numbers of format
 * "f", "g", "e", "c" or "C" (float32, float64, float16, int8, uint8). validity: bitmap or NULL.
 * When array is released its token appears in rv_take_released; the caller keeps the memory until
 * then. */
RV_API int32_t rv_wrap_matrix(const void *data, int64_t rows, int64_t dim, const char *format,
    const uint8_t *validity, uint64_t token, struct ArrowArray *array, struct ArrowSchema *schema,
    rv_error *error);
/* The same memory as a stream of one array, and the schema of such arrays, in structs of malloc,
 * for PyCapsule_New. The token appears when the array, or the stream before it was taken, is
 * released. */
RV_API int32_t rv_wrap_schema(int64_t dim, const char *format, struct ArrowSchema **out,
    rv_error *error);
RV_API int32_t rv_wrap_stream(const void *data, int64_t rows, int64_t dim, const char *format,
    const uint8_t *validity, uint64_t token, struct ArrowArrayStream **out, rv_error *error);
/* Takes up to cap tokens of released wrappers; returns how many. */
RV_API int64_t rv_take_released(uint64_t *tokens, int64_t cap);
/* Destructor of PyCapsules of streams whose memory came from malloc: releases if still unreleased,
 * frees. rv_capsule_init gives it the addresses of PyCapsule_GetPointer and PyErr_Clear, once. */
RV_API void rv_capsule_init(void *get_pointer, void *clear_error);
RV_API void rv_capsule_free_stream(void *capsule);
RV_API void rv_capsule_free_schema(void *capsule);
/* Copies the columns into a fresh stream of one batch, made by malloc, for PyCapsule_New with
 * rv_capsule_free_stream. */
RV_API int32_t rv_export_stream(const rv_export_column *columns, int64_t n, int64_t rows,
    struct ArrowArrayStream **out, rv_error *error);

/* ---- The library ---- */

RV_API int32_t rv_configure(const rv_settings *settings, rv_error *error);
/* What a handle is, as JSON; 0 asks about the library. "poisoned" of an index says what failed in a
 * way it must not: RV_POISONED is then the answer of every function but this one, rv_save_start,
 * rv_encoding_start, rv_index_close and rv_free, which work on its last good version. */
RV_API int32_t rv_info(rv_handle handle, rv_bytes *out, rv_error *error);
/* Gives a handle up. Freeing 0 does nothing. Freeing a task cancels it and waits for its end. */
RV_API int32_t rv_free(rv_handle handle, rv_error *error);

/* ---- Columns ---- */

/* FixedSizeList, List or LargeList of float32, float64, float16, int8 or uint8. FixedSizeBinary
 * ("w:N"), Binary and LargeBinary are rows of packed bits for metrics hamming and jaccard, which
 * take lists of uint8 as such too: an index of them has 8 N dimensions. A struct of one such
 * column, as tables are exported, is read as the column. */
RV_API int32_t rv_column_import(struct ArrowArray *array, struct ArrowSchema *schema,
    rv_handle *column, rv_error *error);
/* Reads the stream to its end; every batch becomes a chunk. */
RV_API int32_t rv_column_import_stream(struct ArrowArrayStream *stream, rv_handle *column,
    rv_error *error);
/* All rows (rows x dim); null rows are zero and valid[row] is 0. valid may be NULL. numbers: 0 when
 * out is float32, 1 when it is double, which rounds no number. */
RV_API int32_t rv_column_copy(rv_handle column, void *out, int32_t numbers, uint8_t *valid,
    rv_error *error);
/* XXH3-128 of vectors, validity, shape and type. All memory is read. out stays with the task. */
RV_API int32_t rv_column_hash(rv_handle column, uint64_t out[2], rv_error *error);
RV_API int32_t rv_column_hash_start(rv_handle column, uint64_t out[2], rv_handle *task,
    rv_error *error);
/* XXH3-64 of each of n rows from `at` on, without their type: 0 for null rows alone. */
RV_API int32_t rv_column_hash_rows(rv_handle column, int64_t at, int64_t n, uint64_t *out,
    rv_error *error);
/* Where the numbers of n NumPy arrays lie: 0 for null, -1 where the object has another layout (see
 * cabi/cells.go); out[n] is 1 if all have one base. rv_gather copies n rows of size bytes. */
RV_API int32_t rv_array_rows(const uint64_t *objects, int64_t n, const uint64_t *layout,
    uint64_t *out, rv_error *error);
RV_API int32_t rv_gather(const uint64_t *rows, int64_t n, int64_t size, void *out, rv_error *error);
/* Principal components: out is rows x dims, centred; null rows are NaN. out stays with the task
 * until it has ended. */
RV_API int32_t rv_pca_start(rv_handle column, int64_t dims, float *out, rv_handle *task,
    rv_error *error);
/* The score of every row of column with the only row of other, or with its row of the same number:
 * out, and valid, 1 where neither is null; else it is NaN and 0. metric as in rv_build_params, but
 * not of bits. skip_bad: 1 leaves rows out that have NaN or infinities, 0 refuses them. Scores are
 * those of a search to the last bit. threads: 0 is all cores. rv_scores is short
 * work: it cannot be cancelled; out and valid of rv_scores_start stay with the task. */
RV_API int32_t rv_scores(rv_handle column, rv_handle other, const char *metric, int32_t skip_bad,
    int32_t threads, float *out, uint8_t *valid, rv_error *error);
RV_API int32_t rv_scores_start(rv_handle column, rv_handle other, const char *metric,
    int32_t skip_bad, int32_t threads, float *out, uint8_t *valid, rv_handle *task,
    rv_error *error);

/* ---- Indexes ---- */

/* params itself may go when this returns; what params->ids points to stays with the task until it
 * has ended. */
RV_API int32_t rv_build_start(rv_handle column, const rv_build_params *params, rv_handle *task,
    rv_error *error);
/* Short work: runs on the calling thread and cannot be cancelled. */
RV_API int32_t rv_search(rv_handle index, const rv_search_params *params, rv_error *error);
RV_API int32_t rv_search_one(const rv_search_call *call);
/* Makes the function of Python that searches with one query, once a process and with Python's lock
 * held; not for builds without it. RV_INVALID_ARGUMENT where objects or NumPy are unlike those that
 * it knows. */
RV_API int32_t rv_python_search(const rv_python *python, void **function);
/* Everything that params points to stays with the task until it has ended. */
RV_API int32_t rv_search_start(rv_handle index, const rv_search_params *params, rv_handle *task,
    rv_error *error);
/* The k best rows of each of n_groups groups for every query, in one pass. groups has the group of
 * every row (n_rows of them), 2^32-1 for rows of none. params as for rv_search_start, but: ids
 * receives rows, ids and scores are nq x n_groups x k, counts is nq x n_groups; a filter of ids and
 * names are refused. groups stays with the task until it has ended, too. */
RV_API int32_t rv_search_groups_start(rv_handle index, const rv_search_params *params,
    const uint32_t *groups, int64_t n_rows, int64_t n_groups, rv_handle *task, rv_error *error);
/* Rows within a threshold. The result of the task is a handle for rv_answer_stream; search->counts
 * receives the rows that each query found. Everything that params points to stays with the task
 * until it has ended. */
RV_API int32_t rv_within_start(rv_handle index, const rv_within_params *params, rv_handle *task,
    rv_error *error);
/* Which rows are within the threshold of a row kept before them. Of params->search threads, source
 * and plan are read; nq must be the number of rows, of which ids receives the row that each was
 * dropped for, -1 for rows kept, and scores the score of the two, else NaN. last 1: from the last
 * row on. groups: the group of every row, only those of one are compared, those of UINT32_MAX are
 * kept; NULL: all are compared. What it points to stays with the task until it has ended. */
RV_API int32_t rv_dedup_start(rv_handle index, const rv_within_params *params, int32_t last,
    const uint32_t *groups, rv_handle *task, rv_error *error);
/* Fills out, which must be zero, with a stream of the answer in batches of some thousand rows in C
 * memory: query_row (int64, number of the query), id (int64, uint64 or large_string), score
 * (float32); query after query, the rows of each best first. May be called again; each stream
 * reads the answer from its beginning, also when its handle is freed. A forked child must not read
 * it. */
RV_API int32_t rv_answer_stream(rv_handle answer, struct ArrowArrayStream *out, rv_error *error);
/* The k best of the parts: better scores first, equal ones by smaller id, an id once with its best
 * score. Associative, commutative and idempotent to the last bit. A score that is NaN is an error
 * with the query as row and the cell as column. Short work. */
RV_API int32_t rv_merge_topk(const rv_merge_params *params, rv_error *error);
/* Fits probes, bounds and rerank depth of kind ivf to nq queries of dim numbers like those that
 * will come. queries stay with the task until it has ended. Searches go on meanwhile. */
RV_API int32_t rv_calibrate_start(rv_handle index, const float *queries, int64_t nq, int64_t dim,
    int32_t threads, rv_handle *task, rv_error *error);
/* Measures recall@k on a sample of the index's own rows. recall 0: at the index's target. out
 * receives mean, low and high of the 95 % interval, k and sample as measured; it stays with the
 * task until it has ended. */
RV_API int32_t rv_recall_start(rv_handle index, int64_t k, int64_t sample, double recall,
    int32_t threads, double out[5], rv_handle *task, rv_error *error);
/* The k nearest other rows of every row, all of one version of the index. RV_LIMIT_EXCEEDED when
 * params->rows is not enough, after setting it to what is. Everything that params points to stays
 * with the task until it has ended. */
RV_API int32_t rv_neighbors_start(rv_handle index, rv_neighbors_params *params, rv_handle *task,
    rv_error *error);
/* flags: bit 0 stores the vectors. The file appears complete or not at all. */
RV_API int32_t rv_save_start(rv_handle index, const char *path, int64_t len, uint32_t flags,
    rv_handle *task, rv_error *error);
/* column: attached to the loaded index, or 0. */
RV_API int32_t rv_load_start(const char *path, int64_t len, rv_handle column, rv_handle *task,
    rv_error *error);
/* The bytes of the file. rv_encoding_start makes a handle of what will be written, one version of
 * the index, of which rv_info says how many "bytes" it is; rv_encoding_copy_start writes them to
 * memory of that length, which stays with the task, as data do with that of rv_decode_start. */
RV_API int32_t rv_encoding_start(rv_handle index, uint32_t flags, rv_handle *task, rv_error *error);
RV_API int32_t rv_encoding_copy_start(rv_handle encoding, void *out, int64_t len, rv_handle *task,
    rv_error *error);
RV_API int32_t rv_decode_start(const void *data, int64_t len, rv_handle *task, rv_error *error);
/* Row of every id, -1 for ids of no row. */
RV_API int32_t rv_index_lookup(rv_handle index, const rv_values *ids, int64_t *rows,
    rv_error *error);
/* All ids in row order: int64, uint64 or large_string, in C memory. The structs must be zero. */
RV_API int32_t rv_index_ids(rv_handle index, struct ArrowArray *array, struct ArrowSchema *schema,
    rv_error *error);
/* Vectors of n rows, or ids (n x dim); of an index with metric hamming or jaccard, here and in the
 * next, the bytes of the rows (n x dim / 8). numbers: 0 when out is float32, 1 when it is double,
 * which rounds no number and is not for indexes of bits. With n 0 only looks whether borrowed
 * vectors changed, as every verb does. */
RV_API int32_t rv_index_vectors(rv_handle index, const int64_t *rows, int64_t n, void *out,
    int32_t numbers, rv_error *error);
RV_API int32_t rv_index_vectors_of(rv_handle index, const rv_values *ids, void *out,
    int32_t numbers, rv_error *error);
/* Vectors of all rows in the order of rv_index_ids; rows says for how many there is room, which
 * must be how many there are. Rows that were null or bad are NaN, of bits zeros. */
RV_API int32_t rv_index_matrix(rv_handle index, int64_t rows, void *out, int32_t numbers,
    rv_error *error);
/* Gives the index a column to measure against, which must hold the vectors that it was built from;
 * 0 takes it away. */
RV_API int32_t rv_index_attach(rv_handle index, rv_handle column, rv_error *error);
/* Adds the column's rows, all or none. ids NULL continues positions. replace: 1 deletes rows of the
 * same ids, 0 refuses them. counts receives the rows replaced and the rows of the index afterwards.
 * Searches go on meanwhile. rv_add is for few rows: it cannot be cancelled; ids and counts of
 * rv_add_start stay with the task until it has ended. */
RV_API int32_t rv_add(rv_handle index, rv_handle column, const rv_values *ids, int32_t replace,
    int32_t threads, int64_t counts[2], rv_error *error);
RV_API int32_t rv_add_start(rv_handle index, rv_handle column, const rv_values *ids,
    int32_t replace, int32_t threads, int64_t counts[2], rv_handle *task, rv_error *error);
/* rv_add of few rows of a C-contiguous float32 matrix, n x dim, which is read during the call only:
 * without a column and its handle it takes half the time for one row. */
RV_API int32_t rv_add_matrix(rv_handle index, const float *rows, int64_t n, int64_t dim,
    const rv_values *ids, int32_t replace, int32_t threads, int64_t counts[2], rv_error *error);
/* Deletes rows, all or none. missing: 1 skips ids of no row, 0 refuses them. */
RV_API int32_t rv_delete(rv_handle index, const rv_values *ids, int32_t missing, int64_t *deleted,
    rv_error *error);
/* Gives the memory of deleted rows back. */
RV_API int32_t rv_compact_start(rv_handle index, int32_t threads, rv_handle *task,
    rv_error *error);
/* Releases the vectors and the codes; searches that run finish first. */
RV_API int32_t rv_index_close(rv_handle index, rv_error *error);

/* ---- Tasks ---- */

/* Waits up to ms milliseconds; *done says whether the task has ended. */
RV_API int32_t rv_task_wait(rv_handle task, int64_t ms, int32_t *done, rv_error *error);
RV_API int32_t rv_task_progress(rv_handle task, int64_t *done, int64_t *total, rv_error *error);
/* Asks the task to end; it ends with RV_CANCELLED unless it was done already. */
RV_API int32_t rv_task_cancel(rv_handle task, rv_error *error);
/* The task's error, or its handle (0 when it makes none), which then belongs to the caller. The
 * task must have ended; asking again gives the same answer. */
RV_API int32_t rv_task_result(rv_handle task, rv_handle *out, rv_error *error);

#include "ruvector_text.h"
#include "ruvector_parquet.h"
#include "ruvector_lake.h"
#include "ruvector_agent.h"

#ifdef __cplusplus
}
#endif
#endif
