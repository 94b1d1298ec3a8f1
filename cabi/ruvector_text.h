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
