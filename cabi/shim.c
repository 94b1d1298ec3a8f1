/* The doors. Each function refuses a forked child, enters Go, and runs the releases that Go
 * dropped meanwhile. Arrow structs are consumed here, whatever Go did with them. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"
#include "shim.h"

static atomic_int forked;

static void note_fork(void)
{
    atomic_store(&forked, 1);
}

__attribute__((constructor)) static void watch_fork(void)
{
    pthread_atfork(NULL, NULL, note_fork);
}

int rvi_forked(void)
{
    return atomic_load_explicit(&forked, memory_order_relaxed);
}

uint32_t rv_abi_version(void)
{
    return RV_ABI_VERSION;
}

/* ---- errors and bytes ---- */

static void free_error(rv_error *error)
{
    free(error->message);
    error->message = NULL;
    error->release = NULL;
}

int32_t rvi_fail(rv_error *error, int32_t kind, int64_t row, int64_t column, const char *message,
    size_t len)
{
    if (error == NULL || error->size < offsetof(rv_error, code))
        return kind;
    rvi_set_code(error, 0);
    error->kind = kind;
    error->row = row;
    error->column = column;
    error->release = NULL;
    error->message = malloc(len + 1);
    if (error->message == NULL)
        return kind;
    memcpy(error->message, message, len);
    error->message[len] = 0;
    error->release = free_error;
    return kind;
}

void rvi_set_code(rv_error *error, int32_t code)
{
    if (error != NULL && error->size >= sizeof *error)
        error->code = code;
}

int32_t rvi_fail_text(rv_error *error, int32_t kind, const char *message)
{
    return rvi_fail(error, kind, -1, -1, message, strlen(message));
}

static void free_bytes(rv_bytes *bytes)
{
    free(bytes->data);
    bytes->data = NULL;
    bytes->len = 0;
    bytes->release = NULL;
}

int32_t rvi_new_bytes(rv_bytes *out, size_t len, rv_error *error)
{
    out->data = malloc(len + 1);
    if (out->data == NULL)
        return rvi_fail_text(error, RV_OUT_OF_MEMORY, "no memory for the answer");
    out->data[len] = 0;
    out->len = (int64_t)len;
    out->release = free_bytes;
    return RV_OK;
}

int32_t rvi_set_bytes(rv_bytes *out, const char *data, size_t len, rv_error *error)
{
    int32_t kind = rvi_new_bytes(out, len, error);

    if (kind == RV_OK)
        memcpy(out->data, data, len);
    return kind;
}

void *rvi_alloc(size_t size)
{
    size_t room = (size / 64 + 1) * 64;
    void *p = size > PTRDIFF_MAX - 64 ? NULL : aligned_alloc(64, room);

    return p == NULL ? NULL : memset(p, 0, room);
}

void rvi_unalloc(void *memory)
{
    free(memory);
}

int32_t rvi_refuse(rv_error *error)
{
    return rvi_fail_text(error, RV_FORKED_PROCESS,
        "ruvector was loaded before this process was forked, and the threads it needs did not "
        "come along; start workers with multiprocessing.get_context(\"spawn\") or \"forkserver\"");
}

int32_t rvi_leave(int32_t kind)
{
    rvi_run_deferred();
    return kind;
}

/* ---- Arrow in ---- */

/* What is wrong with a pair of structs before anything is read from them, or NULL. */
static const char *unusable(const struct ArrowArray *a, const struct ArrowSchema *s)
{
    if (a == NULL || s == NULL)
        return "an Arrow struct is missing";
    if (a->release == NULL || s->release == NULL)
        return "the Arrow data was consumed before; export it again for every use";
    return NULL;
}

