"""What a build and a search should cost: bytes counted as the engine does, seconds by a model.

Every term counts something that the engine does (numbers read, codes scored, vectors measured) and
has a price in nanoseconds. The prices were fitted to builds and searches of 10,000 to 500,000
texts, words, digits and generated rows of 64 to 784 dimensions on one machine of two cores
(docs/decisions/0055); `machine` says how this machine compares.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from .._metric import larger_is_better
from .._native.facts import EVERY_VECTOR

BLOCK_ROWS: Final = 32
_FACTORS: Final = 12  # bytes of the three factors of a row's code
_FEW_DIMENSIONS: Final = 256  # below, a scan costs little beside the choice of cells
# Rounds of k-means that compare with all cells, those that compare with the cells around, and the
# rows a cell that each sees, as arrowidx/internal/build/kmeans.go.
_WIDE_ROUNDS: Final = 2
_WIDE_ROWS: Final = 64
_CLOSE_ROUNDS: Final = 4
_CLOSE_ROWS: Final = 256
# Rows that k-means does not see, to calibrate with, as arrowidx/internal/build/cells.go.
_HELD_OUT_SHARE: Final = 48
_FEWEST_HELD: Final = 64
_SMALL_SET: Final = 6_000
_SEVERAL_HELD: Final = 384
_MOST_HELD: Final = 2_048
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


def held_out(rows: int) -> int:
    """Return the rows that the engine keeps from k-means to calibrate with."""
    held = min(max(rows // _HELD_OUT_SHARE, _FEWEST_HELD), _MOST_HELD)
    if rows > _SMALL_SET:
        held = max(held, _SEVERAL_HELD)
    return max(min(held, rows // 8), 1)


def cells_work(design: Design) -> float:
    """Return nanoseconds of k-means, coding and calibration: all that grows."""
    n, cells, padded = design.rows, design.cells, design.padded
    around = min(max(cells // 32, 64), 128)
    wide = _WIDE_ROUNDS * min(_WIDE_ROWS * cells, n) * cells * padded
    seen = min(_CLOSE_ROWS * cells, n)
    close = _CLOSE_ROUNDS * seen * padded * around
    trained = 0.006 * wide + 0.0016 * close + seen * (3_700 + 0.4 * padded)
    coded = n * (430 + (1.7 + 0.13 * design.bits) * padded)
    if may_have_copies(design):
        coded += n * 3_000  # half of what they take
    each = 150_000 + 12 * typical_counts(design).scanned + 124 * cells
    return trained + coded + held_out(n) * each


def build_seconds(design: Design, speeds: Speeds) -> float:
    """Return the seconds of a build of rows of middling structure."""
    n = design.rows
    if design.kind == "exact":
        return (3e5 + n * (63 + 1.25 * design.dim)) * 1e-9 * speeds.build_exact
    if design.kind == "ivf":
        return (1e6 + cells_work(design)) * 1e-9 * speeds.build_codes
    ns = 1.4e6 + n * (140 + (1.35 + 0.32 * design.bits) * design.padded)
    return ns * 1e-9 * speeds.build_codes


def typical_counts(design: Design) -> Counts:
    """Return what a query touches on rows between evenly spread and well clustered ones."""
    n = design.rows
    if design.kind == "exact":
        return Counts(n, 0, min(n, 10))
    d, fewer = max(design.dim, 1), 1.0
    scanned, coded = float(n), min(920 * n**0.59 * d**-1.36, 12 * n**0.45)
    if design.kind == "ivf":
        d, fewer = max(d, 64), 0.3
        scanned, coded = min(n, 135 * n**0.58 * d**-0.68), 630 * n**0.24 * d**-0.89
    if design.bits == 1 and design.vectors:
        reranked = min(21_000 * n**0.22 * d**-1.37, 4 * n**0.5)
        return Counts(scanned, 0, min(scanned, fewer * reranked))
    if design.bits == 1:
        coded *= 2  # estimates alone rule out less than measured vectors
    return Counts(scanned, min(coded, scanned), min(n, 12) if design.vectors else 0)


def query_seconds(design: Design, counts: Counts, speeds: Speeds, filtered: bool) -> float:
    """Return the seconds of one query on one thread."""
    ns = float(design.rows) if filtered else 0.0  # the filter is read
    if design.kind == "exact":
        size = 4.0 * design.rows * design.dim
        price = 0.03 + 0.06 * _farness(size)
        return (5_000 + ns + 5 * design.rows + size * price) * 1e-9 * speeds.exact
    return (ns + _ALONE.of(design, counts)) * 1e-9 * speeds.codes


def batch_seconds(design: Design, counts: Counts, speeds: Speeds) -> float:
    """Return the seconds of one query of a large batch on all threads."""
    if design.kind == "exact":
        ns = 20_000 + design.rows * (2.5 + 0.02 * design.dim)
        return ns * 1e-9 * speeds.batch_exact
    return _BATCHED.of(design, counts) * 1e-9 * speeds.batch_codes


class _Prices(NamedTuple):
    """Nanoseconds of what a query does."""

    query: float
    scanned: float  # a byte of the plane
    coded: float  # a row
    reranked: float  # a vector
    routed: float  # a dimension of a cell

    def of(self, design: Design, counts: Counts) -> float:
        row = design.padded / 8 + _FACTORS
        ns = self.query + self.scanned * counts.scanned * row + self.coded * counts.coded
        if design.kind != "ivf":
            return ns + self.reranked * counts.reranked
        # Few cells lie side by side, so that vectors are asked for sooner.
        ns += self.routed * design.cells * design.padded
        return ns + self.reranked / 3 * counts.reranked


_ALONE: Final = _Prices(20_000, 0.044, 77, 920, 0.011)
_BATCHED: Final = _Prices(12_000, 0.017, 62, 600, 0.0104)


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
