"""Cells that are NumPy arrays of one kind: the matrix that they are rows of, or one of copies.

Asking 100,000 arrays for their type, length and memory takes Python 200 ms. The library reads the
headers, and copies the rows, on several threads in about the time of copying a matrix.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _native
from .._native.arrow import VECTOR_NUMBERS
from .._native.column import OTHER_CELL
from .._native.memory import POINTER_BYTES, words_at

Matrix: TypeAlias = npt.NDArray[Any]
Validity: TypeAlias = npt.NDArray[np.bool_]

_WORD: Final = 8
# Words of NumPy's public PyArrayObject_fields, counted from the object's start in a CPython
# build with a 16-byte object header; `_layout_holds` checks them before they are used.
_TYPE, _DATA, _NDIM, _SHAPE, _BASE, _DESCR, _FLAGS = 1, 2, 3, 4, 6, 7, 8
_CONTIGUOUS_ALIGNED: Final = 0x0001 | 0x0100
_COPIED: Final = "febB"  # numbers whose copy needs no look at them; float64 may become float32


def arrays_alike(
    cells: Sequence[Any] | npt.NDArray[Any],
) -> tuple[Matrix, Validity | None, bool] | None:
    """Return ``(matrix, validity, copied)`` of arrays of one type and length, and of None.

    None for other cells: they are read one by one, or named by the error that they are.
    """
    first = next((cell for cell in cells if cell is not None), None)
    if type(first) is not np.ndarray or first.ndim != 1 or not len(first):
        return None
    dtype = first.dtype
    if dtype.char not in VECTOR_NUMBERS or not dtype.isnative or not _layout_holds():
        return None
    layout = np.array(
        [_TYPE, _DATA, _BASE, _NDIM, _SHAPE, _DESCR, _FLAGS, id(None), id(np.ndarray),
         id(first.base), id(dtype), len(first), _CONTIGUOUS_ALIGNED],
        np.uint64,
    )  # fmt: skip
    # A copy, which keeps the cells alive whatever other threads put into the column meanwhile.
    held = cells.copy() if isinstance(cells, np.ndarray) else np.fromiter(cells, object, len(cells))
    rows, one_base = _native.array_rows(held, layout)
    if (rows == OTHER_CELL).any():
        return None
    if one_base and first.base is not None and _consecutive(rows, first.nbytes):
        return _view(first, len(cells)), None, False
    if dtype.char not in _COPIED:
        return None
    matrix = np.empty((len(cells), len(first)), dtype)
    _native.gather(rows, matrix)
    valid = rows != 0
    return matrix, None if valid.all() else valid, True


def _consecutive(rows: npt.NDArray[np.uint64], size: int) -> bool:
    return bool((np.diff(rows.astype(np.int64)) == size).all()) and bool(rows[0])


def _view(first: Matrix, rows: int) -> Matrix:
    """Return the matrix that begins with a row, read-only; it keeps the memory alive."""
    return np.lib.stride_tricks.as_strided(
        first, shape=(rows, len(first)), strides=(first.nbytes, first.itemsize), writeable=False
    )


@functools.cache
def _layout_holds() -> bool:
    """Return whether arrays lie in memory as this file expects (not so in free-threaded builds)."""
    matrix = np.zeros((2, 3), np.float32)
    probe = matrix[1]
    words = words_at(id(probe), _FLAGS + 1).tolist()
    return (
        POINTER_BYTES == _WORD
        and words[_TYPE] == id(np.ndarray)
        and words[_DATA] == probe.ctypes.data
        and words[_NDIM] & 0xFFFFFFFF == 1
        and words[_BASE] == id(matrix)
        and words[_DESCR] == id(probe.dtype)
        and words[_FLAGS] & 0x0101 == 0x0101
        and words_at(words[_SHAPE], 1)[0] == 3
    )
