"""`merge_topk`: the answers of several shards as the answer of one index."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any, Final

import numpy as np

from .._arguments import places
from .._caller import warn
from .._errors import InvalidArgument
from .._metric import SCORE_NAMES, larger_is_better
from .._native.merge import Part, merge, new_plan
from .._show.plan import Plan
from .result import SearchResult, _restore, widen

_LARGER_IS_BETTER: Final = {SCORE_NAMES[metric]: larger_is_better(metric) for metric in SCORE_NAMES}
_ID_TYPES: Final = {"int64": "int64", "uint64": "uint64", "object": "text"}
_FIXES: Final = (
    "search all shards by one metric",
    "build all shards with ids of one type",
    "ask every shard the same queries",
)
_SUMS: Final = (
    "rows", "eligible", "nulls", "cells", "probed", "scanned", "coded", "reranked", "ns_prepare",
    "ns_route", "ns_first", "ns_scan", "ns_rerank", "ns_total",
)  # fmt: skip


def merge_topk(results: Iterable[SearchResult], k: int | None = None) -> SearchResult:
    """Merge the answers of several shards to the same queries into the `k` best of all.

    For one `k` merging is associative, commutative and idempotent to the last bit, so that shards
    may be merged in any order and in steps, in other processes as well: results can be pickled.

    Parameters
    ----------
    results : SearchResults
        All of one query each, or all of batches of the same nq queries; of one metric, and with
        ids of one type. Cells past their counts are not read.
    k : int, optional
        Rows to keep for each query, more or fewer than the results have; as many as the widest
        result has when not given. A result of one query is as wide as the rows it found.

    Returns
    -------
    SearchResult
        Better scores first, ties to the smaller id: numbers as numbers, text by its UTF-8. An id
        that several shards found is there once, with its better score. ``plan`` adds up the work
        of the parts (``index`` is ``"merged"``; settings are those of the first; a query counts as
        certified only where the parts leave no doubt); ``rows`` has no index to look into.

    Raises
    ------
    InvalidArgument
        No results; one that differs from the first in metric, type of ids or queries; a score that
        is NaN, with the query as ``row``; k below 0.
    LimitExceeded
        k above 2**31 / nq in a batch.

    Notes
    -----
    Rows are told apart by their ids alone: build shards with ``ids=``, since the positions of one
    shard are those of another, too. The scores of a merge are those of one index over all rows.
    Among equal scores the ids may be others: an index compares float64 distances, then rows; a
    merge has the float32 scores, then ids. Thread-safe.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> shards = [rv.Index.build(np.eye(3)[:2], ids=[1, 2]), rv.Index.build(np.eye(3)[2:], ids=[3])]
    >>> found = rv.merge_topk([shard.search([0.1, 0.6, 1.0], k=2) for shard in shards])
    >>> found.ids.tolist()
    [3, 2]
    """
    began = perf_counter()
    parts = _read(results)
    first = parts[0]
    single, name, texts = first._single, first.score_name, first.ids.dtype == object
    cells = [_cells(i, part) for i, part in enumerate(parts)]
    nq = len(cells[0][2])
    wide = max(ids.shape[1] for ids, _, _ in cells)
    wanted = wide if k is None else places(k, 0 if single else nq)
    if wanted < 0:
        raise InvalidArgument(f"k={wanted} must be 0 or more")
    _check_positions(parts)
    names: list[str] = []
    if texts:
        cells, names = _ranked(cells)
    room = min(wanted, sum(ids.shape[1] for ids, _, _ in cells))
    ids, scores, counts = merge(cells, room, _LARGER_IS_BETTER[name])
    if texts:
        table = np.empty(len(names) + 1, object)  # the last cell, None, is what rank -1 is called
        table[:-1] = names
        ids = table[ids]
    if single:
        ids, scores = ids[0, : counts[0]].copy(), scores[0, : counts[0]].copy()
    elif wanted > room:
        ids, scores = widen(ids, scores, wanted)
    plan = _plan([part.plan for part in parts], nq, began)
    return _restore(ids, scores, counts, name, plan, single)


def _read(results: Any) -> list[SearchResult]:
    """Return the results as a list in which all are of one kind."""
    if isinstance(results, SearchResult) or not isinstance(results, Iterable):
        raise InvalidArgument(
            f"results is one {type(results).__name__}; pass a list of SearchResults, one a shard"
        )
    parts = list(results)
    if not parts:
        raise InvalidArgument("there are no results to merge; pass one or more SearchResults")
    for i, part in enumerate(parts):
        if not isinstance(part, SearchResult):
            raise InvalidArgument(f"results[{i}] is {type(part).__name__}, not a SearchResult")
        if part.score_name not in _LARGER_IS_BETTER:
            raise InvalidArgument(
                f"results[{i}] has scores called {part.score_name!r}; known are "
                + ", ".join(_LARGER_IS_BETTER)
            )
        if part.ids.dtype.name not in _ID_TYPES:
            raise InvalidArgument(
                f"results[{i}] has ids of type {part.ids.dtype}; known are int64, uint64 and text"
            )
    for i, part in enumerate(parts):
        for mine, others, fix in zip(_sides(part), _sides(parts[0]), _FIXES, strict=True):
            if mine != others:
                raise InvalidArgument(f"results[0] has {others}, results[{i}] has {mine}; {fix}")
    return parts


def _sides(part: SearchResult) -> tuple[str, str, str]:
    """Say what all results must have in common."""
    return (
        f"scores called {part.score_name}",
        f"{_ID_TYPES[part.ids.dtype.name]} ids",
        "one query" if part._single else f"a batch of {len(part.counts)} queries",
    )


def _cells(i: int, part: SearchResult) -> Part:
    """Return a result's arrays as the library reads them."""
    counts = np.ascontiguousarray(part.counts, np.int64)
    ids, scores = part.ids, part.scores
    if part._single:
        ids, scores = ids[None], scores[None]
    if ids.ndim != 2 or counts.ndim != 1 or len(ids) != len(counts) or scores.shape != ids.shape:
        raise InvalidArgument(
            f"results[{i}] has ids of shape {part.ids.shape}, scores of shape "
            f"{part.scores.shape} and counts of shape {counts.shape}, which do not fit together"
        )
    native = ids.dtype.newbyteorder("=")
    return np.ascontiguousarray(ids, native), np.ascontiguousarray(scores, np.float32), counts


