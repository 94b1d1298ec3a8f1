"""Seconds of the clock and of the processor that work takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

ROUNDS = 3


class Spent(NamedTuple):
    """Seconds of the clock and of the processor."""

    clock: float
    processor: float


def best(work: Callable[[], Any]) -> tuple[Spent, Any]:
    """Return the least times of a few rounds, and what the last one returned."""
    spent = []
    for _ in range(ROUNDS):
        begin, used = time.perf_counter(), time.process_time()
        answer = work()
        spent.append(Spent(time.perf_counter() - begin, time.process_time() - used))
    clock, processor = zip(*spent, strict=True)
    return Spent(min(clock), min(processor)), answer
