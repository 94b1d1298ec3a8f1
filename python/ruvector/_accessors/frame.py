"""What ``df.ruvector`` can do, whichever library the frame is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic

from .._frames.verbs.describe import describe
from .._frames.verbs.search import FrameT, Label, build_index, explain, search
from .._frames.verbs.within import within
from .._index.index import Index, Keep, Kind
from .._metric import MetricName
from .._show.plan import Plan


class FrameAccessor(Generic[FrameT]):
    """Vector search on a DataFrame: the functions of `ruvector`, the frame filled in."""

    __slots__ = ("_frame",)

    def __init__(self, frame: FrameT) -> None:
        self._frame = frame

    def search(
        self,
        query: Any,
        *,
        k: int = 10,
        on: Label | list[str] | None = None,
        text: Label | None = None,
        index: Index | None = None,
        ids_on: Label | None = None,
        embedder: Any = None,
        metric: MetricName | None = None,
        recall: float = 0.95,
        where: Any = None,
        by: Label | list[Label] | None = None,
        min_similarity: float | None = None,
        max_distance: float | None = None,
        diversity: float = 0.0,
        columns: Sequence[Label] | None = None,
    ) -> FrameT:
        """Find the rows nearest to a text or a vector; see `ruvector.search`."""
        return search(
            self._frame,
            query,
            k=k,
            on=on,
            text=text,
            index=index,
            ids_on=ids_on,
            embedder=embedder,
            metric=metric,
            recall=recall,
            where=where,
            by=by,
            min_similarity=min_similarity,
            max_distance=max_distance,
            diversity=diversity,
            columns=columns,
        )

    def within(
        self,
        query: Any,
        *,
        min_similarity: float | None = None,
        max_distance: float | None = None,
        limit: int | None = None,
        on: Label | list[str] | None = None,
        text: Label | None = None,
        index: Index | None = None,
        ids_on: Label | None = None,
        embedder: Any = None,
        metric: MetricName | None = None,
        where: Any = None,
        columns: Sequence[Label] | None = None,
    ) -> FrameT:
        """Find all rows within a threshold; see `ruvector.within`."""
        return within(
            self._frame,
            query,
            min_similarity=min_similarity,
            max_distance=max_distance,
            limit=limit,
            on=on,
            text=text,
            index=index,
            ids_on=ids_on,
            embedder=embedder,
            metric=metric,
            where=where,
            columns=columns,
        )

    def explain(self, query: Any, **arguments: Any) -> Plan:
        """Search with the same arguments and return the `Plan`; see `ruvector.search`."""
        return explain(self._frame, query, **arguments)

    def describe(self) -> FrameT:
        """List the columns that can be searched and what is in them."""
        return describe(self._frame)

    def build_index(
        self,
        on: Label | list[str] | None = None,
        *,
        text: Label | None = None,
        ids: Any = None,
        embedder: Any = None,
        metric: MetricName = "cosine",
        kind: Kind = "auto",
        bits: int | None = None,
        cells: int | None = None,
        keep: Keep = "auto",
        recall: float = 0.95,
        seed: int = 42,
        budget: int | None = None,
        threads: int | None = None,
        progress: bool | None = None,
    ) -> Index:
        """Build an index over a column, for `search` with ``index=`` or to be saved.

        Parameters are those of `Index.build`; ``ids`` may name a column. Null rows are never
        found. An index of text remembers its embedder.
        """
        return build_index(
            self._frame,
            on,
            text=text,
            ids=ids,
            embedder=embedder,
            metric=metric,
            kind=kind,
            bits=bits,
            cells=cells,
            keep=keep,
            recall=recall,
            seed=seed,
            budget=budget,
            threads=threads,
            progress=progress,
        )
