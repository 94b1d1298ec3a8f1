"""Filters in: boolean masks in row order, and ids."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, MappingView, Set
from typing import Any, Final, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .values import NotNumbers, is_masked, is_null, values_of

Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.int64]


def read_mask(where: Any, rows: int | None) -> Mask:
    """Return a boolean mask of `rows` values, null as False.

    Parameters
    ----------
    where : array, Series or Arrow array of n booleans, in row order
    rows : int, or None when whoever reads the mask knows it

    Raises
    ------
    InvalidArgument
        Not booleans (row numbers belong in ``ids=``), not one axis, or another length.
    """
    if type(where) is np.ndarray:
        values = where
    elif isinstance(where, Mapping):
        refuse_mapping(where)
    else:
        values = _values(where)
    if values.ndim != 1:
        raise InvalidArgument(f"where= has shape {values.shape}; one boolean a row is needed")
    if values.dtype.kind == "O":
        values = _from_objects(values)
    if values.dtype.kind != "b":
        _refuse(values)
    if rows is not None and len(values) != rows:
        raise InvalidArgument(f"where= has {len(values)} values, there are {rows} rows")
    return np.ascontiguousarray(values)


_OPERATORS: Final = {
    "$eq": "==", "$ne": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<=",
}  # fmt: skip


def refuse_mapping(where: Mapping[Any, Any], library: str = "") -> NoReturn:
    """Refuse a filter written as a dictionary, and say how it is written for a frame's library.

    Raises
    ------
    InvalidArgument
    """
    if not library:
        raise InvalidArgument(
            "where= is a dictionary, and an index knows no columns: it takes one boolean a row; "
            "search the frame with rv.search(frame, query, where=...), or limit with ids="
        )
    tests = [
        test
        for name, value in where.items()
        for test in (value.items() if isinstance(value, Mapping) else [("$eq", value)])
        for test in [(name, *test)]
    ]
    said = [_test(library, *test) for test in tests]
    if all(said) and said:
        alone = len(said) == 1 or library == "pandas"
        joined = " & ".join(said if alone else [f"({test})" for test in said])
        way = f"where={joined!r}" if library == "pandas" else f"where={joined}"
    else:
        way = {
            "pandas": 'where="year > 2000"',
            "polars": "where=pl.col('year') > 2000",
            "pyarrow": "where=pyarrow.compute.field('year') > 2000",
        }[library]
        way = f"an expression, such as {way}"
    raise InvalidArgument(f"where= is a dictionary; write it as {way}")


def _test(library: str, name: Any, operator: Any, value: Any) -> str:
    """Return one test of a filter as text, empty where it cannot be said."""
    if not isinstance(name, str) or name.startswith("$") or '"' in name:
        return ""
    if operator == "$in" and isinstance(value, list):
        if library == "pandas":
            return f"{_quoted(name)} in {value!r}"
        return f"{_column(library, name)}.{'isin' if library == 'pyarrow' else 'is_in'}({value!r})"
    if operator not in _OPERATORS or not isinstance(value, str | int | float):
        return ""
    left = _quoted(name) if library == "pandas" else _column(library, name)
    return f"{left} {_OPERATORS[operator]} {value!r}"


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"`{name}`"


def _column(library: str, name: str) -> str:
    return f"pl.col({name!r})" if library == "polars" else f"pyarrow.compute.field({name!r})"


def _values(where: Any) -> npt.NDArray[Any]:
    if isinstance(where, np.ndarray):
        return np.asarray(np.ma.filled(where, False)) if is_masked(where) else where
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

    uint64 stays uint64; other whole numbers are int64, in lists uint64 where one is above int64.

    Raises
    ------
    InvalidArgument
        Null, fractional, boolean or mixed ids, or whole numbers that neither type holds; names
        the row.
    """
    try:
        values = values_of(ids)
    except NotNumbers as error:
        raise InvalidArgument(f"ids= {error.what}") from error
    if values.ndim != 1:
        raise InvalidArgument(f"ids= has shape {values.shape}; one id a row is needed")
    if values.dtype.kind in "iu":
        if values.dtype == np.uint64:
            return np.ascontiguousarray(values, np.uint64)
        return np.ascontiguousarray(values, np.int64)
    if not values.size:
        return np.empty(0, np.int64)
    if values.dtype.kind in "UO":
        cells = values.tolist()
        if set(map(type, cells)) == {str}:
            return _encodable(cells)
        _refuse_ids(cells)
    raise InvalidArgument(f"ids= holds {values.dtype}; {_IDS_NEEDED}{_way_out(values)}")


def read_row_ids(
    ids: Any,
) -> npt.NDArray[np.int64] | npt.NDArray[np.uint64] | list[str]:
    """Return ids as `read_ids` does, of which the first is that of the first row, and so on.

    Raises
    ------
    InvalidArgument
        As `read_ids`, and for a set: its order is not that of the rows.
    """
    if isinstance(ids, set | frozenset):
        raise InvalidArgument(
            f"ids= is a {type(ids).__name__}, which has no order to give each row its id by; pass "
            "a list, in the order of the rows"
        )
    return read_ids(ids)


def read_some_ids(
    ids: Any,
) -> tuple[npt.NDArray[np.int64] | npt.NDArray[np.uint64] | list[str], bool]:
    """Return ``(ids, single)`` of one id or of a sequence of ids."""
    rows = isinstance(ids, Set | MappingView | Iterator) or (
        hasattr(ids, "__len__") and not isinstance(ids, str | bytes) and not hasattr(ids, "as_py")
    )
    single = not rows or getattr(ids, "ndim", 1) == 0
    return read_ids([ids] if single else ids), single


_IDS_NEEDED: Final = "whole numbers or texts without nulls are needed"


def _way_out(values: npt.NDArray[Any]) -> str:
    if values.dtype.kind == "f" and np.isfinite(values).all():
        return ", for example ids.astype('int64')"
    return ""


def _refuse_ids(cells: list[Any]) -> NoReturn:
    """Say which id is the first that does not go with the rest, and why."""
    kinds = {type(cell) for cell in cells}
    for row, cell in enumerate(cells):
        if is_null(cell):
            raise InvalidArgument(f"ids= row {row} is null; {_IDS_NEEDED}", row=row)
        if not isinstance(cell, str | int) or isinstance(cell, bool):
            raise InvalidArgument(
                f"ids= row {row} is {cell!r:.40}, of type {type(cell).__name__}; {_IDS_NEEDED}",
                row=row,
            )
    if kinds == {int}:
        low, high = min(cells), max(cells)
        wrong = high if high >= 2**64 or low >= 0 else low
        what = "neither int64 nor uint64 holds it"
        if -(2**63) <= low < 0 and high < 2**64:
            wrong, what = high, f"above int64, and {low} is below uint64"
        row = cells.index(wrong)
        raise InvalidArgument(f"ids= row {row} is {wrong}: {what}; use texts", row=row)
    row = next(i for i, cell in enumerate(cells) if type(cell) is not type(cells[0]))
    raise InvalidArgument(
        f"ids= row {row} is {cells[row]!r:.40}, those before it are of type "
        f"{type(cells[0]).__name__}; use whole numbers or texts, not both",
        row=row,
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
