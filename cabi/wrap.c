/* Arrow structs over memory that the caller owns and finds again by a token. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

struct wrapped {
    const void *buffers[1];
    const void *child_buffers[2];
    struct ArrowArray child;
    struct ArrowArray *children[1];
    uint64_t token;
    struct wrapped *next;
};

struct wrapped_schema {
    char format[24];
    char child_format[4];
    struct ArrowSchema child;
    struct ArrowSchema *children[1];
};

/* Released wrappers whose tokens nobody has taken yet; pushed to singly, taken whole. */
static _Atomic(struct wrapped *) released;

static void push_released(struct wrapped *first, struct wrapped *last)
{
    last->next = atomic_load(&released);
    while (!atomic_compare_exchange_weak(&released, &last->next, first))
        ;
}

static void release_child(struct ArrowArray *child)
{
    child->release = NULL;
}

static void release_wrapped(struct ArrowArray *array)
{
    struct wrapped *w = array->private_data;

    array->release = NULL;
    push_released(w, w);
}

static void release_child_schema(struct ArrowSchema *child)
{
    child->release = NULL;
}

static void release_schema(struct ArrowSchema *schema)
{
    free(schema->private_data);
    schema->release = NULL;
}

int64_t rv_take_released(uint64_t *tokens, int64_t cap)
{
    struct wrapped *w = atomic_exchange(&released, NULL);
    int64_t n = 0;

    while (w != NULL && n < cap) {
        struct wrapped *next = w->next;

        tokens[n++] = w->token;
        free(w);
        w = next;
    }
    if (w != NULL) {
        struct wrapped *last = w;

        while (last->next != NULL)
            last = last->next;
        push_released(w, last);
    }
    return n;
}

static int64_t bitmap_nulls(const uint8_t *validity, int64_t n)
{
    int64_t i, nulls = 0;

    if (validity == NULL)
        return 0;
    for (i = 0; i < n; i++)
        nulls += !(validity[i >> 3] >> (i & 7) & 1);
    return nulls;
}

static struct wrapped *new_wrapped(const uint8_t *validity, int64_t n, uint64_t token,
    struct ArrowArray *array)
{
    struct wrapped *w = calloc(1, sizeof *w);

    if (w == NULL)
        return NULL;
    w->token = token;
    w->buffers[0] = validity;
    memset(array, 0, sizeof *array);
    array->length = n;
    array->null_count = bitmap_nulls(validity, n);
    array->n_buffers = 1;
    array->buffers = w->buffers;
    array->release = release_wrapped;
    array->private_data = w;
    return w;
}

static struct wrapped_schema *new_schema(struct ArrowSchema *schema)
{
    struct wrapped_schema *s = calloc(1, sizeof *s);

    memset(schema, 0, sizeof *schema);
    if (s == NULL)
        return NULL;
    schema->format = s->format;
    schema->name = "";
    schema->flags = ARROW_FLAG_NULLABLE;
    schema->release = release_schema;
    schema->private_data = s;
    return s;
}

static int bad_matrix(int64_t rows, int64_t dim, const char *format)
{
    return rows < 0 || dim < 1 || dim > INT32_MAX || (rows > 0 && dim > INT64_MAX / 8 / rows)
        || format == NULL || strlen(format) != 1 || strchr("efgcC", format[0]) == NULL;
}

int32_t rv_wrap_matrix(const void *data, int64_t rows, int64_t dim, const char *format,
    const uint8_t *validity, uint64_t token, struct ArrowArray *array, struct ArrowSchema *schema,
    rv_error *error)
{
    struct wrapped_schema *s;
    struct wrapped *w;

    if (array == NULL || schema == NULL || bad_matrix(rows, dim, format))
        return rvi_fail_text(error, RV_INVALID_ARGUMENT, "wrap: bad shape or format of a matrix");
    s = new_schema(schema);
    w = s == NULL ? NULL : new_wrapped(validity, rows, token, array);
    if (w == NULL) {
        if (s != NULL)
            release_schema(schema);
        return rvi_fail_text(error, RV_OUT_OF_MEMORY, "wrap: no memory");
    }
    w->child_buffers[1] = data;
    w->child.length = rows * dim;
    w->child.n_buffers = 2;
    w->child.buffers = w->child_buffers;
    w->child.release = release_child;
    w->children[0] = &w->child;
    array->n_children = 1;
    array->children = w->children;
    snprintf(s->format, sizeof s->format, "+w:%d", (int)dim);
    s->child_format[0] = format[0];
    s->child.format = s->child_format;
    s->child.name = "item";
    s->child.release = release_child_schema;
    s->children[0] = &s->child;
    schema->n_children = 1;
    schema->children = s->children;
    return RV_OK;
}
