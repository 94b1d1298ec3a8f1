/* Code generated from ruvector.h by cabi/internal/doors; DO NOT EDIT.
 *
 * The doors that need no care: each refuses a forked child, enters Go, and runs the
 * releases that Go dropped meanwhile. Those that do are in shim.c. */
#include "_cgo_export.h"
#include "shim.h"

int32_t rv_configure(const rv_settings *settings, rv_error *error)
{
    ENTER(goConfigure((rv_settings *)settings, error));
}

int32_t rv_info(rv_handle handle, rv_bytes *out, rv_error *error)
{
    ENTER(goInfo(handle, out, error));
}

int32_t rv_free(rv_handle handle, rv_error *error)
{
    ENTER(goFree(handle, error));
}

int32_t rv_column_copy(rv_handle column, void *out, int32_t numbers, uint8_t *valid,
    rv_error *error)
{
    ENTER(goColumnCopy(column, out, numbers, valid, error));
}

int32_t rv_column_hash(rv_handle column, uint64_t out[2], rv_error *error)
{
    ENTER(goColumnHash(column, out, error));
}

int32_t rv_column_hash_start(rv_handle column, uint64_t out[2], rv_handle *task, rv_error *error)
{
    ENTER(goColumnHashStart(column, out, task, error));
}

int32_t rv_column_hash_rows(rv_handle column, int64_t at, int64_t n, uint64_t *out, rv_error *error)
{
    ENTER(goColumnHashRows(column, at, n, out, error));
}

int32_t rv_array_rows(const uint64_t *objects, int64_t n, const uint64_t *layout, uint64_t *out,
    rv_error *error)
{
    ENTER(goArrayRows((uint64_t *)objects, n, (uint64_t *)layout, out, error));
}

int32_t rv_gather(const uint64_t *rows, int64_t n, int64_t size, void *out, rv_error *error)
{
    ENTER(goGather((uint64_t *)rows, n, size, out, error));
}

int32_t rv_pca_start(rv_handle column, int64_t dims, float *out, rv_handle *task, rv_error *error)
{
    ENTER(goPCAStart(column, dims, out, task, error));
}

int32_t rv_scores(rv_handle column, rv_handle other, const char *metric, int32_t skip_bad,
    int32_t threads, float *out, uint8_t *valid, rv_error *error)
{
    ENTER(goScores(column, other, (char *)metric, skip_bad, threads, out, valid, error));
}

int32_t rv_scores_start(rv_handle column, rv_handle other, const char *metric, int32_t skip_bad,
    int32_t threads, float *out, uint8_t *valid, rv_handle *task, rv_error *error)
{
    ENTER(goScoresStart(column, other, (char *)metric, skip_bad, threads, out, valid, task, error));
}

int32_t rv_build_start(rv_handle column, const rv_build_params *params, rv_handle *task,
    rv_error *error)
{
    ENTER(goBuildStart(column, (rv_build_params *)params, task, error));
}

int32_t rv_search(rv_handle index, const rv_search_params *params, rv_error *error)
{
    ENTER(goSearch(index, (rv_search_params *)params, error));
}

int32_t rv_search_start(rv_handle index, const rv_search_params *params, rv_handle *task,
    rv_error *error)
{
    ENTER(goSearchStart(index, (rv_search_params *)params, task, error));
}

int32_t rv_search_groups_start(rv_handle index, const rv_search_params *params,
    const uint32_t *groups, int64_t n_rows, int64_t n_groups, rv_handle *task, rv_error *error)
{
    ENTER(goSearchGroupsStart(index, (rv_search_params *)params, (uint32_t *)groups, n_rows,
        n_groups, task, error));
}

int32_t rv_within_start(rv_handle index, const rv_within_params *params, rv_handle *task,
    rv_error *error)
{
    ENTER(goWithinStart(index, (rv_within_params *)params, task, error));
}

int32_t rv_dedup_start(rv_handle index, const rv_within_params *params, int32_t last,
    const uint32_t *groups, rv_handle *task, rv_error *error)
{
    ENTER(goDedupStart(index, (rv_within_params *)params, last, (uint32_t *)groups, task, error));
}

