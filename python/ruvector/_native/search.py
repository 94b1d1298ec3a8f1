"""Search: the short path of one query, and batches."""

from __future__ import annotations

import threading
from ctypes import addressof, byref, c_int64, sizeof, string_at
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .._arguments import places
from .._errors import InvalidArgument
from .arrow import address
from .facts import EVERY_VECTOR, Facts, facts_of
from .handle import Handle
from .library import call, library, raise_error, release_bytes
from .params import CLOSE_BOUNDS, FILTER_MASK, allow, allow_ids, number_type, values
from .structs import Bytes, Error, Plan, SearchCall, SearchParams
from .task import Task

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
# ids, scores and counts of the rows found, and what was done
Found: TypeAlias = tuple[npt.NDArray[Any], Floats, Ints, Plan]


# A search that reads fewer bytes than this takes less than about 5 ms on one core, so it runs on
# the calling thread: no task, no other thread, no chance that Ctrl-C waits long.
SHORT_BYTES = 20_000_000
KEPT_NUMBERS = 200_000  # a thread keeps scratch memory of so many, under 1 MB


class Scratch:
    """Memory and structs of a search of one query, made once and used by one thread at a time."""

    __slots__ = (
        "call", "cost", "counts", "error", "found", "ids", "key", "memory", "params", "plan",
        "plan_bytes", "query", "scores", "small",
    )  # fmt: skip

    call: Any

    def __init__(self) -> None:
        self.error = Error(size=sizeof(Error))
        self.plan = Plan(size=sizeof(Plan))
        self.plan_bytes = memoryview(self.plan).cast("B")
        self.counts = np.zeros(1, np.int64)
        self.found = c_int64.from_address(address(self.counts))
        self.params = SearchParams(
            size=sizeof(SearchParams), nq=1, counts=address(self.counts),
            plan=addressof(self.plan), threads=1,
        )  # fmt: skip
        empty = np.empty(0, np.float32)
        # query (room for float64), ids, scores: never smaller
        self.memory = (np.empty(0, np.float64), np.empty(0, np.int64), empty)
        self.query: npt.NDArray[Any] = empty
        self.ids, self.scores = self.memory[1:]
        self.key: tuple[Any, ...] = ()
        self.cost = 0
        self.small = True

    def make_room(self, dim: int, size: int, k: int) -> None:
        """Make room for a query of `dim` numbers of `size` bytes (8: float64) and k answers."""
        query, ids, scores = self.memory
        if dim > len(query):
            query = np.empty(dim, np.float64)
        if k > len(ids):
            ids, scores = np.empty(k, np.int64), np.empty(k, np.float32)
        self.memory = query, ids, scores
        self.small = len(query) + 3 * len(ids) <= KEPT_NUMBERS
        self.query = (query if size == 8 else query.view(np.float32))[:dim]
        self.ids, self.scores = ids[: max(k, 0)], scores[: max(k, 0)]
        params = self.params
        params.queries, params.ids, params.scores = address(query), address(ids), address(scores)
        params.dim, params.k, params.numbers = dim, k, size == 8


class _Scratch(Scratch):
    """That of one version of an index: of ``facts``, which names the handle."""

    __slots__ = ("address", "facts", "function")

    def __init__(self) -> None:
        super().__init__()
        self.function = library().rv_search_one
        self.call = SearchCall(0, addressof(self.params), addressof(self.error))
        self.address = addressof(self.call)
        self.facts: Facts | None = None

    def prepare(
        self,
        facts: Facts,
        dim: int,
        size: int,
        k: int,
        rerank: int,
        epsilon0: float,
        recall: float,
        probes: int,
    ) -> None:
        """Make room for a search and write its parameters, those of `search_one`.

        ``size`` is the bytes of a number of the query: 8 says that it is float64.
        """
        self.make_room(dim, size, k)
        self.call.index, self.cost = facts.handle, cost_of(facts, k, rerank, recall, probes)
        params = self.params
        params.rerank, params.probes = rerank, probes
        params.epsilon0, params.recall = epsilon0, recall
        self.facts, self.key = facts, (dim, size, k, rerank, epsilon0, recall, probes)


class _Spare(threading.local):
    """The thread's scratch memories that are not in use; an interrupt may need a second one."""

    def __init__(self) -> None:
        self.all: list[_Scratch] = []


_spare = _Spare()


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
            cost = _under(facts, cost, mask if ids is None else ids)
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


def search_one(
    facts: Facts,
    query: npt.NDArray[Any],
    k: int,
    rerank: int,
    epsilon0: float,
    recall: float,
    probes: int,
    mask: npt.NDArray[np.bool_] | None = None,
) -> tuple[Ints, Floats, bytes] | None:
    """Answer one query on this thread; None when that would take long.

    ``mask``, contiguous and one boolean a row, says who may be found. Returns ids and scores of the
    rows found, and the bytes of an rv_plan. The numbers are those of rv_search_params. This path is
    measured (benchmarks/overhead.py): every line of it counts.
    """
    key = len(query), query.itemsize, k, rerank, epsilon0, recall, probes
    spare = _spare.all
    scratch = spare.pop() if spare else _Scratch()
    if scratch.facts is not facts or scratch.key != key:
        scratch.prepare(facts, *key)
    if scratch.cost >= SHORT_BYTES and _under(facts, scratch.cost, mask) >= SHORT_BYTES:
        spare.append(scratch)
        return None
    scratch.query[:] = query
    if mask is None:
        kind = scratch.function(scratch.address)
    else:
        params = scratch.params
        params.filter, params.filter_len, params.filter_kind = address(mask), len(mask), FILTER_MASK
        try:
            kind = scratch.function(scratch.address)
        finally:
            params.filter, params.filter_len, params.filter_kind = None, 0, 0
    if kind:
        raise_error(kind, scratch.error)
    n = scratch.found.value
    ids, scores = scratch.ids, scratch.scores
    if n == k:
        answer = ids.copy(), scores.copy(), scratch.plan_bytes.tobytes()
    else:
        answer = ids[:n].copy(), scores[:n].copy(), scratch.plan_bytes.tobytes()
    if scratch.small:
        spare.append(scratch)
    return answer


def cost_of(
    reads: Facts, k: int, rerank: int | None, recall: float | None, probes: int | None = 0
) -> int:
    """Return about how many bytes one query reads: what is scanned, and the vectors measured.

    How many vectors the error bounds ask for is known afterwards only: at least k are charged.
    """
    target, scanned = recall or reads.target, reads.scanned
    if target > EVERY_VECTOR:
        return scanned + reads.rows * reads.vector
    if reads.cells:
        wanted = probes or next((n for aim, n in reads.probes if aim >= target), reads.cells)
        # Large cells are probed more often than small ones: twice their share of the rows.
        scanned = reads.routing + min(scanned, 2 * scanned * wanted // reads.cells)
    if rerank == 0:
        return scanned
    return scanned + min(reads.rows, max(k, rerank or 0)) * reads.vector


def _under(reads: Facts, cost: int, allowed: Any) -> int:
    """Return the cost under a mask or a list of ids: at most that of the vectors of these rows."""
    if allowed is None or not reads.rows:
        return cost
    mask = isinstance(allowed, np.ndarray) and allowed.dtype == np.bool_
    rows = int(np.count_nonzero(allowed)) if mask else len(allowed)
    return min(cost, rows * (reads.vector or reads.scanned // reads.rows))