/* Gives Go the array behind a deferring proxy and makes sure that nothing of the pair is left. */
#define CONSUME(array, schema, call)                                                     \
    do {                                                                                 \
        const char *why = unusable(array, schema);                                       \
        struct ArrowArray proxy;                                                         \
        int32_t kind;                                                                    \
                                                                                         \
        memset(&proxy, 0, sizeof proxy);                                                 \
        if (rvi_forked())                                                                \
            kind = rvi_refuse(error);                                                    \
        else if (why != NULL)                                                            \
            kind = rvi_fail_text(error, RV_INVALID_ARGUMENT, why);                       \
        else if ((kind = rvi_defer(array, &proxy, error)) == RV_OK)                      \
            kind = call;                                                                 \
        rvi_drop_array(&proxy);                                                          \
        rvi_drop_array(array);                                                           \
        rvi_drop_schema(schema);                                                         \
        return rvi_leave(kind);                                                          \
    } while (0)

int32_t rv_column_import(struct ArrowArray *array, struct ArrowSchema *schema, rv_handle *column,
    rv_error *error)
{
    CONSUME(array, schema, goColumnImport(&proxy, 1, schema, column, error));
}

struct chunks {
    struct ArrowArray *items;
    int64_t n, room;
};

static void drop_chunks(struct chunks *c)
{
    int64_t i;

    for (i = 0; i < c->n; i++)
        rvi_drop_array(&c->items[i]);
    free(c->items);
}

static int32_t stream_failed(struct ArrowArrayStream *stream, rv_error *error)
{
    const char *why = stream->get_last_error == NULL ? NULL : stream->get_last_error(stream);

    return rvi_fail_text(error, RV_COLUMN_ERROR,
        why == NULL ? "the Arrow stream failed without saying why" : why);
}

/* Moves every batch of the stream into chunks. */
static int32_t drain(struct ArrowArrayStream *stream, struct chunks *c, rv_error *error)
{
    for (;;) {
        struct ArrowArray next;
        int32_t kind;

        memset(&next, 0, sizeof next);
        if (stream->get_next(stream, &next) != 0)
            return stream_failed(stream, error);
        if (next.release == NULL)
            return RV_OK;
        if (c->n == c->room) {
            int64_t room = c->room == 0 ? 16 : 2 * c->room;
            void *grown = realloc(c->items, (size_t)room * sizeof *c->items);

            if (grown == NULL) {
                rvi_drop_array(&next);
                return rvi_fail_text(error, RV_OUT_OF_MEMORY, "no memory to read the stream");
            }
            c->items = grown;
            c->room = room;
        }
        kind = rvi_defer(&next, &c->items[c->n], error);
        if (kind != RV_OK) {
            rvi_drop_array(&next);
            return kind;
        }
        c->n++;
    }
}

int32_t rv_column_import_stream(struct ArrowArrayStream *stream, rv_handle *column,
    rv_error *error)
{
    struct ArrowSchema schema;
    struct chunks chunks;
    int32_t kind = RV_OK;

    memset(&schema, 0, sizeof schema);
    memset(&chunks, 0, sizeof chunks);
    if (rvi_forked())
        kind = rvi_refuse(error);
    else if (stream == NULL || stream->release == NULL)
        kind = rvi_fail_text(error, RV_INVALID_ARGUMENT,
            "the Arrow stream was consumed before; export it again for every use");
    else if (stream->get_schema == NULL || stream->get_next == NULL)
        kind = rvi_fail_text(error, RV_INVALID_ARGUMENT, "the Arrow stream has no functions");
    else if (stream->get_schema(stream, &schema) != 0)
        kind = stream_failed(stream, error);
    else
        kind = drain(stream, &chunks, error);
    if (kind == RV_OK && schema.release == NULL)
        kind = rvi_fail_text(error, RV_COLUMN_ERROR, "the Arrow stream has no schema");
    if (kind == RV_OK)
        kind = goColumnImport(chunks.items, chunks.n, &schema, column, error);
    drop_chunks(&chunks);
    rvi_drop_schema(&schema);
    if (stream != NULL && stream->release != NULL)
        stream->release(stream);
    return rvi_leave(kind);
}

