/* Rows of an adapter: its stream is read here, on the adapter's own thread, and each array handed
 * to Go. */
#include <string.h>

#include "_cgo_export.h"
#include "shim.h"

static int32_t broke(struct ArrowArrayStream *stream, rv_handle to, rv_error *error)
{
    const char *why = stream->get_last_error == NULL ? NULL : stream->get_last_error(stream);

    if (why == NULL)
        why = "it failed without saying why";
    return goAdapterEnd(to, (char *)why, (int64_t)strlen(why), error);
}

static int32_t schema_of(struct ArrowArrayStream *stream, struct ArrowSchema *schema,
    rv_error *error)
{
    const char *why = NULL;

    memset(schema, 0, sizeof *schema);
    if (stream->get_schema(stream, schema) == 0 && schema->release != NULL)
        return RV_OK;
    if (stream->get_last_error != NULL)
        why = stream->get_last_error(stream);
    return rvi_fail_text(error, RV_COLUMN_ERROR,
        why == NULL ? "the Arrow stream tells no schema" : why);
}

/* Sends arrays until there are no more or nobody wants them. */
static int32_t send_all(struct ArrowArrayStream *stream, rv_handle to, int32_t *wanted,
    rv_error *error)
{
    int32_t kind = RV_OK;

    while (kind == RV_OK && *wanted) {
        struct ArrowArray next, proxy;
        struct ArrowSchema schema;

        memset(&next, 0, sizeof next);
        if (stream->get_next(stream, &next) != 0) {
            *wanted = 0;
            return broke(stream, to, error);
        }
        if (next.release == NULL)
            return RV_OK;
        memset(&proxy, 0, sizeof proxy);
        kind = schema_of(stream, &schema, error);
        if (kind == RV_OK)
            kind = rvi_defer(&next, &proxy, error);
        if (kind == RV_OK)
            kind = goAdapterPart(to, &proxy, &schema, wanted, error);
        rvi_drop_array(&proxy);
        rvi_drop_array(&next);
        rvi_drop_schema(&schema);
        rvi_run_deferred();
    }
    return kind;
}

int32_t rv_adapter_answer_stream(rv_handle backend, uint64_t question,
    struct ArrowArrayStream *stream, const char *generation, int64_t len, int32_t owned,
    rv_handle *rows, int32_t *wanted, rv_error *error)
{
    struct ArrowSchema schema;
    int32_t kind = RV_OK;

    memset(&schema, 0, sizeof schema);
    if (rvi_forked())
        kind = rvi_refuse(error);
    else if (stream == NULL || stream->release == NULL)
        kind = rvi_fail_text(error, RV_INVALID_ARGUMENT,
            "the Arrow stream was consumed before; export it again for every use");
    else if (rows == NULL || wanted == NULL)
        kind = rvi_fail_text(error, RV_INVALID_ARGUMENT, "no place for the answer");
    else if (stream->get_schema == NULL || stream->get_next == NULL)
        kind = rvi_fail_text(error, RV_INVALID_ARGUMENT, "the Arrow stream has no functions");
    else
        kind = schema_of(stream, &schema, error);
    if (kind == RV_OK)
        kind = goAdapterBegin(backend, question, &schema, (char *)generation, len, owned,
            rows, wanted, error);
    if (kind == RV_OK && *wanted)
        kind = send_all(stream, *rows, wanted, error);
    rvi_drop_schema(&schema);
    if (stream != NULL && stream->release != NULL)
        stream->release(stream);
    return rvi_leave(kind);
}
