/* Who releases imported arrays, and on which thread.
 *
 * A producer's release may want the interpreter lock, so it must never run on a goroutine. Every
 * imported array is therefore moved into a node of ours; Go sees a copy whose release only puts
 * the node on a list. The functions of ruvector.h empty that list before they return.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "shim.h"

struct node {
    struct ArrowArray array;
    struct node *next;
};

/* Pushed to one at a time, taken whole: no node can come back between a read and an exchange. */
static _Atomic(struct node *) queued;
static _Atomic int64_t live;

int64_t rv_live(void)
{
    return atomic_load(&live);
}

static void queue_release(struct ArrowArray *proxy)
{
    struct node *n = proxy->private_data;

    proxy->release = NULL;
    n->next = atomic_load(&queued);
    while (!atomic_compare_exchange_weak(&queued, &n->next, n))
        ;
}

int32_t rvi_defer(struct ArrowArray *source, struct ArrowArray *proxy, rv_error *error)
{
    struct node *n = calloc(1, sizeof *n);

    if (n == NULL)
        return rvi_fail_text(error, RV_OUT_OF_MEMORY, "no memory to import an Arrow array");
    n->array = *source;
    source->release = NULL;
    *proxy = n->array;
    proxy->release = queue_release;
    proxy->private_data = n;
    atomic_fetch_add(&live, 1);
    return RV_OK;
}

void rvi_run_deferred(void)
{
    struct node *n;

    if (atomic_load_explicit(&queued, memory_order_relaxed) == NULL || rvi_forked())
        return;
    n = atomic_exchange(&queued, NULL);
    while (n != NULL) {
        struct node *next = n->next;

        rvi_drop_array(&n->array);
        free(n);
        atomic_fetch_sub(&live, 1);
        n = next;
    }
}

void rvi_drop_array(struct ArrowArray *array)
{
    if (array != NULL && array->release != NULL)
        array->release(array);
}

void rvi_drop_schema(struct ArrowSchema *schema)
{
    if (schema != NULL && schema->release != NULL)
        schema->release(schema);
}
