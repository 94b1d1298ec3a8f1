"""Frames beside frames: joins, neighbours of every row, the rows like one row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import ruvector as rv

from .drawing import Case, require
from .framing import Framed, values_of
from .judging import Asked
from .model import NAMES


def _list(answer: Any, name: str) -> list[Any]:
    """Return a column, null as None."""
    if isinstance(answer, pd.DataFrame):
        missing = answer[name].isna()
        return [None if gone else cell for cell, gone in zip(answer[name], missing, strict=True)]
    return answer[name].to_pylist() if isinstance(answer, pa.Table) else answer[name].to_list()


def _ask(f: Framed, queries: np.ndarray, ask: Any) -> Any:
    """Return the answer; None where rows or queries were refused and may be."""
    try:
        return ask()
    except rv.InvalidVector:
        if f.strange or f.odd(queries):
            return None
        raise


def joins(case: Case) -> None:
    """``sim_join``: beside every left row its nearest right rows, those of its group alone."""
    right = Framed(case)
    left = Framed(case, right)
    arguments: dict[str, Any] = {"how": case.pick(["inner", "left"]), "k": case.pick([1, 3, 50])}
    allowed = right.filter(arguments)
    if "where" in arguments:
        arguments["where_right"] = arguments.pop("where")
    by = case.pick([None, "g"])
    queries = left.model.x[left.model.valid]
    if case.chance(0.3):
        build = lambda: rv.build_index(right.frame, on="v", metric=right.metric)  # noqa: E731
        arguments["index"] = _ask(right, queries, build)
    case.note("join", arguments["how"], f"k={arguments['k']}", f"by={by}")
    named = {"on": "v", "metric": right.metric, "by": by, **arguments}
    answer = _ask(right, queries, lambda: rv.sim_join(left.frame, right.frame, **named))
    if answer is None:
        return
    require(type(answer) is type(left.frame), "type of the answer", str(type(answer)))
    rows, others, ranks = (_list(answer, name) for name in ("row", "row_right", "rank"))
    scores = values_of(answer, NAMES[right.metric])
    require(rows == sorted(rows), "left rows in order", str(rows))
    require([left.group[row] for row in rows] == _list(answer, "g"), "columns of the left rows")
    for i, query in enumerate(left.model.x):
        equal = np.array([left.group[i] is not None and left.group[i] == g for g in right.group])
        may = (allowed & equal if by else allowed) & left.model.valid[i]
        places = [place for place, row in enumerate(rows) if row == i]
        found = [int(others[place]) for place in places if others[place] is not None]
        if not found:
            wanted = [None] if arguments["how"] == "left" else []
            require([ranks[place] for place in places] == wanted, "a left row without a match")
        else:
            counted = list(range(1, len(found) + 1))
            require([ranks[place] for place in places] == counted, "ranks", str(ranks))
        of_it = scores[places][: len(found)].astype(np.float32)
        Asked(right.model, query, may).is_nearest(found, of_it, arguments["k"])


def neighbors(case: Case) -> None:
    """``neighbors``: the nearest others of every row, as pairs and as a column."""
    f = Framed(case)
    k = case.pick([1, 3, 50])
    case.note("neighbors", f"k={k}")
    queries = f.model.x[f.model.valid]
    answer = _ask(f, queries, lambda: rv.neighbors(f.frame, k, on="v", metric=f.metric))
    if answer is None:
        return
    rows, others = values_of(answer, "query_row"), values_of(answer, "neighbor_row").tolist()
    scores = values_of(answer, NAMES[f.metric])
    everyone = np.ones(len(f.model), bool)
    for i, query in enumerate(f.model.x):
        may = everyone & f.model.valid[i]
        may[i] = False
        places = np.flatnonzero(rows == i)
        found = [others[place] for place in places]
        Asked(f.model, query, may).is_nearest(found, scores[places], k)
    if f.metric == "dot":
        return
    column = rv.neighbors(f.frame, k, on="v", metric=f.metric, out="column")
    cells = [[] if cell is None else list(cell["ids"]) for cell in _list(column, "neighbors")]
    require([j for cell in cells for j in cell] == others, "ids of the column", str(cells))


def rows_like_a_row(case: Case) -> None:
    """``similar_to``: the rows nearest to a row, itself left out."""
    f = Framed(case)
    arguments: dict[str, Any] = {"k": case.pick([0, 1, 3, 50])}
    allowed = f.filter(arguments)
    row = case.pick(np.flatnonzero(f.model.valid).tolist() or [0])
    label = row
    if isinstance(f.frame, pd.DataFrame):
        label = f.frame.index[row]
        if (f.frame.index == label).sum() != 1:
            return
    case.note("similar to", label)
    named = {"on": "v", "metric": f.metric, **arguments}
    query = f.model.x[row]
    try:
        answer = _ask(f, query, lambda: rv.similar_to(f.frame, label, **named))
    except rv.InvalidVector:
        require(not f.model.valid[row], "a row with a vector was refused")
        return
    if answer is None:
        return
    require(f.model.valid[row], "a row without a vector was asked for")
    allowed = allowed.copy()
    allowed[row] = False
    rows, scores = values_of(answer, "row").tolist(), values_of(answer, NAMES[f.metric])
    Asked(f.model, query, allowed).is_nearest(rows, scores, arguments["k"])
