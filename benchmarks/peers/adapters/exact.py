"""NumPy: BLAS scores and argpartition. No index, always right."""

from __future__ import annotations

from typing import Any

import numpy as np
import threadpoolctl

from ..truth import Ids, Matrix
from .peer import K, Peer

_BLOCK = 16384


def nearest(rows: Matrix, half: Matrix, query: Matrix) -> Ids:
    """The 10 nearest of `rows`, whose squared norms are twice `half`, to one vector."""
    scores = half - rows @ query
    chosen = np.argpartition(scores, min(K, len(scores) - 1))[:K]
    return chosen[np.argsort(scores[chosen])]


def nearest_of_many(rows: Matrix, half: Matrix, queries: Matrix) -> Ids:
    """The same for every query, in blocks of rows."""
    scores = np.empty((len(queries), 0), np.float32)
    ids = np.empty((len(queries), 0), np.int64)
    for low in range(0, len(rows), _BLOCK):
        here = half[low : low + _BLOCK] - queries @ rows[low : low + _BLOCK].T
        best = np.argpartition(here, min(K, here.shape[1] - 1), axis=1)[:, :K]
        scores = np.hstack([scores, np.take_along_axis(here, best, 1)])
        ids = np.hstack([ids, best + low])
    order = np.argsort(scores, axis=1)[:, :K]
    return np.take_along_axis(ids, order, 1)


class NumPy(Peer):
    """Brute force as a notebook would write it, with the half norms computed once."""

    def build(self, rows: Matrix, threads: int) -> None:
        """Compute the half norms; the rows are searched where they are."""
        self._rows = rows
        self._half = np.einsum("ij,ij->i", rows, rows) * np.float32(0.5)
        self.borrowed = rows.nbytes

    def tune(self, threads: int, **settings: Any) -> None:
        """Give BLAS its threads."""
        self._limit = threadpoolctl.threadpool_limits(threads)

    def one(self, query: Any) -> Ids:
        """One matrix-vector product over all rows."""
        return nearest(self._rows, self._half, query[0])

    def many(self, queries: Matrix) -> Ids:
        """Blocks of rows against all queries."""
        return nearest_of_many(self._rows, self._half, queries)

    def save(self, path: str) -> None:
        """Nothing: the rows are the caller's."""
        open(path, "wb").close()

    def backend(self) -> str:
        """The BLAS kernel in use."""
        pools = threadpoolctl.threadpool_info()
        return ", ".join(f"{p['internal_api']} {p.get('architecture', '')}".strip() for p in pools)
