"""Queries in: one vector, a batch of vectors, one text or a batch of texts."""

from __future__ import annotations

import sys
from typing import Any, Final

import numpy as np

from ._errors import DimensionMismatch, InvalidVector
from ._values import is_null
from ._vectors import Float32Matrix, is_buffer, number_matrix, read_vectors

FLOAT32: Final = np.dtype(np.float32)


def texts_of(query: Any) -> list[str] | None:
    """Return the texts of a query that is text (one or a batch), None when it is vectors.

    Raises
    ------
    InvalidVector
        Texts mixed with something else; names the row.
    """
    if isinstance(query, str):
        return [query]
    values = _text_values(query)
    if values is None:
        return None
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise InvalidVector(f"query: row {row} is {value!r:.40}, not text", row=row)
    return values


def _text_values(query: Any) -> list[Any] | None:
    if isinstance(query, list | tuple):
        return list(query) if any(isinstance(value, str) for value in query) else None
    if isinstance(query, np.ndarray):
        if query.ndim == 1 and (
            query.dtype.kind == "U" or (query.dtype.kind == "O" and _holds_text(query))
        ):
            return list(query.tolist())
        return None
    for library in ("pandas", "polars", "pyarrow"):
        module = sys.modules.get(library)
        if module is None:
            continue
        if library == "pyarrow":
            if isinstance(query, (module.Array, module.ChunkedArray)):
                kind = module.types
                text = kind.is_string(query.type) or kind.is_large_string(query.type)
                return list(query.to_pylist()) if text else None
        elif isinstance(query, module.Series):
            text = (
                query.dtype == module.String
                if library == "polars"
                else module.api.types.is_string_dtype(query.dtype) and _holds_text(query)
            )
            return list(query.to_list()) if text else None
    return None


def _holds_text(values: Any) -> bool:
    for value in values:
        if not is_null(value):
            return isinstance(value, str)
    return False


def read_queries(query: Any, dim: int) -> tuple[Float32Matrix, bool]:
    """Return ``(matrix, single)``: the queries as float32, shape (nq, dim).

    `single` is True for one 1-D vector. `dim` is what the vectors searched have; 0 accepts any.

    Raises
    ------
    InvalidVector
        Not one or two axes, text, null, or numbers outside float32.
    DimensionMismatch
        Another number of dimensions; the message names both.
    """
    single = False
    if isinstance(query, list | tuple) and not any(hasattr(value, "__len__") for value in query):
        query = np.array(query)
        if query.size == 0:
            query = query.astype(FLOAT32)
    elif not isinstance(query, np.ndarray):
        query = _as_array(query)
    if isinstance(query, np.ndarray) and query.dtype.kind != "O":
        single = query.ndim == 1
        if query.ndim not in (1, 2):
            raise InvalidVector(
                f"query has {query.ndim} axes, shape {query.shape}; 1-D (one query) or 2-D "
                "(a batch) is needed"
            )
        matrix, _ = number_matrix(query, "query", ndim=query.ndim)
        matrix = matrix.reshape(1, -1) if single else matrix
    else:
        vectors = read_vectors(query, "query", warn=False)
        matrix = vectors.floats()
        if vectors.nulls:
            raise InvalidVector(f"query: {vectors.nulls} of {vectors.rows} rows are null")
    if matrix.shape[0] and dim and matrix.shape[1] != dim:
        raise DimensionMismatch(
            f"query has {matrix.shape[1]} dimensions, the vectors searched have {dim}"
        )
    return _float32(matrix), single


def _as_array(query: Any) -> Any:
    """Turn 1-D columns of numbers and buffers into arrays; leave columns of vectors alone."""
    for library in ("pandas", "polars"):
        module = sys.modules.get(library)
        if module is not None and isinstance(query, module.Series):
            numeric = (
                query.dtype.is_numeric()
                if library == "polars"
                else module.api.types.is_numeric_dtype(query.dtype)
            )
            return query.to_numpy() if numeric else query
    if hasattr(query, "__arrow_c_array__") or hasattr(query, "__arrow_c_stream__"):
        primitive = _is_primitive_arrow(query)
        return np.asarray(query) if primitive else query
    if hasattr(query, "__dlpack__") and not hasattr(query, "__array__"):
        return np.from_dlpack(query)
    if hasattr(query, "__array__") or hasattr(query, "__array_interface__"):
        return np.asarray(query)
    if is_buffer(query) and not isinstance(query, str | bytes):
        return np.asarray(query)
    return query


def _is_primitive_arrow(query: Any) -> bool:
    """Return whether an Arrow array holds numbers themselves: one vector, not a column of them."""
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None and isinstance(query, (pyarrow.Array, pyarrow.ChunkedArray)):
        return bool(pyarrow.types.is_primitive(query.type))
    try:
        return memoryview(query).ndim == 1
    except TypeError:
        return False


def _float32(matrix: Any) -> Float32Matrix:
    with np.errstate(over="raise"):
        try:
            return np.asarray(matrix, dtype=FLOAT32, order="C")
        except FloatingPointError:
            over = np.abs(matrix.astype(np.float64)) > np.finfo(np.float32).max
            row, column = np.argwhere(over)[0]
            raise InvalidVector(
                f"query: row {row}, element {column} is outside the range of float32",
                row=int(row),
                column=int(column),
            ) from None