int32_t rv_answer_stream(rv_handle answer, struct ArrowArrayStream *out, rv_error *error)
{
    ENTER(goAnswerStream(answer, out, error));
}

int32_t rv_merge_topk(const rv_merge_params *params, rv_error *error)
{
    ENTER(goMergeTopK((rv_merge_params *)params, error));
}

int32_t rv_calibrate_start(rv_handle index, const float *queries, int64_t nq, int64_t dim,
    int32_t threads, rv_handle *task, rv_error *error)
{
    ENTER(goCalibrateStart(index, (float *)queries, nq, dim, threads, task, error));
}

int32_t rv_recall_start(rv_handle index, int64_t k, int64_t sample, double recall, int32_t threads,
    double out[5], rv_handle *task, rv_error *error)
{
    ENTER(goRecallStart(index, k, sample, recall, threads, out, task, error));
}

int32_t rv_neighbors_start(rv_handle index, rv_neighbors_params *params, rv_handle *task,
    rv_error *error)
{
    ENTER(goNeighborsStart(index, params, task, error));
}

int32_t rv_save_start(rv_handle index, const char *path, int64_t len, uint32_t flags,
    rv_handle *task, rv_error *error)
{
    ENTER(goSaveStart(index, (char *)path, len, flags, task, error));
}

int32_t rv_load_start(const char *path, int64_t len, rv_handle column, rv_handle *task,
    rv_error *error)
{
    ENTER(goLoadStart((char *)path, len, column, task, error));
}

int32_t rv_encoding_start(rv_handle index, uint32_t flags, rv_handle *task, rv_error *error)
{
    ENTER(goEncodingStart(index, flags, task, error));
}

int32_t rv_encoding_copy_start(rv_handle encoding, void *out, int64_t len, rv_handle *task,
    rv_error *error)
{
    ENTER(goEncodingCopyStart(encoding, out, len, task, error));
}

int32_t rv_decode_start(const void *data, int64_t len, rv_handle *task, rv_error *error)
{
    ENTER(goDecodeStart((void *)data, len, task, error));
}

int32_t rv_index_lookup(rv_handle index, const rv_values *ids, int64_t *rows, rv_error *error)
{
    ENTER(goIndexLookup(index, (rv_values *)ids, rows, error));
}

int32_t rv_index_ids(rv_handle index, struct ArrowArray *array, struct ArrowSchema *schema,
    rv_error *error)
{
    ENTER(goIndexIDs(index, array, schema, error));
}

int32_t rv_index_vectors(rv_handle index, const int64_t *rows, int64_t n, void *out,
    int32_t numbers, rv_error *error)
{
    ENTER(goIndexVectors(index, (int64_t *)rows, n, out, numbers, error));
}

int32_t rv_index_vectors_of(rv_handle index, const rv_values *ids, void *out, int32_t numbers,
    rv_error *error)
{
    ENTER(goIndexVectorsOf(index, (rv_values *)ids, out, numbers, error));
}

int32_t rv_index_matrix(rv_handle index, int64_t rows, void *out, int32_t numbers, rv_error *error)
{
    ENTER(goIndexMatrix(index, rows, out, numbers, error));
}

int32_t rv_index_attach(rv_handle index, rv_handle column, rv_error *error)
{
    ENTER(goIndexAttach(index, column, error));
}

int32_t rv_add(rv_handle index, rv_handle column, const rv_values *ids, int32_t replace,
    int32_t threads, int64_t counts[2], rv_error *error)
{
    ENTER(goAdd(index, column, (rv_values *)ids, replace, threads, counts, error));
}

int32_t rv_add_start(rv_handle index, rv_handle column, const rv_values *ids, int32_t replace,
    int32_t threads, int64_t counts[2], rv_handle *task, rv_error *error)
{
    ENTER(goAddStart(index, column, (rv_values *)ids, replace, threads, counts, task, error));
}

