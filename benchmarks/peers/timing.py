"""How calls are timed: medians after a warm-up, again when others used the machine meanwhile."""

from __future__ import annotations

import gc
import pathlib
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from neighbours import Neighbours

T = TypeVar("T")
QUIET = 0.2  # cores used by others below which a timing stands
_TRIES = 3
_REPEATS = 3
_SECONDS_ONE = 0.6
_SECONDS = 0.4  # of passes or batches in all, while they are fewer than _MOST
_MOST = 25
_TELLING = 0.05
_SLOW = 5.0  # seconds of a batch above which its first timed pass is its only one
_FEWEST = 30
_STATUS = pathlib.Path("/proc/self/status")


class One(NamedTuple):
    """Queries asked one at a time: rate, percentiles of the call, how many, what they found."""

    rate: float
    p50_us: float
    p99_us: float
    asked: int
    cores: float
    found: list[Any]


class Watched(NamedTuple):
    """A timing, and the cores that other processes used while it ran (None where unknown)."""

    value: Any
    others: float | None


class Around(Neighbours):
    """How busy others were; None for a block of less than five ticks of the kernel's clock."""

    def __enter__(self) -> Around:
        self._since = time.perf_counter()
        super().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if time.perf_counter() - self._since >= _TELLING:
            super().__exit__(kind, error, trace)


def undisturbed(measure: Callable[[], T]) -> Watched:
    """Measure until others used under 0.2 cores, at most three times; the quietest stands."""
    best: Watched | None = None
    for _ in range(_TRIES):
        with Around() as around:
            value = measure()
        others = around.cores
        if best is None or (others or 0.0) < (best.others or 0.0):
            best = Watched(value, others)
        if others is None or others < QUIET:
            break
    assert best is not None
    return best


def one_at_a_time(call: Callable[[Any], Any], queries: Sequence[Any]) -> One:
    """Time a Python call per query: three passes, or 0.4 s, over as many queries as 0.6 s allow.

    The pass of median total time is reported. `cores` is CPU time over wall time of the process:
    what says that one thread worked.
    """
    begin = time.perf_counter()
    for query in queries[:10]:
        call(query)
    each = (time.perf_counter() - begin) / min(10, len(queries))
    count = int(min(len(queries), max(_FEWEST, _SECONDS_ONE / each)))
    passes: list[npt.NDArray[np.int64]] = []
    found: list[Any] = [None] * count
    gc.disable()
    wall, cpu = time.perf_counter(), time.process_time()
    while len(passes) < _REPEATS or (len(passes) < _MOST and time.perf_counter() - wall < _SECONDS):
        spent = np.empty(count, np.int64)
        for i in range(count):
            query = queries[i]
            before = time.perf_counter_ns()
            answer = call(query)
            spent[i] = time.perf_counter_ns() - before
            found[i] = answer
        passes.append(spent)
    cores = (time.process_time() - cpu) / (time.perf_counter() - wall)
    gc.enable()
    middle = sorted(passes, key=lambda spent: int(spent.sum()))[len(passes) // 2]
    p50, p99 = (float(p) / 1e3 for p in np.percentile(middle, (50, 99)))
    return One(count / float(middle.sum()) * 1e9, p50, p99, count, cores, found)


def batch(call: Callable[[], Any]) -> float:
    """Median seconds of a call: at least three, more within 0.4 s, one when it is slow."""
    spent: list[float] = []
    gc.disable()
    while len(spent) < _REPEATS or (len(spent) < _MOST and sum(spent) < _SECONDS):
        begin = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begin)
        if spent[0] > _SLOW:
            break
    gc.enable()
    return float(np.median(spent))


class Peak:
    """Growth of the resident set over a block, at its highest; bytes, None outside Linux."""

    bytes: int | None = None

    def __enter__(self) -> Peak:
        gc.collect()
        if _STATUS.exists():
            pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
            self._begin = _resident("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        if _STATUS.exists():
            self.bytes = max(0, _resident("VmHWM") - self._begin)


def _resident(field: str) -> int:
    line = next(x for x in _STATUS.read_text().splitlines() if x.startswith(field + ":"))
    return int(line.split()[1]) * 1024
