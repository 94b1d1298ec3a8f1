"""What a build and a search should cost: bytes counted as the engine does, seconds by a model.

Every term counts something that the engine does (numbers read, codes scored, vectors measured) and
has a price in nanoseconds. The prices were fitted to builds and searches of 2,000 to 200,000 rows
of 16 to 384 dimensions on one machine of two cores; `_recommend_machine` says how this machine
compares.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from .._metric import larger_is_better
from .._native.facts import EVERY_VECTOR

BLOCK_ROWS: Final = 32
_FACTORS: Final = 12  # bytes of the three factors of a row's code
_FEW_DIMENSIONS: Final = 256  # below, a scan costs little beside the choice of cells
_KMEANS_ROUNDS: Final = (8, 8, 8, 16, 16, 32, 32, 64, 64)  # rows a cell that each round sees
_CELLS_A_ROW: Final = 192
_TOGETHER: Final = 0.5  # of the time of a query alone, where a batch reads a cell once for all
_FEWEST_FOR_COPIES: Final = 16_384  # rows
_COPIED: Final = 0.66  # of the rows, where copies pay
_CACHED: Final = 8e6  # bytes up to which caches help
_UNCACHED: Final = 64e6  # bytes from which on they do not


class Design(NamedTuple):
    """One way to index `rows` x `dim`: what a candidate is, without what it costs."""

    kind: str
    rows: int
    dim: int
    metric: str
    bits: int  # 0 for exact
    vectors: bool  # kept for exact distances

    @property
    def padded(self) -> int:
        """Dimensions after rotation."""
        return (self.dim + 63) // 64 * 64

    @property
    def cells(self) -> int:
        """Cells that the engine chooses: 0 for exact, 1 for flat."""
        if self.kind != "ivf":
            return int(self.kind == "flat")
        times = 3.0 if self.padded < _FEW_DIMENSIONS else 4.2
        want = times * math.sqrt(self.rows)
        return max(1, min(1 << max(0, int(math.log2(max(want, 1)))), self.rows))

    def of(self, rows: int) -> Design:
        """Return the same design over another number of rows."""
        return self._replace(rows=rows)


class Counts(NamedTuple):
    """What one query touches, on average."""

    scanned: float
    coded: float
    reranked: float


class Speeds(NamedTuple):
    """How many times as long as on the machine of the prices this one takes."""

    codes: float = 1.0  # one query over codes
    exact: float = 1.0  # one query over vectors
    batch_codes: float = 1.0
    batch_exact: float = 1.0
    build_codes: float = 1.0
    build_exact: float = 1.0


def plane_bytes(design: Design) -> int:
    """Return the bytes that a scan of all rows reads."""
    if design.kind == "exact":
        return 4 * design.rows * design.dim
    return design.rows * (design.padded // 8 + _FACTORS)


def index_bytes(design: Design) -> int:
    """Return the bytes that the engine allocates for an index whose ids are positions.

    Exact for ``exact`` and ``flat``. Cells have whole blocks, so that ``ivf`` depends on how
    even they are: half a block each is assumed, and one at least. Where its build decides whether
    rows have copies, codes have a bit less with them; the larger of the two counts.
    """
    n, d, padded, cells = design.rows, design.dim, design.padded, design.cells
    blocks = -(-n // BLOCK_ROWS)
    total = 4 * blocks + 4 * d
    if design.kind == "exact":
        return total + (4 * n if larger_is_better(design.metric) else 0)
    stride = 4 * padded + _FACTORS * BLOCK_ROWS
    total += 16 * padded  # signs of the rotation
    if design.bits > 1:
        total += n * (padded * (design.bits - 1) // 8 + _FACTORS)
    if design.kind == "flat":
        return total + blocks * stride
    total += max(int(n / BLOCK_ROWS + cells / 2), cells) * (stride + 4)
    if may_have_copies(design):
        copies = n * (_COPIED * (padded / 8 + _FACTORS + 4))
        total += max(0, int(copies - n * (padded // 8)))
    total += cells * (5 * padded + 4 * 5) + 4 * (2 * (cells + 1) + n)
    return total + -(-cells // BLOCK_ROWS) * (stride + 4)


def bits_are_left(kind: str, vectors: bool) -> bool:
    """Return whether bits are the build's to decide: one less where it gives rows second codes."""
    return kind == "ivf" and vectors


def may_have_copies(design: Design) -> bool:
    """Return whether a build that is told no bits decides if rows have second codes."""
    return (
        bits_are_left(design.kind, design.vectors)
        and design.rows >= _FEWEST_FOR_COPIES
        and design.metric != "dot"
    )


