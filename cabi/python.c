/* One query of Python's, from the memory of a NumPy array or the numbers of a list to two arrays:
 * what ctypes and NumPy's Python functions take four times as long for. No header of Python or
 * NumPy is needed: the functions are those of the stable ABI and come as addresses, what is read
 * of an object is laid out here. rv_python_search tells by an array whether that is how this
 * interpreter lays out its own (docs/decisions/0050-what-python-adds.md). */
#include <stdlib.h>
#include <string.h>

#include "shim.h"

/* PyObject of interpreters with the lock. */
typedef struct object {
    int64_t references;
    struct object *type;
} object;

/* PyArrayObject and the part of PyArray_Descr that NumPy 1.26 and 2 have in common. */
typedef struct {
    object head;
    char *data;
    int32_t axes, pad;
    int64_t *shape, *strides;
    object *base;
    struct dtype *dtype;
} array;

struct dtype {
    object head, *scalar;
    char kind, letter, order, flags;
    int32_t number;
};

/* NumPy's numbers of its types, and its version 1 and 2 ABI. */
enum { BOOL = 0, INT64 = 7, UINT64 = 8, FLOAT32 = 11, FLOAT64 = 12 };
enum { ABI_1 = 0x01000009, ABI_2 = 0x02000000, ABI_VERSION = 0, ARRAY_NEW = 93 };

static struct {
    void *(*save_thread)(void);
    void (*restore_thread)(void *);
    void (*retain)(void *);
    void (*release)(void *);
    object *(*bytes)(const char *, int64_t);
    int (*read_bytes)(object *, char **, int64_t *);
    object *(*tuple)(int64_t);
    int (*set_item)(object *, int64_t, object *);
    int64_t (*tuple_size)(object *);
    object *(*tuple_item)(object *, int64_t);
    int64_t (*list_size)(object *);
    object *(*list_item)(object *, int64_t);
    double (*number)(object *);
    object *(*call)(object *, const char *, ...);
    object *(*new_array)(object *, int, const int64_t *, int, const int64_t *, void *, int, int,
        object *);
    object *none, *array_type, *list_type, *tuple_type, *float_type;
} py;

/* A query that is copied here stays what it is while other threads run; most have room. */
enum { ROOM = 8192 };

/* Whether o is a one-dimensional array of a type, in the order of bytes of the machine. */
static const array *vector_of(const object *o, int32_t number)
{
    const array *a = (const array *)o;

    if (o->type != py.array_type || a->axes != 1 || a->dtype->number != number)
        return NULL;
    return a->dtype->order == '=' || a->dtype->order == '|' ? a : NULL;
}

