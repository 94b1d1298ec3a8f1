"""Shards merged, and the classic classes: the answers of one index over all rows."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import ruvector as rv

from .columns import draw_column
from .drawing import Case, require
from .judging import Asked
from .matrices import draw_query, draw_rows, may_be_refused
from .model import HALF, NUMBERS, Model
from .names import Names

CLASSIC: tuple[Any, ...] = (
    rv.FlatF32Index,
    rv.RabitqIndex,
    rv.RabitqPlusIndex,
    rv.RabitqAsymIndex,
)


def merged_shards(case: Case) -> None:
    """``merge_topk``: the k best of all shards, ties to the smaller id, in any order."""
    rows = draw_rows(case, case.pick([1, 5, 17, 40]), case.whole(1, 8))
    metric, names = case.pick(NUMBERS), Names(case, case.pick(["int64", "uint64", "text"]))
    n = len(rows)
    if may_be_refused(rows.wide, metric).any():
        return
    order = str.encode if names.kind == "text" else int
    ids = sorted(names.new(n), key=order)  # row order is id order, so that ties agree
    cuts = [0, *sorted(case.whole(0, n) for _ in range(case.whole(0, 3))), n]
    query = draw_query(case, rows.wide, rows.dim)
    if may_be_refused(query[None, :], metric, float(np.abs(rows.wide).max())).any():
        return
    k = case.pick([0, 1, 3, n, n + 2])
    case.note("merge", metric, f"k={k}", cuts)
    kinds = [case.pick(["exact", "flat", "ivf"]) for _ in cuts]
    answers = []
    for (a, b), kind in zip(itertools.pairwise(cuts), kinds, strict=False):
        if a == b:
            continue
        shard = np.arange(a, b)
        spelled = np.array(ids[a:b], "u8") if names.kind == "uint64" else ids[a:b]
        built = rv.Index.build(rows.values[shard], ids=spelled, metric=metric, kind=kind)
        answers.append(built.search(query, k, recall=1.0))
    case.random.shuffle(answers)
    found = rv.merge_topk(answers, k)
    asked = Asked(Model(metric, rows.wide, np.ones(n, bool), ids), query, np.ones(n, bool))
    # A merge has float32 scores: what rounds to one number is a tie.
    asked.scores.exact = False
    asked.scores.slack = asked.scores.slack + 4 * HALF * np.abs(asked.scores.values)
    require(found.ids.dtype == names.dtype(), "type of merged ids", str(found.ids.dtype))
    found_rows = asked.rows_of(found.ids.tolist())
    wanted = min(k, n)
    require(len(found_rows) == wanted, "number of merged rows", f"{len(found_rows)}")
    asked.has_scores(found_rows, found.scores)
    asked.is_sorted(found.scores)
    ties = found.scores[1:] == found.scores[:-1]
    in_order = (np.diff(found_rows) > 0) | ~ties
    require(in_order.all(), "tie of a merge not to the smaller id", str(found.ids))
    asked.follows(found_rows)


def classic_classes(case: Case) -> None:
    """The classic classes: lists of hits by squared L2, and what they hold."""
    rows = draw_rows(case, case.pick([1, 5, 40]), case.whole(1, 20))
    if may_be_refused(rows.wide, "sqeuclidean").any():
        return
    n, kind = len(rows), case.pick(CLASSIC)
    names = Names(case)
    ids = list(range(n)) if names.kind == "positions" else names.new(n)
    given = None if names.kind == "positions" else names.spell(ids)
    case.note(kind.__name__)
    index = kind.build(draw_column(case, rows), ids=given)
    if case.chance(0.4):
        path = case.path("classic")
        index.save(path)
        index = kind.load(path)
    query = draw_query(case, rows.wide, rows.dim)
    if may_be_refused(query[None, :], "sqeuclidean", float(np.abs(rows.wide).max())).any():
        return
    k = case.pick([0, 1, 5, n + 1])
    case.note(f"k={k}")
    everyone = np.ones(n, bool)
    asked = Asked(Model("sqeuclidean", rows.wide, everyone, ids), query, everyone)
    try:
        hits = index.search(query, k)
    except rv.InvalidVector:
        if kind in (rv.RabitqIndex, rv.RabitqAsymIndex):
            return  # codes alone have no room for queries much longer than their rows
        raise
    found = np.array([hit.score for hit in hits], np.float32)
    if kind is rv.FlatF32Index:
        asked.is_nearest([hit.id for hit in hits], found, k)
    else:
        asked.is_plausible([hit.id for hit in hits], found, k)
    require(index.dim == rows.dim, "dim of a classic class")
    require(np.asarray(index.ids).tolist() == ids, "ids of a classic class", str(index.ids))
    if kind is rv.FlatF32Index:
        held = dict(iter(index))
        require(list(held) == ids, "iteration of a classic class")
        single = rows.values.astype(np.float32)
        same = all((held[name] == single[row]).all() for row, name in enumerate(ids))
        require(same, "vectors of a classic class")
