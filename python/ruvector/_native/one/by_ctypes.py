"""One query by ctypes: works with every interpreter and every NumPy."""

from __future__ import annotations

import threading
from ctypes import addressof
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrow import address
from ..facts import Facts
from ..library import library, raise_error
from ..params import FILTER_MASK
from ..structs import SearchCall
from .scratch import SHORT_BYTES, Floats, Ints, Scratch, cost_of, reads_under


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
    if scratch.cost >= SHORT_BYTES and reads_under(facts, scratch.cost, mask) >= SHORT_BYTES:
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
