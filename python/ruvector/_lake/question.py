"""One question to a lake, and the steps to its answer, on this thread or in an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from .._errors import LakeError
from .._index.result import widen
from .._input.masks import read_ids
from .._input.queries import read_queries
from .._native.lake import calls
from .._native.lake.federated import Hits, begin_federated
from .._native.lake.pending import Pending
from .._native.lake.search import Asked, Found, Target, begin_search, search_warm
from .._settings import current
from .._show.plan import Plan, remember
from .asking import (
    NOBODY,
    Frame,
    count_of,
    deadline_of,
    filter_of,
    frame_of,
    is_large,
    many_queries,
    names_of,
    one_query,
    room_of,
    targets_of,
)
from .result import LakeResult

if TYPE_CHECKING:
    from .lake import RuLake


def warm_result(
    lake: RuLake, target: Target, query: npt.NDArray[Any], k: int, terms: Asked
) -> LakeResult | None:
    """Answer one query from the cache on this thread; None where that is not possible.

    `query` is a 1-D C-contiguous array of float32, not empty.
    """
    known = target.known
    if known is None:  # it may be there all the same: warmed, primed, or searched by others
        target.look()
        known = target.known
        if known is None:
            return None
    facts = known[1]
    rows = facts.rows
    found = search_warm(known, query, k if k <= rows else rows, terms)
    if found is None:
        return None
    ids, scores, raw = found
    plan = Plan(raw, "cached", terms.recall or None, facts.calibrated)
    remember(plan)
    if facts.id_kind == "uint64":
        ids = ids.view("uint64")
    return LakeResult(ids, scores, None, lake._score_name, plan, True, target.keys)


class Question:
    """One or many queries to one collection."""

    __slots__ = (
        "_filter", "_frame", "_k", "_lake", "_names", "_queries", "_single", "_terms",
    )  # fmt: skip

    def __init__(
        self,
        lake: RuLake,
        names: tuple[str | None, str],
        queries: npt.NDArray[Any],
        single: bool,
        k: Any,
        terms: Asked,
    ) -> None:
        self._lake = lake
        self._names = names
        self._queries = queries
        self._single = single
        self._k = count_of(k, 0 if single else len(queries))  # of one query it is cut to the rows
        self._terms = terms
        self._frame: Frame | None = None
        self._filter = NOBODY

    @classmethod
    def of_one(
        cls,
        lake: RuLake,
        collection: Any,
        backend: Any,
        query: Any,
        k: Any,
        terms: Asked,
        frame: Any = None,
        ids_on: Any = None,
    ) -> Self:
        """Return a question of one query, whose answer may be rows of a frame."""
        self = cls(lake, names_of(collection, backend), one_query(query), True, k, terms)
        self._frame = frame_of(frame, ids_on)
        return self

    @classmethod
    def of_batch(
        cls, lake: RuLake, collection: Any, backend: Any, queries: Any, k: Any, terms: Asked
    ) -> Self:
        """Return a question of a batch of queries."""
        return cls(lake, names_of(collection, backend), many_queries(queries), False, k, terms)

    def limited(self, where: Any, ids: Any) -> Self:
        """Have only some rows found."""
        self._filter = filter_of(where, ids, self._frame)
        return self

    def answer(self) -> Any:
        """Return the answer; an interrupt cancels the search."""
        target = self._known()
        if target is None:
            target = self._resolved(self._resolving().wait())
        if is_large(target, self._k, len(self._queries)):
            self._primed(target, self._priming(target).wait())
        return self._result(target, self._begin(target).wait())

    async def answered(self) -> Any:
        """Return the answer, in an event loop."""
        target = self._known()
        if target is None:
            target = self._resolved(await self._resolving().awaited())
        if is_large(target, self._k, len(self._queries)):
            self._primed(target, await self._priming(target).awaited())
        return self._result(target, await self._begin(target).awaited())

    def _known(self) -> Target | None:
        backend, collection = self._names
        if backend is not None:
            return self._lake._target((backend, collection))
        return self._lake._targets.get(self._names)

    def _resolving(self) -> Pending[Any]:
        return calls.begin(self._lake._handle, "resolve", collection=self._names[1])

    def _resolved(self, said: Any) -> Target:
        return self._lake._target((said["backend"], self._names[1]), self._names)

    def _priming(self, target: Target) -> Pending[Any]:
        backend, collection = target.key
        return calls.begin(self._lake._handle, "prime", backend=backend, collection=collection)

    def _primed(self, target: Target, _: Any) -> None:
        target.look()

    def _begin(self, target: Target) -> Pending[Found]:
        chosen = self._filter
        return begin_search(
            target, self._queries, room_of(target, self._k, len(self._queries)), self._terms,
            mask=chosen.mask, ids=chosen.ids, lenient=chosen.lenient,
            threads=self._lake._options["threads"] or current.threads,
        )  # fmt: skip

    def _result(self, target: Target, found: Found) -> Any:
        lake, ids, scores = self._lake, found.ids, found.scores
        room = ids.shape[1]
        if room < self._k and room < found.rows:
            raise LakeError(
                f"search: {'/'.join(target.key)} has grown to {found.rows:,} rows while it was "
                "searched; search again"
            )
        known = target.known
        calibrated = known is not None and known[1].calibrated
        plan = Plan(found.plan, "cached", self._terms.recall or None, calibrated)
        remember(plan)
        counts: npt.NDArray[Any] | None = found.counts
        if self._single:
            n = int(found.counts[0])
            ids, scores, counts = ids[0, :n], scores[0, :n], None
            if n < room // 2:  # not to hold room that nobody needs
                ids, scores = ids.copy(), scores.copy()
        elif room < self._k:
            ids, scores = widen(ids, scores, self._k)
        result = LakeResult(ids, scores, counts, lake._score_name, plan, self._single, target.keys)
        return result if self._frame is None else result._gathered(self._frame)


class Federation:
    """One or many queries to many collections."""

    __slots__ = ("_begin", "_k", "_lake", "_single", "_terms")

    def __init__(
        self,
        lake: RuLake,
        query: Any,
        k: Any,
        terms: Asked,
        targets: Any,
        deadline: Any,
        partial: Any,
        dedupe: Any,
        ids: Any = None,
    ) -> None:
        queries, self._single = read_queries(query, 0)
        self._lake, self._terms = lake, terms
        count, keys, ns = count_of(k, len(queries)), targets_of(targets), deadline_of(deadline)
        names = None if ids is None else read_ids(ids)
        self._k = count

        def begin() -> Pending[Hits]:
            return begin_federated(
                lake._handle, queries, count, terms, targets=keys, deadline=ns,
                partial=bool(partial), dedupe=bool(dedupe), ids=names,
                threads=lake._options["threads"] or current.threads,
            )  # fmt: skip

        self._begin = begin

    def answer(self) -> LakeResult:
        """Return the answer; an interrupt cancels the search."""
        return self._result(self._begin().wait())

    async def answered(self) -> LakeResult:
        """Return the answer, in an event loop."""
        return self._result(await self._begin().awaited())

    def _result(self, hits: Hits) -> LakeResult:
        plan = Plan(hits.plan, "cached", self._terms.recall or None)
        remember(plan)
        ids, scores, places, counts = hits.ids, hits.scores, hits.places, hits.counts
        only = None
        if self._single:
            n = int(counts[0])
            ids, scores, places = ids[0, :n].copy(), scores[0, :n].copy(), places[0, :n].copy()
        else:
            only = counts
            if ids.shape[1] < self._k:
                blank = np.full((len(ids), self._k - ids.shape[1]), -1, np.int32)
                places = np.hstack((places, blank))
                ids, scores = widen(ids, scores, self._k)
        return LakeResult(
            ids, scores, only, self._lake._score_name, plan, self._single, tuple(hits.targets),
            places, hits.errors,
        )  # fmt: skip
