"""Search: batches, filters by id, texts and whatever else is not the short path of `one`."""

from __future__ import annotations

from ctypes import addressof, byref, sizeof, string_at
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .._arguments import places
from .._errors import InvalidArgument
from .arrow import address
from .facts import facts_of
from .handle import Handle
from .library import call, release_bytes
from .one.by_ctypes import search_one
from .one.scratch import SHORT_BYTES, Floats, Ints, cost_of, reads_under
from .params import CLOSE_BOUNDS, allow, allow_ids, number_type, values
from .structs import Bytes, Plan, SearchParams
from .task import Task

# ids, scores and counts of the rows found, and what was done
Found: TypeAlias = tuple[npt.NDArray[Any], Floats, Ints, Plan]


def search_rows(
    handle: Handle,
    queries: npt.NDArray[Any],
    k: int,
    *,
    rerank: int | None = CLOSE_BOUNDS,
    epsilon0: float | None = 0.0,
    recall: float | None = 0.0,
    probes: int | None = 0,
    mask: npt.NDArray[Any] | None = None,
    ids: Any = None,
    texts: bool = False,
    source: Handle | None = None,
    threads: int | None = 0,
    like: Any = None,
    diversity: float = 0.0,
) -> Found:
    """Return ids, scores, counts and plan of the k nearest rows of each query.

    ``queries`` of shape (d,): ids and scores of the rows found, counts of shape (1,). Of shape
    (n, d): ids and scores (n, k) with -1 and NaN in absent cells, counts (n,). ids are int64: the
    bits of uint64 ids, row numbers for ids that are text, or with ``texts`` these themselves.
    ``mask`` (bool, one a row) or ``ids`` say who may be found. Short searches run
    at once on this thread; others can be interrupted. ``like``: ids of n rows to search with, then
    ``queries`` has shape (n, 0).
    """
    filtered = mask is not None or ids is not None
    filtered = filtered or texts or source is not None or diversity != 0
    facts = facts_of(handle)
    if queries.ndim == 1 and not facts.packed and not filtered:
        depth = CLOSE_BOUNDS if rerank is None else rerank
        one = search_one(facts, queries, k, depth, epsilon0 or 0.0, recall or 0.0, probes or 0)
        if one is not None:
            counts = np.array([len(one[0])], np.int64)
            return one[0], one[1], counts, Plan.from_buffer_copy(one[2])
    return Search(
        handle, queries, k, rerank=rerank, epsilon0=epsilon0, recall=recall, probes=probes,
        mask=mask, ids=ids, texts=texts, source=source, threads=threads, like=like,
        diversity=diversity,
    ).answer()  # fmt: skip


