/* Results as an Arrow stream of one batch. All memory is malloc's and belongs to the stream until
 * the batch is taken, then to the batch; consumers may outlive everything else of this library. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

enum { ALIGNMENT = 64 };

struct column {
    int64_t dim, nulls;
    void *validity, *offsets, *data;
    const void *buffers[3];
    const void *child_buffers[2];
    struct ArrowArray array, child;
    struct ArrowArray *children[1];
};

struct batch {
    int64_t rows, n;
    struct column *columns;
    struct ArrowArray **children;
    const void *buffers[1];
};

struct field {
    char *name;
    char format[24];
    char child_format[2];
};

struct stream {
    int64_t n;
    struct field *fields;
    struct batch *batch; /* NULL once it was taken */
};

struct schema_field {
    struct field field;
    struct ArrowSchema schema, child;
    struct ArrowSchema *children[1];
};

static void free_batch(struct batch *b)
{
    int64_t i;

    if (b == NULL)
        return;
    for (i = 0; b->columns != NULL && i < b->n; i++) {
        struct column *c = &b->columns[i];

        free(c->validity);
        free(c->offsets);
        free(c->data);
    }
    free(b->columns);
    free(b->children);
    free(b);
}

/* ---- building ---- */

static int width_of(char format)
{
    switch (format) {
    case 'c': case 'C': return 1;
    case 's': case 'S': case 'e': return 2;
    case 'i': case 'I': case 'f': return 4;
    case 'l': case 'L': case 'g': return 8;
    }
    return 0;
}

/* A copy of n bytes, never NULL for n = 0 so that no reader meets a missing buffer. */
static void *copy_aligned(const void *from, int64_t n)
{
    size_t room = ((size_t)n + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    char *to = aligned_alloc(ALIGNMENT, room);

    if (to == NULL)
        return NULL;
    if (n > 0)
        memcpy(to, from, (size_t)n);
    memset(to + n, 0, room - (size_t)n);
    return to;
}

static int64_t count_nulls(const uint8_t *validity, int64_t n)
{
    int64_t i, nulls = 0;

    for (i = 0; i < n; i++)
        nulls += !(validity[i >> 3] >> (i & 7) & 1);
    return nulls;
}

/* Bytes of a column's data, or -1. */
static int64_t data_bytes(const rv_export_column *in, int64_t rows)
{
    int64_t width = width_of(in->format[0]);

    if (in->format[0] == 'u')
        return in->offsets == NULL ? -1 : ((const int32_t *)in->offsets)[rows];
    if (in->format[0] == 'U')
        return in->offsets == NULL ? -1 : ((const int64_t *)in->offsets)[rows];
    if (in->format[0] == 'b')
        return (rows + 7) / 8;
    if (in->dim > 0) {
        if (rows > 0 && in->dim > INT64_MAX / 8 / rows)
            return -1;
        rows *= in->dim;
    }
    return width == 0 ? -1 : rows * width;
}

static int32_t copy_column(struct column *c, const rv_export_column *in, int64_t rows)
{
    int64_t bytes = data_bytes(in, rows), offset_bytes;

    if (bytes < 0 || (bytes > 0 && in->data == NULL))
        return RV_INVALID_ARGUMENT;
    c->dim = in->dim;
    c->data = copy_aligned(in->data, bytes);
    if (c->data == NULL)
        return RV_OUT_OF_MEMORY;
    if (in->offsets != NULL) {
        offset_bytes = (rows + 1) * (in->format[0] == 'u' ? 4 : 8);
        c->offsets = copy_aligned(in->offsets, offset_bytes);
        if (c->offsets == NULL)
            return RV_OUT_OF_MEMORY;
    }
    if (in->validity != NULL) {
        c->nulls = count_nulls(in->validity, rows);
        c->validity = copy_aligned(in->validity, (rows + 7) / 8);
        if (c->validity == NULL)
            return RV_OUT_OF_MEMORY;
    }
    return RV_OK;
}

/* ---- the batch ---- */

static void release_part(struct ArrowArray *a)
{
    a->release = NULL;
}

static void release_batch(struct ArrowArray *a)
{
    int64_t i;

    for (i = 0; i < a->n_children; i++)
        rvi_drop_array(a->children[i]);
    free_batch(a->private_data);
    a->release = NULL;
}

static void fill_column(struct column *c, int64_t rows)
{
    struct ArrowArray *a = &c->array;

    c->buffers[0] = c->validity;
    a->length = rows;
    a->null_count = c->nulls;
    a->buffers = c->buffers;
    a->release = release_part;
    if (c->dim > 0) {
        c->child_buffers[1] = c->data;
        c->child.length = rows * c->dim;
        c->child.n_buffers = 2;
        c->child.buffers = c->child_buffers;
        c->child.release = release_part;
        c->children[0] = &c->child;
        a->n_buffers = 1;
        a->n_children = 1;
        a->children = c->children;
    } else if (c->offsets != NULL) {
        c->buffers[1] = c->offsets;
        c->buffers[2] = c->data;
        a->n_buffers = 3;
    } else {
        c->buffers[1] = c->data;
        a->n_buffers = 2;
    }
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct stream *s = stream->private_data;
    struct batch *b = s->batch;
    int64_t i;

    memset(out, 0, sizeof *out);
    if (b == NULL)
        return 0;
    for (i = 0; i < b->n; i++) {
        fill_column(&b->columns[i], b->rows);
        b->children[i] = &b->columns[i].array;
    }
    out->length = b->rows;
    out->n_buffers = 1;
    out->buffers = b->buffers;
    out->n_children = b->n;
    out->children = b->children;
    out->release = release_batch;
    out->private_data = b;
    s->batch = NULL;
    return 0;
}

static struct batch *new_batch(const rv_export_column *columns, int64_t n, int64_t rows,
    int32_t *kind)
{
    struct batch *b = calloc(1, sizeof *b);
    int64_t i;

    *kind = RV_OUT_OF_MEMORY;
    if (b == NULL)
        return NULL;
    b->rows = rows;
    b->n = n;
    b->columns = calloc((size_t)n + 1, sizeof *b->columns);
    b->children = calloc((size_t)n + 1, sizeof *b->children);
    *kind = b->columns == NULL || b->children == NULL ? RV_OUT_OF_MEMORY : RV_OK;
    for (i = 0; *kind == RV_OK && i < n; i++)
        *kind = copy_column(&b->columns[i], &columns[i], rows);
    if (*kind == RV_OK)
        return b;
    free_batch(b);
    return NULL;
}

/* ---- the schema ---- */

static void free_fields(struct field *fields, int64_t n)
{
    int64_t i;

    for (i = 0; fields != NULL && i < n; i++)
        free(fields[i].name);
    free(fields);
}

static struct field *new_fields(const rv_export_column *columns, int64_t n)
{
    struct field *fields = calloc((size_t)n + 1, sizeof *fields);
    int64_t i;

    for (i = 0; fields != NULL && i < n; i++) {
        fields[i].name = strdup(columns[i].name);
        if (fields[i].name == NULL) {
            free_fields(fields, i);
            return NULL;
        }
        fields[i].format[0] = fields[i].child_format[0] = columns[i].format[0];
        if (columns[i].dim > 0)
            snprintf(fields[i].format, sizeof fields[i].format, "+w:%d", (int)columns[i].dim);
    }
    return fields;
}

static void release_schema_part(struct ArrowSchema *s)
{
    s->release = NULL;
}

static void free_schema_fields(struct schema_field *fields, int64_t n)
{
    int64_t i;

    for (i = 0; fields != NULL && i < n; i++)
        free(fields[i].field.name);
    free(fields);
}

static void release_schema(struct ArrowSchema *s)
{
    int64_t i;

    for (i = 0; i < s->n_children; i++)
        rvi_drop_schema(s->children[i]);
    free_schema_fields(s->private_data, s->n_children);
    free(s->children);
    s->release = NULL;
}

static void fill_schema(struct schema_field *f)
{
    f->schema.format = f->field.format;
    f->schema.name = f->field.name;
    f->schema.flags = ARROW_FLAG_NULLABLE;
    f->schema.release = release_schema_part;
    if (f->field.format[0] != '+')
        return;
    f->child.format = f->field.child_format;
    f->child.name = "item";
    f->child.flags = ARROW_FLAG_NULLABLE;
    f->child.release = release_schema_part;
    f->children[0] = &f->child;
    f->schema.n_children = 1;
    f->schema.children = f->children;
}

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct stream *s = stream->private_data;
    struct schema_field *fields = calloc((size_t)s->n + 1, sizeof *fields);
    struct ArrowSchema **children = calloc((size_t)s->n + 1, sizeof *children);
    int64_t i;

    memset(out, 0, sizeof *out);
    for (i = 0; fields != NULL && children != NULL && i < s->n; i++) {
        fields[i].field = s->fields[i];
        fields[i].field.name = strdup(s->fields[i].name);
        if (fields[i].field.name == NULL)
            break;
        fill_schema(&fields[i]);
        children[i] = &fields[i].schema;
    }
    if (fields == NULL || children == NULL || i < s->n) {
        free_schema_fields(fields, s->n);
        free(children);
        return ENOMEM;
    }
    out->format = "+s";
    out->name = "";
    out->n_children = s->n;
    out->children = children;
    out->release = release_schema;
    out->private_data = fields;
    return 0;
}

