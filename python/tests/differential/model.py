"""The model: rows in order with their ids, and every score in float64."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

LARGER = frozenset({"cosine", "dot"})
NUMBERS = ("cosine", "dot", "l2", "sqeuclidean")
BITS = ("hamming", "jaccard")
NAMES = {
    "cosine": "cosine_similarity",
    "dot": "dot_product",
    "l2": "l2_distance",
    "sqeuclidean": "sqeuclidean_distance",
    "hamming": "hamming_distance",
    "jaccard": "jaccard_distance",
}
EPS = float(np.finfo(np.float64).eps)
HALF = 2.0**-24  # half a unit in the last place of float32, relative


@dataclass
class Scores:
    """Scores of all rows, and how far float64 arithmetic in another order may be from them."""

    values: np.ndarray
    slack: np.ndarray
    exact: bool  # whole numbers, every sum below 2**53: not even the order of additions shows

    def tolerance(self) -> np.ndarray:
        """How far a float32 score may be: two roundings to float32 beside the slack."""
        return 4 * HALF * np.abs(self.values) + self.slack + 3e-45


def _whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all())


def number_scores(x: np.ndarray, q: np.ndarray, metric: str, moved: np.ndarray) -> Scores:
    """Return the scores of rows `x`, which storing them may have moved by `moved` (a length)."""
    d = x.shape[1]
    unit = 4 * EPS * (d + 4)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        length = np.sqrt(np.square(q).sum())
        if metric == "cosine":
            return _cosines(x, q, unit, moved)
        if metric == "dot":
            sizes = np.abs(x * q).sum(axis=1)
            exact = _whole(x) and _whole(q) and bool((sizes < 2.0**53).all())
            slack = (0 if exact else unit) * sizes + moved * length
            return Scores((x * q).sum(axis=1), slack, exact and not moved.any())
        squares = np.square(x - q).sum(axis=1)
        exact = _whole(x) and _whole(q) and bool((squares < 2.0**53).all()) and not moved.any()
        distance = np.sqrt(squares)
        if metric == "l2":
            return Scores(distance, unit * distance + moved, exact)
        slack = (0 if exact else unit) * squares + moved * (2 * distance + moved)
        return Scores(squares, slack, exact)


def _cosines(x: np.ndarray, q: np.ndarray, unit: float, moved: np.ndarray) -> Scores:
    def scaled(rows: np.ndarray) -> np.ndarray:
        largest = np.abs(rows).max(axis=1, initial=0, keepdims=True)
        _, exponent = np.frexp(largest)
        return np.ldexp(rows, -exponent)

    rows, query = scaled(x), scaled(q[None, :])[0]
    lengths = np.sqrt(np.square(rows).sum(axis=1)) * np.sqrt(np.square(query).sum())
    products = (rows * query).sum(axis=1)
    values = np.divide(products, lengths, out=np.zeros(len(x)), where=lengths > 0)
    turned = np.where(moved > 0, 4 * HALF, 0.0)
    return Scores(values, np.full(len(x), unit) + turned, False)


def bit_scores(x: np.ndarray, q: np.ndarray, metric: str) -> Scores:
    """Return the distances of packed rows, uint8."""
    if metric == "hamming":
        values = np.bitwise_count(x ^ q).sum(axis=1).astype(np.float64)
    else:
        both = np.bitwise_count(x & q).sum(axis=1).astype(np.float64)
        union = np.bitwise_count(x | q).sum(axis=1)
        values = np.where(union == 0, 0.0, 1 - both / np.maximum(union, 1))
    return Scores(values, np.zeros(len(x)) if metric == "hamming" else values * 4 * EPS, True)


@dataclass
class Model:
    """Rows that can be found, in the order in which they were given."""

    metric: str
    x: np.ndarray  # float64 (n, d), or packed uint8 (n, w)
    valid: np.ndarray
    ids: list[Any]
    moved: np.ndarray = field(default_factory=lambda: np.empty(0))
    next_id: int = 0
    changed: bool = False

    def __post_init__(self) -> None:
        if len(self.moved) != len(self.ids):
            self.moved = np.zeros(len(self.ids))
        self.next_id = max((i + 1 for i in self.ids if isinstance(i, int)), default=0)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def larger(self) -> bool:
        """Whether a larger score is better."""
        return self.metric in LARGER

    def bounds(self) -> tuple[float, float]:
        """Return the least and the greatest that a score can be."""
        if self.metric == "hamming":
            return 0.0, 8.0 * self.x.shape[1]
        whole = (-np.inf, np.inf) if self.larger else (0.0, np.inf)
        return {"cosine": (-1.0, 1.0), "jaccard": (0.0, 1.0)}.get(self.metric, whole)

    def row(self, name: Any) -> int:
        """Return the row of an id."""
        return self.ids.index(name)

    def scores(self, query: np.ndarray) -> Scores:
        """Return the scores of all rows."""
        if self.metric in BITS:
            return bit_scores(self.x, query, self.metric)
        return number_scores(self.x, query, self.metric, self.moved)

    def keep(self, rows: np.ndarray) -> None:
        """Keep these rows alone."""
        self.x, self.valid, self.moved = self.x[rows], self.valid[rows], self.moved[rows]
        self.ids = [self.ids[row] for row in rows]

    def delete(self, names: list[Any]) -> int:
        """Delete rows by id; return how many there were."""
        gone = set(names)
        rows = np.array([i for i, name in enumerate(self.ids) if name not in gone], np.int64)
        count = len(self.ids) - len(rows)
        self.keep(rows)
        self.changed = self.changed or count > 0
        return count

    def add(self, names: list[Any] | None, x: np.ndarray, moved: np.ndarray) -> int:
        """Add rows behind the others, those of the same ids go; return how many went."""
        if names is None:
            names = list(range(self.next_id, self.next_id + len(x)))
        replaced = self.delete(names)
        self.x = np.concatenate([self.x, x.astype(self.x.dtype)])
        self.valid = np.concatenate([self.valid, np.ones(len(x), bool)])
        self.moved = np.concatenate([self.moved, moved])
        self.ids = [*self.ids, *names]
        whole = [name + 1 for name in names if isinstance(name, int)]
        self.next_id = max([self.next_id, *whole])
        self.changed = self.changed or len(x) > 0
        return replaced
