"""Brute force in float64: what the answers must be.

Sums go over 16 lanes that are folded 8, 4, 2, 1, the order the engine documents, so that equal
values are equal to the last bit and ties are ties on both sides.
"""

from __future__ import annotations

import os

import numpy as np

METRICS = ("cosine", "dot", "l2", "sqeuclidean")
LARGER = frozenset({"cosine", "dot"})


def seed() -> int:
    """Return the seed of a random test, from RUVECTOR_TEST_SEED or new, and print it."""
    chosen = int(os.environ.get("RUVECTOR_TEST_SEED") or int.from_bytes(os.urandom(4), "little"))
    print(f"replay with RUVECTOR_TEST_SEED={chosen}")
    return chosen


def _sum(products: np.ndarray) -> np.ndarray:
    n, d = products.shape
    padded = np.zeros((n, -(-d // 16) * 16))
    padded[:, :d] = products
    lanes = np.zeros((n, 16))
    for start in range(0, padded.shape[1], 16):
        lanes += padded[:, start : start + 16]
    for width in (8, 4, 2, 1):
        lanes = lanes[:, :width] + lanes[:, width : 2 * width]
    return lanes[:, 0]


def scores(vectors: np.ndarray, query: np.ndarray, metric: str) -> np.ndarray:
    """Return the score of every row in float64."""
    x = np.asarray(vectors, np.float32).astype(np.float64)
    q = np.asarray(query, np.float32).astype(np.float64)
    if metric in LARGER:
        products = _sum(x * q)
        if metric == "dot":
            return products
        norms = np.sqrt(_sum(x * x)) * np.sqrt(_sum((q * q)[None, :])[0])
        return np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    distances = _sum((x - q) ** 2)
    return np.sqrt(distances) if metric == "l2" else distances


def nearest(
    vectors: np.ndarray,
    query: np.ndarray,
    k: int,
    metric: str,
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(rows, float32 scores)`` of the k best, ties to the smaller row."""
    found = scores(vectors, query, metric)
    rows = np.arange(len(found)) if allowed is None else np.flatnonzero(allowed)
    key = -found[rows] if metric in LARGER else found[rows]
    best = rows[np.argsort(key, kind="stable")][:k]
    return best, found[best].astype(np.float32)
