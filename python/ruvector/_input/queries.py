"""Queries in: one vector or a batch of vectors."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Final

import numpy as np

from .._errors import DimensionMismatch, InvalidVector
from .numbers import FloatMatrix, as_floats
from .values import Values, is_batch, is_null, is_objects, is_scalar, lends, of_cells, values_of
from .vectors import lent_matrix, number_matrix, polars_storage, read_vectors

FLOAT32: Final = np.dtype(np.float32)


def read_queries(query: Any, dim: int) -> tuple[FloatMatrix, bool]:
    """Return ``(matrix, single)``: the queries, shape (nq, dim), float64 where they are that.

    `single` is True for one 1-D vector; what has no elements at all is a batch of no queries.
    `dim` is what the vectors searched have; 0 accepts any.

    Raises
    ------
    InvalidVector
        Not one or two axes, text, or null.
    DimensionMismatch
        Another number of dimensions; the message names both.
    """
    vector = vector_of(query)
    single = False
    if vector is not None:
        single = vector.ndim == 1 and vector.size > 0
        if vector.ndim not in (1, 2):
            raise InvalidVector(
                f"query has {vector.ndim} axes, shape {vector.shape}; 1-D (one query) or 2-D "
                "(a batch) is needed"
            )
        matrix, _ = number_matrix(vector, "query", ndim=vector.ndim)
        matrix = matrix.reshape(1, -1) if single else matrix
    else:
        vectors = read_vectors(query, "query", warn=False)
        if vectors.nulls:
            raise InvalidVector(
                f"query: {vectors.nulls} of {vectors.rows} rows are null; leave nulls out"
            )
        matrix = vectors.numbers()
    if not len(matrix):
        return np.empty((0, dim or matrix.shape[-1]), FLOAT32), False
    if dim and matrix.shape[1] != dim:
        raise DimensionMismatch(
            f"query has {matrix.shape[1]} dimensions, the vectors searched have {dim}"
        )
    return as_floats(matrix), single


def vector_of(query: Any) -> Values | None:
    """Return a query that is one vector, or a matrix, as an array; None for a column of vectors.

    Nothing is converted: the values may be of any type, and those of a type that has nulls are
    objects where one is null.
    """
    if isinstance(query, np.ndarray):
        objects = query.dtype.kind == "O" and query.ndim == 1
        return _scalars(query.tolist()) if objects else query
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(
        query, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)
    ):
        if is_objects(query.dtype):
            return _scalars(list(query))
        kind = getattr(query.dtype, "pyarrow_dtype", None)
        return None if kind is not None and _holds_rows(kind) else values_of(query)
    if polars is not None and isinstance(query, polars.Series):
        query = polars_storage(polars, query)
        if query.dtype in (polars.Object, polars.Null):
            return _scalars(query.to_list())
        return None if query.dtype.is_nested() or query.dtype == polars.Binary else values_of(query)
    if pyarrow is not None and isinstance(query, pyarrow.Scalar):
        return _of_scalar(query)
    if pyarrow is not None and isinstance(query, (pyarrow.Array, pyarrow.ChunkedArray)):
        return None if len(query) and _holds_rows(query.type) else values_of(query)
    if isinstance(query, str | bytes):
        return None
    if is_batch(query):
        return np.arange(len(query)) if isinstance(query, range) else _scalars(list(query))
    if hasattr(query, "__arrow_c_array__") or hasattr(query, "__arrow_c_stream__"):
        return _lent_flat(query)
    return lent_matrix(query, "query") if lends(query) else None


def _scalars(cells: list[Any]) -> Values | None:
    """Return cells that are numbers as one array; None when they are rows, or all null."""
    kinds = set(map(type, cells))
    if kinds == {float}:
        return np.array(cells)
    if kinds == {int, float}:
        with contextlib.suppress(OverflowError):  # whose number the long way names
            return np.array(cells, np.float64)
    if not all(map(is_scalar, cells)) or (cells and all(map(is_null, cells))):
        return None
    return of_cells(cells)


def _holds_rows(kind: Any) -> bool:
    """Return whether cells of an Arrow type may be rows of a batch: lists, tensors, bytes, null."""
    types = sys.modules["pyarrow"].types
    if hasattr(kind, "storage_type"):
        return _holds_rows(kind.storage_type)
    return bool(types.is_nested(kind) or types.is_null(kind)) or "binary" in str(kind)


def _of_scalar(query: Any) -> Values | None:
    """Return a cell of an Arrow column: the numbers of a list or tensor."""
    if hasattr(query.type, "storage_type"):
        query = query.value
    if query.is_valid and hasattr(query, "values"):
        return values_of(query.values)
    raise InvalidVector(f"query is {query!r:.80}, not a vector")


def _lent_flat(query: Any) -> Values | None:
    """Return an Arrow array of another library as an array, if it holds numbers themselves."""
    try:
        return np.asarray(query) if memoryview(query).ndim == 1 else None
    except TypeError:
        return None
