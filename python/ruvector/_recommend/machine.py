"""How fast this machine is beside the one that the model's prices were fitted on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._index.index import Index
from .._input.vectors import Float32Matrix
from .._locks import Lock
from .._settings import current
from .model import Counts, Design, Speeds, batch_seconds, build_seconds, query_seconds

_ROWS: Final = 2_048
_DIM: Final = 128
_ALONE: Final = 48  # queries one at a time, each another one: what a query needs is not at hand
_BATCH: Final = 256  # queries at once
_FACTORS: Final = (0.05, 200.0)  # one outside is a broken clock, not a machine

_lock = Lock()
_known: dict[int, Speeds] = {}


def speeds() -> Speeds:
    """Return the speeds of this machine, measured once for each setting of threads.

    Takes some tens of milliseconds the first time. Thread-safe.
    """
    with _lock:
        found = _known.get(current.threads)
        if found is None:
            found = _known[current.threads] = _measure()
        return found


def best(call: Callable[[], Any], tries: int) -> float:
    """Return the least seconds of some calls."""
    least = float("inf")
    for _ in range(tries):
        begin = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - begin)
    return least


def _measure() -> Speeds:
    rows = _scattered(_ROWS, _DIM)
    shape = (_ROWS, _DIM, "l2")
    exact, flat = Design("exact", *shape, 0, True), Design("flat", *shape, 5, True)
    plain = Speeds()

    def build(kind: Any) -> Index:
        return Index.build(rows, metric="l2", kind=kind, progress=False)

    coded = build("flat")
    compared = build("exact")
    plan = coded.search(rows[:_BATCH], 10).plan
    counts = Counts(_ROWS, plan.rows_coded / _BATCH, plan.rows_reranked / _BATCH)
    alone = rows[:_ALONE]
    none = Counts(_ROWS, 0, 10)
    return Speeds(
        codes=_factor(
            best(lambda: [coded.search(row, 10) for row in alone], 3) / _ALONE,
            query_seconds(flat, counts, plain, False),
        ),
        exact=_factor(
            best(lambda: [compared.search(row, 10) for row in alone], 3) / _ALONE,
            query_seconds(exact, none, plain, False),
        ),
        batch_codes=_factor(
            best(lambda: coded.search(rows[:_BATCH], 10), 2) / _BATCH,
            batch_seconds(flat, counts, plain),
        ),
        batch_exact=_factor(
            best(lambda: compared.search(rows[:_BATCH], 10), 2) / _BATCH,
            batch_seconds(exact, none, plain),
        ),
        build_codes=_factor(best(lambda: build("flat"), 2), build_seconds(flat, plain)),
        build_exact=_factor(best(lambda: build("exact"), 2), build_seconds(exact, plain)),
    )


def _scattered(rows: int, dim: int) -> Float32Matrix:
    """Return numbers without a pattern; importing numpy.random takes as long as all else here."""
    turns = np.sin(np.arange(rows * dim) * 12.9898) * 43_758.5453
    found: Float32Matrix = (turns - np.floor(turns) - 0.5).astype(np.float32)
    return found.reshape(rows, dim)


def _factor(measured: float, modelled: float) -> float:
    return min(max(measured / modelled, _FACTORS[0]), _FACTORS[1])
