"""ruvector: `search(where=)`, `add`, `delete`, `upsert`, `compact`, `neighbors`."""

from __future__ import annotations

from typing import Any

from ...adapters.ours import Ours
from ...truth import Ids, Matrix
from .operation import GRAPH_K, Changing, Filtered, Graph, Mask, NotOffered


def offered(index: Any, verb: str) -> Any:
    """The method of an index, or NotOffered where this version has none."""
    method = getattr(index, verb, None)
    if method is None:
        raise NotOffered(f"not available: this ruvector has no Index.{verb}")
    return method


class OursFiltered(Ours, Filtered):
    """`where=` takes the mask as it is; nothing is prepared."""

    def choose(self, mask: Mask) -> None:
        """Pass the mask to the searches that follow."""
        self._mask = mask
        self._settings["where"] = mask

    def tune(self, threads: int, **settings: Any) -> None:
        """`recall=`; the mask stays."""
        super().tune(threads, **settings)
        if hasattr(self, "_mask"):
            self._settings["where"] = self._mask


class OursChanging(Ours, Changing):
    """The rows of the build stay the caller's, later ones are the index's."""

    def append(self, rows: Matrix) -> None:
        """`add` under the positions that follow."""
        offered(self._index, "add")(None, rows)

    def delete(self, ids: Ids) -> None:
        """One call."""
        offered(self._index, "delete")(ids)

    def upsert(self, ids: Ids, rows: Matrix) -> None:
        """One call."""
        offered(self._index, "upsert")(ids, rows)

    def compact(self) -> None:
        """One call."""
        offered(self._index, "compact")()

    def held(self) -> int | None:
        """`memory_bytes`, the caller's rows not among them."""
        return int(self._index.memory_bytes)


class OursGraph(Ours, Graph):
    """`neighbors`."""

    def graph(self) -> Ids:
        """One call on all threads."""
        found: Ids = offered(self._index, "neighbors")(GRAPH_K, **self._settings).ids
        return found


class OursOneByOne(Ours, Graph):
    """Every row as a query of its own: what `neighbors` saves."""

    rows_at_once = False

    def one(self, query: Any) -> Ids:
        """`search` for one more, as the row finds itself."""
        return self._index.search(query, GRAPH_K + 1, **self._settings).ids

    def graph(self) -> Ids:
        """All rows as one batch."""
        raise NotOffered("asked row by row")
