"""rabitqlib: rows added to the cells of its IVF, others marked as removed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...adapters.rabitq import Ivf
from ...truth import Ids, Matrix
from .operation import Changing, NotOffered

_ROOM, _LEAST_ROOM = 1.3, 16
_FAST_FROM = 1_000  # rows from which setting up fast quantisation (tens of ms a call) pays


class IvfChanging(Ivf, Changing):
    """Every cell has room for 30 % more rows, which spares its copy in each call.

    Fast quantisation for calls of 1,000 rows and more, exact below: what is faster for it.
    """

    def _train(self, rows: Matrix, cells: int, threads: int) -> tuple[Any, Any]:
        centroids, owner = super()._train(rows, cells, threads)
        self._sizes = np.bincount(np.asarray(owner), minlength=cells)
        return centroids, owner

    def build(self, rows: Matrix, threads: int) -> None:
        """K-means, codes, room."""
        super().build(rows, threads)
        self._threads = threads
        for cell, size in enumerate(self._sizes):
            self._index.reserve(cell, int(size * _ROOM) + _LEAST_ROOM)

    def append(self, rows: Matrix) -> None:
        """One call; ids count on."""
        fast = len(rows) >= _FAST_FROM
        threads = self._threads if len(rows) > 1 else 1
        self._index.add(rows, num_threads=threads, fast_quantization=fast)

    def delete(self, ids: Ids) -> None:
        """One call; the rows keep their storage."""
        self._index.remove(np.asarray(ids, np.uint32))

    def upsert(self, ids: Ids, rows: Matrix) -> None:
        """There is none."""
        raise NotOffered("it gives the ids itself")

    def compact(self) -> None:
        """There is none."""
        raise NotOffered("removed vectors keep their storage")
