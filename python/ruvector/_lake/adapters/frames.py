"""`FrameBackend`: data frames in memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..._errors import InvalidArgument, UnknownCollection
from ..._frames.adapters import wrap
from ..._habits import told
from ..._input.vectors import read_vectors
from ..._locks import Lock
from ..adapter import BackendAdapter
from .content import content_generation, listed, text_of


class FrameBackend(BackendAdapter):
    """Data frames of pandas, polars or pyarrow: a collection a frame.

    Parameters
    ----------
    name : str
        Of the store; unique in a lake.
    frames : mapping of str to frame
        The collections. The frames are kept, not copied.
    ids : column label
        The column of ids: whole numbers or texts, each once.
    column : column label
        The column of vectors, in any way that `search` reads it; none may be null.

    Notes
    -----
    A generation is a hash of ids and vectors. Of frames of pandas, which can be changed in place,
    it is made anew for every search that must be fresh; polars and pyarrow never change, and are
    hashed once. A frame must not be changed while a search reads it. Thread-safe.

    Examples
    --------
    >>> import numpy as np, polars as pl, ruvector as rv
    >>> frame = pl.DataFrame({"id": [7, 42], "v": np.eye(2, dtype="float32")})
    >>> store = rv.FrameBackend("frames", {"docs": frame}, ids="id", column="v")
    >>> rv.RuLake([store]).search_one("docs", [0.0, 1.0], k=1).ids.tolist()
    [42]
    """

    @told
    def __init__(
        self, name: str, frames: Mapping[str, Any], *, ids: Any, column: Any
    ) -> None:  # fmt: skip
        self.id = text_of("name", name)
        if not isinstance(frames, Mapping):
            raise InvalidArgument(
                f"frames= is a {type(frames).__name__}; pass a mapping of names to frames"
            )
        self._ids, self._column = ids, column
        self._lock = Lock()
        self._frames: dict[str, Any] = {}
        self._known: dict[str, tuple[Any, str]] = {}  # a frame that cannot change, its generation
        for collection, frame in frames.items():
            self.put(collection, frame)

    def __repr__(self) -> str:
        return f"FrameBackend({self.id!r}, {listed(sorted(self._frames))})"

    @told
    def put(self, collection: str, frame: Any) -> None:
        """Make a collection of a frame, in place of the frame it had.

        Raises
        ------
        InvalidArgument
            It is no frame.
        ColumnError
            It lacks one of the columns.
        """
        wrapped = wrap(frame)
        wrapped.column(self._ids)
        wrapped.column(self._column)
        with self._lock:
            self._frames[text_of("collection", collection)] = frame

    @told
    def drop(self, collection: str) -> None:
        """Forget a collection.

        Raises
        ------
        UnknownCollection
        """
        self._of(collection)
        with self._lock:
            self._frames.pop(collection, None)
            self._known.pop(collection, None)

    def list_collections(self) -> list[str]:
        """Return the names."""
        with self._lock:
            return list(self._frames)

    def generation(self, collection: str) -> str:
        """Return a hash of ids and vectors."""
        frame = self._of(collection)
        with self._lock:
            known = self._known.get(collection)
        if known is not None and known[0] is frame:
            return known[1]
        ids, vectors = self._rows(frame)
        return self._remembered(collection, frame, content_generation(ids, vectors))

    def pull_vectors(self, collection: str) -> Any:
        """Return ids, vectors and their generation."""
        frame = self._of(collection)
        ids, vectors = self._rows(frame)
        column = read_vectors(vectors, "vectors", warn=False)
        return ids, column, self._remembered(collection, frame, content_generation(ids, column))

    def _of(self, collection: str) -> Any:
        with self._lock:
            frame = self._frames.get(collection)
            names = sorted(self._frames)
        if frame is None:
            raise UnknownCollection(f"there is no frame {collection!r}, but {listed(names)}")
        return frame

    def _rows(self, frame: Any) -> tuple[Any, Any]:
        wrapped = wrap(frame)
        return wrapped.column(self._ids), wrapped.column(self._column)

    def _remembered(self, collection: str, frame: Any, generation: str) -> str:
        """Keep the generation of a frame that nobody can change."""
        polars, pyarrow = map(sys.modules.get, ("polars", "pyarrow"))
        kinds = tuple(
            kind
            for kind in (getattr(polars, "DataFrame", None), getattr(pyarrow, "Table", None))
            if kind is not None
        )
        if isinstance(frame, kinds):
            with self._lock:
                if self._frames.get(collection) is frame:
                    self._known[collection] = (frame, generation)
        return generation
