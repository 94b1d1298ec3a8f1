"""NumPy under a mask, in the three ways in which people write it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...adapters.exact import NumPy, nearest, nearest_of_many
from ...truth import Ids, Matrix
from .operation import Filtered, Mask, NotOffered


class Gathered(NumPy, Filtered):
    """``X[mask] @ q``: gathered by every call, or, with ``kept=True``, once for a mask."""

    def __init__(self, dim: int, metric: str, *, kept: bool) -> None:
        super().__init__(dim, metric)
        self._kept = kept

    def choose(self, mask: Mask) -> None:
        """Remember the mask; gather here when the rows are kept."""
        self._mask = mask
        if self._kept:
            self._part = self._gather()

    def fresh(self, asked: tuple[Any, Mask]) -> Any:
        """Rows that are kept help with the masks that they were kept for."""
        if self._kept:
            raise NotOffered("a fresh mask has no rows that were kept")
        return super().fresh(asked)

    def _gather(self) -> tuple[Ids, Matrix, Matrix]:
        rows = np.flatnonzero(self._mask)
        return rows, self._rows[rows], self._half[rows]

    def one(self, query: Any) -> Ids:
        """One matrix-vector product over the eligible rows."""
        ids, rows, half = self._part if self._kept else self._gather()
        return ids[nearest(rows, half, query[0])]

    def many(self, queries: Matrix) -> Ids:
        """Blocks of them against all queries."""
        ids, rows, half = self._part if self._kept else self._gather()
        return ids[nearest_of_many(rows, half, queries)]


class ScoredAll(NumPy, Filtered):
    """All rows are scored, those outside the mask with an infinite distance."""

    def choose(self, mask: Mask) -> None:
        """Put the infinities where the half norms were."""
        self._limited = np.where(mask, self._half, np.float32(np.inf))

    def one(self, query: Any) -> Ids:
        """One matrix-vector product over all rows."""
        return nearest(self._rows, self._limited, query[0])

    def many(self, queries: Matrix) -> Ids:
        """Blocks of all rows against all queries."""
        return nearest_of_many(self._rows, self._limited, queries)
