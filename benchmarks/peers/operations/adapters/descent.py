"""pynndescent: the neighbour graph that its index is."""

from __future__ import annotations

from typing import Any

from pynndescent import NNDescent

from ...adapters.peer import K
from ...truth import Ids, Matrix
from .operation import Graph

_SEED = 1
_WARM_ROWS = 2_000


class Descent(Graph):
    """`NNDescent(...).neighbor_graph`, made anew for each setting. Rows have length 1.

    numba compiles during a run on 2,000 rows before (about a minute), which is not timed.
    """

    def build(self, rows: Matrix, threads: int) -> None:
        """Nothing: the graph is the index."""
        self._rows = rows

    def tune(self, threads: int, **settings: Any) -> None:
        """Arguments of NNDescent."""
        self._threads, self._settings = threads, settings

    def warm(self, rows: Matrix) -> None:
        """The same call on few rows."""
        _ = self._made(rows[:_WARM_ROWS]).neighbor_graph

    def _made(self, rows: Matrix) -> NNDescent:
        return NNDescent(
            rows,
            metric="euclidean",
            n_jobs=self._threads,
            random_state=_SEED,
            **self._settings,
        )

    def graph(self) -> Ids:
        """Neighbours in order; the first is the row itself."""
        self._index = self._made(self._rows)
        found: Ids = self._index.neighbor_graph[0]
        return found

    def many(self, queries: Matrix) -> Ids:
        """Its search."""
        ids: Ids = self._index.query(queries, K)[0]
        return ids

    def save(self, path: str) -> None:
        """It has no file of its own."""
        open(path, "wb").close()
