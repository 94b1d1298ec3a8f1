"""A recommendation for data: every candidate measured on this machine."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np

from .._errors import InvalidArgument
from .._index.index import Index
from .._input.vectors import Float32Matrix, Vectors
from .._settings import current
from .choice import choose
from .curve import CurvePoint
from .extrapolate import extrapolated, extrapolated_curve
from .measure import Sample, batch, filter_of, glance, measure, one_by_one
from .model import Design, index_bytes
from .modelled import from_model
from .result import Recommendation
from .table import FEWEST_FOR_CELLS, Candidate, Limits, designs

_CELLS_NUMBERS: Final = 4_000_000  # of a sample for cells: rows times dimensions
_CELLS_ROWS: Final = (4_096, 16_384)  # of it at least, at most
_FLAT_NUMBERS: Final = 24_000_000  # of a sample for codes, which are built much faster
_FLAT_ROWS: Final = (4_096, 65_536)
_QUERIES: Final = 400
_SMALLER: Final = 4  # times: the second sample, which shows how figures grow with rows


def from_data(
    vectors: Vectors,
    metric: str,
    limits: Limits,
    filtered: bool,
    sample: int | None,
    seed: int,
    data: tuple[Any, Any],
) -> Recommendation:
    """Return what to build for these vectors.

    `data` is the label of a frame's column and the embedder; null rows of a frame are left out.
    The column is closed.
    """
    rows, dim = vectors.rows, vectors.dim
    if vectors.handle is None:
        raise InvalidArgument(f"{rows} rows that tell no number of dimensions; there is no advice")
    flat = min(rows, sample or _sample_rows(dim, _FLAT_NUMBERS, _FLAT_ROWS))
    drawn = None
    if vectors.nulls or current.bad_vectors == "skip":
        drawn = _draw_usable(vectors.floats(), flat, seed)
    keep_nulls: Any = "error" if data[0] is None else "skip"
    name: Any = metric
    begin = time.perf_counter()
    exact = Index.build(vectors, metric=name, kind="exact", nulls=keep_nulls, progress=False)
    spent = time.perf_counter() - begin
    with exact:
        if drawn is None:
            drawn = _draw(exact, flat, seed)
        if len(drawn) < 2:
            return from_model(rows, dim, metric, limits, filtered, data)
        cells = sample or _sample_rows(dim, _CELLS_NUMBERS, _CELLS_ROWS)
        info = exact.info()
        samples = _Samples(drawn, cells, int(info["usable"]), metric, filtered, seed)
        table, curve = samples.measured(limits, int(info["borrowed_bytes"]))
        table[0] = _exact_over_all(exact, drawn, table[0], spent, filtered)
    if info["usable"] < rows:
        table = [_with_absent_rows(candidate, (rows, dim, metric)) for candidate in table]
    table = [limits.judge(candidate) for candidate in table]
    curve.insert(0, CurvePoint("exact", 1.0, 1.0, table[0].p50_ms))
    return Recommendation(
        (rows, dim, metric), limits, choose(table, rows, limits, True), table, curve,
        sample=len(samples.cells.matrix), filtered=filtered, on=data[0], embedder=data[1],
    )  # fmt: skip


def _with_absent_rows(candidate: Candidate, shape: tuple[int, int, str]) -> Candidate:
    """Return the candidate with the bytes that kind flat holds also for rows without a vector."""
    if candidate.kind != "flat":
        return candidate
    design = Design("flat", *shape, candidate.bits, candidate.keep == "auto")
    return candidate._replace(index_bytes=index_bytes(design))


class _Samples:
    """The samples that codes and cells are measured over, and smaller ones where rows are more."""

    def __init__(
        self,
        drawn: Float32Matrix,
        cells: int,
        rows: int,
        metric: str,
        filtered: bool,
        seed: int,
    ) -> None:
        def sample(count: int) -> Sample:
            # All rows stay in their order: the index is then the very one that a build gives.
            matrix = drawn if count == len(drawn) else drawn[np.sort(order[:count])]
            return Sample(matrix, metric, _QUERIES, filtered)

        order = np.random.default_rng(seed).permutation(len(drawn))
        few = min(cells, len(drawn))
        self.rows = rows
        self.metric = metric
        self.filtered = filtered
        self.flat = sample(len(drawn))
        self.cells = self.flat if few == len(drawn) else sample(few)
        self.less_flat = sample(len(drawn) // _SMALLER) if len(drawn) < rows else None
        self.less_cells = sample(few // _SMALLER) if few < rows else None

    def measured(self, limits: Limits, borrowed: int) -> tuple[list[Candidate], list[CurvePoint]]:
        """Return all candidates over all rows, and points of a curve."""
        table: list[Candidate] = []
        curve: list[CurvePoint] = []
        dim = self.flat.matrix.shape[1]
        for design in designs(self.rows, dim, self.metric):
            large, less = self.flat, self.less_flat
            if design.kind == "ivf":
                large, less = self.cells, self.less_cells
                if len(large.matrix) < FEWEST_FOR_CELLS:
                    continue
            of, few = len(large.matrix), 0 if less is None else len(less.matrix)
            shown = design.vectors and design.bits == 5
            found = measure(large, design.of(of), limits.recall, shown)
            before = None
            if less is not None and few > 1 and design.kind != "exact":
                before = glance(less, design.of(few), limits.recall)
            candidate = extrapolated(found, before, self.rows, borrowed, self.filtered)
            table.append(candidate)
            curve += [
                CurvePoint(design.kind, point.aim, point.recall, 1e3 * point.p50)
                for point in extrapolated_curve(found, candidate)
            ]
        return table, curve


def _sample_rows(dim: int, numbers: int, bounds: tuple[int, int]) -> int:
    return min(max(numbers // dim, bounds[0]), bounds[1])


def _draw(exact: Index, count: int, seed: int) -> Float32Matrix:
    """Return a random sample of the rows of an index all of which can be found."""
    if count == len(exact):
        return np.ascontiguousarray(np.asarray(exact))
    rows = np.random.default_rng(seed).permutation(len(exact))[:count]
    return np.asarray(exact[np.sort(rows)])


def _draw_usable(floats: Float32Matrix, count: int, seed: int) -> Float32Matrix:
    """Return a random sample of the rows that are numbers throughout."""
    order = np.random.default_rng(seed).permutation(len(floats))
    found: list[int] = []
    for start in range(0, len(order), count):
        rows = order[start : start + count]
        found += rows[np.isfinite(floats[rows]).all(axis=1)].tolist()
        if len(found) >= count:
            break
    return np.ascontiguousarray(floats[np.sort(found[:count])])


def _exact_over_all(
    exact: Index, drawn: Float32Matrix, candidate: Candidate, spent: float, filtered: bool
) -> Candidate:
    """Return the candidate of kind exact with what it does over all rows."""
    where = filter_of(len(exact)) if filtered else None
    queries = drawn[:: max(1, len(drawn) // 64)]
    p50, p99 = one_by_one(exact, queries, candidate.aim, where)
    together = batch(exact, np.resize(queries, (256, exact.dim)), candidate.aim, where)
    return candidate._replace(
        index_bytes=exact.memory_bytes, build_seconds=min(spent, candidate.build_seconds),
        p50_ms=1e3 * p50, p99_ms=1e3 * p99, queries_per_second=1 / together,
    )  # fmt: skip
