"""turbovec: a mask over slots, and its index with ids of the caller's."""

from __future__ import annotations

from typing import Any

import numpy as np
import turbovec

from ...adapters.turbo import TurboVec
from ...truth import Ids, Matrix
from .operation import Changing, Filtered, Mask


class TurboFiltered(TurboVec, Filtered):
    """`search(mask=)`, its best rows rescored on the caller's rows as without a mask."""

    def choose(self, mask: Mask) -> None:
        """Pass the mask to the searches that follow."""
        self._mask = mask

    def _search(self, queries: Matrix, wanted: int) -> Ids:
        found: Ids = self._index.search(self._padded(queries), wanted, mask=self._mask)[1]
        return found.astype(np.int64)


class TurboChanging(TurboVec, Changing):
    """`IdMapIndex`: adds in place, and moves its last row into a gap when one is removed."""

    def _empty(self, dim: int) -> Any:
        return turbovec.IdMapIndex(dim, self._bits)

    def _add(self, rows: Matrix) -> None:
        self._count = len(rows)
        self._index.add_with_ids(rows, np.arange(len(rows), dtype=np.uint64))

    def know(self, rows: Matrix) -> None:
        """Rescoring reads later rows from the same array."""
        self._rows = rows

    def append(self, rows: Matrix) -> None:
        """One call."""
        ids = np.arange(self._count, self._count + len(rows), dtype=np.uint64)
        self._index.add_with_ids(self._padded(rows), ids)
        self._count += len(rows)

    def delete(self, ids: Ids) -> None:
        """A call a row."""
        for i in ids:
            self._index.remove(int(i))

    def upsert(self, ids: Ids, rows: Matrix) -> None:
        """Remove, then add under the same ids."""
        self.delete(ids)
        self._index.add_with_ids(self._padded(rows), np.asarray(ids, np.uint64))