int32_t rv_build_start(rv_handle column, struct ArrowArray *ids, struct ArrowSchema *ids_schema,
    const char *options, int64_t len, rv_handle *task, rv_error *error)
{
    if (ids == NULL && ids_schema == NULL)
        ENTER(goBuildStart(column, NULL, NULL, (char *)options, len, task, error));
    CONSUME(ids, ids_schema,
        goBuildStart(column, &proxy, ids_schema, (char *)options, len, task, error));
}

int32_t rv_index_lookup(rv_handle index, struct ArrowArray *ids, struct ArrowSchema *schema,
    int64_t *rows, rv_error *error)
{
    CONSUME(ids, schema, goIndexLookup(index, &proxy, schema, rows, error));
}

/* ---- everything else ---- */

int32_t rv_configure(const char *json, int64_t len, rv_error *error)
{
    ENTER(goConfigure((char *)json, len, error));
}

int32_t rv_info(rv_handle handle, rv_bytes *out, rv_error *error)
{
    ENTER(goInfo(handle, out, error));
}

int32_t rv_free(rv_handle handle, rv_error *error)
{
    ENTER(goFree(handle, error));
}

int32_t rv_column_hash(rv_handle column, uint64_t out[2], rv_error *error)
{
    ENTER(goColumnHash(column, out, error));
}

int32_t rv_column_hash_start(rv_handle column, uint64_t out[2], rv_handle *task, rv_error *error)
{
    ENTER(goColumnHashStart(column, out, task, error));
}

int32_t rv_pca_start(rv_handle column, int64_t dims, float *out, rv_handle *task, rv_error *error)
{
    ENTER(goPCAStart(column, dims, out, task, error));
}

int32_t rv_search(rv_handle index, const rv_search_params *params, rv_error *error)
{
    ENTER(goSearch(index, (rv_search_params *)params, error));
}

int32_t rv_search_one(const rv_search_call *call)
{
    if (call == NULL)
        return RV_INVALID_ARGUMENT;
    rv_error *error = call->error;

    ENTER(goSearch(call->index, call->params, error));
}

int32_t rv_search_start(rv_handle index, const rv_search_params *params, rv_handle *task,
    rv_error *error)
{
    ENTER(goSearchStart(index, (rv_search_params *)params, task, error));
}

int32_t rv_within_start(rv_handle index, const rv_within_params *params, rv_handle *task,
    rv_error *error)
{
    ENTER(goWithinStart(index, (rv_within_params *)params, task, error));
}

int32_t rv_answer_stream(rv_handle answer, struct ArrowArrayStream *out, rv_error *error)
{
    ENTER(goAnswerStream(answer, out, error));
}

int32_t rv_search_groups_start(rv_handle index, const rv_search_params *params,
    const uint32_t *groups, int64_t n_rows, int64_t n_groups, rv_handle *task, rv_error *error)
{
    ENTER(goSearchGroupsStart(index, (rv_search_params *)params, (uint32_t *)groups, n_rows,
        n_groups, task, error));
}

int32_t rv_merge_topk(const rv_merge_params *params, rv_error *error)
{
    ENTER(goMergeTopK((rv_merge_params *)params, error));
}

int32_t rv_add(rv_handle index, rv_handle column, const rv_values *ids, int32_t replace,
    int32_t threads, int64_t counts[2], rv_error *error)
{
    ENTER(goAdd(index, column, (rv_values *)ids, replace, threads, counts, error));
}

int32_t rv_add_start(rv_handle index, rv_handle column, const rv_values *ids, int32_t replace,
    int32_t threads, int64_t counts[2], rv_handle *task, rv_error *error)
{
    ENTER(goAddStart(index, column, (rv_values *)ids, replace, threads, counts, task, error));
}

