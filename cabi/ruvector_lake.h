/* Part of ruvector.h: one search over many stores, and waiting without blocking. */

/* ---- Waiting in an event loop ---- */

/* Makes a queue of ended tasks, one for each event loop. fd receives a descriptor that is readable
 * while the queue has tokens; only the queue reads and closes it. rv_free closes it. */
RV_API int32_t rv_queue_new(rv_handle *queue, int32_t *fd, rv_error *error);
/* Has the token appear once the task has ended, in whatever way: at once if it has. Freeing the
 * task lets it appear, too. */
RV_API int32_t rv_queue_watch(rv_handle queue, rv_handle task, uint64_t token, rv_error *error);
/* Takes up to cap tokens, those of tasks that ended first; n receives how many. Never waits. */
RV_API int32_t rv_queue_drain(rv_handle queue, uint64_t *tokens, int64_t cap, int64_t *n,
    rv_error *error);
