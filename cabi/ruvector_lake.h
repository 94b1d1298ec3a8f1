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

/* ---- Bundles ---- */

/* Works on table.rulake.json, the document beside a published index. text and other are JSON of a
 * bundle or the path of a folder, as verb says; what a verb does not use is not looked at.
 *   "seal"     text: a bundle; the same with the witness that it should have
 *   "decode"   text: a bundle; the same as it would be written. The witness is not verified
 *   "verify"   text: a bundle; nothing, or RV_WITNESS_MISMATCH with both witnesses
 *   "compare"  text and other: bundles; nothing, or RV_WITNESS_MISMATCH naming fields
 *   "write"    text: a bundle, other: a folder; the path of the file
 *   "read"     other: a folder; the bundle in it, verified */
RV_API int32_t rv_bundle(const char *verb, const char *text, int64_t text_len, const char *other,
    int64_t other_len, rv_bytes *out, rv_error *error);
