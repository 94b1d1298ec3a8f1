"""The Rust package `ruvector` 0.1.4, by other authors: lives in an environment of its own."""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..truth import Ids, Matrix
from .peer import K, Peer

_INSERT = 20_000
_PACKAGE: Any = importlib.import_module("ruvector")  # not ours, which has other types


class _OneByOne(Peer):
    """It takes one query a call; a batch is a pool of threads over them (it frees the lock)."""

    def tune(self, threads: int, **settings: Any) -> None:
        """Threads of the pool, and the settings of every call."""
        self._threads, self._settings = threads, settings

    def singles(self, queries: Matrix) -> Sequence[Any]:
        """Vectors."""
        return list(queries)

    @abstractmethod
    def one(self, query: Any) -> list[int]:
        """Ids of one query."""

    def many(self, queries: Matrix) -> Ids:
        """All queries through the pool."""
        with ThreadPoolExecutor(self._threads) as pool:
            found = list(pool.map(self.one, queries))
        return np.array([(ids + [-1] * K)[:K] for ids in found])


class Rabitq(_OneByOne):
    """`RabitqIndex`; ``rerank`` is its rerank factor."""

    def build(self, rows: Matrix, threads: int) -> None:
        """Codes and a copy of the rows."""
        self._index = _PACKAGE.RabitqIndex.build(rows)

    def one(self, query: Any) -> list[int]:
        """Ids of one query."""
        found = self._index.search(query, K, rerank_factor=self._settings["rerank"])
        return [hit[0] for hit in found]

    def save(self, path: str) -> None:
        """Its own file."""
        self._index.save(path)


class Hnsw(_OneByOne):
    """`HnswIndex`, m = 16; it has no file, so its size on disk is given as 0."""

    def __init__(self, dim: int, metric: str, *, construction: int) -> None:
        super().__init__(dim, metric)
        self._construction = construction

    def build(self, rows: Matrix, threads: int) -> None:
        """Insert in batches; ids are texts."""
        self._index = _PACKAGE.HnswIndex.create(
            self.dim,
            metric="cosine" if self.metric == "cosine" else "euclidean",
            m=16,
            ef_construction=self._construction,
        )
        for low in range(0, len(rows), _INSERT):
            block = rows[low : low + _INSERT]
            self._index.insert_batch([str(low + i) for i in range(len(block))], block)

    def one(self, query: Any) -> list[int]:
        """Ids of one query."""
        return [int(hit[0]) for hit in self._index.search(query, K, **self._settings)]

    def save(self, path: str) -> None:
        """It is in memory only."""
        open(path, "wb").close()
