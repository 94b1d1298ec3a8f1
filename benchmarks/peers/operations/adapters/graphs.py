"""hnswlib: rows added to the graph, others marked as deleted."""

from __future__ import annotations

from ...adapters.graphs import HnswLib
from ...truth import Ids, Matrix
from .operation import Changing, NotOffered

_ROOM = 1.3


class HnswChanging(HnswLib, Changing):
    """Room for 30 % more rows is made after the build."""

    def build(self, rows: Matrix, threads: int) -> None:
        """The graph, and its room."""
        super().build(rows, threads)
        self._threads = threads
        self._index.resize_index(int(len(rows) * _ROOM))

    def append(self, rows: Matrix) -> None:
        """One call; labels count on."""
        self._index.add_items(rows, num_threads=self._threads)

    def delete(self, ids: Ids) -> None:
        """A call a row; the rows stay in the graph."""
        for i in ids:
            self._index.mark_deleted(int(i))

    def upsert(self, ids: Ids, rows: Matrix) -> None:
        """Adding under a known label replaces it and repairs its links."""
        self._index.add_items(rows, ids, num_threads=self._threads)

    def compact(self) -> None:
        """There is none."""
        raise NotOffered("rows that are marked stay in the graph; later ones may take their place")
