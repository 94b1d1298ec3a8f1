"""Frames and rows of frames given as queries: which part of them is meant."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from numbers import Number
from typing import Any

import numpy as np

from .._errors import InvalidVector, RuVectorError
from .queries import read_queries
from .values import is_batch, is_null, is_scalar, lends

_Parts = list[tuple[str, str]]  # how to reach a part from the query, and its kind


_reader: list[Callable[[Any], list[tuple[Any, str]]]] = []


def columns_read_by(read: Callable[[Any], list[tuple[Any, str]]]) -> None:
    """Have frames read by whoever knows them: ``read`` returns label and kind of each column."""
    _reader[:] = [read]


def refuse_rows(query: Any, label: Any = None) -> None:
    """Refuse a whole frame, or a row of one, and say how to reach the vector in it.

    `label` is the column that is searched, which is the part meant when the row has it.

    Raises
    ------
    InvalidVector
    """
    if isinstance(query, str | bytes | float | int):
        return
    if isinstance(query, np.ndarray) and query.dtype.kind not in "OV":
        return
    what, parts = _parts(query)
    if what:
        raise InvalidVector(f"query is {what}; search with {_way(parts, label)}")


def _parts(query: Any) -> tuple[str, _Parts]:
    """Return what a query is, if it is a frame or a row, and its parts."""
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    kind = type(query).__name__
    if pandas is not None and isinstance(query, pandas.DataFrame):
        return f"a whole pandas {kind}", _columns(query)
    if polars is not None and isinstance(query, polars.DataFrame):
        return f"a whole polars {kind}", _columns(query)
    if polars is not None and isinstance(query, polars.LazyFrame):
        parts = _columns(polars.DataFrame(schema=query.collect_schema()))
        return "a polars LazyFrame", [(f".collect(){way}", kind) for way, kind in parts]
    if pyarrow is not None and isinstance(query, pyarrow.Table):
        return f"a whole pyarrow {kind}", _columns(query)
    if pyarrow is not None and isinstance(query, pyarrow.RecordBatch):
        return f"a whole pyarrow {kind}", _columns(pyarrow.Table.from_batches([query]))
    if pandas is not None and isinstance(query, pandas.Series):
        objects = isinstance(query.dtype, np.dtype) and query.dtype.kind == "O"
        if objects and _mixed(list(query)):
            pairs = zip(query.index, query, strict=True)
            return "a row of a frame", [(f"[{name!r}]", _kind(cell)) for name, cell in pairs]
        return "", []
    if polars is not None and isinstance(query, polars.Series):
        if isinstance(query.dtype, polars.Struct):
            columns = [query.struct.field(field.name) for field in query.dtype.fields]
            parts = _columns(polars.DataFrame(columns))
            ways = [(f".struct.field({way[1:-1]})", kind) for way, kind in parts]
            return "a column of structs", ways
        return "", []
    if pyarrow is not None and isinstance(query, pyarrow.StructScalar):
        return "a row of a table", [(f"[{k!r}]", _kind(query[k].as_py())) for k in query]
    return _plain(query)


def _plain(query: Any) -> tuple[str, _Parts]:
    """As `_parts`, of dictionaries, tuples, lists and NumPy records."""
    if isinstance(query, Mapping):
        return f"a {type(query).__name__}", [(f"[{k!r}]", _kind(query[k])) for k in query]
    names = getattr(getattr(query, "dtype", None), "names", None)
    if isinstance(query, np.void) and names:
        return "a NumPy record", [(f"[{name!r}]", _kind(query[name])) for name in names]
    if isinstance(query, np.ndarray) and names:
        kinds = ["vector" if query[name].ndim > query.ndim else "number" for name in names]
        ways = [f"[{name!r}]" for name in names]
        return "an array of NumPy records", list(zip(ways, kinds, strict=True))
    if isinstance(query, np.ndarray):
        query = query.tolist() if query.ndim == 1 else []
    if not isinstance(query, tuple | list) or not query:
        return "", []
    if all(isinstance(row, Mapping) for row in query):
        parts = [(f"[{k!r}]", _kind(cell)) for k, cell in query[0].items()]
        return "a list of rows", [(f"each:{way}", kind) for way, kind in parts]
    if type(query) is tuple and len(query) == 2:  # (label, row), of iterrows
        what, parts = _parts(query[1]) if hasattr(query[1], "iloc") else ("", [])
        if what:
            return what, [(f"[1]{way}", kind) for way, kind in parts]
    if _mixed(query) and (isinstance(query, tuple) or any(map(_is_vector, query))):
        return "a row of a frame", [(f"[{at}]", _kind(cell)) for at, cell in enumerate(query)]
    return "", []


def _columns(frame: Any) -> _Parts:
    """Return the columns of a frame, without those that share their name."""
    columns = _reader[0](frame)
    labels = [label for label, _ in columns]
    parts = [(f"[{label!r}]", kind) for label, kind in columns if labels.count(label) == 1]
    if parts and all(kind == "number" for _, kind in parts):
        if hasattr(frame, "to_numpy"):
            return [(".to_numpy()", "vector")]
        return [(".to_pandas().to_numpy()", "vector")]
    return parts


def _mixed(cells: list[Any] | tuple[Any, ...]) -> bool:
    """Return whether cells are of several kinds, or of one that nothing is searched with."""
    types = set(map(type, cells))
    if len(types) == 1 and types <= {str, float, int, np.ndarray, list}:
        return False
    kinds = {_shape(cell) for cell in cells if not is_null(cell)}
    return len(kinds) > 1


def _shape(cell: Any) -> str:
    """Return the kind of a cell by its type alone: a vector may have a null among its numbers."""
    if isinstance(cell, str | bytes | Mapping) or is_scalar(cell):
        return _kind(cell)
    return "vector" if is_batch(cell) or lends(cell) else "other"


def _kind(cell: Any) -> str:
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, Number | np.bool_):
        return "number"
    return "vector" if _is_vector(cell) else "other"


def _is_vector(cell: Any) -> bool:
    """Return whether a cell can be searched with as a vector, or as a column of vectors."""

    if isinstance(cell, str | bytes | Mapping) or not hasattr(cell, "__len__"):
        return False
    try:
        if not len(cell):
            return False
        read_queries(cell, 0)
    except (RuVectorError, TypeError, ValueError):
        return False
    return True


def _way(parts: _Parts, label: Any) -> str:
    """Return which part of a row or frame to search with, as an expression."""
    named = [way for way, _ in parts if label is not None and way.endswith(f"[{label!r}]")]
    by_kind = [way for kind in ("vector", "text", "number") for way, k in parts if k == kind]
    if not named and not by_kind:
        return "a vector, a batch of vectors, or a text: it has none"
    way = [*named, *by_kind][0]
    if way.startswith("each:"):
        return f"one part of each: [row{way[5:]} for row in query]"
    return f"a part of it: query{way}"
