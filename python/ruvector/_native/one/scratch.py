"""What every search of one query by ctypes needs: memory that is made once; what a search costs."""

from __future__ import annotations

from ctypes import addressof, c_int64, sizeof
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrow import address
from ..facts import EVERY_VECTOR, Facts
from ..structs import Error, Plan, SearchParams

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

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


def reads_under(reads: Facts, cost: int, allowed: Any) -> int:
    """Return the cost under a mask or a list of ids: at most that of the vectors of these rows."""
    if allowed is None or not reads.rows:
        return cost
    mask = isinstance(allowed, np.ndarray) and allowed.dtype == np.bool_
    rows = int(np.count_nonzero(allowed)) if mask else len(allowed)
    return min(cost, rows * (reads.vector or reads.scanned // reads.rows))
