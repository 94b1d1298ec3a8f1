"""Brute force with NumPy: the opponent, and in float64 the judge."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
BLOCK = 100  # queries per matrix product, so that the scores of a block stay in memory


def best(rows: Matrix, queries: Matrix, k: int) -> npt.NDArray[np.int64]:
    """Row numbers of the k largest inner products of every query, best first."""
    found = np.empty((len(queries), k), np.int64)
    for begin in range(0, len(queries), BLOCK):
        scores = queries[begin : begin + BLOCK] @ rows.T
        top = np.argpartition(scores, -k, axis=1)[:, -k:]
        order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
        found[begin : begin + BLOCK] = np.take_along_axis(top, order, 1)
    return found


def recall(rows: Matrix, queries: Matrix, found: npt.NDArray[np.int64], k: int) -> float:
    """Share of found rows that belong to the k nearest by float64 inner product.

    A row that ties with the k-th within 1e-12 counts, absent answers (-1) do not.
    """
    wide, hits = rows.astype(np.float64), 0
    for begin in range(0, len(queries), BLOCK):
        scores = queries[begin : begin + BLOCK].astype(np.float64) @ wide.T
        worst = -np.partition(-scores, k - 1, axis=1)[:, k - 1]
        for row, ids, limit in zip(scores, found[begin : begin + BLOCK], worst, strict=True):
            ids = np.unique(ids[ids >= 0])
            hits += int((row[ids] >= limit - 1e-12).sum())
    return hits / (len(queries) * k)
