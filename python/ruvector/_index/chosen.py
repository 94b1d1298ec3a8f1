"""Searches with rows of an index, and for rows that differ from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from .._arguments import depth, limit, places, positive, share
from .._errors import InvalidArgument
from .._input.masks import read_some_ids
from .._settings import current
from .._show.plan import Plan, remember
from .asking import check_reach, filter_of, queries_of
from .result import SearchResult, widen

if TYPE_CHECKING:
    from .index import Index


def search_chosen(
    index: Index,
    query: Any,
    id: Any,
    k: Any,
    diversity: Any,
    limits: tuple[Any, ...],
    embedder: Any,
) -> SearchResult:
    """Answer ``index.search(query, k, id=id, diversity=diversity)`` with the other arguments in
    `limits`: recall, rerank, where, ids, probes, threads.
    """
    recall, rerank, where, ids, probes, threads = limits
    if (query is None) == (id is None):
        raise InvalidArgument(
            "give either query=, a vector or a batch of them, or id=, a row of the index to search "
            + ("with; neither was given" if id is None else "with; both were given")
        )
    varied = share_of_diversity(diversity)
    names = None
    if id is None:
        queries, single = queries_of(index, query, embedder)
    else:
        names, single = read_some_ids(id)
        queries = np.empty((len(names), 0), np.float32)
    k = places(k, 0 if single else len(queries))
    if k < 0:
        raise InvalidArgument(f"k={k} must be 0 or more")
    aim = 0.0 if recall is None else share(recall)
    facts = index._facts
    check_reach(index, aim or facts.target)
    mask, allowed = filter_of(index, where, ids, facts)
    found, scores, counts, raw = _native.search_rows(
        index._handle,
        queries,
        min(k, facts.rows),
        rerank=_native.CLOSE_BOUNDS if rerank is None else depth(rerank),
        recall=aim,
        probes=0 if probes is None else positive("probes", probes),
        mask=mask,
        ids=allowed,
        texts=facts.id_kind == "string",
        threads=current.threads if threads is None else limit(threads),
        like=names,
        diversity=varied,
    )
    if facts.id_kind == "uint64":
        found = found.view(np.uint64)
    plan = Plan(raw, "given", recall, facts.calibrated)
    remember(plan)
    asked = None
    if single:
        found, scores = found[0, : counts[0]], scores[0, : counts[0]]
    else:
        if k > found.shape[-1]:
            found, scores = widen(found, scores, k)
        if names is not None:
            asked = np.array(names, object if isinstance(names, list) else None)
    return SearchResult(found, scores, counts, index, plan, single, asked)


def share_of_diversity(value: Any) -> float:
    """Return how much of an answer's order likeness to earlier rows decides, from 0 to 1."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidArgument(f"diversity={value!r} must be a number from 0 to 1") from None
    if not 0 <= number <= 1:
        raise InvalidArgument(
            f"diversity={value!r} must lie between 0 (the nearest rows) and 1; for example 0.3"
        )
    return number