def _check_positions(parts: list[SearchResult]) -> None:
    """Warn where rows of different indexes have only their positions for ids."""
    indexes = [part._index for part in parts]
    nameless = {id(ix) for ix in indexes if ix is not None and ix._id_kind == "positions"}
    if len(nameless) > 1:
        warn(
            f"{len(nameless)} of the shards were built without ids: row 0 of one is taken for row "
            "0 of the others; build them with ids="
        )


def _ranked(cells: list[Part]) -> tuple[list[Part], list[str]]:
    """Return the cells with ranks for ids, and the texts that these are the ranks of.

    Python orders text by code points, which is the order of its UTF-8 bytes.
    """
    known: set[str] = set()
    there = [np.arange(ids.shape[1]) < counts[:, None] for ids, _, counts in cells]
    for i, ((ids, _, _), found) in enumerate(zip(cells, there, strict=True)):
        texts = ids[found].tolist()
        for text in texts:
            if not isinstance(text, str):
                raise InvalidArgument(
                    f"results[{i}] has an id of type {type(text).__name__} among its texts"
                )
        known.update(texts)
    names = sorted(known)
    rank = {name: i for i, name in enumerate(names)}
    ranked: list[Part] = []
    for (ids, scores, counts), found in zip(cells, there, strict=True):
        ranks = np.full(ids.shape, -1, np.int64)
        ranks[found] = [rank[text] for text in ids[found].tolist()]
        ranked.append((ranks, scores, counts))
    return ranked, names


def _plan(plans: list[Plan], nq: int, began: float) -> Plan:
    """Return the plan of all parts together.

    How many queries all parts certified is not known, only how many each did: the least that it
    can be is what the plan says.
    """
    raws = [plan._raw for plan in plans]
    first = raws[0]
    total = new_plan(
        kind=first.kind, tier=first.tier, bits=first.bits, plane=first.plane,
        epsilon0=first.epsilon0, recall=first.recall, threads=max(raw.threads for raw in raws),
        exact_scores=min(raw.exact_scores for raw in raws), queries=nq,
        unlike=max(raw.unlike for raw in raws),
        certified=max(0, nq - sum(raw.queries - raw.certified for raw in raws)),
    )  # fmt: skip
    for name in _SUMS:
        setattr(total, name, sum(getattr(raw, name) for raw in raws))
    targets = {plan.recall_target for plan in plans}
    stages: dict[str, float] = {}
    for plan in plans:
        for name, spent in plan._facts[4]:
            stages[name] = stages.get(name, 0.0) + spent
    stages["merge"] = stages.get("merge", 0.0) + 1e3 * (perf_counter() - began)
    return Plan(
        total,
        "merged",
        targets.pop() if len(targets) == 1 else None,
        all(plan.calibrated for plan in plans),
        tuple(stages.items()),
    )
