"""The rows of a recommendation's table: candidates, what they cost, which limits they keep."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from .._arguments import bytes_of
from .._errors import InvalidArgument
from .._native.facts import EVERY_VECTOR
from .._show import html
from .model import (
    Design,
    Speeds,
    batch_seconds,
    bits_are_left,
    build_seconds,
    index_bytes,
    query_seconds,
    typical_counts,
    typical_recall,
)

FEWEST_FOR_CELLS: Final = 1_000  # rows below which cells are not worth a look
HIGHEST_AIM: Final = EVERY_VECTOR
AIMS: Final = (0.8, 0.9, 0.95, 0.98, HIGHEST_AIM)  # what kind ivf is calibrated for
_SLOWEST: Final = {"exact": 1.2, "flat": 1.3, "ivf": 1.7}  # p99 over p50, of many data sets
_CODES: Final = ((1, True), (5, True), (1, False), (4, False), (8, False))  # (bits, vectors)


class Candidate(NamedTuple):
    """One way to index the rows, and what it costs: a row of `Recommendation.table`.

    Attributes
    ----------
    kind : str
        ``"exact"``, ``"flat"`` or ``"ivf"``.
    bits, cells : int
        Bits per dimension of the codes (0 for ``exact``; of kind ``ivf`` with vectors a build has
        one less where it finds that second codes of rows pay); cells (0 for ``exact``, 1 for
        ``flat``).
    keep : str
        ``"auto"``: the vectors stay, borrowed where they can be; ``"none"``: codes alone.
    aim : float
        What ``recall=`` is set to. It is above the target where the target itself falls short.
    index_bytes, borrowed_bytes : int
        Memory of the index itself, and that of the vectors it keeps alive.
    build_seconds : float
        With all threads.
    p50_ms, p99_ms : float
        Milliseconds of one query (k = 10, one thread): the median over queries, and the 99th
        percentile of how queries differ. Pauses of the machine are left out.
    queries_per_second : float
        Of a batch, with all threads.
    recall, recall_low, recall_high : float
        recall@10, and a 95 % interval (from a model: what such data gave).
    meets_recall, meets_memory, meets_qps : bool
        Whether it keeps to what was asked; True where nothing was asked.
    """

    kind: str
    bits: int
    cells: int
    keep: str
    aim: float
    index_bytes: int
    borrowed_bytes: int
    build_seconds: float
    p50_ms: float
    p99_ms: float
    queries_per_second: float
    recall: float
    recall_low: float
    recall_high: float
    meets_recall: bool = True
    meets_memory: bool = True
    meets_qps: bool = True

    @property
    def meets(self) -> bool:
        """Whether all that was asked is kept."""
        return self.meets_recall and self.meets_memory and self.meets_qps

    @property
    def memory_bytes(self) -> int:
        """Bytes that stay in memory while the index lives, borrowed ones included."""
        return self.index_bytes + self.borrowed_bytes

    @property
    def params(self) -> dict[str, Any]:
        """Keyword arguments for `Index.build`, but for the metric."""
        if self.kind == "exact":
            return {"kind": "exact", "recall": self.aim}
        chosen = {"kind": self.kind, "keep": self.keep, "recall": self.aim}
        if bits_are_left(self.kind, self.keep == "auto"):
            return chosen
        return {**chosen, "bits": self.bits}

    @property
    def label(self) -> str:
        """The candidate in a few words, for example ``"ivf 5 bits, 1,024 cells"``."""
        if self.kind == "exact":
            return "exact"
        cells = f", {self.cells:,} cells" if self.kind == "ivf" else ""
        alone = "" if self.keep == "auto" else ", codes alone"
        return f"{self.kind} {self.bits} bit{'s' * (self.bits > 1)}{cells}{alone}"


class Limits(NamedTuple):
    """What a recommendation has to keep to."""

    recall: float
    memory: int | None
    qps: float | None

    def judge(self, candidate: Candidate) -> Candidate:
        """Return the candidate with what it meets."""
        return candidate._replace(
            meets_recall=candidate.recall >= self.recall
            and (self.recall < 1 or candidate.kind == "exact"),  # a sample proves no certainty
            meets_memory=self.memory is None or candidate.memory_bytes <= self.memory,
            meets_qps=self.qps is None or candidate.queries_per_second >= self.qps,
        )


def designs(rows: int, dim: int, metric: str) -> list[Design]:
    """Return what is compared for so many rows."""
    found = [Design("exact", rows, dim, metric, 0, True)]
    found += [Design("flat", rows, dim, metric, *code) for code in _CODES]
    if rows >= FEWEST_FOR_CELLS:
        found += [Design("ivf", rows, dim, metric, *code) for code in ((5, True), (8, False))]
    return found


def aims_for(kind: str, target: float) -> list[float]:
    """Return the values of ``recall=`` to try for a target, in order."""
    if kind == "exact":
        return [target]
    tried = [min(target, HIGHEST_AIM)]
    return tried + [aim for aim in AIMS if aim > tried[0]] if kind == "ivf" else tried


def modelled(design: Design, target: float, speeds: Speeds, filtered: bool) -> Candidate:
    """Return a candidate for float32 vectors as the model sees it."""
    aim = aims_for(design.kind, target)[0]
    if design.kind == "ivf" and target > HIGHEST_AIM:
        aim = HIGHEST_AIM
    counts = typical_counts(design)
    alone = 1e3 * query_seconds(design, counts, speeds, filtered)
    mean, low, high = typical_recall(design, aim)
    return Candidate(
        design.kind, design.bits, design.cells, "auto" if design.vectors else "none", aim,
        index_bytes(design), 4 * design.rows * design.dim if design.vectors else 0,
        build_seconds(design, speeds), alone, alone * _SLOWEST[design.kind],
        1 / batch_seconds(design, counts, speeds), mean, max(0.0, low), high,
    )  # fmt: skip


def limits_of(recall_target: Any, memory: Any, qps: Any) -> Limits:
    """Return the limits that a user gave.

    Raises
    ------
    InvalidArgument
        A recall outside (0, 1], a size of memory that is none, a rate that is not above 0.
    """
    if not _is_real(recall_target) or not 0 < recall_target <= 1:
        raise InvalidArgument(
            f"recall_target={recall_target!r} must lie above 0 and at most 1, for example 0.95"
        )
    if qps is not None and (not _is_real(qps) or not 0 < qps < math.inf):
        raise InvalidArgument(f"qps={qps!r} must be a number of queries a second above 0")
    size = None if memory is None else bytes_of(memory)
    return Limits(float(recall_target), size, None if qps is None else float(qps))


def _is_real(value: Any) -> bool:
    kinds = int | float | np.integer | np.floating
    return isinstance(value, kinds) and not isinstance(value, bool)


def line(candidate: Candidate) -> list[str]:
    """Return the cells of a table row as people read them."""
    missed = [
        name
        for name, kept in (
            ("recall", candidate.meets_recall),
            ("memory", candidate.meets_memory),
            ("qps", candidate.meets_qps),
        )
        if not kept
    ]
    return [
        candidate.label,
        html.size(candidate.index_bytes),
        html.size(candidate.borrowed_bytes),
        f"{candidate.build_seconds:.3g} s",
        f"{candidate.p50_ms:.3g} ms",
        f"{candidate.p99_ms:.3g} ms",
        f"{candidate.queries_per_second:,.0f}",
        f"{candidate.recall:.3f} ({candidate.recall_low:.3f} to {candidate.recall_high:.3f})",
        "misses " + ", ".join(missed) if missed else "yes",
    ]


HEADER: Final = (
    "candidate", "index", "borrowed", "build", "p50", "p99", "batch q/s", "recall@10", "meets",
)  # fmt: skip
