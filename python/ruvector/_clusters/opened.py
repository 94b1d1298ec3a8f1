"""Indexes that a worker has open: loaded once a process, mapped, shared by all its tasks."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any, Final, NamedTuple, Protocol

import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._index.index import Index
from .._locks import Lock

_MOST_OPEN: Final = 4  # of one worker; the one used longest ago is let go


class Place(Protocol):
    """Where a worker finds a file; can be sent to it."""

    def path(self) -> str:
        """Return a path of this machine, the file being there."""
        ...


class AtPath(NamedTuple):
    """A path that every worker sees."""

    name: str

    def path(self) -> str:
        """Return the path."""
        return self.name


class Source(NamedTuple):
    """What workers open: one index or the shards of one, and the rows that are found.

    Attributes
    ----------
    files : tuple of Place
        Index files.
    rows : Place or None
        An Arrow file of the rows that positions of the index are those of.
    """

    files: tuple[Any, ...]
    rows: Any = None


class Opened(NamedTuple):
    """What a worker has open of a source."""

    indexes: list[Index]
    rows: Any  # pyarrow.Table, or None


_lock = Lock()
_open: OrderedDict[tuple[Any, ...], Opened] = OrderedDict()
loads = 0  # how often this process read a source


def opened(source: Source) -> Opened:
    """Return the indexes of a source, mapped by the first call of this process.

    Thread-safe: of two threads that ask at once one loads and both get the same.

    Raises
    ------
    FileMissing, NotAnIndex, CorruptIndex, FormatTooNew, PersistError
        As `Index.load`; the message names the file.
    """
    global loads
    paths = [place.path() for place in source.files]
    rows = None if source.rows is None else source.rows.path()
    key = tuple(map(_stamp, paths if rows is None else [*paths, rows]))
    with _lock:
        held = _open.get(key)
        if held is None:
            held = Opened([Index.load(path, mmap=True) for path in paths], _mapped_rows(rows))
            loads += 1
            _open[key] = held
            while len(_open) > _MOST_OPEN:
                _open.popitem(last=False)
        _open.move_to_end(key)
    return held


def _stamp(path: str) -> tuple[Any, ...]:
    """Return what tells a file that was replaced from the one that is open."""
    try:
        found = os.stat(path)
    except OSError:
        return path, 0, 0, 0  # loading says what is wrong
    return path, found.st_size, found.st_mtime_ns, found.st_ino


def _mapped_rows(path: str | None) -> Any:
    if path is None:
        return None
    return pa.ipc.open_file(pa.memory_map(path)).read_all()


def write_rows(table: Any, path: str) -> None:
    """Write rows to an Arrow file that `opened` maps."""
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=65_536)
