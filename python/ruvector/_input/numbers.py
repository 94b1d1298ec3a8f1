"""The number type of vectors: float32 where it holds every number, else float64."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

FloatMatrix: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]

WHOLE: Final = 2**24  # whole numbers up to here are float32 numbers
_SHORT: Final = frozenset("febBhH")  # types whose every number is one of float32


def fits_float32(array: npt.NDArray[Any]) -> bool:
    """Return whether float32 holds every number of an array of real numbers; NaN is held."""
    if array.dtype.char in _SHORT or not array.size:
        return True
    if array.dtype.kind in "iu":
        return bool(array.min() >= -WHOLE and array.max() <= WHOLE)
    with np.errstate(over="ignore", under="ignore"):
        rounded = array.astype(np.float32)
    return bool(((rounded == array) | (array != array)).all())


def as_floats(array: npt.NDArray[Any]) -> FloatMatrix:
    """Return real numbers as a C-contiguous array of float32, or float64 if some need it.

    float64 stays float64, whatever its numbers are.
    """
    kept = array.dtype.char in "dg" or not fits_float32(array)
    if kept:
        return np.ascontiguousarray(array, np.float64)
    return np.ascontiguousarray(array, np.float32)


class Gathered:
    """A matrix that is filled part by part: float32 until a number needs float64."""

    __slots__ = ("matrix",)

    matrix: npt.NDArray[Any]

    def __init__(self, rows: int, width: int) -> None:
        self.matrix = np.empty((rows, width), np.float32)

    def put(self, start: int, block: npt.NDArray[Any]) -> None:
        """Write the rows of a block from row `start` on; parts come in order."""
        if self.matrix.dtype == np.float32 and not fits_float32(block):
            wide = np.empty(self.matrix.shape, np.float64)
            wide[:start] = self.matrix[:start]
            self.matrix = wide
        self.matrix[start : start + len(block)] = block
