"""Columns of vectors: borrowed from NumPy or Arrow, read back, hashed, projected, scored."""

from __future__ import annotations

from ctypes import byref, c_uint64
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from . import arrow
from .arrow import ArrowArray, ArrowSchema, address, collect
from .handle import Handle, info
from .library import call
from .task import Task

Floats = npt.NDArray[np.float32]

# Numbers of a column that is hashed in one call, which takes some milliseconds.
HASH_NUMBERS = 1 << 24
# Bytes of rows that are scored in one call on this thread, which takes some milliseconds.
SCORED_BYTES = 20_000_000
# Bytes of rows that are gathered in one call, which takes some tens of milliseconds.
GATHER_BYTES = 1 << 28
OTHER_CELL = 2**64 - 1


def column_from_matrix(
    matrix: npt.NDArray[Any], validity: npt.NDArray[np.bool_] | None = None
) -> Handle:
    """Borrow a 2-D C-contiguous array of float32, 64 or 16, int8 or uint8 as a column.

    ``validity`` is False where a row is null. The array is kept until the library lets go of it.
    """
    if matrix.ndim != 2 or not matrix.flags.c_contiguous:
        raise InvalidArgument(f"{matrix.ndim}-d {matrix.dtype} is not a C-contiguous matrix")
    if not matrix.dtype.isnative or matrix.dtype.char not in arrow.VECTOR_NUMBERS:
        raise InvalidArgument(f"numbers of type {matrix.dtype} cannot be borrowed")
    if matrix.shape[1] < 1:
        raise InvalidArgument("vectors of no dimensions")
    if validity is not None and validity.shape != (len(matrix),):
        raise InvalidArgument(f"validity {validity.shape} for {len(matrix)} rows")
    handle = Handle()
    array, schema = ArrowArray(), ArrowSchema()
    try:
        arrow.wrap_matrix(matrix, validity, array, schema)
        call("rv_column_import", byref(array), byref(schema), byref(handle.cell))
    finally:
        arrow.drop(array, schema)
        collect()
    return handle.adopt()


def column_from_capsule(obj: Any) -> Handle:
    """Borrow a column from anything with ``__arrow_c_array__`` or ``__arrow_c_stream__``."""
    handle = Handle()
    arrow.import_column(obj, handle.cell)
    return handle.adopt()


def column_info(column: Handle) -> dict[str, Any]:
    """Return rows, dim, nulls, type, chunks and address of a column."""
    if not column.value:
        raise InvalidArgument("the column is closed")
    return info(column)


def column_matrix(column: Handle) -> Floats:
    """Return all rows as a fresh (rows, dim) array; null rows are zero."""
    shape = column_info(column)
    out = np.empty((shape["rows"], shape["dim"]), np.float32)
    call("rv_column_copy", column.value, address(out), numbers(out), None)
    return out


def column_with_gaps(column: Handle, kind: type[np.generic]) -> npt.NDArray[Any]:
    """Return all rows as a fresh (rows, dim) array of float32 or float64; null rows are NaN."""
    out, valid = column_and_validity(column, kind)
    out[~valid] = np.nan
    return out


def column_and_validity(
    column: Handle, kind: type[np.generic]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return all rows as a fresh (rows, dim) array of float32 or float64, and which are not null.

    Null rows are zero.
    """
    shape = column_info(column)
    out = np.empty((shape["rows"], shape["dim"]), kind)
    valid = np.empty(shape["rows"], np.bool_)
    call("rv_column_copy", column.value, address(out), numbers(out), address(valid))
    return out, valid


def numbers(out: npt.NDArray[Any]) -> int:
    """Return what the library calls the numbers of such an array: 1 float64, else 0."""
    return int(out.dtype == np.float64)


def column_hash(column: Handle) -> bytes:
    """Return 16 bytes that equal columns share."""
    out = (c_uint64 * 2)()
    shape = column_info(column)
    if shape["rows"] * shape["dim"] <= HASH_NUMBERS:
        call("rv_column_hash", column.value, out)
        return bytes(out)
    task = Task(lent=out)
    call("rv_column_hash_start", column.value, out, byref(task.cell))
    task.wait()
    task.result()
    return bytes(out)


def column_row_hashes(column: Handle, start: int, end: int) -> npt.NDArray[np.uint64]:
    """Return a hash of each row in [start, end): equal rows of a type share it, 0 is a null row."""
    out = np.empty(end - start, np.uint64)
    step = max(1, HASH_NUMBERS // max(1, column_info(column)["dim"]))
    for at in range(start, end, step):  # between calls Ctrl-C is seen
        n = min(step, end - at)
        call("rv_column_hash_rows", column.value, at, n, address(out[at - start :]))
    return out


def array_rows(
    objects: npt.NDArray[np.object_], layout: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint64], bool]:
    """Return where the numbers of arrays lie, and whether all have one base.

    ``objects`` holds them, so that they live while they are read; it must be nobody else's. The
    ``layout`` is that of cabi/cells.go.
    0 stands for null, `OTHER_CELL` for an object of another layout.
    """
    out = np.empty(len(objects) + 1, np.uint64)
    call("rv_array_rows", address(objects), len(objects), address(layout), address(out))
    return out[:-1], bool(out[-1])


def gather(rows: npt.NDArray[np.uint64], out: npt.NDArray[Any]) -> None:
    """Copy rows from where they lie into a C-contiguous matrix; a row at 0 is zeros."""
    size = out.shape[1] * out.itemsize
    step = max(1, GATHER_BYTES // max(1, size))
    for start in range(0, len(rows), step):  # between calls Ctrl-C is seen
        part = rows[start : start + step]
        call("rv_gather", address(part), len(part), size, address(out[start:]))


def pca(column: Handle, dims: int = 2) -> Floats:
    """Return (rows, dims) coordinates along the principal components; null rows are NaN."""
    rows = column_info(column)["rows"]
    if dims < 1:
        raise InvalidArgument(f"dims={dims} must be 1 or more")
    out = np.empty((rows, dims), np.float32)
    task = Task(lent=out)
    call("rv_pca_start", column.value, dims, address(out), byref(task.cell))
    task.wait()
    task.result()
    return out


def scores(
    column: Handle, other: Handle, metric: str, skip_bad: bool, threads: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the score of every row with the only row of `other`, or with its row there.

    Where either is null, the score is NaN and the second array False.
    """
    about = column_info(column)
    rows = int(about["rows"])
    out, valid = np.empty(rows, np.float32), np.zeros(rows, np.bool_)
    lent = out, valid
    asked = column.value, other.value, metric.encode(), int(skip_bad)
    if rows * about["dim"] * 4 <= SCORED_BYTES:
        call("rv_scores", *asked, 1, *map(address, lent))
    else:
        task = Task(lent=lent)
        call("rv_scores_start", *asked, threads, *map(address, lent), byref(task.cell))
        task.wait()
        task.result()
    return lent
