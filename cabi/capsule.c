/* The destructors of the capsules that carry what this library made. They run while the
 * interpreter deletes the capsule, with its lock held, also in a forked child and while it shuts
 * down: C only, nothing of Go. */
#include <stdlib.h>

#include "shim.h"

static void *(*get_pointer)(void *capsule, const char *name);
static void (*clear_error)(void);

void rv_capsule_init(void *get, void *clear)
{
    get_pointer = (void *(*)(void *, const char *))get;
    clear_error = (void (*)(void))clear;
}

/* A destructor must not raise: a capsule that was renamed has a new owner. */
static void *content(void *capsule, const char *name)
{
    void *p = get_pointer == NULL ? NULL : get_pointer(capsule, name);

    if (p == NULL && clear_error != NULL)
        clear_error();
    return p;
}

void rv_capsule_free_schema(void *capsule)
{
    struct ArrowSchema *s = content(capsule, "arrow_schema");

    if (s != NULL && s->release != NULL)
        s->release(s);
    free(s);
}

void rv_capsule_free_stream(void *capsule)
{
    struct ArrowArrayStream *s = content(capsule, "arrow_array_stream");

    if (s != NULL && s->release != NULL)
        s->release(s);
    free(s);
}
