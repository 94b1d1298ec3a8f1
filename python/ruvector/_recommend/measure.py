"""Candidates built and searched on this machine, over a sample of the rows."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .._caller import RuVectorWarning
from .._index.index import Index
from .._input.vectors import Float32Matrix
from .machine import best
from .model import Counts, Design, bits_are_left
from .table import AIMS, aims_for
from .truth import Truth

K: Final = 10
_PATIENCE: Final = 0.04  # seconds after which nothing is repeated
_ALONE: Final = 48  # queries that are timed one at a time, at most
_FEWEST_ALONE: Final = 8
_TOGETHER: Final = 256  # queries of a batch that is timed
_PASSES: Final = 4
_ADMITTED: Final = 0.1  # share of the rows that the filter of filtered=True lets through


class Point(NamedTuple):
    """Recall and median latency with one value of ``recall=``: a point of the curve."""

    aim: float
    recall: float
    low: float
    high: float
    p50: float  # seconds


class Measured(NamedTuple):
    """What one candidate did over the rows it was built of. Times in seconds."""

    design: Design
    bits: int  # that the codes have
    index_bytes: int
    build: float
    p50: float
    p99: float
    batch: float  # of one query
    point: Point  # the first aim that reached the target, else the last tried
    counts: Counts
    curve: list[Point]


class Sample:
    """Rows to build of, queries to ask and their true neighbours."""

    def __init__(self, matrix: Float32Matrix, metric: str, queries: int, filtered: bool) -> None:
        random = np.random.default_rng(len(matrix))
        self.matrix = matrix
        self.metric: Any = metric
        self.asked = random.permutation(len(matrix))[:queries]
        self.queries = matrix[self.asked]
        self.where = filter_of(len(matrix)) if filtered else None
        self.truth = Truth(matrix, metric, self.asked, self.where, K)


def filter_of(rows: int) -> npt.NDArray[np.bool_]:
    """Return the filter that filtered=True is measured with: a random tenth of the rows."""
    admitted = np.random.default_rng(rows).random(rows) < _ADMITTED
    admitted[:1] = True
    return admitted


def measure(sample: Sample, design: Design, target: float, curve: bool) -> Measured:
    """Build one candidate over a sample and search it."""
    begin = time.perf_counter()
    index = _build(sample, design, target)
    spent = time.perf_counter() - begin
    if spent < 2 * _PATIENCE:
        spent = min(spent, best(lambda: _build(sample, design, target), 3))
    with index:
        point, counts = _first_reaching(index, sample, design.kind, target)
        p50, p99 = one_by_one(index, sample.queries, point.aim, sample.where)
        together = batch(index, sample.queries, point.aim, sample.where)
        points = _curve(index, sample, point) if curve and design.kind != "exact" else []
        return Measured(
            design, index.bits, index.memory_bytes, spent, p50, p99, together,
            point._replace(p50=p50), counts, points,
        )  # fmt: skip


def glance(sample: Sample, design: Design, target: float) -> Measured:
    """Build one candidate and see what its queries touch and find; nothing else is timed."""
    begin = time.perf_counter()
    index = _build(sample, design, target)
    spent = time.perf_counter() - begin
    with index:
        point, counts = _first_reaching(index, sample, design.kind, target)
        bits, size = index.bits, index.memory_bytes
    return Measured(design, bits, size, spent, math.nan, math.nan, math.nan, point, counts, [])


def _build(sample: Sample, design: Design, target: float) -> Index:
    keep: Any = "auto" if design.vectors else "none"
    kind: Any = design.kind
    return Index.build(
        sample.matrix, metric=sample.metric, kind=kind, keep=keep,
        bits=None if bits_are_left(kind, design.vectors) else design.bits or None,
        recall=min(target, AIMS[-1]), progress=False,
    )  # fmt: skip


def _first_reaching(index: Index, sample: Sample, kind: str, target: float) -> tuple[Point, Counts]:
    """Return the first aim that reaches the target, else the last there is to try."""
    first, *others = aims_for(kind, target)
    found = _point(index, sample, first)
    for aim in others:
        if found[0].recall >= target:
            break
        found = _point(index, sample, aim)
    return found


def _curve(index: Index, sample: Sample, point: Point) -> list[Point]:
    points = []
    for aim in AIMS if index.kind == "ivf" else AIMS[1:3] + AIMS[-1:]:
        found = point if aim == point.aim else _point(index, sample, aim)[0]
        alone = one_by_one(index, sample.queries[: _ALONE // 2], aim, sample.where)[0]
        points.append(found._replace(p50=alone))
    return points


def _point(index: Index, sample: Sample, aim: float) -> tuple[Point, Counts]:
    with warnings.catch_warnings():  # that codes alone do not reach a target is told by figures
        warnings.simplefilter("ignore", RuVectorWarning)
        found = index.search(sample.queries, K + 1, recall=aim, where=sample.where)
    plan, asked = found.plan, len(sample.queries)
    counts = Counts(plan.rows_scanned / asked, plan.rows_coded / asked, plan.rows_reranked / asked)
    return Point(aim, *sample.truth.recall(found.ids, found.counts), math.nan), counts


def one_by_one(index: Index, queries: Float32Matrix, aim: float, where: Any) -> tuple[float, float]:
    """Return median and 99th percentile of the seconds of one query.

    Each query counts with the best of its passes, so that pauses of the machine do not.
    """

    def seconds(query: Float32Matrix) -> float:
        begin = time.perf_counter()
        index.search(query, K, recall=aim, where=where)
        return time.perf_counter() - begin

    first = min(seconds(queries[0]) for _ in range(2))
    count = min(max(int(_PATIENCE / (_PASSES * first)), _FEWEST_ALONE), _ALONE)
    passes = [[seconds(query) for query in queries[:count]] for _ in range(_PASSES)]
    least = np.min(passes, axis=0)
    return float(np.median(least)), float(np.quantile(least, 0.99))


def batch(index: Index, queries: Float32Matrix, aim: float, where: Any) -> float:
    """Return the seconds of one query of a batch: the best of at most five."""
    begin = time.perf_counter()
    queries = queries[:_TOGETHER]
    least = math.inf
    for _ in range(5):
        spent = best(lambda: index.search(queries, K, recall=aim, where=where), 1)
        least = min(least, spent)
        if time.perf_counter() - begin > 2 * _PATIENCE:
            break
    return least / len(queries)