static void copy_strided(char *to, const char *from, int64_t n, int64_t stride, int64_t size)
{
    if (stride == size) {
        memcpy(to, from, (size_t)(n * size));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        memcpy(to + i * size, from + i * stride, (size_t)size);
}

/* Copies n numbers that are all Python's floats. */
static int copy_floats(double *to, object *from, int64_t n, object *(*item)(object *, int64_t))
{
    for (int64_t i = 0; i < n; i++) {
        object *o = item(from, i);

        if (o == NULL || o->type != py.float_type)
            return 0;
        to[i] = py.number(o);
    }
    return 1;
}

/* Copies a query of dim numbers to `to`, which has room for doubles. Returns the bytes of a number,
 * 0 if the query is nothing that is read here. */
static int64_t read_query(object *query, int64_t dim, void *to)
{
    const array *a = vector_of(query, FLOAT32);
    int64_t size = 4;

    if (a == NULL) {
        a = vector_of(query, FLOAT64);
        size = 8;
    }
    if (a != NULL) {
        if (a->shape[0] != dim)
            return 0;
        copy_strided(to, a->data, dim, a->strides[0], size);
        return size;
    }
    if (query->type == py.list_type)
        return py.list_size(query) == dim && copy_floats(to, query, dim, py.list_item) ? 8 : 0;
    if (query->type == py.tuple_type)
        return py.tuple_size(query) == dim && copy_floats(to, query, dim, py.tuple_item) ? 8 : 0;
    return 0;
}

static object *new_array(int64_t n, int number)
{
    return py.new_array(py.array_type, 1, &n, number, NULL, NULL, 0, 0, NULL);
}

/* The first n cells of an array of our own, which is given up. */
static object *cut(object *from, int64_t n, int number, size_t size)
{
    object *to = from == NULL ? NULL : new_array(n, number);

    if (to != NULL)
        memcpy(((array *)to)->data, ((array *)from)->data, (size_t)n * size);
    if (from != NULL)
        py.release(from);
    return to;
}

/* An answer being made. */
typedef struct {
    object *ids, *scores, *plan;
    int ids_number;
} answer;

static object *drop(answer *a, object *result)
{
    if (a->ids != NULL)
        py.release(a->ids);
    if (a->scores != NULL)
        py.release(a->scores);
    if (a->plan != NULL)
        py.release(a->plan);
    return result;
}

static object *finished(answer *a, int64_t found, int64_t k)
{
    object *made;

    if (found < k) {
        a->ids = cut(a->ids, found, a->ids_number, sizeof(int64_t));
        a->scores = cut(a->scores, found, FLOAT32, sizeof(float));
    }
    made = a->ids == NULL || a->scores == NULL ? NULL : py.tuple(3);
    if (made == NULL)
        return drop(a, NULL);
    py.set_item(made, 0, a->ids);
    py.set_item(made, 1, a->scores);
    py.set_item(made, 2, a->plan);
    return made;
}

/* Searches with a query that was read. `failed` raises what an rv_error says. */
static object *search(object *failed, const rv_python_query *asked, rv_search_params *params)
{
    answer a = {NULL, NULL, NULL, asked->uint64_ids ? UINT64 : INT64};
    rv_error error;
    rv_search_call call = {asked->index, params, &error};
    int64_t found = 0;
    int32_t kind;
    char *plan;
    int64_t len;
    void *state;

    a.plan = py.bytes(NULL, sizeof(rv_plan));
    a.ids = a.plan == NULL ? NULL : new_array(asked->k, a.ids_number);
    a.scores = a.ids == NULL ? NULL : new_array(asked->k, FLOAT32);
    if (a.scores == NULL || py.read_bytes(a.plan, &plan, &len) != 0)
        return drop(&a, NULL);
    params->size = sizeof *params;
    params->threads = 1;
    params->nq = 1;
    params->dim = asked->dim;
    params->k = asked->k;
    params->rerank = asked->rerank;
    params->probes = asked->probes;
    params->recall = asked->recall;
    params->ids = (int64_t *)((array *)a.ids)->data;
    params->scores = (float *)((array *)a.scores)->data;
    params->counts = &found;
    params->plan = (rv_plan *)plan;
    params->plan->size = sizeof(rv_plan);
    memset(&error, 0, sizeof error);
    error.size = sizeof error;
    state = py.save_thread();
    kind = rv_search_one(&call);
    py.restore_thread(state);
    if (kind != RV_OK)
        return drop(&a, py.call(failed, "iK", kind, (unsigned long long)(uintptr_t)&error));
    return finished(&a, found, asked->k);
}

static object *not_here(void)
{
    py.retain(py.none);
    return py.none;
}

/* f(asked, query, mask): ids, scores and the bytes of an rv_plan; None for a query or a mask that
 * is nothing that is read here. asked: the bytes of an rv_python_query. mask: None, or a boolean a
 * row. */
static object *ask(object *failed, object *const *args, int64_t n)
{
    double room[ROOM / sizeof(double)], *query = room;
    rv_search_params params;
    const array *mask;
    object *made = NULL;
    char *bytes;
    int64_t len, size;

    if (n != 3)
        return not_here();
    if (py.read_bytes(args[0], &bytes, &len) != 0)
        return NULL;
    const rv_python_query *asked = (const rv_python_query *)bytes;

    if (len != sizeof *asked)
        return not_here();
    memset(&params, 0, sizeof params);
    if (args[2] != py.none) {
        mask = vector_of(args[2], BOOL);
        if (mask == NULL || mask->strides[0] != 1)
            return not_here();
        params.filter = mask->data;
        params.filter_len = mask->shape[0];
        params.filter_kind = 1;
    }
    if (asked->dim > ROOM / (int64_t)sizeof *query)
        query = malloc((size_t)asked->dim * sizeof *query);
    size = query == NULL ? 0 : read_query(args[1], asked->dim, query);
    if (size == 0) {
        made = not_here();
    } else {
        params.queries = (const float *)query;
        params.numbers = size == 8;
        made = search(failed, asked, &params);
    }
    if (query != room)
        free(query);
    return made;
}

/* PyMethodDef; 0x80 is METH_FASTCALL. */
static struct {
    const char *name;
    object *(*call)(object *, object *const *, int64_t);
    int flags;
    const char *doc;
} method = {"ask", ask, 0x80, "ask(asked, query, mask): one query."};

static int is_probe(const array *a, const object *type)
{
    return a->head.type == type && a->axes == 1 && a->shape[0] == 3 && a->strides[0] == 8 &&
        a->dtype->number == FLOAT32 && a->dtype->order == '=' && ((float *)a->data)[2] == 3;
}

int32_t rv_python_search(const rv_python *with, void **function)
{
    void *const *numpy = with->numpy;
    uint32_t (*version)(void) = (uint32_t(*)(void))numpy[ABI_VERSION];
    void *(*new_function)(void *, void *, void *) = (void *(*)(void *, void *, void *))
        with->new_function;

    if (with->size < sizeof *with || !is_probe(with->probe, with->array_type))
        return RV_INVALID_ARGUMENT;
    if (version() != ABI_1 && version() != ABI_2)
        return RV_INVALID_ARGUMENT;
#define TAKE(name) memcpy(&py.name, &with->name, sizeof py.name)
    TAKE(save_thread);
    TAKE(restore_thread);
    TAKE(retain);
    TAKE(release);
    TAKE(bytes);
    TAKE(read_bytes);
    TAKE(tuple);
    TAKE(set_item);
    TAKE(tuple_size);
    TAKE(tuple_item);
    TAKE(list_size);
    TAKE(list_item);
    TAKE(number);
    TAKE(call);
    TAKE(none);
    TAKE(array_type);
    TAKE(list_type);
    TAKE(tuple_type);
    TAKE(float_type);
#undef TAKE
    memcpy(&py.new_array, &numpy[ARRAY_NEW], sizeof py.new_array);
    *function = new_function(&method, with->failed, NULL);
    return *function == NULL ? RV_OUT_OF_MEMORY : RV_OK;
}
