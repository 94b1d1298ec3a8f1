/* How Go is entered: fork, errors, bytes, and the doors that need care. Arrow structs are consumed
 * here, whatever Go did with them. Every other door is generated: doors.c. */
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

int32_t rvi_set_bytes(rv_bytes *out, const char *data, size_t len, rv_error *error)
{
    out->data = malloc(len + 1);
    if (out->data == NULL)
        return rvi_fail_text(error, RV_OUT_OF_MEMORY, "no memory for the answer");
    memcpy(out->data, data, len);
    out->data[len] = 0;
    out->len = (int64_t)len;
    out->release = free_bytes;
    return RV_OK;
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

/* Go sees the array behind a deferring proxy; nothing of the pair is left in any outcome. */
int32_t rv_column_import(struct ArrowArray *array, struct ArrowSchema *schema, rv_handle *column,
    rv_error *error)
{
    const char *why = unusable(array, schema);
    struct ArrowSchema only, *seen = schema;
    struct ArrowArray proxy;
    int32_t kind;

    memset(&proxy, 0, sizeof proxy);
    if (rvi_forked())
        kind = rvi_refuse(error);
    else if (why != NULL)
        kind = rvi_fail_text(error, RV_INVALID_ARGUMENT, why);
    else
        kind = rvi_defer(array, &proxy, error);
    if (kind == RV_OK && rvi_only_child_schema(schema, &only)) {
        seen = &only;
        kind = rvi_only_child(&proxy, error);
    }
    if (kind == RV_OK)
        kind = goColumnImport(&proxy, 1, seen, column, error);
    rvi_drop_array(&proxy);
    rvi_drop_array(array);
    rvi_drop_schema(schema);
    return rvi_leave(kind);
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

/* What a stream is imported as; of a table, rows and place are those of rv_right_import_stream. */
struct wanted {
    enum { VECTORS, TEXTS, TABLE } as;
    int64_t rows;
    const int64_t *place;
};

/* Reads a stream to its end and imports what it had. */
static int32_t import_stream(struct ArrowArrayStream *stream, struct wanted wanted, rv_handle *out,
    rv_error *error)
{
    struct ArrowSchema schema, only, *seen = &schema;
    struct chunks chunks;
    int32_t kind = RV_OK;
    int64_t i;

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
    if (kind == RV_OK && wanted.as != TABLE && rvi_only_child_schema(&schema, &only)) {
        seen = &only;
        for (i = 0; i < chunks.n && kind == RV_OK; i++)
            kind = rvi_only_child(&chunks.items[i], error);
    }
    if (kind == RV_OK && wanted.as == TABLE)
        kind = goRightImport(chunks.items, chunks.n, seen, wanted.rows, (int64_t *)wanted.place,
            out, error);
    else if (kind == RV_OK && wanted.as == TEXTS)
        kind = goTextsImport(chunks.items, chunks.n, seen, out, error);
    else if (kind == RV_OK)
        kind = goColumnImport(chunks.items, chunks.n, seen, out, error);
    drop_chunks(&chunks);
    rvi_drop_schema(&schema);
    if (stream != NULL && stream->release != NULL)
        stream->release(stream);
    return rvi_leave(kind);
}

int32_t rv_column_import_stream(struct ArrowArrayStream *stream, rv_handle *column,
    rv_error *error)
{
    return import_stream(stream, (struct wanted){VECTORS, 0, NULL}, column, error);
}

int32_t rv_texts_import_stream(struct ArrowArrayStream *stream, rv_handle *texts, rv_error *error)
{
    return import_stream(stream, (struct wanted){TEXTS, 0, NULL}, texts, error);
}

int32_t rv_right_import_stream(struct ArrowArrayStream *stream, int64_t rows,
    const int64_t *place, rv_handle *right, rv_error *error)
{
    return import_stream(stream, (struct wanted){TABLE, rows, place}, right, error);
}

/* ---- a search in one pointer ---- */

int32_t rv_search_one(const rv_search_call *call)
{
    if (call == NULL)
        return RV_INVALID_ARGUMENT;
    rv_error *error = call->error;

    ENTER(goSearch(call->index, call->params, error));
}

int32_t rv_lake_search_one(const rv_lake_call *call)
{
    if (call == NULL)
        return RV_INVALID_ARGUMENT;
    rv_error *error = call->error;

    ENTER(goLakeSearch(call->target, call->params, call->query, error));
}
