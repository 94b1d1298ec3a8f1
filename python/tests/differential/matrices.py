"""Rows of numbers of every type: offsets, scales, zeros, duplicates, ties, null rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .drawing import Case

DTYPES = {
    "f4": 8,
    "f8": 6,
    "f2": 2,
    "i1": 2,
    "u1": 2,
    "i2": 0.5,
    "u2": 0.5,
    "i4": 0.7,
    "u4": 0.5,
    "i8": 1,
    "u8": 0.7,
}
PATTERNS = {
    "grid": 4,
    "normal": 5,
    "offset": 2,
    "far offset": 2,
    "scaled": 2,
    "row scales": 2,
    "close": 1,
    "sparse": 1,
}
SCALES = {"f2": (-3, 3), "f4": (-30, 18), "f8": (-60, 18)}
GREATEST = float(np.finfo(np.float32).max)
LEAST = float(np.finfo(np.float32).tiny)


@dataclass
class Rows:
    """Numbers of one type, shape (n, d), and which rows are null."""

    values: np.ndarray
    null: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def dim(self) -> int:
        """Numbers in a row."""
        return int(self.values.shape[1])

    @property
    def code(self) -> str:
        """The type, for example "f4"."""
        return self.values.dtype.str[1:]

    @property
    def wide(self) -> np.ndarray:
        """The numbers as float64, without rounding."""
        return self.values.astype(np.float64)

    def take(self, rows: np.ndarray) -> Rows:
        """Return some of the rows, copied."""
        return Rows(self.values[rows].copy(), self.null[rows].copy())


def _integers(case: Case, n: int, d: int, code: str) -> np.ndarray:
    limits = np.iinfo(code)
    reach = case.weigh({"grid": 4, "byte": 4, "all": 2})
    low, high = {
        "grid": (-2, 3),
        "byte": (-128, 128),
        "all": (-(2**53), 2**53),
    }[reach]
    low, high = max(low, limits.min), min(high, limits.max + 1)
    case.note(reach)
    return case.np.integers(low, high, (n, d)).astype(code)


def _floats(case: Case, n: int, d: int, code: str) -> np.ndarray:
    pattern = case.weigh(PATTERNS)
    case.note(pattern)
    low, high = SCALES[code]
    normal = case.np.standard_normal((n, d))
    if pattern == "grid":
        out = case.np.integers(-2, 3, (n, d)).astype(float)
    elif pattern == "offset":
        out = normal + case.pick([10.0, 100.0, -1000.0])
    elif pattern == "far offset":
        far = {"f2": 1e3, "f4": 1e6, "f8": 1.7e9}[code]
        out = far + np.arange(n)[:, None] + 0.01 * normal
    elif pattern == "scaled":
        out = normal * 10.0 ** case.whole(low, high)
    elif pattern == "row scales":
        out = normal * 10.0 ** case.np.integers(low, high + 1, (n, 1))
    elif pattern == "close":
        out = normal[:1] + 1e-7 * normal
    elif pattern == "sparse":
        out = np.where(case.np.random((n, d)) < 0.2, normal, 0.0)
    else:
        out = normal
    return out.astype(code)


def draw_values(case: Case, n: int, d: int, code: str) -> np.ndarray:
    """Return n rows of d numbers of a type."""
    make = _floats if code in SCALES else _integers
    values = make(case, n, d, code)
    if n and case.chance(0.4):
        copies = case.np.integers(0, n, (2, max(1, n // 3)))
        values[copies[0]] = values[copies[1]]
        case.note("duplicates")
    if n and case.chance(0.15):
        values[case.np.integers(0, n)] = 0
        case.note("a zero row")
    return values


def draw_rows(case: Case, n: int, d: int, nulls: bool = False) -> Rows:
    """Return n rows of d numbers of any type, some of them null if `nulls`."""
    code = case.weigh(DTYPES)
    case.note(f"{n} x {d} {code}")
    values = draw_values(case, n, d, code)
    null = np.zeros(n, bool)
    if nulls and n:
        null = case.np.random(n) < case.pick([0.1, 0.5])
        null[case.np.integers(0, n)] = False  # a row tells the dimension
        case.note(f"{null.sum()} null")
    return Rows(values, null)


def draw_query(case: Case, rows: np.ndarray, d: int) -> np.ndarray:
    """Return one query as float64: a row, something near one, or something else."""
    how = case.weigh({"row": 3, "near": 3, "normal": 2, "grid": 2, "zero": 0.3, "scaled": 0.7})
    if how in ("row", "near") and len(rows):
        query = rows[case.whole(0, len(rows) - 1)].astype(np.float64)
        if how == "near":
            query = query + 0.1 * np.abs(query).max(initial=0) * case.np.standard_normal(d)
        return query
    if how == "grid":
        return case.np.integers(-2, 3, d).astype(float)
    if how == "zero":
        return np.zeros(d)
    scale = 10.0 ** case.whole(-25, 15) if how == "scaled" else 1.0
    return case.np.standard_normal(d) * scale


def may_be_refused(wide: np.ndarray, metric: str, longest: float = 0.0) -> np.ndarray:
    """Say which rows lie outside what an index has to take: squares beyond float32.

    So do those that vanish beside the longest. Under cosine a row as small as 1e-60 is a
    direction like any other.
    """
    with np.errstate(over="ignore", under="ignore"):
        squares = np.square(wide).sum(axis=1)
    largest = np.abs(wide).max(axis=1, initial=0)
    beside = max(longest, float(largest.max(initial=0)))
    small = (squares < LEAST) | (largest < 1e-16 * beside)
    if metric == "cosine":
        small = largest < 1e-100
    return (squares > 0.1 * GREATEST) | (small & (largest > 0))