/* ---- the stream ---- */

static const char *stream_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "no memory";
}

static void release_stream(struct ArrowArrayStream *stream)
{
    struct stream *s = stream->private_data;

    free_batch(s->batch);
    free_fields(s->fields, s->n);
    free(s);
    stream->release = NULL;
}

static int bad_column(const rv_export_column *c)
{
    return c->name == NULL || c->format == NULL || strlen(c->format) != 1 || c->dim < 0
        || c->dim > INT32_MAX;
}

int32_t rv_export_stream(const rv_export_column *columns, int64_t n, int64_t rows,
    struct ArrowArrayStream **out, rv_error *error)
{
    int32_t kind = n < 0 || rows < 0 || out == NULL || (n > 0 && columns == NULL);
    struct ArrowArrayStream *stream;
    struct batch *batch;
    struct stream *s;
    int64_t i;

    for (i = 0; kind == RV_OK && i < n; i++)
        kind = bad_column(&columns[i]);
    if (kind != RV_OK)
        return rvi_fail_text(error, RV_INVALID_ARGUMENT, "export: bad column");
    batch = new_batch(columns, n, rows, &kind);
    if (batch == NULL)
        return rvi_fail_text(error, kind, "export: bad column, or no memory to copy it");
    stream = calloc(1, sizeof *stream);
    s = calloc(1, sizeof *s);
    if (s != NULL)
        s->fields = new_fields(columns, n);
    if (stream == NULL || s == NULL || s->fields == NULL) {
        free_batch(batch);
        free(stream);
        free(s);
        return rvi_fail_text(error, RV_OUT_OF_MEMORY, "export: no memory");
    }
    s->n = n;
    s->batch = batch;
    stream->get_schema = stream_schema;
    stream->get_next = stream_next;
    stream->get_last_error = stream_error;
    stream->release = release_stream;
    stream->private_data = s;
    *out = stream;
    return RV_OK;
}
