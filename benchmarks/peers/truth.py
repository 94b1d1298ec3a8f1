"""Exact neighbours, and the recall that is judged by them.

float32 scores choose candidates, float64 distances decide among them, and a bound on the float32
error proves for every query that nothing was left out; where it cannot, all rows are measured.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Matrix: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = npt.NDArray[np.integer[Any]]
Distances: TypeAlias = npt.NDArray[np.float64]

DEPTH = 100
_CANDIDATES = 3 * DEPTH
_BLOCK = 32768


def squared_distances(rows: Matrix, query: Matrix) -> Distances:
    """Squared L2 distances from (m, d) rows to one query, every operation in float64."""
    found = np.empty(len(rows))
    for low in range(0, len(rows), _BLOCK):
        gap = rows[low : low + _BLOCK].astype(np.float64) - query.astype(np.float64)
        found[low : low + _BLOCK] = np.einsum("ij,ij->i", gap, gap)
    return found


def nearest(
    rows: Matrix, queries: Matrix, depth: int = DEPTH, candidates: int = _CANDIDATES
) -> tuple[npt.NDArray[np.int32], Distances]:
    """Ids and squared distances of the `depth` nearest rows, ties to the smaller row.

    Both have shape (nq, min(depth, n)). Distances are float64 sums over the float32 inputs.
    """
    depth = min(depth, len(rows))
    chosen, cut = _choose(rows, queries, min(max(candidates, depth), len(rows)))
    slack = _float32_error(rows, queries)
    ids = np.empty((len(queries), depth), np.int32)
    distances = np.empty((len(queries), depth))
    for i, query in enumerate(queries):
        known = np.sort(chosen[i])
        exact = squared_distances(rows[known], query)
        order = np.lexsort((known, exact))[:depth]
        length = float(np.dot(query.astype(np.float64), query.astype(np.float64)))
        if len(known) < len(rows) and exact[order[-1]] - length >= cut[i] - slack[i]:
            known, exact = np.arange(len(rows)), squared_distances(rows, query)
            order = np.lexsort((known, exact))[:depth]
        ids[i], distances[i] = known[order], exact[order]
    return ids, distances


def _choose(rows: Matrix, queries: Matrix, count: int) -> tuple[Ids, Matrix]:
    """The `count` rows of smallest |x|^2 - 2<q,x>, and the largest such score of each query."""
    best = np.empty((len(queries), 0), np.float32)
    ids = np.empty((len(queries), 0), np.int64)
    for low in range(0, len(rows), _BLOCK):
        block = np.ascontiguousarray(rows[low : low + _BLOCK])
        scores = np.einsum("ij,ij->i", block, block) - 2 * (queries @ block.T)
        here = _smallest(scores, count)
        best = np.hstack([best, np.take_along_axis(scores, here, 1)])
        ids = np.hstack([ids, here + low])
        keep = _smallest(best, count)
        best, ids = np.take_along_axis(best, keep, 1), np.take_along_axis(ids, keep, 1)
    return ids, best.max(axis=1)


def _smallest(scores: Matrix, count: int) -> npt.NDArray[np.int64]:
    if count >= scores.shape[1]:
        return np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    return np.argpartition(scores, count - 1, axis=1)[:, :count]


def _float32_error(rows: Matrix, queries: Matrix) -> Distances:
    """How far a float32 score may be from the true one: Higham's bound of a sum of d products."""
    unit = (rows.shape[1] + 4) * 2.0**-24
    long = max(
        float(np.linalg.norm(rows[low : low + _BLOCK], axis=1).max())
        for low in range(0, len(rows), _BLOCK)
    )
    length = np.linalg.norm(queries.astype(np.float64), axis=1)
    return np.asarray(1.01 * unit * (long**2 + 2 * length * long), np.float64)


def recall(found: Ids, ids: Ids, distances: Distances, k: int) -> float:
    """Mean share of the k nearest that were found.

    `found` has shape (nq, >= k); `ids` and `distances` are those of `nearest`. A row whose true
    distance ties with the k-th (relative 1e-6) counts; a row that is given twice counts once.
    """
    hits = 0
    for given, near, far in zip(found, ids, distances, strict=True):
        belong = near[far <= far[k - 1] * (1 + 1e-6) + 1e-12]
        hits += min(k, np.intersect1d(given[:k], belong).size)
    return hits / (k * len(ids))
