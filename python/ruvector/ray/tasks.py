"""What workers of Ray run: actors and functions of Arrow tables."""

from __future__ import annotations

import atexit
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._clusters.answers import answer_stream
from .._clusters.asking import Asked, ask_index, placed, wide
from .._clusters.columns import Layout
from .._clusters.extras import module
from .._clusters.opened import AtPath, Source, opened
from .._clusters.partial import Partial, merge_bucket, place_of, search_stream
from .._clusters.routing import Routing, search_cell, send_left, send_right
from .._clusters.shards import Building, build_shard
from .._errors import PersistError
from .._index.result import SearchResult

NUMBER = "ruvector_number"  # of a row: the task that read it in the upper bits, its place below


_copies: dict[str, str] = {}  # of this process


class Stored(NamedTuple):
    """A file whose bytes are in the object store: every machine has one copy on disk, mapped.

    The copy is removed when the last worker of the machine that has it ends.
    """

    bytes: Any  # ObjectRef of an array of uint8
    name: str

    def path(self) -> str:
        """Return the path of this machine's copy, written by the first that asks."""
        if self.name not in _copies:
            _copies[self.name] = self._copy()
        return _copies[self.name]

    def _copy(self) -> str:
        folder = os.path.join(tempfile.gettempdir(), f"ruvector-{os.getuid()}")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.stat(folder).st_uid != os.getuid():
            raise PersistError(f"{folder}: belongs to another user: no index is kept there")
        path = os.path.join(folder, self.name)
        with _alone(folder):
            if not os.path.exists(path):
                draft = f"{path}.{os.getpid()}"
                with open(draft, "wb") as file:
                    file.write(memoryview(module("ray").get(self.bytes)))
                os.replace(draft, path)
            held = os.open(path, os.O_RDONLY)
            fcntl.flock(held, fcntl.LOCK_SH)  # as long as this process lives
        atexit.register(_let_go, folder, path, held)
        return path


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Keep other processes from writing to the folder of copies, or removing from it."""
    lock = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _let_go(folder: str, path: str, held: int) -> None:
    """Remove a copy that no other process holds."""
    with suppress(OSError), _alone(folder):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)


def _split(table: Any) -> tuple[Any, Any]:
    """Return the columns that are not ours, and the numbers of rows."""
    numbers = table.column(NUMBER).to_numpy()
    return table.drop_columns([NUMBER]), numbers


class RuvectorAnswer:
    """Answers left rows from an index, which an actor loads once, with its first block.

    Loading in `__init__` would end the actor, and the error would be Ray's, not ours.
    """

    def __init__(self, source: Source, asked: Asked, layout: Layout, how: str) -> None:
        _limit(asked)
        self._all = source, asked, layout, how

    def __call__(self, table: Any) -> Iterator[Any]:
        """Yield the answers of a block."""
        source, asked, layout, how = self._all
        table, numbers = _split(table)
        partition, first = place_of(numbers)
        yield layout.schema.empty_table()
        yield from answer_stream([table], source, asked, layout, how, partition, first)


class RuvectorAskRight:
    """Finds the hits of all queries among right rows."""

    def __init__(self, partial: Partial, queries: Any, asked: Asked) -> None:
        ray = module("ray")

        _limit(asked)
        self._all = partial, asked
        self._queries = ray.get(queries)
        self._rows = np.arange(len(self._queries), dtype=np.int64)

    def __call__(self, table: Any) -> Any:
        """Return the hits among a block."""
        partial, asked = self._all
        return search_stream(partial, self._queries, self._rows, [_split(table)], asked)


class RuvectorSend:
    """Sends rows to their cells."""

    def __init__(self, routing: Any, partial: Partial, asked: Asked, side: str) -> None:
        ray = module("ray")

        _limit(asked)
        found: Routing = ray.get(routing)
        self._all = found, partial, asked, side
        self._send = send_left if side == "left" else send_right

    def __call__(self, table: Any) -> Any:
        """Return the rows of a block, one for each cell that they go to."""
        routing, partial, asked, side = self._all
        table, numbers = _split(table)
        with placed(*place_of(numbers), side):
            return self._send(routing, partial, table, numbers, asked)


def ruvector_search_cell(table: Any, partial: Partial, asked: Asked) -> Any:
    """Search the rows of one cell."""
    return search_cell(table, partial, asked)


def ruvector_merge(table: Any, partial: Partial, layout: Layout, asked: Asked, how: str) -> Any:
    """Merge the hits of one bucket."""
    return merge_bucket(table, partial, layout, asked, how)


def ruvector_build(table: Any, how: Building) -> Any:
    """Build the shard of one block."""
    table, numbers = _split(table)
    part = int(numbers[0]) if len(numbers) else 0
    with placed(*place_of(numbers), "right"):
        built = build_shard(table, part, how)
    told = [] if built is None else [built]
    return pa.table({
        "part": pa.array([one.part for one in told], pa.int64()),
        "file": pa.array([one.file for one in told], pa.string()),
        "rows": pa.array([one.rows for one in told], pa.int64()),
        "size": pa.array([one.size for one in told], pa.int64()),
        "dim": pa.array([one.dim for one in told], pa.int64()),
        "id_kind": pa.array([one.id_kind for one in told], pa.string()),
    })  # fmt: skip


def ruvector_search_shard(path: str, queries: Any, asked: Asked) -> SearchResult:
    """Search one shard."""
    _limit(asked)
    index = opened(Source((AtPath(path),))).indexes[0]
    return wide(ask_index(queries, index, asked), len(queries), asked)


def _limit(asked: Asked) -> None:
    """Have the library of this process begin with as many threads as it may use."""
    if asked.threads:
        os.environ.setdefault("RUVECTOR_NUM_THREADS", str(asked.threads))
