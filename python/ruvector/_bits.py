"""Rows of packed bits in: columns and queries for the metrics ``hamming`` and ``jaccard``."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ._cells import Matrix, Validity
from ._errors import DimensionMismatch, InvalidVector, MetricError
from ._values import is_null
from ._vectors import Vectors, from_matrix, read_vectors

PackedMatrix: TypeAlias = npt.NDArray[np.uint8]


def read_bits(data: Any, metric: str, label: str = "vectors") -> Vectors:
    """Read a column of rows of bits, without copying it where they are packed.

    Parameters
    ----------
    data : array, Series, Arrow array or stream, or sequence of bytes
        n rows of w bytes, each 8 bits: C-contiguous uint8 as `numpy.packbits` makes it, Arrow
        FixedSizeBinary, Binary, or lists of uint8, polars ``Array(UInt8, w)``. Booleans, shape
        (n, d), are packed, and so is text of ``bytes``: one copy.

    Raises
    ------
    MetricError
        Numbers other than uint8.
    InvalidVector, ColumnError
        As `read_vectors`.
    """
    if isinstance(data, np.ndarray) and data.dtype.kind == "b" and data.ndim == 2:
        packed = np.packbits(data, axis=1)
        return from_matrix(packed, None, True, "NumPy bool, packed (copied)")
    if isinstance(data, np.ndarray) and data.dtype.kind in "iuf" and data.dtype != np.uint8:
        raise _not_bits(label, data.dtype, metric)
    cells = _byte_cells(data)
    if cells is not None:
        matrix, validity = _gather(cells, label)
        return from_matrix(matrix, validity, True, "bytes, gathered")
    return read_vectors(data, label)


def read_bit_queries(query: Any, dim: int, metric: str) -> tuple[PackedMatrix, bool]:
    """Return ``(matrix, single)``: the queries as packed bits, shape (nq, dim / 8).

    `single` is True for one row of bytes or booleans. `dim` is the bits of the rows searched; 0
    accepts any.

    Raises
    ------
    MetricError
        Numbers that are neither booleans nor uint8; names both sides.
    DimensionMismatch
        Another number of bits.
    InvalidVector
        Not one or two axes; null rows.
    """
    bits = _as_array(query)
    if bits.ndim not in (1, 2):
        raise InvalidVector(
            f"query has {bits.ndim} axes, shape {bits.shape}; 1-D (one query) or 2-D (a batch) "
            "is needed"
        )
    single = bits.ndim == 1
    given = bits.shape[-1]
    if bits.dtype.kind == "b":
        bits = np.packbits(bits, axis=-1)
    elif bits.dtype != np.uint8:
        if bits.size:
            raise _not_bits("query", bits.dtype, metric)
        bits = bits.astype(np.uint8)
    matrix: PackedMatrix = np.ascontiguousarray(bits.reshape(1, -1) if single else bits)
    width = matrix.shape[1]
    if len(matrix) and dim and 8 * width != dim:
        advice = "; pack it: np.packbits(query, axis=-1)" if given == dim else ""
        raise DimensionMismatch(
            f"query has {width} bytes ({8 * width} bits), the rows searched have {dim // 8} bytes "
            f"({dim} bits){advice}"
        )
    return matrix, single


def _as_array(query: Any) -> npt.NDArray[Any]:
    """Return queries as an array of whatever they are made of."""
    if isinstance(query, np.ndarray) and query.dtype.kind != "O":
        return query
    if isinstance(query, bytes | bytearray | memoryview):
        return np.frombuffer(query, np.uint8)
    if isinstance(query, np.ndarray):
        query = query.tolist()
    arrow = hasattr(query, "__arrow_c_array__") or hasattr(query, "__arrow_c_stream__")
    cells = _cells_of(query) if arrow else query
    texts = _byte_cells(cells)
    if texts is not None:
        matrix, validity = _gather(texts, "query")
        if validity is not None:
            raise InvalidVector(f"query: {np.count_nonzero(~validity)} rows are null")
        return matrix
    array = np.asarray(cells)
    small = arrow and array.dtype.kind in "iu" and array.size and array.min() >= 0
    return array.astype(np.uint8) if small and array.max() < 256 else array


def _cells_of(column: Any) -> list[Any]:
    """Return the rows of a column as Python objects."""
    rows = list(column.to_pylist() if hasattr(column, "to_pylist") else column.to_list())
    if any(is_null(row) for row in rows):
        raise InvalidVector("query: rows are null")
    return rows


def _byte_cells(data: Any) -> list[Any] | None:
    """Return the cells of a column or sequence whose cells are ``bytes``, None if it is none."""
    if isinstance(data, list | tuple):
        cells = list(data)
    elif isinstance(data, np.ndarray):
        if data.dtype.kind != "O" or data.ndim != 1:
            return None
        cells = data.tolist()
    else:
        pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
        if pandas is not None and isinstance(data, pandas.Series) and data.dtype == object:
            cells = data.tolist()
        elif polars is not None and isinstance(data, polars.Series) and data.dtype == polars.Binary:
            cells = data.to_list()
        else:
            return None
    first = next((cell for cell in cells if not is_null(cell)), None)
    return cells if isinstance(first, bytes) else None


def _gather(cells: list[Any], label: str) -> tuple[Matrix, Validity | None]:
    """Lay cells of bytes side by side; a null row is zeros."""
    valid = np.fromiter((isinstance(cell, bytes) for cell in cells), np.bool_, len(cells))
    width = len(cells[int(np.argmax(valid))])
    for row, cell in enumerate(cells):
        if not valid[row] and not is_null(cell):
            raise InvalidVector(f"{label}: row {row} is {cell!r:.40}, not bytes", row=row)
        if valid[row] and len(cell) != width:
            raise InvalidVector(
                f"{label}: row {row} has {len(cell)} bytes, rows before it have {width}", row=row
            )
    zeros = bytes(width)
    data = b"".join(cell if ok else zeros for cell, ok in zip(cells, valid, strict=True))
    matrix = np.frombuffer(data, np.uint8).reshape(len(cells), width)
    return matrix, None if valid.all() else valid


def _not_bits(label: str, dtype: Any, metric: str) -> MetricError:
    return MetricError(
        f"{label} holds {dtype} numbers, metric {metric!r} compares packed bits: pass booleans, or "
        "uint8 rows made by np.packbits(bits, axis=-1)"
    )
