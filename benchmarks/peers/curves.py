"""Which points count, and how fast a peer is at a recall that it was not measured at.

A curve is the frontier of a variant's points: those that no other beats in recall and rate. Between
two neighbours of it the logarithm of the rate is interpolated linearly in recall. Below its first
point a curve is flat: a caller who wants less gets that point. Beyond its last there is nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from .records import Point, Result
from .timing import QUIET

Way: TypeAlias = Literal["one", "batch"]
WAYS: tuple[Way, ...] = ("one", "batch")
TARGETS = (0.90, 0.95, 0.99)
Curve: TypeAlias = list[tuple[float, float]]


class Best(NamedTuple):
    """The fastest of some variants at a recall: who, and how many queries a second.

    `disturbed` when any timing of the variant was taken while others used the machine.
    """

    name: str
    rate: float
    disturbed: bool = False


def rate_of(point: Point, way: Way) -> float | None:
    """Queries a second, asked that way."""
    return point.one if way == "one" else point.batch


def disturbed(point: Point, way: Way) -> bool:
    """Whether others used the machine while it was timed that way."""
    others = point.one_others if way == "one" else point.batch_others
    return others is not None and others >= QUIET


def frontier(points: Iterable[Point], way: Way) -> Curve:
    """(recall, rate) of the points that no other beats in both, recall ascending."""
    measured = [(p.recall, rate) for p in points if (rate := rate_of(p, way)) is not None]
    curve: Curve = []
    for recall, rate in sorted(measured, reverse=True):
        if not curve or rate > curve[-1][1]:
            curve.append((recall, rate))
    return curve[::-1]


def rate_at(curve: Curve, recall: float) -> float | None:
    """Rate of a curve at a recall; None where it does not reach it."""
    if not curve or recall > curve[-1][0]:
        return None
    if recall <= curve[0][0]:
        return curve[0][1]
    for (r0, q0), (r1, q1) in itertools.pairwise(curve):
        if recall <= r1:
            share = (recall - r0) / (r1 - r0)
            return math.exp((1 - share) * math.log(q0) + share * math.log(q1))
    raise AssertionError("a recall within the curve lies between two of its points")


def fastest(points: Iterable[Point], way: Way, recall: float) -> Point | None:
    """The fastest point that was measured at that recall or above."""
    reached = [p for p in points if p.recall >= recall and rate_of(p, way) is not None]
    return max(reached, key=lambda p: rate_of(p, way) or 0.0, default=None)


def best(results: Iterable[Result], way: Way, recall: float) -> Best | None:
    """The fastest variant at a recall, interpolated; None where none reaches it."""
    rates = [
        Best(r.name, rate, any(disturbed(p, way) for p in r.points))
        for r in results
        if (rate := rate_at(frontier(r.points, way), recall)) is not None
    ]
    return max(rates, key=lambda b: b.rate, default=None)


def hardest(
    ours: Sequence[Result], theirs: Sequence[Result], way: Way, recall: float
) -> tuple[Best | None, Best | None]:
    """The best of ours and of theirs in the group where our ratio is least.

    Only what was asked in turns together is compared: results of one group. Where they reach the
    recall in no group, our best; where we do not, theirs.
    """
    pairs = [
        (
            best((r for r in ours if r.group == group), way, recall),
            best((r for r in theirs if r.group == group), way, recall),
        )
        for group in sorted({r.group for r in theirs}) or [0]
    ]

    def ratio(pair: tuple[Best | None, Best | None]) -> float:
        we, they = pair
        if they is None:
            return math.inf
        return we.rate / they.rate if we else 0.0

    return min(pairs, key=ratio)
