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
from .asking import check_reach, filter_of, plain, queries_of
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
    question = Question(index, query, id, k, diversity, limits, embedder)
    return question.read(question.asked.answer())


class Question:
    """A search with any arguments of `Index.search`, checked; ``asked`` goes to the library."""

    __slots__ = ("_aim", "_facts", "_index", "_k", "_names", "_single", "asked", "cells")

    asked: _native.Search
    cells: int  # of the answer that are texts, which take their time to read

    def __init__(
        self,
        index: Index,
        query: Any,
        id: Any,
        k: Any,
        diversity: Any,
        limits: tuple[Any, ...],
        embedder: Any,
    ) -> None:
        recall, rerank, where, ids, probes, threads = limits
        if (query is None) == (id is None):
            raise InvalidArgument(
                "give either query=, a vector or a batch of them, or id=, a row of the index to "
                "search " + ("with; neither was given" if id is None else "with; both were given")
            )
        varied = share_of_diversity(diversity)
        self._names = None
        if id is None and plain(index, query):
            queries, self._single = query[None], True
        elif id is None:
            queries, self._single = queries_of(index, query, embedder)
        else:
            self._names, self._single = read_some_ids(id)
            queries = np.empty((len(self._names), 0), np.float32)
        k = places(k, 0 if self._single else len(queries))
        if k < 0:
            raise InvalidArgument(f"k={k} must be 0 or more")
        self._index, self._k, self._aim = index, k, recall
        facts = self._facts = index._facts
        aim = 0.0 if recall is None else share(recall)
        check_reach(index, aim or facts.target)
        options: dict[str, Any] = {
            "rerank": _native.CLOSE_BOUNDS if rerank is None else depth(rerank),
            "recall": aim,
            "probes": 0 if probes is None else positive("probes", probes),
            "threads": current.threads if threads is None else limit(threads),
        }
        mask, allowed = filter_of(index, where, ids, facts)
        texts = facts.id_kind == "string"
        self.cells = len(queries) * min(k, facts.rows) if texts else 0
        self.asked = _native.Search(
            index._handle, queries, min(k, facts.rows), mask=mask, ids=allowed, texts=texts,
            like=self._names, diversity=varied, **options,
        )  # fmt: skip

    def read(self, answer: _native.Found) -> SearchResult:
        """Return what the library found as a result."""
        found, scores, counts, raw = answer
        if self._facts.id_kind == "uint64":
            found = found.view(np.uint64)
        plan = Plan(raw, "given", self._aim, self._facts.calibrated)
        remember(plan)
        asked = None
        if self._single:
            found, scores = found[0, : counts[0]], scores[0, : counts[0]]
        else:
            if self._k > found.shape[-1]:
                found, scores = widen(found, scores, self._k)
            if (names := self._names) is not None:
                asked = np.array(names, object if isinstance(names, list) else None)
        return SearchResult(found, scores, counts, self._index, plan, self._single, asked)


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
