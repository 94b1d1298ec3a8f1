"""What cannot be answered is refused by an error of ours, and what was there stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import ruvector as rv

from .asking import search_one
from .columns import cells, draw_column, objects
from .drawing import Case
from .filters import draw_mask
from .framing import Framed
from .matrices import Rows, draw_values
from .subject import Refused, Subject, build_bits, build_numbers, refuses

VECTOR = (rv.InvalidVector,)
ARGUMENT = (rv.InvalidArgument,)


def _good(case: Case) -> np.ndarray:
    code = case.pick(["f4", "f8", "f2"])
    return draw_values(case, case.pick([2, 5, 17]), case.whole(2, 9), code)


def _not_finite(case: Case, m: np.ndarray) -> Any:
    m[case.whole(0, len(m) - 1), case.whole(0, m.shape[1] - 1)] = case.pick([np.nan, np.inf])
    return draw_column(case, Rows(m, np.zeros(len(m), bool)))


def _null_inside(case: Case, m: np.ndarray) -> Any:
    items = [row.astype(float).tolist() for row in m]
    items[case.whole(0, len(items) - 1)][case.whole(0, m.shape[1] - 1)] = None
    d = m.shape[1]
    fixed = pa.array(items, pa.list_(pa.float32(), d)) if abs(m).max() < 1e30 else pa.array(items)
    shapes = {
        "lists": lambda: items,
        "pandas": lambda: pd.Series(objects(items), dtype=object),
        "pandas arrow": lambda: pd.Series(fixed, dtype=pd.ArrowDtype(fixed.type)),
        "polars list": lambda: pl.Series(items, dtype=pl.List(pl.Float64)),
        "polars array": lambda: pl.Series(items, dtype=pl.Array(pl.Float64, d)),
        "arrow": lambda: pa.array(items),
        "arrow fixed": lambda: fixed,
        "pandas nullable cells": lambda: pd.Series(
            objects([pd.array(item, dtype="Float64") for item in items]), dtype=object
        ),
        "polars cells": lambda: [pl.Series(item, dtype=pl.Float64) for item in items],
    }
    how = case.pick(list(shapes))
    case.note("as", how)
    return shapes[how]()


def _masked(case: Case, m: np.ndarray) -> Any:
    mask = np.zeros(m.shape, bool)
    mask[case.whole(0, len(m) - 1), case.whole(0, m.shape[1] - 1)] = True
    whole = np.ma.masked_array(m, mask)
    how = case.pick(["matrix", "cells", "pandas cells"])
    case.note("masked", how)
    if how == "matrix":
        return whole
    rows = [np.ma.masked_array(m[i], mask[i]) for i in range(len(m))]
    return rows if how == "cells" else pd.Series(objects(rows), dtype=object)


def _ragged(case: Case, m: np.ndarray) -> Any:
    items = [row.astype(float).tolist() for row in m]
    row = case.whole(1, len(items) - 1)
    items[row] = case.pick([items[row][:-1], [*items[row], 1.0], []])
    how = case.pick(["lists", "arrays", "pandas", "polars", "arrow"])
    case.note("as", how)
    return {
        "lists": lambda: items,
        "arrays": lambda: [np.array(item) for item in items],
        "pandas": lambda: pd.Series(objects(items), dtype=object),
        "polars": lambda: pl.Series(items, dtype=pl.List(pl.Float64)),
        "arrow": lambda: pa.array(items, pa.list_(pa.float64())),
    }[how]()


def _text_inside(case: Case, m: np.ndarray) -> Any:
    items: list[Any] = cells(Rows(m, np.zeros(len(m), bool)), np.ndarray.tolist)
    items[case.whole(0, len(items) - 1)] = case.pick(["text", "[1, 2]", b"bytes", {"a": 1}])
    return case.pick([items, pd.Series(objects(items), dtype=object)])


BAD = {
    "a number that is not finite": _not_finite,
    "a null inside": _null_inside,
    "a masked number": _masked,
    "ragged rows": _ragged,
    "a cell that is no vector": _text_inside,
}


def bad_columns(case: Case) -> None:
    """A column with one bad cell is InvalidVector for every verb that reads it."""
    name = case.pick(list(BAD))
    metric = case.pick(["cosine", "dot", "l2", "sqeuclidean"])
    case.note("bad column:", name, metric)
    m = _good(case)
    column = BAD[name](case, m.copy())
    verb = case.pick(["build", "add", "frame", "query"])
    case.note(verb)
    if verb == "build":
        nulls = case.pick(["error", "skip"])
        call = lambda: rv.Index.build(column, metric=metric, nulls=nulls)  # noqa: E731
    elif verb == "frame" and isinstance(column, (pd.Series, pl.Series, pa.Array)):
        make = {pd.Series: pd.DataFrame, pl.Series: pl.DataFrame}.get(type(column), pa.table)
        frame, query = make({"v": column}), np.ones(m.shape[1])
        call = lambda: rv.search(frame, query, on="v", metric=metric)  # noqa: E731
    else:
        index = rv.Index.build(np.ones((3, m.shape[1]), "f4"), metric=metric)
        if verb == "add":
            call = lambda: index.add(None, column)  # noqa: E731
        else:
            call = lambda: index.search(column, 2)  # noqa: E731
    for _ in range(2):  # what was cached by the first must not let the second through
        refuses(call, (*VECTOR, rv.DimensionMismatch, rv.EmbedError), name)


def _subject(case: Case) -> Subject | None:
    try:
        return build_bits(case) if case.chance(0.2) else build_numbers(case)
    except Refused:
        return None


def bad_arguments(case: Case) -> None:
    """An argument without meaning is refused by name, and the index answers as before."""
    s = _subject(case)
    if s is None:
        return
    for _ in range(case.whole(1, 3)):
        _one_bad_argument(s)
        search_one(s)


def _one_bad_argument(s: Subject) -> None:
    given, query = s.query()
    if s.strange(query.reshape(1, -1)) and not s.bits:
        return
    calls = _bad_searches(s, given, query) | _bad_thresholds(s, given) | _bad_names(s, given)
    which = s.case.pick(list(calls))
    s.case.note("bad argument:", which)
    refuses(*calls[which], which)


def _bad_searches(s: Subject, given: Any, query: np.ndarray) -> dict[str, tuple[Any, Any]]:
    index, n = s.index, len(s.model)
    long_mask = np.append(draw_mask(s.case, n), True)
    calls: dict[str, tuple[Any, Any]] = {
        "k below 0": (lambda: index.search(given, -1), ARGUMENT),
        "k no number": (lambda: index.search(given, "3"), ARGUMENT),
        "k a fraction": (lambda: index.search(given, 2.5), ARGUMENT),
        "k of a batch too large": (
            lambda: index.search(np.stack([query] * 2), 2**31),
            rv.LimitExceeded,
        ),
        "no query": (lambda: index.search(None, 3), rv.RuVectorError),
        "mask too long": (lambda: index.search(given, 3, where=long_mask), ARGUMENT),
        "mask of numbers": (lambda: index.search(given, 3, where=np.arange(n)), ARGUMENT),
        "an unknown metric": (
            lambda: rv.Index.build(np.eye(2), metric="manhattan"),
            rv.MetricError,
        ),
        "an unknown kind": (lambda: rv.Index.build(np.eye(2), kind="tree"), rv.RuVectorError),
    }
    if not s.bits:
        wide = np.append(query, query[-1:])
        calls["query too long"] = (lambda: index.search(wide, 3), rv.DimensionMismatch)
    return calls


def _bad_thresholds(s: Subject, given: Any) -> dict[str, tuple[Any, Any]]:
    name, other = ("min_similarity", "max_distance")
    if not s.model.larger:
        name, other = other, name

    def within(**arguments: Any) -> Any:
        return lambda: s.index.within(given, **arguments)

    calls: dict[str, tuple[Any, Any]] = {
        "no threshold": (within(), ARGUMENT),
        "threshold NaN": (within(**{name: np.nan}), ARGUMENT),
        "threshold of the other kind": (within(**{other: 0.5}), rv.MetricError),
        "limit 0": (within(limit=0, **{name: 0.5}), ARGUMENT),
    }
    if s.model.metric != "dot":
        beyond = 1.5 if s.model.metric == "cosine" else -0.5
        calls["threshold that nothing reaches"] = (within(**{name: beyond}), ARGUMENT)
    return calls


def _bad_names(s: Subject, given: Any) -> dict[str, tuple[Any, Any]]:
    index, unknown = s.index, s.names.new(1)
    other = [1.5] if s.names.kind == "text" else ["a"]
    wrong = (rv.InvalidArgument, rv.UnknownId)
    spelled = s.names.spell(unknown)
    calls: dict[str, tuple[Any, Any]] = {
        "ids of another type": (lambda: index.search(given, 3, ids=other), wrong),
        "an unknown id": (lambda: index.search(given, 3, ids=spelled), rv.UnknownId),
        "an unknown row": (lambda: index[unknown[0]], wrong),
        "a query of an unknown row": (lambda: index.search(id=unknown[0]), wrong),
    }
    if len(s.model) > 1:
        few = (lambda: index.add(spelled, s.model.x[:2]), rv.RuVectorError)
        calls["ids fewer than rows"] = few
    return calls


def bad_frames(case: Case) -> None:
    """A frame asked for what it does not have says so with an error of ours."""
    f = Framed(case)
    if f.strange:
        return
    given, query = f.query()
    if f.odd(query):
        return
    mask = np.append(draw_mask(case, len(f.model)), True)
    calls: dict[str, tuple[Any, Any]] = {
        "no such column": (lambda: rv.search(f.frame, given, on="nobody"), rv.ColumnError),
        "a column of numbers": (lambda: rv.search(f.frame, given, on="price"), rv.ColumnError),
        "group by no such column": (
            lambda: rv.search(f.frame, given, on="v", by="nobody", metric=f.metric),
            rv.ColumnError,
        ),
        "mask too long": (
            lambda: rv.search(f.frame, given, on="v", where=mask, metric=f.metric),
            rv.InvalidArgument,
        ),
        "no threshold": (
            lambda: rv.within(f.frame, given, on="v", metric=f.metric),
            rv.InvalidArgument,
        ),
        "a frame as query": (
            lambda: rv.search(f.frame, pd.DataFrame({"z": [1, 2]}), on="v", metric=f.metric),
            rv.RuVectorError,
        ),
        "k below 0": (
            lambda: rv.search(f.frame, given, on="v", k=-1, metric=f.metric),
            rv.InvalidArgument,
        ),
        "no such returned column": (
            lambda: rv.search(f.frame, given, on="v", columns=["no"], metric=f.metric),
            rv.ColumnError,
        ),
    }
    which = case.pick(list(calls))
    case.note("bad argument:", which)
    refuses(*calls[which], which)
