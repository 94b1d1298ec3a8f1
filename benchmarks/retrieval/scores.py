"""nDCG and recall of rankings, and how sure a mean of them is.

Jarvelin and Kekalainen, "Cumulated gain-based evaluation of IR techniques" (2002), with the gain of
a document as it is and the discount log2(1 + rank).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DEPTH = 10


class Interval(NamedTuple):
    """A mean over queries, and the middle 95 % of what resampled queries give."""

    mean: float
    low: float
    high: float


def ndcg(ranking: Sequence[int], relevant: Mapping[int, float], depth: int = DEPTH) -> float:
    """Return the discounted gain of the first `depth` rows over the greatest one possible.

    Parameters
    ----------
    ranking : rows, best first, none twice
    relevant : gain, above 0, of each row that answers
    """
    gains = [relevant.get(row, 0.0) for row in ranking[:depth]]
    ideal = sorted(relevant.values(), reverse=True)[:depth]
    return _discounted(gains) / _discounted(ideal)


def _discounted(gains: Sequence[float]) -> float:
    return float(sum(gain / np.log2(2 + place) for place, gain in enumerate(gains)))


def recall(ranking: Sequence[int], relevant: Mapping[int, float], depth: int = DEPTH) -> float:
    """Return the share of rows that answer among the first `depth`, of those that have room."""
    found = sum(row in relevant for row in ranking[:depth])
    return found / min(len(relevant), depth)


def judged(
    rankings: Sequence[Sequence[int]], relevant: Sequence[Mapping[int, float]]
) -> tuple[Floats, Floats]:
    """Return nDCG and recall of every query, each float64 of shape (queries,)."""
    pairs = list(zip(rankings, relevant, strict=True))
    return (
        np.array([ndcg(ranking, answers) for ranking, answers in pairs]),
        np.array([recall(ranking, answers) for ranking, answers in pairs]),
    )


def interval(values: Floats, seed: int = 36, rounds: int = 2000) -> Interval:
    """Return the mean and its 95 % interval by the percentile bootstrap over queries."""
    picks = np.random.default_rng(seed).integers(0, len(values), (rounds, len(values)))
    low, high = np.quantile(values[picks].mean(axis=1), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def difference(values: Floats, other: Floats, seed: int = 36, rounds: int = 2000) -> Interval:
    """Return the mean of `values - other`, query by query, and its interval (paired bootstrap)."""
    return interval(values - other, seed, rounds)


def nearest(documents: Any, queries: Any, depth: int = DEPTH) -> list[list[int]]:
    """Return the rows of greatest inner product of every query, the lower row first in ties."""
    found: list[list[int]] = []
    for start in range(0, len(queries), 256):
        products = queries[start : start + 256] @ documents.T
        least = -np.partition(-products, depth - 1, axis=1)[:, depth - 1 : depth]
        for scores, bound in zip(products, least, strict=True):
            rows = np.flatnonzero(scores >= bound)
            found.append(rows[np.argsort(-scores[rows], kind="stable")][:depth].tolist())
    return found
