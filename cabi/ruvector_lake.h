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

/* ---- Adapters: stores that somebody outside answers ---- */

/* A backend of this name whose questions come out of rv_adapter_next. describes: 1 if it answers
 * what its bundles say. Freed or closed, it ends all that wait for it. */
RV_API int32_t rv_adapter_new(const char *name, int64_t len, int32_t describes, rv_handle *backend,
    rv_error *error);
/* Waits up to ms for a question that nobody has taken: JSON of "id", "op" ("collections", "stamp",
 * "pull" or "bundle") and "collection"; no bytes if none came. RV_BACKEND_ERROR once closed. */
RV_API int32_t rv_adapter_next(rv_handle backend, int64_t ms, rv_bytes *out, rv_error *error);
/* Of all answers, wanted receives 0 if nobody waits any more and 1 otherwise, also where what was
 * answered cannot be, which whoever waits is told.
 * json: a list of names; of a stamp "data_ref", "dim" (0: not known) and "generation", a number or
 * a text; of a bundle its document. */
RV_API int32_t rv_adapter_answer(rv_handle backend, uint64_t question, const char *json,
    int64_t len, int32_t *wanted, rv_error *error);
/* Answers a pull. vectors: a column of Arrow arrays, 0 for none, which may be freed. generation is
 * JSON. owned: 1 if nobody will write to the vectors' memory. */
RV_API int32_t rv_adapter_answer_rows(rv_handle backend, uint64_t question, const rv_values *ids,
    rv_handle vectors, const char *generation, int64_t len, int32_t owned, int32_t *wanted,
    rv_error *error);
/* Answers a pull with a stream of tables of "id" and "vector", read on this thread as fast as it
 * is wanted, until it ends or nobody wants more. wanted is 1 if the stream ended well: then rows
 * waits for rv_adapter_end. */
RV_API int32_t rv_adapter_answer_stream(rv_handle backend, uint64_t question,
    struct ArrowArrayStream *stream, const char *generation, int64_t len, int32_t owned,
    rv_handle *rows, int32_t *wanted, rv_error *error);
/* Says that rows are complete (message NULL), or why they are not; the handle is to be freed. */
RV_API int32_t rv_adapter_end(rv_handle rows, const char *message, int64_t len, rv_error *error);
/* Answers any question with an error: RV_UNKNOWN_COLLECTION, or RV_BACKEND_ERROR, which all other
 * kinds become. code comes back as that of the rv_error, 0 is none. */
RV_API int32_t rv_adapter_fail(rv_handle backend, uint64_t question, int32_t kind, int32_t code,
    const char *message, int64_t len, int32_t *wanted, rv_error *error);
/* wanted receives 1 while somebody waits for the answer. */
RV_API int32_t rv_adapter_wanted(rv_handle backend, uint64_t question, int32_t *wanted,
    rv_error *error);
/* Ends every question, those to come included. */
RV_API int32_t rv_adapter_close(rv_handle backend, rv_error *error);
/* Asks any store what a lake asks it. op: that of a question but "bundle", NUL-terminated. The
 * task's result is for rv_answer_stream: "name" of all collections; "data_ref" and "generation" of
 * a stamp, as text; or all rows, as a lake reads them, "id", "vector" and the "generation" of the
 * pull. */
RV_API int32_t rv_backend_ask_start(rv_handle backend, const char *op, const char *collection,
    int64_t len, rv_handle *task, rv_error *error);
