"""How many true neighbours answers hold, also answers whose scores are estimates."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .._index.index import Index
from .._input.vectors import Float32Matrix

_Z: Final = 1.959964  # of a normal distribution, 95 % lies between -z and z
_AT_ONCE: Final = 64  # queries whose neighbours are gathered together
_ROUNDING: Final = 1e-6  # relative: rows as near as this are equally good answers


class Truth:
    """The exact neighbours of rows that are asked with, themselves not counted."""

    def __init__(
        self,
        matrix: Float32Matrix,
        metric: Any,
        asked: npt.NDArray[np.int64],
        where: Any,
        k: int,
    ) -> None:
        self._matrix = matrix
        self._metric = metric
        self._asked = asked
        with Index.build(matrix, metric=self._metric, kind="exact", progress=False) as index:
            found = index.search(matrix[asked], k + 1, where=where)
        ids, valid = self._others(found.ids, found.counts, k)
        near = np.where(valid, self._closeness(ids), np.inf)
        self._k = k
        self._last = near.min(axis=1)  # of the k-th neighbour, or of the last there is
        self._there = valid.sum(axis=1)

    def recall(
        self, ids: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
    ) -> tuple[float, float, float]:
        """Return ``(mean, low, high)`` of recall@k for answers of k + 1 rows each."""
        ids, valid = self._others(ids, counts, self._k)
        asked = self._there > 0
        least = np.where(asked, self._last, 0.0)
        least -= _ROUNDING * np.abs(least)
        hits = (valid & (self._closeness(ids) >= least[:, None])).sum(axis=1)
        if not asked.any():
            return 1.0, 0.0, 1.0
        shares = np.minimum(hits[asked] / self._there[asked], 1.0)
        return interval(shares, float(self._there[asked].mean()))

    def _others(
        self, ids: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], k: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Return the first k answers without the row asked with, and which of them are there."""
        places = np.arange(ids.shape[1])
        valid = (places < counts[:, None]) & (ids != self._asked[:, None])
        order = np.argsort(~valid, axis=1, kind="stable")[:, :k]
        valid = np.take_along_axis(valid, order, axis=1)
        return np.where(valid, np.take_along_axis(ids, order, axis=1), 0), valid

    def _closeness(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return how near rows are to the rows asked with, larger is nearer, in float64."""
        out = np.empty(ids.shape)
        for at in range(0, len(ids), _AT_ONCE):
            part = slice(at, at + _AT_ONCE)
            near = self._matrix[ids[part]].astype(np.float64)
            query = self._matrix[self._asked[part]].astype(np.float64)
            if self._metric in ("l2", "sqeuclidean"):
                out[part] = -np.square(near - query[:, None]).sum(axis=2)
                continue
            out[part] = np.einsum("qkd,qd->qk", near, query)
            if self._metric == "cosine":
                lengths = np.linalg.norm(near, axis=2) * np.linalg.norm(query, axis=1)[:, None]
                out[part] /= np.where(lengths > 0, lengths, np.inf)
        return out


def interval(shares: npt.NDArray[np.float64], k: float) -> tuple[float, float, float]:
    """Return the mean of recalls with a 95 % interval, as `Index.recall` gives it.

    Wilson's (1927) for the number of independent neighbours that the queries are worth: k of one
    query are missed together, which Kish's design effect (Survey Sampling, 1965) measures. Few
    misses do not show how they cluster, so one miss worth of the worst case is averaged in.
    """
    m, p = len(shares), float(shares.mean())
    effect, misses = k, float(m * k * (1 - p))
    if misses > 0 and p > 0 and m > 1:
        seen = float(np.var(k * shares, ddof=1)) / (k * p * (1 - p))
        effect = (misses * min(max(seen, 1.0), k) + k) / (misses + 1)
    n = m * k / effect
    centre = (p + _Z * _Z / (2 * n)) / (1 + _Z * _Z / n)
    half = _Z / (1 + _Z * _Z / n) * math.sqrt(p * (1 - p) / n + _Z * _Z / (4 * n * n))
    return p, min(max(centre - half, 0.0), p), max(min(centre + half, 1.0), p)
