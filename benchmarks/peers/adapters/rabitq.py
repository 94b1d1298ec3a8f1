"""rabitqlib: IVF, HNSW over codes, and the SymphonyQG graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import rabitqlib

from ..truth import Ids, Matrix
from .peer import K, Peer

_ROUNDS = 10
_MANY_CELLS = 2048  # above, the library's own advice is the graph-assigned k-means


class _Trained(Peer):
    """What its IVF and HNSW share: centroids and assignments come from its own k-means."""

    _index: Any

    def __init__(self, dim: int, metric: str, *, bits: int, fast: bool = True) -> None:
        super().__init__(dim, metric)
        self._bits = bits
        self._fast = fast

    def _train(self, rows: Matrix, cells: int, threads: int) -> tuple[Any, Any]:
        many = cells > _MANY_CELLS
        kind = rabitqlib.QGKMeans if many else rabitqlib.RaBitQKMeans
        with self.stage("train"):
            means = kind(self.dim, cells, niter=_ROUNDS, num_threads=threads)
            means.train(rows)
        return np.asarray(means.centroids), np.asarray(means.assignments)

    def _fill(self, rows: Matrix, cells: int, threads: int) -> None:
        centroids, owner = self._train(rows, cells, threads)
        with self.stage("encode"):
            self._index.build(
                rows, centroids, owner, num_threads=threads, fast_quantization=self._fast
            )

    def save(self, path: str) -> None:
        """Its own file."""
        self._index.save(path)


class Ivf(_Trained):
    """IVF of 1 to 9 bits; ``bits=32`` is 1 bit with the raw rows inside."""

    def __init__(
        self,
        dim: int,
        metric: str,
        *,
        cells: int,
        bits: int,
        fast: bool = True,
        routing: str = "auto",
    ) -> None:
        super().__init__(dim, metric, bits=bits, fast=fast)
        self._cells = cells
        self._routing = routing

    def build(self, rows: Matrix, threads: int) -> None:
        """K-means, then codes."""
        self._index = rabitqlib.IvfIndex(
            self.dim, len(rows), self._cells, self._bits, initializer=self._routing
        )
        self._fill(rows, self._cells, threads)

    def tune(self, threads: int, **settings: Any) -> None:
        """`nprobe` cells."""
        self._threads, self._probes = threads, settings["nprobe"]

    def many(self, queries: Matrix) -> Ids:
        """One call of `search`."""
        ids: Ids = self._index.search(queries, K, self._probes, num_threads=self._threads)[0]
        return ids


class Hnsw(_Trained):
    """Its HNSW over codes of `bits` bits, M = 16."""

    def __init__(self, dim: int, metric: str, *, bits: int, construction: int) -> None:
        super().__init__(dim, metric, bits=bits)
        self._construction = construction

    def build(self, rows: Matrix, threads: int) -> None:
        """K-means of 16 cells (what its examples use for graphs), then the graph."""
        self._index = rabitqlib.HnswIndex(
            self.dim, len(rows), M=16, ef_construction=self._construction, nbits=self._bits
        )
        self._fill(rows, 16, threads)

    def tune(self, threads: int, **settings: Any) -> None:
        """`ef` is the beam of the search."""
        self._threads, self._beam = threads, settings["ef"]

    def many(self, queries: Matrix) -> Ids:
        """One call of `search`."""
        ids: Ids = self._index.search(queries, K, self._beam, num_threads=self._threads)[0]
        return ids


class SymphonyQG(Peer):
    """Its quantised graph, degree 32; ``bits=0`` keeps raw rows, 8 keeps byte codes."""

    def __init__(self, dim: int, metric: str, *, bits: int, construction: int) -> None:
        super().__init__(dim, metric)
        self._bits = bits
        self._construction = construction

    def build(self, rows: Matrix, threads: int) -> None:
        """The graph."""
        self._index = rabitqlib.SymqgIndex(self.dim, 32, quantization_bits=self._bits)
        self._index.build(rows, self._construction, num_threads=threads)

    def tune(self, threads: int, **settings: Any) -> None:
        """`ef` is the beam of the search."""
        self._threads, self._beam = threads, settings["ef"]

    def one(self, query: Any) -> Ids:
        """The call for one query."""
        ids: Ids = self._index.search(query, K, self._beam, num_threads=self._threads)[0]
        return ids

    def many(self, queries: Matrix) -> Ids:
        """The call for batches."""
        ids: Ids = self._index.search_batch(queries, K, self._beam, num_threads=self._threads)[0]
        return ids

    def save(self, path: str) -> None:
        """Its own file."""
        self._index.save(path)