int32_t rv_add_matrix(rv_handle index, const float *rows, int64_t n, int64_t dim,
    const rv_values *ids, int32_t replace, int32_t threads, int64_t counts[2], rv_error *error)
{
    ENTER(goAddMatrix(index, (float *)rows, n, dim, (rv_values *)ids, replace, threads, counts,
        error));
}

int32_t rv_delete(rv_handle index, const rv_values *ids, int32_t missing, int64_t *deleted,
    rv_error *error)
{
    ENTER(goDelete(index, (rv_values *)ids, missing, deleted, error));
}

int32_t rv_compact_start(rv_handle index, int32_t threads, rv_handle *task, rv_error *error)
{
    ENTER(goCompactStart(index, threads, task, error));
}

int32_t rv_index_close(rv_handle index, rv_error *error)
{
    ENTER(goIndexClose(index, error));
}

int32_t rv_task_wait(rv_handle task, int64_t ms, int32_t *done, rv_error *error)
{
    ENTER(goTaskWait(task, ms, done, error));
}

int32_t rv_task_progress(rv_handle task, int64_t *done, int64_t *total, rv_error *error)
{
    ENTER(goTaskProgress(task, done, total, error));
}

int32_t rv_task_cancel(rv_handle task, rv_error *error)
{
    ENTER(goTaskCancel(task, error));
}

int32_t rv_task_result(rv_handle task, rv_handle *out, rv_error *error)
{
    ENTER(goTaskResult(task, out, error));
}

int32_t rv_embed(const rv_embed_params *params, rv_error *error)
{
    ENTER(goEmbed((rv_embed_params *)params, error));
}

int32_t rv_texts_hash_start(rv_handle texts, const rv_values *values, const uint8_t *validity,
    uint64_t whole[2], uint64_t *rows, uint64_t seed, rv_handle *task, rv_error *error)
{
    ENTER(goTextsHashStart(texts, (rv_values *)values, (uint8_t *)validity, whole, rows, seed, task,
        error));
}

int32_t rv_words_start(rv_handle texts, const rv_values *values, int32_t threads, rv_handle *task,
    rv_error *error)
{
    ENTER(goWordsStart(texts, (rv_values *)values, threads, task, error));
}

int32_t rv_words_search_start(rv_handle words, const rv_values *queries,
    const rv_search_params *params, rv_handle *task, rv_error *error)
{
    ENTER(goWordsSearchStart(words, (rv_values *)queries, (rv_search_params *)params, task, error));
}

int32_t rv_chunk_start(const rv_values *texts, const rv_chunk_params *params, rv_handle *task,
    rv_error *error)
{
    ENTER(goChunkStart((rv_values *)texts, (rv_chunk_params *)params, task, error));
}

int32_t rv_chunk_count_start(rv_handle chunks, const int64_t *tokens, int64_t n, rv_handle *task,
    rv_error *error)
{
    ENTER(goChunkCountStart(chunks, (int64_t *)tokens, n, task, error));
}

int32_t rv_chunk_read(rv_handle chunks, int32_t what, int64_t *rows, int64_t n, rv_error *error)
{
    ENTER(goChunkRead(chunks, what, rows, n, error));
}

int32_t rv_score_look(const rv_score_params *params, rv_bytes *out, rv_error *error)
{
    ENTER(goScoreLook((rv_score_params *)params, out, error));
}

int32_t rv_score_open(rv_handle index, rv_handle right, const rv_score_params *params,
    rv_handle *part, rv_error *error)
{
    ENTER(goScoreOpen(index, right, (rv_score_params *)params, part, error));
}

int32_t rv_score_run_start(rv_handle part, rv_handle *task, rv_error *error)
{
    ENTER(goScoreRunStart(part, task, error));
}

int32_t rv_score_texts_start(rv_handle part, int64_t n, rv_handle *task, rv_error *error)
{
    ENTER(goScoreTextsStart(part, n, task, error));
}

