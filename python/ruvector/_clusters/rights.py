"""What the right side of a join is: one index, a folder of shards, or rows."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .._errors import InvalidArgument, MetricError
from .._index.index import Index
from .._metric import canonical
from .opened import AtPath, opened
from .opened import Source as _Source
from .shards import Shards, open_shards


class Right(NamedTuple):
    """The right side.

    Attributes
    ----------
    kind : {"index", "shards", "frame"}
    metric : str
    id_kind : str
        Of an index; ``""`` for rows.
    bytes : int
        Of the files; 0 where not known.
    files : tuple of AtPath
        Empty for an index that is only in memory, and for rows.
    held : Index or None
        The index in memory.
    rows : int
        Of an index.
    """

    kind: str
    metric: str
    id_kind: str = ""
    bytes: int = 0
    files: tuple[AtPath, ...] = ()
    held: Index | None = None
    rows: int = 0


def right_of(right: Any, metric: str | None, is_frame: bool) -> Right:
    """Return what the right side is.

    Parameters
    ----------
    right : Index, Shards, path, or rows
    metric : str or None
        As the user gave it.
    is_frame : bool
        Whether `right` holds rows of the engine that is used.

    Raises
    ------
    InvalidArgument
        It is none of these.
    MetricError
        The metric is not that of the index.
    FileMissing, NotAnIndex, CorruptIndex, PersistError
    """
    if is_frame:
        return Right("frame", "cosine" if metric is None else canonical(metric))
    if isinstance(right, Index):
        facts = right._facts
        found = Right(
            "index", right.metric, facts.id_kind, right.memory_bytes, (), right, facts.rows
        )
    elif isinstance(right, Shards):
        found = _of_shards(right)
    elif isinstance(right, str | os.PathLike):
        found = _of_path(os.path.abspath(os.path.expanduser(os.fspath(right))))
    else:
        raise InvalidArgument(
            f"{type(right).__name__} is no right side: pass rows of the same engine, an Index, "
            "its path, or the folder of its shards"
        )
    if metric is not None and canonical(metric) != found.metric:
        raise MetricError(f"metric={metric!r}, but the index was built for {found.metric!r}")
    return found


def _of_shards(shards: Shards) -> Right:
    return Right(
        "shards", shards.metric, shards.id_kind, shards.bytes,
        tuple(map(AtPath, shards.paths())), None, shards.rows,
    )  # fmt: skip


def _of_path(path: str) -> Right:
    if os.path.isdir(path):
        return _of_shards(open_shards(path))
    place = AtPath(path)
    index = opened(_Source((place,))).indexes[0]
    facts = index._facts
    size = os.stat(path).st_size
    return Right("index", index.metric, facts.id_kind, size, (place,), None, facts.rows)
