"""Duplicates of frames: every row is judged by the rows kept before it."""

from __future__ import annotations

from typing import Any

import numpy as np

import ruvector as rv

from .drawing import Case, require
from .framing import Framed, values_of
from .judging import Asked
from .model import NAMES


def duplicates(case: Case) -> None:
    """``dedup``, ``duplicated`` and ``duplicate_groups`` of one frame, with one threshold."""
    f = Framed(case)
    n, keep, grouped = len(f.model), case.pick(["first", "last"]), case.chance(0.4)
    edge = _edge(f)
    if edge is None:
        return
    name = "min_similarity" if f.model.larger else "max_distance"
    case.note("dedup", f"{name}={edge!r}", keep, "by g" if grouped else "")
    asked: dict[str, Any] = {"on": "v", "metric": f.metric, "keep": keep, name: edge}
    if grouped:
        asked["by"] = "g"
    try:
        groups = rv.duplicate_groups(f.frame, columns=["row"], **asked)
    except rv.InvalidVector:
        if f.strange:
            return
        raise
    kept = np.full(n, -1, np.int64)
    scores = np.full(n, np.nan, np.float32)
    dropped = values_of(groups, "dropped_row").astype(np.int64)
    require(values_of(groups, "row").tolist() == dropped.tolist(), "rows dropped", str(dropped))
    kept[dropped] = values_of(groups, "kept_row")
    scores[dropped] = values_of(groups, NAMES[f.metric])
    require(values_of(groups, "row_kept").tolist() == kept[dropped].tolist(), "rows kept")
    left = values_of(rv.dedup(f.frame, **asked), "row")
    require(left.tolist() == np.flatnonzero(kept < 0).tolist(), "rows left", str(left))
    flags = np.asarray(rv.duplicated(f.frame, **asked))
    require(flags.tolist() == (kept >= 0).tolist(), "flags of the rows", str(flags))
    for row in range(n):
        _judge(f, row, kept, scores[row], edge, keep, grouped)


def _edge(f: Framed) -> float | None:
    """Return a threshold that the score of some pair is, or lies beside."""
    rows = np.flatnonzero(f.model.valid)
    if not len(rows):
        return None
    values = f.model.scores(f.model.x[f.case.pick(rows.tolist())]).values[rows]
    low, high = f.model.bounds()
    edge = min(max(float(f.case.pick(values.tolist())), low), high)
    with np.errstate(over="ignore"):
        return edge if np.isfinite(np.float32(edge)) else None


def _judge(
    f: Framed,
    row: int,
    kept: np.ndarray,
    score: np.float32,
    edge: float,
    keep: str,
    grouped: bool,
) -> None:
    """Require what is said of a row: its nearest kept row within the threshold, or none."""
    n = len(kept)
    group = np.array([one is not None and one == f.group[row] for one in f.group])
    if f.group[row] is None and f.library != "pandas":
        group = np.array([one is None for one in f.group])
    before = np.arange(n) < row if keep == "first" else np.arange(n) > row
    allowed = before & (kept < 0) & (group if grouped else True)
    if not f.model.valid[row]:
        require(kept[row] < 0, "a row without a vector is kept", str(row))
        return
    asked = Asked(f.model, f.model.x[row], allowed)
    found = [] if kept[row] < 0 else [int(kept[row])]
    values = np.array([score] * len(found), np.float32)
    asked.is_within(found, values, edge, len(found) or None)
