"""Searches of many collections of a lake as one."""

from __future__ import annotations

import json
from ctypes import addressof, byref, sizeof
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..._arguments import places
from ..._errors import error_of
from ..arrow import address
from ..handle import Handle
from ..library import call
from ..params import allow_ids, number_type
from ..search import room_for_texts
from ..structs import LakeFederated, Plan, SearchParams
from ..task import Task
from .calls import read_note
from .pending import Pending
from .search import Asked, terms_of

Key = tuple[str, str]


class Hits(NamedTuple):
    """What a search of many collections found; absent cells are -1, NaN and -1.

    Arrays are nq x k, or narrower where the collections have fewer rows.
    """

    ids: npt.NDArray[Any]  # objects where the collections have ids of more than one type
    scores: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int64]
    places: npt.NDArray[np.int32]  # numbers in targets
    targets: list[Key]
    errors: dict[Key, BaseException]
    plan: Any


def begin_federated(
    lake: Handle,
    queries: npt.NDArray[Any],
    k: int,
    asked: Asked,
    *,
    targets: list[Key] | None,
    deadline: int,
    partial: bool,
    dedupe: bool,
    ids: Any = None,
    threads: int = 0,
) -> Pending[Hits]:
    """Begin a search of the k nearest rows of all targets for each query.

    `targets` None asks every collection of the queries' dimensions. `deadline` is nanoseconds, 0
    for none.
    """
    n = len(queries)
    k = places(k, n)
    batch = np.ascontiguousarray(queries, number_type(queries, False))
    found, scores = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    counts, of = np.empty(n, np.int64), np.empty((n, k), np.int32)
    plan = Plan(size=sizeof(Plan))
    params = SearchParams(
        size=sizeof(SearchParams), queries=address(batch), nq=n, dim=batch.shape[1], k=k,
        recall=asked.recall, threads=threads, numbers=batch.itemsize == 8, ids=address(found),
        scores=address(scores), counts=address(counts), plan=addressof(plan),
    )  # fmt: skip
    texts = room_for_texts(params, n)
    filter_ = None if ids is None else allow_ids(params, ids)
    terms = terms_of(asked)
    named = None
    if targets is not None:
        listed = [{"backend": backend, "collection": name} for backend, name in targets]
        named = json.dumps(listed, ensure_ascii=False).encode()
    whole = LakeFederated(
        size=sizeof(LakeFederated), partial=int(partial), dedupe=int(dedupe), targets=named,
        targets_len=len(named or b""), deadline_ns=deadline, params=addressof(params),
        query=addressof(terms), places=address(of),
    )  # fmt: skip
    task = Task(
        lent=(batch, params, terms, found, scores, counts, of, plan, texts, whole, named, filter_)
    )

    def finish(note: Handle) -> Hits:
        said = read_note(note)
        kinds = [target["id_kind"] for target in said["targets"]]
        shape = n, said["k"]
        cells = shape[0] * shape[1]
        texts.shape = shape
        numbers, where = found.ravel()[:cells].reshape(shape), of.ravel()[:cells].reshape(shape)
        names = _names(kinds, numbers, where, counts, texts)
        return Hits(
            names, scores.ravel()[:cells].reshape(shape), counts, where,
            [_key(target) for target in said["targets"]],
            {_key(error): _error(error) for error in said["errors"]}, plan,
        )  # fmt: skip

    call("rv_lake_federated_start", lake.value, byref(whole), byref(task.cell))
    return Pending(task, finish, "search")


def _key(said: dict[str, Any]) -> Key:
    return said["backend"], said["collection"]


def _error(said: dict[str, Any]) -> BaseException:
    place = said["row"], said["column"]
    return error_of(said["kind"], said["message"], *place, said["code"])


def _names(
    kinds: list[int],
    found: npt.NDArray[np.int64],
    of: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int64],
    texts: Any,
) -> npt.NDArray[Any]:
    """Return ids of the type that all collections have, or objects."""
    used = {kinds[target] for target in np.unique(of[of >= 0]).tolist()}
    if used <= {0}:
        return found
    if used == {1}:
        return found.view(np.uint64)
    names: npt.NDArray[Any] = texts.take(counts)
    kind = np.array([*kinds, 2], np.int8)[of]  # -1, an absent cell, is the last
    for number, cast in ((0, found), (1, found.view(np.uint64))):
        cells = kind == number
        names[cells] = cast[cells].tolist()
    return names
