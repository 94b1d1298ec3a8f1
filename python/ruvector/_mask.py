"""Filters in: boolean masks in row order, and ids."""

from __future__ import annotations

import sys
from collections.abc import Iterator, KeysView, Set, ValuesView
from typing import Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from ._errors import InvalidArgument

Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.int64]


def read_mask(where: Any, rows: int) -> Mask:
    """Return a boolean mask of `rows` values, null as False.

    Parameters
    ----------
    where : array, Series or Arrow array of n booleans, in row order
    rows : int

    Raises
    ------
    InvalidArgument
        Not booleans (row numbers belong in ``ids=``), not one axis, or another length.
    """
    values = _values(where)
    if values.ndim != 1:
        raise InvalidArgument(f"where= has shape {values.shape}; one boolean a row is needed")
    if values.dtype.kind == "O":
        values = _from_objects(values)
    if values.dtype.kind != "b":
        _refuse(values)
    if len(values) != rows:
        raise InvalidArgument(f"where= has {len(values)} values, there are {rows} rows")
    return np.ascontiguousarray(values)


def _values(where: Any) -> npt.NDArray[Any]:
    if isinstance(where, np.ndarray):
        # NumPy imports its masked arrays when they are first named: whoever has one has done so.
        masked: Any = sys.modules.get("numpy.ma")
        if masked is not None and isinstance(where, masked.MaskedArray):
            return np.asarray(masked.filled(where, False))
        return where
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(where, pandas.api.extensions.ExtensionArray):
        where = pandas.Series(where)
    if pandas is not None and isinstance(where, (pandas.Series, pandas.Index)):
        if pandas.api.types.is_bool_dtype(where.dtype) and where.hasnans:
            where = where.fillna(False)
        return np.asarray(where.to_numpy())
    if polars is not None and isinstance(where, polars.Series):
        if where.dtype == polars.Null:
            where = where.cast(polars.Boolean)
        where = where.fill_null(False) if where.dtype == polars.Boolean else where
        return np.asarray(where.to_numpy())
    if pyarrow is not None and isinstance(where, (pyarrow.Array, pyarrow.ChunkedArray)):
        if pyarrow.types.is_boolean(where.type):
            where = where.fill_null(False)
        if isinstance(where, pyarrow.ChunkedArray):
            where = where.combine_chunks()
        return np.asarray(where.to_numpy(zero_copy_only=False))
    if polars is not None and isinstance(where, polars.Expr):
        raise InvalidArgument(
            "where= is an expression without a frame; give frame.select(expression).to_series()"
        )
    try:
        values = np.asarray(where)
        return values if values.size or values.ndim != 1 else values.astype(np.bool_)
    except ValueError as error:
        raise InvalidArgument(f"where= is not a mask ({error})") from None


def _from_objects(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Turn objects that are booleans or null into a mask; leave others for the error."""
    from ._cells import is_null

    cells = values.tolist()
    if all(isinstance(cell, bool | np.bool_) or is_null(cell) for cell in cells):
        return np.array([isinstance(cell, bool | np.bool_) and bool(cell) for cell in cells], bool)
    return values


def _refuse(values: npt.NDArray[Any]) -> NoReturn:
    if values.dtype.kind in "iu":
        raise InvalidArgument(
            "where= holds whole numbers, but is a mask of booleans; to limit the search of an "
            "index to some rows use ids=, in a frame where=np.isin(...)"
        )
    raise InvalidArgument(f"where= holds {values.dtype}, but is a mask of booleans")


def read_ids(ids: Any) -> npt.NDArray[np.int64] | npt.NDArray[np.uint64] | list[str]:
    """Return ids as an int64 or uint64 array or a list of texts.

    Raises
    ------
    InvalidArgument
        Null, fractional, boolean or mixed ids.
    """
    if isinstance(ids, Set | KeysView | ValuesView | Iterator | range):
        ids = list(ids)
    if isinstance(ids, list | tuple):
        mixed = any(isinstance(name, str) for name in ids)
        values = np.array(ids, object if mixed else None)  # or numbers would become texts
    elif hasattr(ids, "to_list"):
        values = np.asarray(ids.to_numpy())
    elif hasattr(ids, "to_pylist"):
        values = np.asarray(ids.to_pylist())
    else:
        values = np.asarray(ids)
    if values.ndim != 1:
        raise InvalidArgument(f"ids= has shape {values.shape}; one id a row is needed")
    if values.dtype.kind == "u" and values.dtype.itemsize == 8:
        return np.ascontiguousarray(values)
    if values.dtype.kind in "iu":
        return np.ascontiguousarray(values, np.int64)
    if not values.size:
        return np.empty(0, np.int64)
    cells = values.tolist()
    if values.dtype.kind in "UO" and all(isinstance(cell, str) for cell in cells):
        return _encodable([str(cell) for cell in cells])
    if values.dtype.kind == "O" and all(type(cell) is int for cell in cells):
        try:
            return np.array(cells, np.int64)
        except OverflowError:
            raise InvalidArgument(
                "ids= holds whole numbers outside int64; give them as uint64, or as texts"
            ) from None
    raise InvalidArgument(
        f"ids= holds {values.dtype}; whole numbers or texts without nulls are needed"
    )


def _encodable(texts: list[str]) -> list[str]:
    """Return `texts` if they are valid as UTF-8, as every Arrow reader takes for granted."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        row = next(i for i, text in enumerate(texts) if not _is_encodable(text))
        raise InvalidArgument(
            f"ids= row {row} is {texts[row]!r}, with half of a surrogate pair: not valid text",
            row=row,
        ) from None
    return texts


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
