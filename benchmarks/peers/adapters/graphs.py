"""HNSW graphs over float32 rows: hnswlib and usearch."""

from __future__ import annotations

from typing import Any

import hnswlib
import numpy as np
from usearch.index import Index

from ..truth import Ids, Matrix
from .peer import K, Peer

_SEED = 1


class HnswLib(Peer):
    """hnswlib, M = 16; compiled on this machine, for this machine."""

    def __init__(self, dim: int, metric: str, *, construction: int) -> None:
        super().__init__(dim, metric)
        self._construction = construction

    def build(self, rows: Matrix, threads: int) -> None:
        """The graph, which holds the rows."""
        self._index = hnswlib.Index("l2", self.dim)
        self._index.init_index(
            len(rows), M=16, ef_construction=self._construction, random_seed=_SEED
        )
        self._index.add_items(rows, num_threads=threads)

    def tune(self, threads: int, **settings: Any) -> None:
        """`ef` is the beam of the search."""
        self._threads = threads
        self._index.set_ef(settings["ef"])

    def many(self, queries: Matrix) -> Ids:
        """One call of `knn_query`."""
        ids: Ids = self._index.knn_query(queries, K, num_threads=self._threads)[0]
        return ids

    def save(self, path: str) -> None:
        """Its own file."""
        self._index.save_index(path)


class USearch(Peer):
    """usearch, connectivity 16, rows as float32 or int8."""

    def __init__(self, dim: int, metric: str, *, dtype: str, construction: int) -> None:
        super().__init__(dim, metric)
        self._dtype = dtype
        self._construction = construction

    def build(self, rows: Matrix, threads: int) -> None:
        """The graph, which holds the rows."""
        self._index = Index(
            ndim=self.dim,
            metric="cos" if self.metric == "cosine" else "l2sq",
            dtype=self._dtype,
            connectivity=16,
            expansion_add=self._construction,
        )
        self._index.add(np.arange(len(rows)), rows, threads=threads)

    def tune(self, threads: int, **settings: Any) -> None:
        """`ef` is the beam of the search."""
        self._threads = threads
        self._index.expansion_search = settings["ef"]

    def many(self, queries: Matrix) -> Ids:
        """One call of `search`."""
        keys = self._index.search(queries, K, threads=self._threads).keys
        return np.asarray(keys).reshape(len(queries), -1)

    def save(self, path: str) -> None:
        """Its own file."""
        self._index.save(path)

    def backend(self) -> str:
        """The instruction set of its distance."""
        return str(self._index.hardware_acceleration)