def training_work(design: Design) -> float:
    """Return (row, cell) pairs that k-means and assignment go through.

    What is done once a row (rotation, tables) counts as some cells more.
    """
    seen = sum(min(share * design.cells, design.rows) for share in _KMEANS_ROUNDS)
    return float(seen + design.rows) * (design.cells + _CELLS_A_ROW)


def fixed_build_seconds(design: Design, speeds: Speeds) -> float:
    """Return the part of a build that does not grow with the work on rows: calibration."""
    return (0.1 if design.kind == "ivf" else 2e-4) * speeds.build_codes


def build_seconds(design: Design, speeds: Speeds) -> float:
    """Return the seconds of a build of rows of middling structure."""
    n, padded = design.rows, design.padded
    if design.kind == "exact":
        return fixed_build_seconds(design, speeds) + n * (60 + 1.8 * design.dim) * 1e-9 * (
            speeds.build_exact
        )
    ns = n * (350 + (3.5 + 0.3 * design.bits) * padded)
    if design.kind == "ivf":
        ns += (4 + 0.008 * padded) * training_work(design)
    return fixed_build_seconds(design, speeds) + ns * 1e-9 * speeds.build_codes


def typical_counts(design: Design) -> Counts:
    """Return what a query touches on rows between evenly spread and well clustered ones."""
    n = design.rows
    if design.kind == "exact":
        return Counts(n, 0, min(n, 10))
    scanned, coded = float(n), 12 * n**0.45
    if design.kind == "ivf":
        scanned, coded = min(n, 12 * n**0.52), 3.5 * n**0.45
    coded = min(coded, scanned)
    if design.bits == 1:
        reranked = min(scanned, 4 * n**0.5 * (0.3 if design.kind == "ivf" else 1))
        return Counts(scanned, 0, reranked if design.vectors else 0)
    return Counts(scanned, coded, min(n, 15) if design.vectors else 0)


def query_seconds(design: Design, counts: Counts, speeds: Speeds, filtered: bool) -> float:
    """Return the seconds of one query on one thread."""
    ns = float(design.rows) if filtered else 0.0  # the filter is read
    n, d, padded = design.rows, design.dim, design.padded
    if design.kind == "exact":
        size = 4.0 * n * d
        price = 0.04 + 0.03 * _farness(size)
        return (12_000 + ns + 5 * n + size * price) * 1e-9 * speeds.exact
    slower = 1 + 0.7 * _farness(plane_bytes(design))
    ns += 15_000 + 0.07 * slower * counts.scanned * (padded / 8 + _FACTORS)
    ns += counts.coded * (75 + 0.03 * padded * design.bits / 8)
    ns += counts.reranked * (600 + 0.6 * d)
    if design.kind == "ivf":
        ns += 0.05 * design.cells * padded
    return ns * 1e-9 * speeds.codes


def batch_seconds(design: Design, counts: Counts, speeds: Speeds, filtered: bool) -> float:
    """Return the seconds of one query of a large batch on all threads."""
    if design.kind == "exact":
        n = design.rows
        return (5_000 + n * (2 + 0.03 * design.dim)) * 1e-9 * speeds.batch_exact
    alone = query_seconds(design, counts, Speeds(), filtered=False)
    share = _TOGETHER if design.kind == "ivf" else 1.0
    return alone * share * speeds.batch_codes


def typical_recall(design: Design, aim: float) -> tuple[float, float, float]:
    """Return ``(mean, low, high)`` of recall@10 as rows of many kinds gave it."""
    if design.kind == "exact":
        return 1.0, 1.0, 1.0
    lost = 0.002 if aim < EVERY_VECTOR else 0.0005  # by bounds of a fixed width
    mean = 1 - lost
    low = 1 - 10 * lost
    if design.kind == "ivf":
        mean, low = aim + 0.25 * (1 - aim), aim - 0.02
    if not design.vectors:
        at_best, spread = _CODES_ALONE[min(design.bits, 8)]
        low = max(0.0, min(mean, at_best) - spread)
        return min(mean, at_best), low, min(1.0, at_best + spread)
    return mean, low, 1.0


_CODES_ALONE: Final = {
    1: (0.5, 0.3), 2: (0.7, 0.2), 3: (0.83, 0.1), 4: (0.91, 0.06),
    5: (0.95, 0.03), 6: (0.97, 0.02), 7: (0.98, 0.015), 8: (0.988, 0.01),
}  # fmt: skip


def _farness(size: float) -> float:
    """Return 0 for what caches hold, 1 for what they do not, between them by the logarithm."""
    if size <= _CACHED:
        return 0.0
    return min(1.0, math.log(size / _CACHED) / math.log(_UNCACHED / _CACHED))
