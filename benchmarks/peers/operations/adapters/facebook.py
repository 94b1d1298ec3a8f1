"""faiss: IDSelectorBitmap, `add` and `remove_ids`, and all rows as queries."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from ...adapters.facebook import Faiss
from ...adapters.peer import K
from ...truth import Ids, Matrix
from .operation import GRAPH_K, Changing, Filtered, Graph, Mask, NotOffered

_BLOCK = 10_000


class FaissFiltered(Faiss, Filtered):
    """A selector over a bitmap of the rows, in search parameters as deep as the index is."""

    def tune(self, threads: int, **settings: Any) -> None:
        """`nprobe` and `kf` go into the search parameters."""
        super().tune(threads)
        self._settings = settings
        if hasattr(self, "_mask"):
            self.choose(self._mask)

    def choose(self, mask: Mask) -> None:
        """Pack the mask, make the selector and the parameters."""
        self._mask = mask
        selector = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        if "nprobe" in self._settings:
            made = faiss.SearchParametersIVF(sel=selector, nprobe=self._settings["nprobe"])
        else:
            made = faiss.SearchParameters(sel=selector)
        if self._factory.startswith("RR"):
            made = faiss.SearchParametersPreTransform(index_params=made)
        if "kf" in self._settings:
            made = faiss.IndexRefineSearchParameters(
                base_index_params=made, k_factor=self._settings["kf"]
            )
        self._parameters = made

    def many(self, queries: Matrix) -> Ids:
        """One call of `search`."""
        ids: Ids = self._index.search(queries, K, params=self._parameters)[1]
        return ids


class FaissChanging(Faiss, Changing):
    """`add`, `remove_ids`; what is removed gives its room back at once."""

    def append(self, rows: Matrix) -> None:
        """One call; ids count on."""
        self._index.add(rows)

    def delete(self, ids: Ids) -> None:
        """One call; forms with stored rows for refining cannot."""
        if "RFlat" in self._factory:
            raise NotOffered("IndexRefine has no remove_ids")
        self._index.remove_ids(faiss.IDSelectorBatch(np.asarray(ids, np.int64)))

    def upsert(self, ids: Ids, rows: Matrix) -> None:
        """Remove and add under the same ids."""
        self.delete(ids)
        self._index.add_with_ids(rows, np.asarray(ids, np.int64))

    def compact(self) -> None:
        """Nothing to do."""
        raise NotOffered("deleting moves the last rows into the gaps at once")


class FaissGraph(Faiss, Graph):
    """`search` of all rows, 10,000 at a time."""

    def build(self, rows: Matrix, threads: int) -> None:
        """Keep the rows, which are the queries."""
        self._rows = rows
        super().build(rows, threads)

    def graph(self) -> Ids:
        """One more than wanted, as a row finds itself."""
        blocks = range(0, len(self._rows), _BLOCK)
        rows = self._rows
        return np.vstack(
            [self._index.search(rows[low : low + _BLOCK], GRAPH_K + 1)[1] for low in blocks]
        )
