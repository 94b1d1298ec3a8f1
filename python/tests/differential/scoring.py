"""Columns alone: the score of every row, of functions, accessors and polars expressions."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import ruvector as rv

from .drawing import Case, require
from .framing import Framed
from .judging import Asked
from .model import BITS, NAMES

# Before that polars makes a struct of two columns, and none of objects.
_PAIRS = "is_elementwise" in inspect.signature(pl.map_batches).parameters


def scores(case: Case) -> None:
    """``similarity`` or ``distance`` of a column to a query, or to the rows of itself."""
    f = Framed(case)
    while f.metric in BITS:
        f = Framed(case)
    column = f.frame["v"] if f.library != "pyarrow" else f.frame.column("v")
    valid = f.model.valid
    if not valid.any():
        return
    beside = case.chance(0.3)
    query, wide = (column, None) if beside else f.query()
    case.note("scores", "beside" if beside else "of one query")
    try:
        found = _found(f, column, query)
    except rv.InvalidVector:
        if f.strange or (wide is not None and f.odd(wide)):
            return
        raise
    gone = np.isnan(found)
    require(gone.tolist() == (~valid).tolist(), "rows without a score", str(gone))
    rows = np.flatnonzero(valid)
    if wide is not None:
        Asked(f.model, wide, valid).has_scores(rows, found[rows])
        return
    for row in rows:
        Asked(f.model, f.model.x[row], valid).has_scores(np.array([row]), found[row : row + 1])


def _found(f: Framed, column: Any, query: Any) -> np.ndarray:
    """Return the scores, by one of the ways there are; null is NaN."""
    verb = "similarity" if f.model.larger else "distance"
    ways = ["function"]
    if f.library != "pyarrow":
        ways.append("accessor")
    if f.library == "polars" and (column.dtype != pl.Object or query is not column or _PAIRS):
        ways += ["expression", "streamed"]
    how = f.case.pick(ways)
    f.case.note(verb, how)
    asked: dict[str, Any] = {"metric": f.metric}
    if how == "function":
        answer = getattr(rv, verb)(column, query, **asked)
    elif how == "accessor":
        answer = getattr(column.ruvector, verb)(query, **asked)
    else:
        other = pl.col("v") if query is column else query
        accessor: Any = pl.col("v")
        made = getattr(accessor.ruvector, verb)(other, **asked)
        engine: Any = "streaming" if how == "streamed" else "in-memory"
        answer = f.frame.lazy().select(made).collect(engine=engine).to_series()
    return _values(f, answer)


def _values(f: Framed, answer: Any) -> np.ndarray:
    """Return an answer as float32, having looked at its type, its name and its labels."""
    n = len(f.model)
    if f.library == "pandas":
        require(isinstance(answer, pd.Series), "type of the scores", str(type(answer)))
        require(answer.index.equals(f.frame.index), "labels of the scores", str(answer.index))
        require(answer.name == NAMES[f.metric], "name of the scores", str(answer.name))
        return answer.to_numpy()
    if f.library == "polars":
        require(answer.dtype == pl.Float32, "type of the scores", str(answer.dtype))
        require(answer.name == NAMES[f.metric], "name of the scores", answer.name)
    require(len(answer) == n, "number of scores", str(len(answer)))
    cells = answer.to_list() if f.library == "polars" else answer.to_pylist()
    return np.array([np.nan if cell is None else cell for cell in cells], np.float32)
