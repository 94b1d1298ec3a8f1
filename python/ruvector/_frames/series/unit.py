"""Lengths of the vectors of a polars column, and the vectors at length one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ... import _native
from ..._errors import ColumnError, InvalidVector
from ..._input.vectors import Vectors, from_matrix, read_vectors
from ..._settings import current
from ..target import naming
from .kinds import like

_CHUNK: Final = 4096  # rows that are worked on as float64
_SHORT: Final = 2.0**-100  # lengths below lose digits as float32


def norm(column: pl.Series) -> pl.Series:
    """Return the length of each vector of a column, float32; null where it is null."""
    vectors = _read(column)
    lengths, valid = _lengths(vectors, column.name, "l2")
    found: pl.Series = like(column, lengths, valid, "norm")
    return found


def normalize(column: pl.Series) -> pl.Series:
    """Return a column with each vector divided by its length, of the same type.

    Raises
    ------
    ColumnError
        Not a column of ``Array`` or ``List`` of floats.
    """
    dtype = column.dtype
    if not isinstance(dtype, pl.Array | pl.List) or not dtype.inner.is_float():
        raise ColumnError(
            f"column {column.name!r} is {dtype}, and vectors of floats have a length of one: "
            f"cast it, {column.name!r} to pl.List(pl.Float32)"
        )
    vectors = _read(column)
    if vectors.handle is None:
        return pl.Series(column.name, [None] * len(column), dtype=dtype)
    inner = pl.Float64() if dtype.inner == pl.Float64 else pl.Float32()
    wanted = np.float64 if dtype.inner == pl.Float64 else np.float32
    matrix, valid = _scaled(vectors, column.name, wanted)
    found = pl.Series(column.name, matrix, dtype=pl.Array(inner, vectors.dim)).cast(dtype)
    if valid.all():
        return found
    there = pl.when(pl.Series(valid)).then(found)
    return pl.select(there.alias(column.name)).to_series()


def _read(column: pl.Series) -> Vectors:
    with naming(column.name):
        return read_vectors(column, f"column {column.name!r}")


def _lengths(
    vectors: Vectors, name: str, metric: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the distance of each vector from zero and whether it has one; refuse bad ones."""
    if vectors.handle is None:
        return np.full(vectors.rows, np.nan, np.float32), np.zeros(vectors.rows, np.bool_)
    zero = from_matrix(np.zeros((1, vectors.dim), np.float32), None, True, "zero")
    with naming(name):
        return _native.scores(
            vectors.handle, zero.handle, metric, current.bad_vectors == "skip", current.threads
        )


def _scaled(
    vectors: Vectors, name: str, wanted: type[np.floating[Any]]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return all vectors at length one, and which have one: null and zero have none."""
    if wanted is np.float32:
        try:
            lengths, valid = _lengths(vectors, name, "l2")
        except InvalidVector:  # bad, which is said below, or too long for squares in float32
            return _scaled_in_float64(vectors, name, wanted)
        there = valid & (lengths > 0)
        if lengths.min(where=there, initial=np.inf) >= _SHORT:
            return vectors.floats() / np.where(there, lengths, np.float32(1))[:, None], there
    return _scaled_in_float64(vectors, name, wanted)


def _scaled_in_float64(
    vectors: Vectors, name: str, wanted: type[np.floating[Any]]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the same for vectors of any finite length, with the digits of float64."""
    _, valid = _lengths(vectors, name, "cosine")  # which any finite length is good for
    numbers = vectors.numbers()
    out = np.empty(numbers.shape, wanted)
    valid = valid.copy()
    for start in range(0, len(numbers), _CHUNK):
        part = numbers[start : start + _CHUNK].astype(np.float64)
        there = valid[start : start + _CHUNK]
        part[~there] = 0
        largest = np.abs(part).max(axis=1, keepdims=True)
        there &= largest[:, 0] > 0
        part /= np.where(largest > 0, largest, 1)  # squares of what is left neither overflow
        square = np.einsum("ij,ij->i", part, part)  # nor vanish
        part /= np.sqrt(np.where(there, square, 1))[:, None]
        out[start : start + _CHUNK] = part
    return out, valid
