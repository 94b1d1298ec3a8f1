"""The rows of an index: their ids, their vectors, and where these are measured."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument, UnknownId, VectorsChanged
from .._metric import BINARY
from . import arrow
from .arrow import ArrowArray, ArrowSchema, address
from .column import numbers
from .handle import Handle, info
from .library import call
from .params import Names, values

Ints = npt.NDArray[np.int64]

# So often rows are counted anew when others were added or deleted meanwhile.
MEANWHILE = 1000


def lookup(handle: Handle, ids: Names) -> Ints:
    """Return the row of every id, -1 for ids of no row."""
    rows = np.empty(len(ids), np.int64)
    if not len(ids):
        info(handle)  # raises when closed
        return rows
    given, kept = values(ids)
    call("rv_index_lookup", handle.value, byref(given), address(rows))
    del kept
    return rows


def ids(handle: Handle) -> npt.NDArray[Any] | list[str]:
    """Return all ids in row order: int64 or uint64, or a list of text."""
    array, schema = ArrowArray(), ArrowSchema()
    try:
        call("rv_index_ids", handle.value, byref(array), byref(schema))
        if schema.format == b"U":
            return arrow.texts_of(array)
        return arrow.numbers_of(array, np.uint64 if schema.format == b"L" else np.int64)
    finally:
        arrow.drop(array, schema)


def vectors(handle: Handle, rows: npt.NDArray[np.integer[Any]] | Sequence[int]) -> npt.NDArray[Any]:
    """Return the vectors of rows as a fresh (n, dim) array, of bits (n, dim / 8)."""
    wanted = np.ascontiguousarray(rows, np.int64)
    out = room(info(handle), len(wanted))
    where = address(out), numbers(out)
    call("rv_index_vectors", handle.value, address(wanted), len(wanted), *where)
    return out


def vectors_of(handle: Handle, ids: Names) -> npt.NDArray[Any]:
    """Return the vectors of ids as a fresh (n, dim) array, of bits (n, dim / 8)."""
    given, kept = values(ids)
    out = room(info(handle), len(ids))
    call("rv_index_vectors_of", handle.value, byref(given), address(out), numbers(out))
    del kept
    return out


def matrix(handle: Handle) -> npt.NDArray[Any]:
    """Return the vectors of all rows as a fresh (n, dim) array, of bits (n, dim / 8)."""
    tries = 0
    while True:
        about = info(handle)
        out = room(about, about["rows"])
        try:
            call("rv_index_matrix", handle.value, len(out), address(out), numbers(out))
        except VectorsChanged:  # rows were added or deleted since `info`, or a file was written to
            tries += 1
            if tries == MEANWHILE:
                raise
        else:
            return out


def attach(handle: Handle, column: Handle | None) -> None:
    """Give an index a column to measure against; None takes it away."""
    attached = 0
    if column is not None:
        attached = column.value
        if not attached:
            raise InvalidArgument("the column to attach is closed")
    try:
        call("rv_index_attach", handle.value, attached)
    finally:
        handle.outdate()  # recall targets are in reach, or no more


def room(about: dict[str, Any], n: int) -> npt.NDArray[Any]:
    """Return an empty array for n rows of the index: float32, float64 or, of bits, uint8."""
    if n and not about["dim"]:  # the library must not write where there is no room
        raise UnknownId("the index has no vectors yet, so none of these rows")
    if about.get("metric") in BINARY:
        return np.empty((n, about["dim"] // 8), np.uint8)
    return np.empty((n, about["dim"]), np.float64 if about.get("wide") else np.float32)