int32_t rv_score_step_start(rv_handle part, const float *vectors, int64_t rows, int64_t dim,
    rv_handle *task, rv_error *error)
{
    ENTER(goScoreStepStart(part, (float *)vectors, rows, dim, task, error));
}

int32_t rv_score_finish_start(rv_handle part, int64_t counts[10], rv_handle *task, rv_error *error)
{
    ENTER(goScoreFinishStart(part, counts, task, error));
}

int32_t rv_parquet_open_start(const char *paths, int64_t len, const char *column,
    int64_t column_len, const rv_parquet_params *params, rv_handle *task, rv_error *error)
{
    ENTER(goParquetOpenStart((char *)paths, len, (char *)column, column_len,
        (rv_parquet_params *)params, task, error));
}

int32_t rv_parquet_read_start(rv_handle files, void *data, int64_t bytes, uint8_t *valid,
    int32_t threads, rv_handle *task, rv_error *error)
{
    ENTER(goParquetReadStart(files, data, bytes, valid, threads, task, error));
}

int32_t rv_parquet_column_start(const rv_parquet_source *source, rv_handle *task, rv_error *error)
{
    ENTER(goParquetColumnStart((rv_parquet_source *)source, task, error));
}

int32_t rv_parquet_build_start(rv_handle column, const char *ids, const rv_build_params *params,
    rv_handle *task, rv_error *error)
{
    ENTER(goParquetBuildStart(column, (char *)ids, (rv_build_params *)params, task, error));
}

int32_t rv_open_start(const rv_open_params *params, rv_handle *task, rv_error *error)
{
    ENTER(goOpenStart((rv_open_params *)params, task, error));
}

int32_t rv_verify_start(rv_handle index, int32_t threads, rv_handle *task, rv_error *error)
{
    ENTER(goVerifyStart(index, threads, task, error));
}

int32_t rv_queue_new(rv_handle *queue, int32_t *fd, rv_error *error)
{
    ENTER(goQueueNew(queue, fd, error));
}

int32_t rv_queue_watch(rv_handle queue, rv_handle task, uint64_t token, rv_error *error)
{
    ENTER(goQueueWatch(queue, task, token, error));
}

int32_t rv_queue_drain(rv_handle queue, uint64_t *tokens, int64_t cap, int64_t *n, rv_error *error)
{
    ENTER(goQueueDrain(queue, tokens, cap, n, error));
}

int32_t rv_bundle(const char *verb, const char *text, int64_t text_len, const char *other,
    int64_t other_len, rv_bytes *out, rv_error *error)
{
    ENTER(goBundle((char *)verb, (char *)text, text_len, (char *)other, other_len, out, error));
}

int32_t rv_adapter_new(const char *name, int64_t len, int32_t describes, rv_handle *backend,
    rv_error *error)
{
    ENTER(goAdapterNew((char *)name, len, describes, backend, error));
}

int32_t rv_adapter_next(rv_handle backend, int64_t ms, rv_bytes *out, rv_error *error)
{
    ENTER(goAdapterNext(backend, ms, out, error));
}

int32_t rv_adapter_answer(rv_handle backend, uint64_t question, const char *json, int64_t len,
    int32_t *wanted, rv_error *error)
{
    ENTER(goAdapterAnswer(backend, question, (char *)json, len, wanted, error));
}

int32_t rv_adapter_answer_rows(rv_handle backend, uint64_t question, const rv_values *ids,
    rv_handle vectors, const char *generation, int64_t len, int32_t owned, int32_t *wanted,
    rv_error *error)
{
    ENTER(goAdapterAnswerRows(backend, question, (rv_values *)ids, vectors, (char *)generation, len,
        owned, wanted, error));
}

int32_t rv_adapter_end(rv_handle rows, const char *message, int64_t len, rv_error *error)
{
    ENTER(goAdapterEnd(rows, (char *)message, len, error));
}

int32_t rv_adapter_fail(rv_handle backend, uint64_t question, int32_t kind, int32_t code,
    const char *message, int64_t len, int32_t *wanted, rv_error *error)
{
    ENTER(goAdapterFail(backend, question, kind, code, (char *)message, len, wanted, error));
}

