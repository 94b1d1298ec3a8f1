/* What the C files of this package share. Nothing here is visible outside the library. */
#ifndef RUVECTOR_SHIM_H
#define RUVECTOR_SHIM_H

#include <stddef.h>

#include "ruvector.h"

/* 1 in a child of fork(). */
int rvi_forked(void);

/* How a door is entered: not in a forked child, and with the releases that Go dropped run after. */
#define ENTER(call) return rvi_forked() ? rvi_refuse(error) : rvi_leave(call)
int32_t rvi_refuse(rv_error *error);
int32_t rvi_leave(int32_t kind);

/* Fills error (which may be NULL) and returns kind. */
int32_t rvi_fail(rv_error *error, int32_t kind, int64_t row, int64_t column, const char *message,
    size_t len);
/* Adds the system's errno to an error. */
void rvi_set_code(rv_error *error, int32_t code);
int32_t rvi_fail_text(rv_error *error, int32_t kind, const char *message);

/* Copies len bytes into out. */
int32_t rvi_set_bytes(rv_bytes *out, const char *data, size_t len, rv_error *error);

/* Moves source into proxy, whose release does not run the producer's release but queues it. */
int32_t rvi_defer(struct ArrowArray *source, struct ArrowArray *proxy, rv_error *error);

/* Runs the queued releases. Called on threads that entered through ruvector.h only. */
void rvi_run_deferred(void);

/* Whether a schema is of a table of one column; `only` is then that column's, without ownership. */
int rvi_only_child_schema(const struct ArrowSchema *schema, struct ArrowSchema *only);
/* Has the proxy of such a table show its column instead. */
int32_t rvi_only_child(struct ArrowArray *proxy, rv_error *error);

/* Releases what is not NULL and not released. */
void rvi_drop_array(struct ArrowArray *array);
void rvi_drop_schema(struct ArrowSchema *schema);

/* Zeroed memory aligned to 64 bytes, or NULL; and back. */
void *rvi_alloc(size_t size);
void rvi_unalloc(void *memory);

/* Keeps address space back for the runtime; 0 when there is none. rvi_short is 1 from the moment
 * when little of it was left until there is enough again. */
int32_t rvi_hold_reserve(void);
extern uint32_t rvi_short;

#endif
