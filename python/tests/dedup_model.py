"""Greedy removal of duplicates as its documents say it, row by row in NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import oracle

Kept = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]
BITS = ("hamming", "jaccard")


def distances(rows: npt.NDArray[np.generic], query: npt.NDArray[np.generic], metric: str) -> Kept:
    """Return what rows are ordered by: float64, smaller is nearer."""
    if metric in BITS:
        both = np.unpackbits(rows & query, axis=1).sum(axis=1).astype(np.float64)
        any_ = np.unpackbits(rows | query, axis=1).sum(axis=1, dtype=np.int64)
        if metric == "hamming":
            return any_ - both
        return 1 - np.divide(both, any_, out=np.ones_like(both), where=any_ > 0)
    found = oracle.scores(rows, query, "sqeuclidean" if metric == "l2" else metric)
    return -found if metric in oracle.LARGER else found


def scores_of(dists: npt.NDArray[np.float64], metric: str) -> Scores:
    """Return the float32 scores of distances."""
    found = np.sqrt(dists) if metric == "l2" else dists
    return (np.where(dists == 0, 0, -found) if metric in oracle.LARGER else found).astype("f4")


def greedy(
    rows: npt.NDArray[np.generic],
    valid: npt.NDArray[np.bool_],
    metric: str,
    bound: float,
    keep: str = "first",
    groups: npt.NDArray[np.int64] | None = None,
) -> tuple[Kept, Scores]:
    """Return the row that each row is dropped for, -1 for those kept, and their score.

    Rows of group -1 are in none.
    """
    groups = np.zeros(len(rows), np.int64) if groups is None else groups
    kept, scores = np.full(len(rows), -1, np.int64), np.full(len(rows), np.nan, np.float32)
    so_far: list[int] = []
    for row in range(len(rows)) if keep == "first" else range(len(rows) - 1, -1, -1):
        if not valid[row] or groups[row] < 0:
            continue
        others = np.array([i for i in sorted(so_far) if groups[i] == groups[row]], np.int64)
        dists = distances(rows[others], rows[row], metric)
        found = scores_of(dists, metric)
        limit = np.float32(bound)
        near = np.flatnonzero(found >= limit if metric in oracle.LARGER else found <= limit)
        if not len(near):
            so_far.append(row)
            continue
        best = near[np.argmin(dists[near])]  # the first of equal ones: the smaller row
        kept[row], scores[row] = others[best], found[best]
    return kept, scores
