"""Shards merged, and the classic classes: the answers of one index over all rows."""

from __future__ import annotations

import itertools
import pickle
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
    queries = np.array([draw_query(case, rows.wide, rows.dim) for _ in range(case.whole(1, 3))])
    if may_be_refused(queries, metric, float(np.abs(rows.wide).max())).any():
        return
    k, single = case.pick([0, 1, 3, n, n + 2]), len(queries) == 1 and case.chance(0.7)
    case.note("merge", metric, f"k={k}", cuts, "single" if single else f"{len(queries)} queries")
    answers = []
    for a, b in itertools.pairwise(cuts):
        if a == b:
            continue
        kind = case.pick(["exact", "flat", "ivf"])
        spelled = np.array(ids[a:b], "u8") if names.kind == "uint64" else ids[a:b]
        built = rv.Index.build(rows.values[a:b], ids=spelled, metric=metric, kind=kind)
        answer = built.search(queries[0] if single else queries, k, recall=1.0)
        answers.append(pickle.loads(pickle.dumps(answer)) if case.chance(0.3) else answer)
    case.random.shuffle(answers)
    found = rv.merge_topk(answers, k)
    require(found.ids.dtype == names.dtype(), "type of merged ids", str(found.ids.dtype))
    require(found.ids.ndim == (1 if single else 2), "shape of a merge", str(found.ids.shape))
    model = Model(metric, rows.wide, np.ones(n, bool), ids)
    for i, query in enumerate(queries):
        count = int(found.counts[i])
        names_found = found.ids if single else found.ids[i, :count]
        scores = found.scores if single else found.scores[i, :count]
        _check_merge(Asked(model, query, np.ones(n, bool)), names_found, scores, k)


def _check_merge(asked: Asked, ids: np.ndarray, scores: np.ndarray, k: int) -> None:
    # A merge has float32 scores: what rounds to one number is a tie.
    asked.scores.exact = False
    asked.scores.slack = asked.scores.slack + 4 * HALF * np.abs(asked.scores.values)
    rows = asked.rows_of(ids.tolist())
    wanted = min(k, len(asked.best))
    require(len(rows) == wanted, "number of merged rows", f"{len(rows)}, not {wanted}")
    asked.has_scores(rows, scores)
    asked.is_sorted(scores)
    in_order = (np.diff(rows) > 0) | (scores[1:] != scores[:-1])
    require(in_order.all(), "tie of a merge not to the smaller id", str(ids))
    asked.follows(rows)


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
        with np.errstate(over="ignore", under="ignore"):
            single = rows.values.astype(np.float32)
            same = all((np.float32(held[name]) == single[i]).all() for i, name in enumerate(ids))
        require(same, "vectors of a classic class")
