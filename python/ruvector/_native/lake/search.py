"""Searches of one collection of a lake: the short path of one query, and tasks."""

from __future__ import annotations

import threading
from ctypes import addressof, byref, sizeof
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..._arguments import places
from ..arrow import address
from ..facts import Facts, facts_from
from ..handle import Handle
from ..library import call, library, raise_error
from ..one.scratch import SHORT_BYTES, Scratch, cost_of
from ..params import allow, allow_ids, number_type
from ..search import Texts, room_for_texts
from ..structs import LakeCall, LakeQuery, Plan, SearchParams
from ..task import Task
from .calls import ask
from .pending import Pending

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

CACHE_MISS: Final = 27  # the error kind of an entry that is not there any more
FACTOR: Final = 20  # vectors measured for each row wanted, where nobody says how many


class Asked(NamedTuple):
    """How a lake is asked, as rv_lake_query has it."""

    mode: int = -1
    ttl: int = 0  # nanoseconds
    session: int = 0  # handle
    factor: int = 0
    recall: float = 0.0


class Found(NamedTuple):
    """What a search of one collection found; absent cells of ids and scores are -1 and NaN."""

    ids: npt.NDArray[Any]  # of the collection's own type
    scores: Floats
    counts: Ints
    plan: Any  # rv_plan or its bytes
    rows: int  # of the collection


class Target:
    """A collection of a lake, and what is known of the index that answered last."""

    __slots__ = ("handle", "key", "keys", "known", "lake")

    def __init__(self, lake: Handle, key: tuple[str, str], handle: Handle) -> None:
        self.lake = lake
        self.key = key
        self.keys = (key,)
        self.handle = handle
        # The entry of the cache that answered last and what it is; written as one object.
        self.known: tuple[int, Facts] | None = None

    def learn(self, entry: int) -> None:
        """Ask what the entry is that has answered, if it is not known yet and still there."""
        known = self.known
        if known is None or known[0] != entry:
            self.look()

    def look(self) -> None:
        """Learn what is in the cache now, if anything is."""
        backend, collection = self.key
        said = ask(self.lake, "facts", backend=backend, collection=collection)
        if not said["entry"]:
            self.known = None
        else:
            self.known = said["entry"], facts_from(self.handle.value, said["index"])


class _Scratch(Scratch):
    """What one search of one query needs, prepared for one entry of the cache."""

    __slots__ = ("address", "function", "known", "terms", "texts")

    def __init__(self) -> None:
        super().__init__()
        self.function = library().rv_lake_search_one
        self.terms = LakeQuery(size=sizeof(LakeQuery))
        self.call = LakeCall(
            0, addressof(self.params), addressof(self.terms), addressof(self.error)
        )
        self.address = addressof(self.call)
        self.known: tuple[int, Facts] | None = None
        self.texts: Texts | None = None  # room for ids that are texts

    def prepare(self, known: tuple[int, Facts], dim: int, size: int, k: int, asked: Asked) -> None:
        """Make room for a search of an entry and write its parameters."""
        self.make_room(dim, size, k)
        params, terms = self.params, self.terms
        params.recall = asked.recall
        params.texts = params.text_offsets = None
        self.texts = None
        if known[1].id_kind == "string":
            self.texts = room_for_texts(params, 1)
        terms.entry, terms.consistency, terms.ttl_ns = known[0], asked.mode, asked.ttl
        terms.session, terms.rerank_factor = asked.session, asked.factor
        self.call.target = known[1].handle
        self.cost = cost_of(known[1], k, _depth(k, asked), asked.recall)
        self.known, self.key = known, (dim, size, k, asked)


def _depth(k: int, asked: Asked) -> int:
    """Return about how many vectors a query measures."""
    return k * (asked.factor or FACTOR)


_MOST_SPARE: Final = 16  # collections that a thread searches in turn without preparing each again


