/* The doors through which vectors leave, as float32 or as float64. */
#include "_cgo_export.h"
#include "shim.h"

int32_t rv_column_copy(rv_handle column, float *out, uint8_t *valid, rv_error *error)
{
    ENTER(goColumnCopy(column, out, 0, valid, error));
}

int32_t rv_column_copy_wide(rv_handle column, double *out, uint8_t *valid, rv_error *error)
{
    ENTER(goColumnCopy(column, (float *)out, 1, valid, error));
}

int32_t rv_index_vectors(rv_handle index, const int64_t *rows, int64_t n, float *out,
    rv_error *error)
{
    ENTER(goIndexVectors(index, (int64_t *)rows, n, out, 0, error));
}

int32_t rv_index_vectors_wide(rv_handle index, const int64_t *rows, int64_t n, double *out,
    rv_error *error)
{
    ENTER(goIndexVectors(index, (int64_t *)rows, n, (float *)out, 1, error));
}

int32_t rv_index_vectors_of(rv_handle index, const rv_values *ids, float *out, rv_error *error)
{
    ENTER(goIndexVectorsOf(index, (rv_values *)ids, out, 0, error));
}

int32_t rv_index_vectors_of_wide(rv_handle index, const rv_values *ids, double *out,
    rv_error *error)
{
    ENTER(goIndexVectorsOf(index, (rv_values *)ids, (float *)out, 1, error));
}

int32_t rv_index_matrix(rv_handle index, int64_t rows, float *out, rv_error *error)
{
    ENTER(goIndexMatrix(index, rows, out, 0, error));
}

int32_t rv_index_matrix_wide(rv_handle index, int64_t rows, double *out, rv_error *error)
{
    ENTER(goIndexMatrix(index, rows, (float *)out, 1, error));
}
