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

/* ---- Lakes, stores, searches ---- */

/* Makes a lake. options: JSON of "consistency" ("fresh", "eventual", "frozen"), "ttl_ns", "metric",
 * "kind", "recall", "rerank_factor", "rotation_seed", "cache_bytes", "cache_entries", "threads",
 * "stale_if_error" and "stale_while_revalidate"; what is absent has its default. */
RV_API int32_t rv_lake_new(const char *options, int64_t len, rv_handle *lake, rv_error *error);
/* Makes a store of ours. options: JSON of "type" ("local", "fs", "parquet") and "id", of the last
 * two "root", of the last "column", "ids" and "dim". */
RV_API int32_t rv_backend_new(const char *options, int64_t len, rv_handle *backend,
    rv_error *error);
/* The lake keeps the store alive. */
RV_API int32_t rv_lake_register(rv_handle lake, rv_handle backend, rv_error *error);

/* One change of a collection of a store. verb: 0 puts the rows in place of all others, 1 appends
 * rows of new ids, 2 replaces those of known ids as well, 3 deletes ids. vectors is a column, 0 for
 * verb 3. missing: 1 skips ids of no row, 0 refuses them. count receives the rows replaced or
 * deleted. collection is copied; ids and count stay with the task until it has ended. */
typedef struct rv_backend_change {
    uint32_t size;
    int32_t verb;
    const char *collection;
    int64_t collection_len;
    rv_handle vectors;
    const rv_values *ids;
    int32_t missing, pad;
    int64_t *count;
} rv_backend_change;

RV_API int32_t rv_backend_change_start(rv_handle backend, const rv_backend_change *change,
    rv_handle *task, rv_error *error);

/* A collection of a lake. key: JSON of "backend" and "collection". Neither need be there yet. */
RV_API int32_t rv_lake_target(rv_handle lake, const char *key, int64_t len, rv_handle *target,
    rv_error *error);

/* How a lake is asked, beside an rv_search_params. consistency: -1 as the collection or the lake
 * says, 0 fresh, 1 eventual with ttl_ns, 2 frozen. session: 0 for none. rerank_factor: 0 for the
 * lake's. entry: not 0 asks only of this entry of the cache, RV_CACHE_MISS if another or none would
 * be searched. lenient: 1 leaves ids of a filter out that no row has, 0 refuses them. Filled in are
 * the entry searched, its rows and dimensions, and what its ids are: 0 int64, 1 uint64, 2 texts. */
typedef struct rv_lake_query {
    uint32_t size;
    int32_t consistency;
    int64_t ttl_ns;
    rv_handle session;
    int64_t rerank_factor;
    uint64_t entry;
    int64_t rows, dim;
    int32_t lenient, id_kind;
} rv_lake_query;

typedef struct rv_lake_call {
    rv_handle target;
    rv_search_params *params;
    rv_lake_query *query;
    rv_error *error;
} rv_lake_call;

/* A search of one collection, in one pointer. Of params what rv_search reads, but for rerank,
 * source, like and diversity. Short work on this thread, which cannot be cancelled:
 * query->entry must not be 0. */
RV_API int32_t rv_lake_search_one(const rv_lake_call *call);
/* The same as a task, which also pulls and builds what is not in the cache. Everything that params
 * and query point to stays with the task until it has ended, query and params themselves too. */
RV_API int32_t rv_lake_search_start(rv_handle target, const rv_search_params *params,
    rv_lake_query *query, rv_handle *task, rv_error *error);

/* A search of several collections. targets: JSON of a list of objects as rv_lake_target takes,
 * targets_len bytes; NULL asks all collections of the query's dimensions. deadline_ns: 0 for none.
 * partial: 1 answers from the collections that can. dedupe: 1 keeps the best of rows of one id.
 * Of query are read consistency, session and rerank_factor; ids of a filter name rows of any
 * collection. Of params are written ids, scores,
 * counts and plan as rv_search does, and the texts of cells whose ids are texts; places, of nq x k,
 * says which collection a hit is of: its number in the note that is the task's result, JSON of
 * "k" (the cells of each query, which is at most the k asked for and the rows that there are),
 * "targets" (backend, collection and id_kind) and "errors" (backend, collection, kind, message, row
 * and column). */
typedef struct rv_lake_federated {
    uint32_t size;
    int32_t partial, dedupe, pad;
    const char *targets;
    int64_t targets_len, deadline_ns;
    const rv_search_params *params;
    rv_lake_query *query;
    int32_t *places;
} rv_lake_federated;

RV_API int32_t rv_lake_federated_start(rv_handle lake, const rv_lake_federated *params,
    rv_handle *task, rv_error *error);


/* ---- Lakes, all other verbs ---- */

/* What is quick: request is JSON of "verb" and its arguments, out JSON. See cabi/lakecalls.go. */
RV_API int32_t rv_lake_ask(rv_handle lake, const char *request, int64_t len, rv_bytes *out,
    rv_error *error);
/* What may take long: the task's result is a note. */
RV_API int32_t rv_lake_call_start(rv_handle lake, const char *request, int64_t len,
    rv_handle *task, rv_error *error);
/* The text of a note. */
RV_API int32_t rv_note(rv_handle note, rv_bytes *out, rv_error *error);
/* A session: collections are looked at once while it lasts, whatever the consistency. */
RV_API int32_t rv_session_new(rv_handle lake, rv_handle *session, rv_error *error);
