"""turbovec: a flat scan of few bits; the caller's rows decide among the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import turbovec

from ..truth import Ids, Matrix
from .peer import K, Peer

_CALIBRATION_ROWS = 2048
_BLOCK = 64


class TurboVec(Peer):
    """`TurboQuantIndex`, calibrated. With ``rerank=m`` its best m rows are rescored by NumPy.

    Inner products only, and dimensions that are multiples of 8 (others are padded with zeros).
    Its threads are fixed when the process starts (RAYON_NUM_THREADS).
    """

    def __init__(self, dim: int, metric: str, *, bits: int) -> None:
        super().__init__(dim, metric)
        self._bits = bits
        self._padding = -dim % 8

    def _padded(self, rows: Matrix) -> Matrix:
        return np.pad(rows, ((0, 0), (0, self._padding))) if self._padding else rows

    def build(self, rows: Matrix, threads: int) -> None:
        """Calibrate on 2,048 random rows, add all, prepare the caches."""
        self._rows = rows
        self.borrowed = rows.nbytes
        wide = self._padded(rows)
        self._index = self._empty(wide.shape[1])
        random = np.random.default_rng(0)
        sample = random.choice(len(rows), min(len(rows), _CALIBRATION_ROWS), replace=False)
        with self.stage("calibrate"):
            self._index.calibrate(wide[sample])
        with self.stage("encode"):
            self._add(wide)
            self._index.prepare()

    def _empty(self, dim: int) -> Any:
        return turbovec.TurboQuantIndex(dim, self._bits)

    def _add(self, rows: Matrix) -> None:
        self._index.add(rows)

    def _search(self, queries: Matrix, wanted: int) -> Ids:
        found: Ids = self._index.search(self._padded(queries), wanted)[1].astype(np.int64)
        return found

    def tune(self, threads: int, **settings: Any) -> None:
        """`rerank` rows are rescored; 0 trusts the codes."""
        self._rerank = settings["rerank"]

    def many(self, queries: Matrix) -> Ids:
        """One call of `search`, and the rescoring."""
        wanted = self._rerank or K
        found = self._search(queries, wanted)
        if not self._rerank:
            return found
        if len(queries) == 1:
            scores = self._rows[found[0]] @ queries[0]
            return found[:, np.argsort(-scores)[:K]]
        exact = np.concatenate(
            [
                np.einsum(
                    "qmd,qd->qm", self._rows[found[low : low + _BLOCK]], queries[low : low + _BLOCK]
                )
                for low in range(0, len(queries), _BLOCK)
            ]
        )
        return np.take_along_axis(found, np.argsort(-exact, axis=1)[:, :K], 1)

    def save(self, path: str) -> None:
        """Its own file; the rows are the caller's."""
        self._index.write(path, durable=False)