int32_t rv_adapter_wanted(rv_handle backend, uint64_t question, int32_t *wanted, rv_error *error)
{
    ENTER(goAdapterWanted(backend, question, wanted, error));
}

int32_t rv_adapter_close(rv_handle backend, rv_error *error)
{
    ENTER(goAdapterClose(backend, error));
}

int32_t rv_backend_ask_start(rv_handle backend, const char *op, const char *collection, int64_t len,
    rv_handle *task, rv_error *error)
{
    ENTER(goBackendAskStart(backend, (char *)op, (char *)collection, len, task, error));
}

int32_t rv_lake_new(const char *options, int64_t len, rv_handle *lake, rv_error *error)
{
    ENTER(goLakeNew((char *)options, len, lake, error));
}

int32_t rv_backend_new(const char *options, int64_t len, rv_handle *backend, rv_error *error)
{
    ENTER(goBackendNew((char *)options, len, backend, error));
}

int32_t rv_lake_register(rv_handle lake, rv_handle backend, rv_error *error)
{
    ENTER(goLakeRegister(lake, backend, error));
}

int32_t rv_backend_change_start(rv_handle backend, const rv_backend_change *change, rv_handle *task,
    rv_error *error)
{
    ENTER(goBackendChangeStart(backend, (rv_backend_change *)change, task, error));
}

int32_t rv_lake_target(rv_handle lake, const char *key, int64_t len, rv_handle *target,
    rv_error *error)
{
    ENTER(goLakeTarget(lake, (char *)key, len, target, error));
}

int32_t rv_lake_search_start(rv_handle target, const rv_search_params *params, rv_lake_query *query,
    rv_handle *task, rv_error *error)
{
    ENTER(goLakeSearchStart(target, (rv_search_params *)params, query, task, error));
}

int32_t rv_lake_federated_start(rv_handle lake, const rv_lake_federated *params, rv_handle *task,
    rv_error *error)
{
    ENTER(goLakeFederatedStart(lake, (rv_lake_federated *)params, task, error));
}

int32_t rv_lake_ask(rv_handle lake, const char *request, int64_t len, rv_bytes *out,
    rv_error *error)
{
    ENTER(goLakeAsk(lake, (char *)request, len, out, error));
}

int32_t rv_lake_call_start(rv_handle lake, const char *request, int64_t len, rv_handle *task,
    rv_error *error)
{
    ENTER(goLakeCallStart(lake, (char *)request, len, task, error));
}

int32_t rv_note(rv_handle note, rv_bytes *out, rv_error *error)
{
    ENTER(goNote(note, out, error));
}

int32_t rv_session_new(rv_handle lake, rv_handle *session, rv_error *error)
{
    ENTER(goSessionNew(lake, session, error));
}

int32_t rv_agent_call_start(rv_handle on, rv_handle budget, const char *op, const char *request,
    int64_t len, rv_handle *task, rv_error *error)
{
    ENTER(goAgentCallStart(on, budget, (char *)op, (char *)request, len, task, error));
}

int32_t rv_agent_answer(rv_handle answer, rv_handle *made, rv_bytes *out, rv_error *error)
{
    ENTER(goAgentAnswer(answer, made, out, error));
}

int32_t rv_agent_ask(rv_handle on, const char *op, const char *request, int64_t len, rv_bytes *out,
    rv_error *error)
{
    ENTER(goAgentAsk(on, (char *)op, (char *)request, len, out, error));
}

int32_t rv_agent_take(rv_handle stream, int64_t most, rv_bytes *out, rv_error *error)
{
    ENTER(goAgentTake(stream, most, out, error));
}

int32_t rv_agent_wait(rv_handle stream, int64_t ms, int32_t *ready, rv_error *error)
{
    ENTER(goAgentWait(stream, ms, ready, error));
}

int32_t rv_agent_watch(rv_handle queue, rv_handle stream, uint64_t token, rv_error *error)
{
    ENTER(goAgentWatch(queue, stream, token, error));
}
