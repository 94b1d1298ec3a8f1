"""From candidates measured over a sample to what they cost over all rows.

Counts of what a query touches follow a power of the number of rows, whose exponent two samples
show, one four times as large as the other. The model turns counts into time; its prices are
corrected by what was measured over the larger sample.
"""

from __future__ import annotations

import math
from typing import Final

from .measure import Measured, Point
from .model import (
    Counts,
    Design,
    Speeds,
    batch_seconds,
    build_seconds,
    cells_work,
    held_out,
    index_bytes,
    query_seconds,
)
from .table import Candidate

_PLAIN: Final = Speeds()  # ratios of prices do not depend on the machine
_STEEPEST_MISS: Final = 0.5  # exponent of the share of neighbours missed
_LEAST_GROWTH: Final = 0.1  # share of a measured build that grows with training at least


def extrapolated(
    large: Measured, small: Measured | None, rows: int, borrowed: int, filtered: bool
) -> Candidate:
    """Return the candidate over all rows. `small` is None where all rows were measured."""
    design = large.design.of(rows)
    counts = _counts(large, small, rows)
    slower = query_seconds(design, counts, _PLAIN, filtered) / query_seconds(
        large.design, large.counts, _PLAIN, filtered
    )
    longer = batch_seconds(design, counts, _PLAIN) / batch_seconds(
        large.design, large.counts, _PLAIN
    )
    grown = _recall(large, small, rows)
    size = large.index_bytes
    if rows != large.design.rows:
        size = round(index_bytes(design) * size / index_bytes(large.design))
    return Candidate(
        design.kind, large.bits, design.cells, "auto" if design.vectors else "none",
        large.point.aim, size, borrowed if design.vectors else 0, _build(large, small, design),
        1e3 * large.p50 * slower, 1e3 * large.p99 * slower, 1 / (large.batch * longer),
        grown.recall, grown.low, grown.high,
    )  # fmt: skip


def extrapolated_curve(large: Measured, candidate: Candidate) -> list[Point]:
    """Return the points of a candidate's curve, slowed down as the candidate itself."""
    slower = candidate.p50_ms / 1e3 / large.p50
    return [point._replace(p50=point.p50 * slower) for point in large.curve]


def _counts(large: Measured, small: Measured | None, rows: int) -> Counts:
    if small is None or rows == large.design.rows:
        return large.counts
    grown = [
        count * (rows / large.design.rows) ** _exponent(count, before, large, small, 1.0)
        for count, before in zip(large.counts, small.counts, strict=True)
    ]
    if large.design.kind != "ivf":
        grown[0] = large.counts.scanned * rows / large.design.rows
    return Counts(*(min(count, rows) for count in grown))


def _exponent(
    count: float, before: float, large: Measured, small: Measured, steepest: float
) -> float:
    """Return by which power of the number of rows a count grew between two samples."""
    if count <= 0 or before <= 0:
        return 0.0
    step = math.log(large.design.rows / small.design.rows)
    return min(max(math.log(count / before) / step, 0.0), steepest)


def _build(large: Measured, small: Measured | None, design: Design) -> float:
    if design.rows == large.design.rows:
        return large.build
    if design.kind != "ivf" or small is None:
        return large.build * build_seconds(design, _PLAIN) / build_seconds(large.design, _PLAIN)
    # A part that is the same for any number of rows, and one that grows with the training.
    work, before = cells_work(large.design), cells_work(small.design)
    grows = max((large.build - small.build) / (work - before), _LEAST_GROWTH * large.build / work)
    fixed = max(large.build - grows * work, 0.0)
    return fixed + min(grows, large.build / work) * cells_work(design)


def _recall(large: Measured, small: Measured | None, rows: int) -> Point:
    """Return the point with the recall over all rows: more rows are nearer to each other."""
    point = large.point
    if small is None:
        return point
    if large.design.kind == "ivf":
        return _calibrated(point, large.design.rows, rows)
    power = _exponent(_odds(point.recall), _odds(small.point.recall), large, small, _STEEPEST_MISS)
    grown = (rows / large.design.rows) ** power
    low, mean, high = (
        1 / (1 + _odds(share) * grown) for share in (point.low, point.recall, point.high)
    )
    return point._replace(recall=mean, low=low, high=high)


def _calibrated(point: Point, sampled: int, rows: int) -> Point:
    """Return the point of an index with cells, which calibrates itself for the rows it gets.

    It stays above its target by a standard error of what its held-out rows find. A build of more
    rows holds more of them out, so it stays above by less.
    """
    less = math.sqrt(held_out(sampled) / held_out(rows))
    mean = point.aim + max(point.recall - point.aim, 0) * less + min(point.recall - point.aim, 0)
    return point._replace(recall=mean, low=min(point.low, mean - (point.recall - point.low)))


def _odds(share: float) -> float:
    """Return how many neighbours are missed for each that is found."""
    return (1 - share) / max(share, 1e-6)