class _Spare(threading.local):
    """The thread's scratch memories that are not in use, by the handle of the target.

    One that is in use is not here, so that an interrupt which searches makes another.
    """

    def __init__(self) -> None:
        self.all: dict[int, _Scratch] = {}


_spare = _Spare()


def search_warm(
    known: tuple[int, Facts], query: npt.NDArray[Any], k: int, asked: Asked
) -> tuple[npt.NDArray[Any], Floats, bytes] | None:
    """Answer one query on this thread; None if that would be long, or the entry is not it any more.

    `k` is at most the rows. Returns ids (int64, the bits of uint64, or texts) and scores of the
    rows found and the bytes of an rv_plan.
    This path is measured (benchmarks/lake.py): every line of it counts.
    """
    key = len(query), query.itemsize, k, asked
    spare, handle = _spare.all, known[1].handle
    scratch = spare.pop(handle, None)
    if scratch is None:
        scratch = _Scratch() if len(spare) < _MOST_SPARE else spare.popitem()[1]
    if scratch.known is not known or scratch.key != key:
        scratch.prepare(known, *key)
    if scratch.cost >= SHORT_BYTES:
        spare[handle] = scratch
        return None
    scratch.query[:] = query
    kind = scratch.function(scratch.address)
    if kind:
        if kind == CACHE_MISS:
            spare[handle] = scratch
            return None
        raise_error(kind, scratch.error)
    n = scratch.found.value
    ids: npt.NDArray[Any] = scratch.ids
    if scratch.texts is not None:
        ids = scratch.texts.take(scratch.counts)[0, :n]
    elif n == k:
        ids = ids.copy()
    else:
        ids = ids[:n].copy()
    answer = ids, scratch.scores[:n].copy(), scratch.plan_bytes.tobytes()
    if scratch.small:
        spare[handle] = scratch
    return answer


def terms_of(asked: Asked, lenient: bool = False) -> LakeQuery:
    """Return an rv_lake_query."""
    return LakeQuery(
        size=sizeof(LakeQuery), consistency=asked.mode, ttl_ns=asked.ttl, session=asked.session,
        rerank_factor=asked.factor, lenient=int(lenient),
    )  # fmt: skip


def begin_search(
    target: Target,
    queries: npt.NDArray[Any],
    k: int,
    asked: Asked,
    *,
    mask: npt.NDArray[np.bool_] | None = None,
    ids: Any = None,
    lenient: bool = False,
    threads: int = 0,
) -> Pending[Found]:
    """Begin a search for the k nearest rows of each query, of shape (n, d), as a task."""
    n = len(queries)
    k = places(k, n)
    batch = np.ascontiguousarray(queries, number_type(queries, False))
    found, scores = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    counts, plan = np.empty(n, np.int64), Plan(size=sizeof(Plan))
    params = SearchParams(
        size=sizeof(SearchParams), queries=address(batch), nq=n, dim=batch.shape[1], k=k,
        recall=asked.recall, threads=threads, numbers=batch.itemsize == 8, ids=address(found),
        scores=address(scores), counts=address(counts), plan=addressof(plan),
    )  # fmt: skip
    filter_ = allow(params, mask) if ids is None else allow_ids(params, ids)
    texts = room_for_texts(params, n)
    known = target.known
    if known is not None and cost_of(known[1], k, _depth(k, asked), asked.recall) * n < SHORT_BYTES:
        params.threads = params.brief = 1
    terms = terms_of(asked, lenient)
    task = Task(lent=(batch, params, terms, found, scores, counts, plan, filter_, texts))

    def finish(_: Handle) -> Found:
        names: npt.NDArray[Any] = found
        if terms.id_kind == 2:
            names = texts.take(counts)
        elif terms.id_kind == 1:
            names = found.view(np.uint64)
        target.learn(terms.entry)
        return Found(names, scores, counts, plan, int(terms.rows))

    call("rv_lake_search_start", target.handle.value, byref(params), byref(terms), byref(task.cell))
    return Pending(task, finish, "search")
