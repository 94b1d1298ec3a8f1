"""Twelve data sets that `recommend` is held against: spread, clustered and like texts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]


class Shape(NamedTuple):
    """A data set by its recipe; the seed is rows + dim."""

    make: str
    rows: int
    dim: int
    metric: Any

    def vectors(self) -> Matrix:
        """Return the rows, float32."""
        random = np.random.default_rng(self.rows + self.dim)
        return _MAKERS[self.make](random, self.rows, self.dim)

    def __str__(self) -> str:
        return f"{self.make} {self.rows:,} x {self.dim}, {self.metric}"


def _gaussian(random: np.random.Generator, rows: int, dim: int) -> Matrix:
    return random.standard_normal((rows, dim), dtype=np.float32)


def _clustered(random: np.random.Generator, rows: int, dim: int) -> Matrix:
    centres = _gaussian(random, max(8, rows // 100), dim)
    noise = np.float32(0.5) * _gaussian(random, rows, dim)
    return centres[random.integers(0, len(centres), rows)] + noise


def _texts(random: np.random.Generator, rows: int, dim: int) -> Matrix:
    """Unit vectors off the origin: topics of unequal size, variances that fall by a power."""
    spread = np.arange(1, dim + 1, dtype=np.float32) ** np.float32(-0.5)
    topics = _gaussian(random, 300, dim) * spread
    share = 1 / np.arange(1, 301)
    rows_of = random.choice(300, rows, p=share / share.sum())
    found = topics[rows_of] + np.float32(0.7) * _gaussian(random, rows, dim) * spread
    found += np.float32(0.3)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


_MAKERS = {"gaussian": _gaussian, "clustered": _clustered, "texts": _texts}

SHAPES = [
    Shape("gaussian", 2_000, 16, "l2"),
    Shape("gaussian", 6_000, 64, "cosine"),
    Shape("gaussian", 5_000, 128, "dot"),
    Shape("gaussian", 20_000, 16, "cosine"),
    Shape("clustered", 3_000, 384, "cosine"),
    Shape("clustered", 12_000, 32, "l2"),
    Shape("clustered", 30_000, 64, "cosine"),
    Shape("clustered", 20_000, 256, "dot"),
    Shape("texts", 5_000, 384, "cosine"),
    Shape("texts", 16_000, 100, "cosine"),
    Shape("texts", 60_000, 32, "l2"),
    Shape("texts", 18_000, 192, "dot"),
]