int32_t rv_add_matrix(rv_handle index, const float *rows, int64_t n, int64_t dim,
    const rv_values *ids, int32_t replace, int32_t threads, int64_t counts[2], rv_error *error)
{
    ENTER(goAddMatrix(
        index, (float *)rows, n, dim, (rv_values *)ids, replace, threads, counts, error));
}

int32_t rv_delete(rv_handle index, const rv_values *ids, int32_t missing, int64_t *deleted,
    rv_error *error)
{
    ENTER(goDelete(index, (rv_values *)ids, missing, deleted, error));
}

int32_t rv_compact_start(rv_handle index, int32_t threads, rv_handle *task, rv_error *error)
{
    ENTER(goCompactStart(index, threads, task, error));
}

int32_t rv_calibrate_start(rv_handle index, const float *queries, int64_t nq, int64_t dim,
    int32_t threads, rv_handle *task, rv_error *error)
{
    ENTER(goCalibrateStart(index, (float *)queries, nq, dim, threads, task, error));
}

int32_t rv_recall_start(rv_handle index, int64_t k, int64_t sample, double recall,
    int32_t threads, double out[5], rv_handle *task, rv_error *error)
{
    ENTER(goRecallStart(index, k, sample, recall, threads, out, task, error));
}

int32_t rv_neighbors_start(rv_handle index, rv_neighbors_params *params, rv_handle *task,
    rv_error *error)
{
    ENTER(goNeighborsStart(index, params, task, error));
}

int32_t rv_save_start(rv_handle index, const char *path, int64_t len, uint32_t flags,
    rv_handle *task, rv_error *error)
{
    ENTER(goSaveStart(index, (char *)path, len, flags, task, error));
}

int32_t rv_load_start(const char *path, int64_t len, rv_handle column, rv_handle *task,
    rv_error *error)
{
    ENTER(goLoadStart((char *)path, len, column, task, error));
}

int32_t rv_encode(rv_handle index, uint32_t flags, rv_bytes *out, rv_error *error)
{
    ENTER(goEncode(index, flags, out, error));
}

int32_t rv_encoding_start(rv_handle index, uint32_t flags, rv_handle *task, rv_error *error)
{
    ENTER(goEncodingStart(index, flags, task, error));
}

int32_t rv_encoding_copy_start(rv_handle encoding, char *out, int64_t len, rv_handle *task,
    rv_error *error)
{
    ENTER(goEncodingCopyStart(encoding, out, len, task, error));
}

int32_t rv_decode_start(const char *data, int64_t len, rv_handle *task, rv_error *error)
{
    ENTER(goDecodeStart((char *)data, len, task, error));
}

int32_t rv_decode(const char *data, int64_t len, rv_handle *index, rv_error *error)
{
    ENTER(goDecode((char *)data, len, index, error));
}

int32_t rv_index_ids(rv_handle index, struct ArrowArray *array, struct ArrowSchema *schema,
    rv_error *error)
{
    ENTER(goIndexIDs(index, array, schema, error));
}

int32_t rv_index_attach(rv_handle index, rv_handle column, rv_error *error)
{
    ENTER(goIndexAttach(index, column, error));
}

int32_t rv_index_close(rv_handle index, rv_error *error)
{
    ENTER(goIndexClose(index, error));
}

int32_t rv_task_wait(rv_handle task, int64_t ms, int32_t *done, rv_error *error)
{
    ENTER(goTaskWait(task, ms, done, error));
}

int32_t rv_task_progress(rv_handle task, int64_t *done, int64_t *total, rv_error *error)
{
    ENTER(goTaskProgress(task, done, total, error));
}

int32_t rv_task_cancel(rv_handle task, rv_error *error)
{
    ENTER(goTaskCancel(task, error));
}

int32_t rv_task_result(rv_handle task, rv_handle *out, rv_error *error)
{
    ENTER(goTaskResult(task, out, error));
}

int32_t rv_embed(const rv_embed_params *params, rv_error *error)
{
    ENTER(goEmbed((rv_embed_params *)params, error));
}
