/* A table of one column read as that column: the child seen through the proxy of its parent, which
 * stays whole, so that nothing is asked of the producer that the C data interface does not promise
 * (children are released with their parent). */

#include "shim.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static void forget(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

int rvi_only_child_schema(const struct ArrowSchema *schema, struct ArrowSchema *only)
{
    if (schema->format == NULL || strcmp(schema->format, "+s") != 0 || schema->n_children != 1 ||
        schema->children == NULL || schema->children[0] == NULL ||
        schema->children[0]->release == NULL)
        return 0;
    *only = *schema->children[0];
    only->release = forget;
    only->private_data = NULL;
    return 1;
}

int32_t rvi_only_child(struct ArrowArray *proxy, rv_error *error)
{
    const struct ArrowArray *child;
    int64_t from = proxy->offset, n = proxy->length;

    if (proxy->n_children != 1 || proxy->children == NULL || proxy->children[0] == NULL ||
        proxy->children[0]->release == NULL)
        return rvi_fail_text(error, RV_COLUMN_ERROR,
            "broken Arrow data: a struct without the child that its schema has; the producer of "
            "this array is at fault");
    child = proxy->children[0];
    if (from < 0 || n < 0 || child->length < 0 || child->offset < 0 || from > child->length ||
        n > child->length - from || child->offset > INT64_MAX - from)
        return rvi_fail_text(error, RV_COLUMN_ERROR,
            "broken Arrow data: a struct longer than its child; the producer of this array is at "
            "fault");
    if (proxy->null_count != 0 && proxy->n_buffers > 0 && proxy->buffers != NULL &&
        proxy->buffers[0] != NULL)
        return rvi_fail_text(error, RV_COLUMN_ERROR,
            "rows of the Arrow struct may be null; pass the column inside it");
    if (child->null_count == 0 || child->n_buffers < 1 || child->buffers == NULL ||
        child->buffers[0] == NULL)
        proxy->null_count = child->null_count > 0 ? child->null_count : 0;
    else
        proxy->null_count = n == child->length ? child->null_count : -1;
    proxy->offset = child->offset + from;
    proxy->n_buffers = child->n_buffers;
    proxy->n_children = child->n_children;
    proxy->buffers = child->buffers;
    proxy->children = child->children;
    proxy->dictionary = child->dictionary;
    return RV_OK;
}
