"""faiss-cpu: any factory string."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import threadpoolctl

from ..truth import Ids, Matrix
from .peer import K, Peer

_TRAINING_ROWS = 100_000
_ROUNDS, _ROWS_A_CELL, _SEED = 10, 64, 1
_ROTATION_SEED = 1234


class Faiss(Peer):
    """An index from `faiss.index_factory`.

    Centroids of IVF forms come from `faiss.Kmeans` (10 rounds, at most 64 rows a cell, which is
    faster than the factory's own training and reaches the same recall), rotated where the factory
    string begins with a rotation.
    """

    _threads, _limit = 0, None  # of the process: looking for its pools takes milliseconds

    def __init__(self, dim: int, metric: str, *, factory: str, construction: int = 100) -> None:
        super().__init__(dim, metric)
        self._factory = factory
        self._construction = construction

    def build(self, rows: Matrix, threads: int) -> None:
        """Train on at most 100,000 rows, add all."""
        self._set_threads(threads)
        self._index = faiss.index_factory(self.dim, self._factory, faiss.METRIC_L2)
        base = self._index
        if isinstance(base, faiss.IndexRefine):
            base = faiss.downcast_index(base.base_index)
        rotation = None
        if isinstance(base, faiss.IndexPreTransform):
            rotation = faiss.downcast_VectorTransform(base.chain.at(0))
            rotation.init(_ROTATION_SEED)
            rotation.is_trained = True
            base = faiss.downcast_index(base.index)
        self._inner = base
        if hasattr(base, "nprobe"):
            with self.stage("train"):
                base.quantizer.add(self._centroids(rows, base.nlist, rotation))
        if hasattr(base, "hnsw"):
            base.hnsw.efConstruction = self._construction
        random = np.random.default_rng(0)
        sample = random.choice(len(rows), min(len(rows), _TRAINING_ROWS), replace=False)
        with self.stage("train"):
            self._index.train(rows[sample])
        with self.stage("encode"):
            self._index.add(rows)

    def _centroids(self, rows: Matrix, cells: int, rotation: Any) -> Matrix:
        means = faiss.Kmeans(
            self.dim, cells, niter=_ROUNDS, max_points_per_centroid=_ROWS_A_CELL, seed=_SEED
        )
        means.train(rows)
        centroids: Matrix = means.centroids if rotation is None else rotation.apply(means.centroids)
        return centroids

    def _set_threads(self, threads: int) -> None:
        if Faiss._threads != threads:
            Faiss._limit = threadpoolctl.threadpool_limits(threads)
            Faiss._threads = threads
        faiss.omp_set_num_threads(threads)

    def tune(self, threads: int, **settings: Any) -> None:
        """`nprobe` cells, `kf` rows refined per neighbour wanted, `ef` beam of the graph."""
        self._set_threads(threads)
        if "nprobe" in settings:
            self._inner.nprobe = settings["nprobe"]
        if "kf" in settings:
            self._index.k_factor = settings["kf"]
        if "ef" in settings:
            self._inner.hnsw.efSearch = settings["ef"]

    def many(self, queries: Matrix) -> Ids:
        """One call of `search`."""
        ids: Ids = self._index.search(queries, K)[1]
        return ids

    def save(self, path: str) -> None:
        """`faiss.write_index`; refined forms hold the rows inside."""
        faiss.write_index(self._index, path)

    def backend(self) -> str:
        """What faiss says it was compiled for."""
        return str(faiss.get_compile_options()).strip()
