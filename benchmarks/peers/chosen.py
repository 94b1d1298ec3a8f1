"""Which settings of which variants are measured in turns, from what the coarse sweep found.

Of every family the variants that come near its best at a recall, each with the fastest setting that
reaches it and the one just below, between which the report interpolates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .curves import TARGETS, WAYS, Curve, Way, rate_at
from .variants import OURS, Settings, Variant

NEAR = 0.7  # share of the family's best rate from which on a variant is measured


class Coarse(NamedTuple):
    """One setting of a sweep; rates in queries a second, None where nothing was timed."""

    settings: Settings
    recall: float
    one: float | None = None
    batch: float | None = None

    def rate(self, way: Way) -> float | None:
        """Its rate, asked that way."""
        return self.one if way == "one" else self.batch


class Member(NamedTuple):
    """A setting that is measured in turns, asked in some ways."""

    variant: str
    settings: Settings
    ways: tuple[Way, ...]


def merged(records: Iterable[dict[str, Any]]) -> list[Coarse]:
    """Points of the coarse records of a variant, whose ways may come from two processes."""
    points: dict[str, Coarse] = {}
    for record in records:
        if record["record"] != "coarse":
            continue
        key = str(sorted(record["settings"].items()))
        known = points.get(key, Coarse(record["settings"], record["recall"]))
        points[key] = known._replace(**{way: record[way] for way in WAYS if way in record})
    return list(points.values())


def members(variants: Sequence[Variant], swept: dict[str, list[Coarse]]) -> list[Member]:
    """What is measured in turns of the variants that were swept."""
    wanted: dict[tuple[str, int], set[Way]] = {}
    for way in WAYS:
        for variant in variants:
            points = swept.get(variant.name, [])
            for target in TARGETS:
                best = max(
                    _at(swept.get(other.name, []), way, target)
                    for other in variants
                    if other.family == variant.family
                )
                near = variant.family == OURS or _at(points, way, target) >= NEAR * best
                for at in around(points, way, target) if near else ():
                    wanted.setdefault((variant.name, at), set()).add(way)
            for at, point in enumerate(points):  # a promise, whether or not it is the fastest
                if variant.family == OURS and "recall" in point.settings and point.rate(way):
                    wanted.setdefault((variant.name, at), set()).add(way)
    return [
        Member(v.name, point.settings, tuple(way for way in WAYS if way in wanted[v.name, at]))
        for v in variants
        for at, point in enumerate(swept.get(v.name, []))
        if (v.name, at) in wanted
    ]


def around(points: Sequence[Coarse], way: Way, target: float) -> list[int]:
    """Of the frontier, the fastest point at the target or above and the one just below it."""
    curve = _frontier(points, way)
    above = next((i for i, (recall, _, _) in enumerate(curve) if recall >= target), len(curve))
    if above == len(curve):
        return []  # it does not reach it
    return [at for _, _, at in curve[max(0, above - 1) : above + 1]]


def _frontier(points: Sequence[Coarse], way: Way) -> list[tuple[float, float, int]]:
    """(recall, rate, number) of the points that no other beats in both, recall ascending."""
    timed = [(p.recall, rate, at) for at, p in enumerate(points) if (rate := p.rate(way))]
    curve: list[tuple[float, float, int]] = []
    for point in sorted(timed, reverse=True):
        if not curve or point[1] > curve[-1][1]:
            curve.append(point)
    return curve[::-1]


def _at(points: Sequence[Coarse], way: Way, target: float) -> float:
    """Coarse rate at a recall, 0 where it is not reached."""
    curve: Curve = [(recall, rate) for recall, rate, _ in _frontier(points, way)]
    return rate_at(curve, target) or 0.0
