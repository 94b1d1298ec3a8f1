"""Rows of packed bits in: columns and queries for the metrics ``hamming`` and ``jaccard``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import DimensionMismatch, InvalidVector, MetricError
from .cells import Matrix, Validity
from .queries import vector_of
from .values import (
    NotNumbers,
    Values,
    is_batch,
    is_null,
    is_objects,
    is_scalar,
    lends,
    lent,
    mask_of,
    values_of,
)
from .vectors import Vectors, from_matrix, lent_matrix, polars_storage, read_vectors

PackedMatrix: TypeAlias = npt.NDArray[np.uint8]


def read_bits(data: Any, metric: str, label: str = "vectors") -> Vectors:
    """Read a column of rows of bits, without copying it where they are packed.

    Parameters
    ----------
    data : array, Series, Arrow array or stream, or sequence of bytes
        n rows of w bytes, each 8 bits: C-contiguous uint8 as `numpy.packbits` makes it, Arrow
        FixedSizeBinary, Binary, or lists of uint8, polars ``Array(UInt8, w)``. Booleans, shape
        (n, d), are packed, and so are cells of ``bytes`` or of booleans: one copy.

    Raises
    ------
    MetricError
        Numbers other than uint8.
    InvalidVector, ColumnError
        As `read_vectors`.
    """
    if isinstance(data, Vectors):
        return data
    if not isinstance(data, np.ndarray) and lends(data) and not _is_column(data):
        data = lent_matrix(data, label)
    if isinstance(data, np.ndarray) and data.dtype.kind != "O":
        return _of_array(data, metric, label)
    cells = _cells_of(data)
    if cells is not None and any(map(_is_bits, cells)):
        matrix, validity = _gather(cells, label)
        return from_matrix(matrix, validity, True, "bits, gathered")
    return read_vectors(data if cells is None else cells, label)


def read_either(data: Any) -> Vectors:
    """Read a column of vectors or of bits, whichever it holds: numbers are read as they are."""
    if isinstance(data, Iterator):
        data = list(data)
    elif not isinstance(data, np.ndarray) and lends(data) and not _is_column(data):
        data = lent_matrix(data, "vectors")
    bits = isinstance(data, np.ndarray) and data.dtype.kind in "bSV"
    if bits or any(map(_is_bits, _cells_of(data) or ())):
        return read_bits(data, "hamming")
    return read_vectors(data)


def _of_array(data: Values, metric: str, label: str) -> Vectors:
    mask = mask_of(data)
    if mask is not None:
        row = int(np.argmax(mask.reshape(len(mask), -1).any(axis=1)))
        raise InvalidVector(f"{label}: row {row} has masked values; fill them first", row=row)
    if data.ndim == 1 and data.dtype.kind in "SV" and data.dtype.names is None:
        # All of a cell's bytes: NumPy itself would leave zeros at the end out.
        rows = np.ascontiguousarray(data).view(np.uint8).reshape(len(data), data.dtype.itemsize)
        return from_matrix(rows, None, False, f"NumPy {data.dtype}")
    if data.dtype.kind == "b" and data.ndim == 2:
        packed = np.ascontiguousarray(np.packbits(np.asarray(data), axis=1))
        return from_matrix(packed, None, True, "NumPy bool, packed (copied)")
    if data.dtype.kind in "iuf" and data.dtype != np.uint8:
        raise _not_bits(label, data.dtype, metric)
    return read_vectors(data, label)


def read_bit_queries(query: Any, dim: int, metric: str) -> tuple[PackedMatrix, bool]:
    """Return ``(matrix, single)``: the queries as packed bits, shape (nq, dim / 8).

    `single` is True for one row of bytes or booleans; what has no elements at all is a batch of
    no queries. `dim` is the bits of the rows searched; 0 accepts any.

    Raises
    ------
    MetricError
        Numbers that are neither booleans nor uint8; names both sides.
    DimensionMismatch
        Another number of bits.
    InvalidVector
        Not one or two axes; null rows.
    """
    bits = _array_of(query, metric)
    if bits.ndim not in (1, 2):
        raise InvalidVector(
            f"query has {bits.ndim} axes, shape {bits.shape}; 1-D (one query) or 2-D (a batch) "
            "is needed"
        )
    single = bits.ndim == 1 and bits.size > 0
    given = bits.shape[-1]
    if bits.dtype.kind == "b":
        bits = np.packbits(bits, axis=-1)
    elif bits.dtype != np.uint8 and bits.size:
        raise _not_bits("query", bits.dtype, metric)
    matrix: PackedMatrix = np.ascontiguousarray(bits.reshape(1, -1) if single else bits, np.uint8)
    if not matrix.size and not (matrix.ndim == 2 and len(matrix)):
        return np.empty((0, dim // 8 or given), np.uint8), False
    width = matrix.shape[1]
    if dim and 8 * width != dim:
        advice = "; pack it: np.packbits(query, axis=-1)" if given == dim else ""
        raise DimensionMismatch(
            f"query has {width} bytes ({8 * width} bits), the rows searched have {dim // 8} bytes "
            f"({dim} bits){advice}"
        )
    return matrix, single


def _array_of(query: Any, metric: str) -> Values:
    """Return queries as an array of whatever they are made of."""
    if hasattr(query, "as_py") and isinstance(query.as_py(), bytes):
        query = query.as_py()
    if isinstance(query, bytes | bytearray):
        return np.frombuffer(query, np.uint8)
    array = vector_of(query)
    if array is None or array.dtype.kind in "SV":
        return _batch_of(query, metric)
    if mask_of(array) is not None or (array.dtype.kind == "O" and any(map(is_null, array.flat))):
        raise InvalidVector("query has null or masked bits; fill them first")
    return np.asarray(array)


def _batch_of(query: Any, metric: str) -> Values:
    kind = getattr(getattr(query, "dtype", None), "pyarrow_dtype", getattr(query, "type", ""))
    cells = values_of(query).tolist() if "binary" in str(kind) else _cells_of(query)
    vectors = read_bits(query if cells is None else cells, metric, "query")
    if vectors.nulls:
        raise InvalidVector(f"query: {vectors.nulls} of {vectors.rows} rows are null")
    if vectors.matrix is not None or vectors.handle is None:
        return np.empty((0, 0), np.uint8) if vectors.matrix is None else vectors.matrix
    kind = str(_native.column_info(vectors.handle)["type"])
    if "uint8" not in kind:
        raise _not_bits("query", kind, metric)
    return vectors.floats().astype(np.uint8)


def _is_column(data: Any) -> bool:
    return (
        hasattr(data, "__arrow_c_array__")
        or hasattr(data, "__arrow_c_stream__")
        or type(data).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow")
    )


def _cells_of(data: Any) -> list[Any] | None:
    """Return the rows of what holds them one by one; None for columns to read where they lie."""
    if isinstance(data, np.ndarray):
        return data.tolist() if data.dtype.kind == "O" and data.ndim == 1 else None
    if is_batch(data) or isinstance(data, Iterator):
        return list(data)
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(
        data, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)
    ):
        if is_objects(data.dtype):
            return list(data)
        if hasattr(data.dtype, "pyarrow_dtype"):
            data = pandas.Series(data).array.__arrow_array__()
    if polars is not None and isinstance(data, polars.Series):
        data = polars_storage(polars, data)
        inner = getattr(data.dtype, "inner", None)
        gathered = data.dtype in (polars.Object, polars.Binary) or inner == polars.Boolean
        return list(data.to_list()) if gathered else None
    if pyarrow is not None and isinstance(data, (pyarrow.Array, pyarrow.ChunkedArray)):
        inner = getattr(data.type, "value_type", pyarrow.null())
        if pyarrow.types.is_binary_view(data.type) or pyarrow.types.is_boolean(inner):
            return list(data.to_pylist())
    return None


def _is_bits(cell: Any) -> bool:
    """Return whether a cell is bytes or booleans, which must be gathered."""
    if isinstance(cell, bytes | bytearray) or type(cell).__name__.endswith("BinaryScalar"):
        return True
    if isinstance(cell, np.ndarray):
        return bool(cell.dtype.kind == "b")
    if isinstance(cell, list | tuple):
        return any(isinstance(value, bool | np.bool_) for value in cell)
    if is_scalar(cell) or isinstance(cell, str):
        return False
    return bool(values_of(cell).dtype.kind == "b")


def _row_of(cell: Any) -> tuple[bytes, int] | None:
    """Return the bytes of a row and how many bits they are; None for what is no bits."""
    cell = cell.as_py() if type(cell).__name__.endswith("BinaryScalar") else cell
    if isinstance(cell, bytes | bytearray):
        return bytes(cell), 8 * len(cell)
    if is_scalar(cell) or isinstance(cell, str):
        return None
    try:
        bits = lent(cell) if lends(cell) and not _is_column(cell) else values_of(cell)
    except NotNumbers:
        return None
    if mask_of(bits) is not None or bits.size != bits.shape[-1]:
        return None
    bits = np.asarray(bits).reshape(-1)
    if bits.dtype.kind == "b":
        return np.packbits(bits).tobytes(), len(bits)
    return (bits.tobytes(), 8 * len(bits)) if bits.dtype == np.uint8 else None


def _size(bits: int) -> str:
    return f"{bits} bits" if bits % 8 else f"{bits // 8} bytes ({bits} bits)"


def _gather(cells: list[Any], label: str) -> tuple[Matrix, Validity | None]:
    """Lay rows of bytes or booleans side by side; a null row is zeros."""
    valid = np.fromiter((not is_null(cell) for cell in cells), np.bool_, len(cells))
    rows: list[bytes] = []
    widths: list[int] = []
    for i in np.flatnonzero(valid).tolist():
        row = _row_of(cells[i])
        if row is None:
            raise InvalidVector(
                f"{label}: row {i} is {cells[i]!r:.40}, not bytes or booleans", row=i
            )
        rows.append(row[0])
        widths.append(row[1])
    most = Counter(widths).most_common(1)[0][0]
    for i, width in zip(np.flatnonzero(valid).tolist(), widths, strict=True):
        if width != most:
            raise InvalidVector(
                f"{label}: row {i} has {_size(width)}, most rows have {_size(most)}", row=i
            )
    matrix = np.zeros((len(cells), -(-most // 8)), np.uint8)
    matrix[valid] = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)
    return matrix, None if valid.all() else valid


def _not_bits(label: str, dtype: Any, metric: str) -> MetricError:
    return MetricError(
        f"{label} holds {dtype} numbers, metric {metric!r} compares packed bits: pass booleans, or "
        "uint8 rows made by np.packbits(bits, axis=-1)"
    )
