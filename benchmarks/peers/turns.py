"""Turns: who is asked what, in which order, and what a query costs at its best.

Everybody answers the same 50 queries before the next 50 come, so that the clock of the host, which
may vary by 2x within a minute, hits all alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
BLOCK = 50


class Block(NamedTuple):
    """Queries [low, high) of a pass."""

    number: int
    low: int
    high: int


def blocks(count: int, turn: int, size: int = BLOCK) -> Iterator[Block]:
    """Cut `count` queries; the cuts move from pass to pass, so that nobody is always first."""
    shift = turn * 17 % size
    cuts = sorted({0, count, *range(shift, count, size)})
    for number, (low, high) in enumerate(itertools.pairwise(cuts)):
        yield Block(number, low, high)


def order(members: Sequence[T], turn: int, number: int) -> list[T]:
    """Members of a block in their order: forwards and backwards by turns, from another one on."""
    if not members:
        return []
    first = (turn * 5 + number // 2) % len(members)
    turned = [*members[first:], *members[:first]]
    return turned if (turn + number) % 2 == 0 else turned[::-1]


def stride(each: float, count: int, seconds: float, fewest: int = 20) -> int:
    """Every how many-th query is asked of one that takes `each` seconds a query."""
    asked = min(count, max(fewest, int(seconds / max(each, 1e-9))))
    return -(-count // asked)


class Spent:
    """Nanoseconds of every query, of all passes."""

    def __init__(self, count: int, step: int = 1) -> None:
        self.count, self.step = count, step
        self._passes: list[npt.NDArray[np.int64]] = []

    def queries(self, low: int, high: int) -> list[int]:
        """The queries that are asked among [low, high)."""
        return list(range(-(-low // self.step) * self.step, high, self.step))

    def begin(self) -> None:
        """Begin a pass."""
        self._passes.append(np.zeros(len(range(0, self.count, self.step)), np.int64))

    def add(self, low: int, spent: Sequence[int]) -> None:
        """Add what the queries from `low` on took in this pass."""
        first = -(-low // self.step)
        self._passes[-1][first : first + len(spent)] = spent

    @property
    def passes(self) -> int:
        """How many passes there were."""
        return len(self._passes)

    def best(self) -> float:
        """Microseconds a query: the mean over queries of each one's minimum."""
        return float(np.min(self._passes, axis=0).mean()) / 1e3

    def middle(self) -> float:
        """Microseconds a query: the mean over queries of each one's median."""
        return float(np.median(self._passes, axis=0).mean()) / 1e3

    def percentile(self, share: float) -> float:
        """Microseconds of a call that `share` per cent of all calls do not exceed."""
        return float(np.percentile(self._passes, share)) / 1e3

    def total(self) -> int:
        """Nanoseconds of all calls."""
        return int(sum(int(one.sum()) for one in self._passes))
