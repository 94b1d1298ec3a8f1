/* Part of ruvector.h: texts. */
/* Mean of token rows. table is rows x dim of float32 (format "f"), float16 ("e") or int8 ("c").
 * Text i owns tokens [offsets[i], offsets[i+1]) of ids; the row of ids[j] is taken times weights[j]
 * (NULL: once), the sum divided by the number of tokens. out is texts x dim; valid[i] is 0 and the
 * row zero for a text without tokens. normalize: 1 scales every row to length 1. */
typedef struct rv_embed_params {
    uint32_t size;
    int32_t threads;
    const void *table;
    const char *format;
    int64_t rows, dim;
    const uint32_t *ids;
    int64_t n_ids;
    const int64_t *offsets;
    int64_t texts;
    int32_t normalize, pad;
    float *out;
    uint8_t *valid;
    const double *weights;
} rv_embed_params;

RV_API int32_t rv_embed(const rv_embed_params *params, rv_error *error);
/* Of utf8, large_utf8, utf8_view, or a dictionary of these. */
RV_API int32_t rv_texts_import_stream(struct ArrowArrayStream *stream, rv_handle *texts,
    rv_error *error);
/* XXH3-128 of all texts in any layout; in rows two numbers a text, of each by seed, null 0 and 0.
 * Either may be NULL. texts 0: of values "U" and their bitmap or NULL. All stay with the task. */
RV_API int32_t rv_texts_hash_start(rv_handle texts, const rv_values *values,
    const uint8_t *validity, uint64_t whole[2], uint64_t *rows, uint64_t seed, rv_handle *task,
    rv_error *error);
/* The index of the words of a column of texts or, if that is 0, of values "U", which then stay with
 * the task until it has ended. rv_info says its "rows", "texts", "terms", "tokens" and "bytes". */
RV_API int32_t rv_words_start(rv_handle texts, const rv_values *values, int32_t threads,
    rv_handle *task, rv_error *error);
/* The rows best by BM25 for nq queries "U". Of params are read size, threads, nq, k, a mask, and
 * ids (which receives rows), scores and counts. All of them stay with the task. */
RV_API int32_t rv_words_search_start(rv_handle words, const rv_values *queries,
    const rv_search_params *params, rv_handle *task, rv_error *error);
/* How texts are cut into chunks. kind: 0 plain, 1 Markdown, 2 reStructuredText, 3 docstrings, 4
 * code. unit of budget and overlap: 0 estimated tokens, 1 characters, 2 tokens that the caller
 * counts; base is how many of these a text without a word has, line_break about how many each line
 * end between its parts. A mark is four numbers: text, start and end in characters, level of the
 * heading there or 0 for a place that no chunk goes over. */
typedef struct rv_chunk_params {
    uint32_t size;
    int32_t threads, kind, unit;
    int64_t budget, overlap, base, line_break;
    const int64_t *marks;
    int64_t n_marks;
} rv_chunk_params;

/* Makes chunks, which read the texts (values "U") until they are freed. */
RV_API int32_t rv_chunk_start(const rv_values *texts, const rv_chunk_params *params,
    rv_handle *task, rv_error *error);
/* Takes the tokens of the n spans that are asked for, which stay with the task; then asks anew. */
RV_API int32_t rv_chunk_count_start(rv_handle chunks, const int64_t *tokens, int64_t n,
    rv_handle *task, rv_error *error);
/* Writes n rows of seven numbers, as many as rv_info says: text, start and end in bytes, the same
 * in characters, and two more. what: 0 "asked", spans to be counted; 1 "chunks", with the number of
 * the heading or -1, and the tokens; 2 "headings", with the level, and the number of the heading
 * above or -1. Chunks are complete once nothing is asked. */
RV_API int32_t rv_chunk_read(rv_handle chunks, int32_t what, int64_t *rows, int64_t n,
    rv_error *error);