class Search:
    """One search, with the memory that its answer is written to; arguments as of `search_rows`.

    Make, then either `answer`, or `begin`, wait for the task and `end`.
    """

    __slots__ = (
        "_counts", "_cuts", "_handle", "_ids", "_lent", "_params", "_plan", "_scores", "_short",
        "_single",
    )  # fmt: skip

    def __init__(
        self,
        handle: Handle,
        queries: npt.NDArray[Any],
        k: int,
        *,
        rerank: int | None = CLOSE_BOUNDS,
        epsilon0: float | None = 0.0,
        recall: float | None = 0.0,
        probes: int | None = 0,
        mask: npt.NDArray[Any] | None = None,
        ids: Any = None,
        texts: bool = False,
        source: Handle | None = None,
        threads: int | None = 0,
        like: Any = None,
        diversity: float = 0.0,
    ) -> None:
        facts = facts_of(handle)
        if facts.packed and like is None and queries.dtype != np.uint8:
            raise InvalidArgument(f"queries of {queries.dtype} for an index of packed bits")
        if queries.ndim not in (1, 2):
            raise InvalidArgument(f"queries of {queries.ndim} dimensions; give one vector or rows")
        self._handle, self._single = handle, queries.ndim == 1
        batch = np.ascontiguousarray(np.atleast_2d(queries), number_type(queries, facts.packed))
        depth = CLOSE_BOUNDS if rerank is None else rerank
        params = self._params = SearchParams(
            size=sizeof(SearchParams), k=k, rerank=depth, epsilon0=epsilon0 or 0.0,
            recall=recall or 0.0, probes=probes or 0, threads=threads or 0, diversity=diversity,
            numbers=batch.itemsize == 8,
        )  # fmt: skip
        asked = None if like is None else values(like)
        if asked is not None:
            params.like = addressof(asked[0])
        filter_ = allow(params, mask) if ids is None else allow_ids(params, ids)
        self._cuts = room_for_texts(params, len(batch)) if texts else None
        if source is not None:
            params.source = source.value
            if not params.source:
                raise InvalidArgument("the column to measure against is closed")
        cost = cost_of(facts, k, rerank, recall, probes)
        if cost >= SHORT_BYTES:
            cost = reads_under(facts, cost, mask if ids is None else ids)
        self._short = cost * len(batch) < SHORT_BYTES
        if self._short:
            params.threads = params.brief = 1
        self._make_room(batch)
        self._lent = batch, filter_, asked

    def _make_room(self, batch: npt.NDArray[Any]) -> None:
        params, n = self._params, len(batch)
        k = places(params.k, n)
        self._ids = np.empty((n, max(k, 0)), np.int64)
        self._scores = np.empty((n, max(k, 0)), np.float32)
        self._counts = np.empty(n, np.int64)
        self._plan = Plan(size=sizeof(Plan))
        params.queries, params.nq = address(batch), n
        params.dim = batch.shape[1] * (8 if batch.dtype == np.uint8 else 1)
        params.ids, params.scores = address(self._ids), address(self._scores)
        params.counts, params.plan = address(self._counts), addressof(self._plan)

    def answer(self) -> Found:
        """Search: at once on this thread what is short, else so that it can be interrupted."""
        if self._short:
            call("rv_search", self._handle.value, byref(self._params))
            return self._read()
        task = self.begin()
        task.wait()
        return self.end(task)

    def begin(self) -> Task:
        """Start the search on threads of the library."""
        task = Task(lent=self)
        call("rv_search_start", self._handle.value, byref(self._params), byref(task.cell))
        return task

    def end(self, task: Task) -> Found:
        """Return the answer of a task that has ended, or raise its error."""
        task.result()
        return self._read()

    def _read(self) -> Found:
        ids: npt.NDArray[Any] = self._ids
        scores, counts, plan = self._scores, self._counts, self._plan
        if self._cuts is not None:
            ids = self._cuts.take(counts)
        if self._single:
            return ids[0, : counts[0]], scores[0, : counts[0]], counts, plan
        return ids, scores, counts, plan


class Texts:
    """Where a search writes ids that are texts."""

    def __init__(self, params: SearchParams, nq: int) -> None:
        self.shape = nq, max(int(params.k), 0)
        self.bytes = Bytes(size=sizeof(Bytes))
        self.offsets = np.zeros(nq * self.shape[1] + 1, np.int64)
        params.texts, params.text_offsets = addressof(self.bytes), address(self.offsets)

    def take(self, counts: Ints) -> npt.NDArray[np.object_]:
        """Return the texts, None in absent cells, and free what the library made."""
        texts = np.full(self.shape, None, object)
        if not self.bytes.release:
            return texts
        try:
            data = string_at(self.bytes.data, self.bytes.len)
        finally:
            release_bytes(self.bytes)
        cuts = self.offsets.tolist()
        for q, count in enumerate(counts.tolist()):
            at = q * self.shape[1]
            for i in range(count):
                texts[q, i] = data[cuts[at + i] : cuts[at + i + 1]].decode("utf-8", "surrogatepass")
        return texts


def room_for_texts(params: SearchParams, nq: int) -> Texts:
    """Point params at room for ids that are texts, and return it."""
    params.k = places(params.k, nq)
    return Texts(params, nq)
