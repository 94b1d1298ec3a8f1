"""ruvector itself, asked as its users ask it: the rows stay the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ruvector as rv

from ..truth import Ids, Matrix
from .peer import K, Peer


class Ours(Peer):
    """`rv.Index` of any kind, swept by recall target or by cells probed."""

    def __init__(self, dim: int, metric: str, **options: Any) -> None:
        super().__init__(dim, metric)
        self._options = options

    def build(self, rows: Matrix, threads: int) -> None:
        """Borrow the rows and build, calibration included."""
        self._index = rv.Index.build(
            rows,
            metric=self.metric,
            keep="borrow",
            threads=threads,
            progress=False,
            **self._options,
        )
        self.borrowed = int(self._index.info()["borrowed_bytes"])

    def tune(self, threads: int, **settings: Any) -> None:
        """`recall=` or `probes=`."""
        self._settings = {"threads": threads, **settings}

    def singles(self, queries: Matrix) -> Sequence[Any]:
        """Vectors."""
        return list(queries)

    def one(self, query: Any) -> Ids:
        """`Index.search` of one vector."""
        return self._index.search(query, K, **self._settings).ids

    def many(self, queries: Matrix) -> Ids:
        """`Index.search` of a batch."""
        return self._index.search(queries, K, **self._settings).ids

    def save(self, path: str) -> None:
        """The index without the caller's rows."""
        self._index.save(path, vectors=False)

    def version(self, distribution: str) -> str:
        """Our own word: the source tree has no distribution."""
        return rv.__version__

    def backend(self) -> str:
        """Kernel tier, and what the index became."""
        return f"{rv.cpu_features()['tier']}, {self._index.kind} {self._index.bits} bits"
