/* What rv_wrap_matrix makes as a stream of one array, which is taken once, and its schema alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

struct wrapped_stream {
    struct ArrowArray array; /* released once it was taken */
    int64_t dim;
    char format[2];
};

/* The schema of a matrix of no rows; the array beside it is let go. */
static int32_t schema_of(int64_t dim, const char *format, struct ArrowSchema *out, rv_error *error)
{
    struct ArrowArray nothing;
    int32_t kind;

    memset(out, 0, sizeof *out);
    kind = rv_wrap_matrix(NULL, 0, dim, format, NULL, 0, &nothing, out, error);
    if (kind == RV_OK)
        nothing.release(&nothing);
    return kind;
}

int32_t rv_wrap_schema(int64_t dim, const char *format, struct ArrowSchema **out, rv_error *error)
{
    struct ArrowSchema *schema = out == NULL ? NULL : calloc(1, sizeof *schema);
    int32_t kind;

    if (schema == NULL)
        return rvi_fail_text(error, RV_OUT_OF_MEMORY, "wrap: no memory");
    kind = schema_of(dim, format, schema, error);
    if (kind == RV_OK)
        *out = schema;
    else
        free(schema);
    return kind;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct wrapped_stream *w = stream->private_data;

    return schema_of(w->dim, w->format, out, NULL) == RV_OK ? 0 : ENOMEM;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct wrapped_stream *w = stream->private_data;

    *out = w->array; /* released: the end */
    memset(&w->array, 0, sizeof w->array);
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "no memory";
}

static void release_stream(struct ArrowArrayStream *stream)
{
    struct wrapped_stream *w = stream->private_data;

    if (w->array.release != NULL)
        w->array.release(&w->array);
    free(w);
    stream->release = NULL;
}

int32_t rv_wrap_stream(const void *data, int64_t rows, int64_t dim, const char *format,
    const uint8_t *validity, uint64_t token, struct ArrowArrayStream **out, rv_error *error)
{
    struct wrapped_stream *w = calloc(1, sizeof *w);
    struct ArrowArrayStream *stream = calloc(1, sizeof *stream);
    struct ArrowSchema schema;
    int32_t kind = w == NULL || stream == NULL || out == NULL
        ? rvi_fail_text(error, RV_OUT_OF_MEMORY, "wrap: no memory")
        : rv_wrap_matrix(data, rows, dim, format, validity, token, &w->array, &schema, error);

    if (kind != RV_OK) {
        free(w);
        free(stream);
        return kind;
    }
    schema.release(&schema);
    w->dim = dim;
    w->format[0] = format[0];
    stream->get_schema = get_schema;
    stream->get_next = get_next;
    stream->get_last_error = get_last_error;
    stream->release = release_stream;
    stream->private_data = w;
    *out = stream;
    return RV_OK;
}
