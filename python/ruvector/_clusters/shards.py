"""A folder of shards: one index file for each part of a data set, and a manifest, written last."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from .._errors import (
    CorruptIndex,
    DimensionMismatch,
    FileMissing,
    FormatTooNew,
    InvalidArgument,
    InvalidVector,
    NotAnIndex,
    PersistError,
)
from .._index.index import Index
from .._settings import config
from .columns import storage

MANIFEST: Final = "ruvector-shards.json"
_VERSION: Final = 1
_FORMAT: Final = "ruvector-shards"
_MOST_BYTES: Final = 64 << 20  # of a manifest


class Shards(NamedTuple):
    """Shards of one index, as the manifest of their folder tells them.

    Attributes
    ----------
    folder : str
    metric : str
    dim : int
    id_kind : {"int64", "uint64", "string"}
        What the ids are.
    rows : int
        Rows that can be found, those of all shards.
    files : tuple of str
        Names of the index files in the folder, in the order of their parts.
    sizes : tuple of int
        Their bytes.
    column, ids : str
        The columns of the data set that were indexed.
    """

    folder: str
    metric: str
    dim: int
    id_kind: str
    rows: int
    files: tuple[str, ...]
    sizes: tuple[int, ...]
    column: str
    ids: str

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes)

    def paths(self) -> list[str]:
        """Return the paths of the files, in order."""
        return [os.path.join(self.folder, name) for name in self.files]

    def __repr__(self) -> str:
        return (
            f"Shards({self.folder!r}: {len(self.files)} files, {self.rows:,} x {self.dim}, "
            f"{self.metric})"
        )


class Built(NamedTuple):
    """One shard that a worker wrote."""

    part: int
    file: str
    rows: int
    size: int
    dim: int
    id_kind: str


class Building(NamedTuple):
    """How shards are built; can be sent to a worker."""

    folder: str
    run: str  # part of every name, so that two runs never write one file
    column: str
    ids: str
    metric: str
    options: dict[str, Any]  # of Index.build
    vectors: bool
    threads: int


def open_shards(folder: Any) -> Shards:
    """Read the manifest of a folder.

    Raises
    ------
    FileMissing
        No such folder, or a file of the manifest is not there.
    NotAnIndex
        A folder without a manifest: something else, or of a build that did not end.
    CorruptIndex
        A damaged manifest, or a file of another size than it says.
    FormatTooNew, PersistError
    """
    folder = str(os.path.expanduser(os.fspath(folder)))
    path = os.path.join(folder, MANIFEST)
    if not os.path.isdir(folder):
        raise FileMissing(f"{folder}: no such folder of shards", path=folder)
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise NotAnIndex(
            f"{folder}: no {MANIFEST} in this folder: it holds no shards, or their build did not "
            "end (the manifest is written last)"
        ) from None
    except OSError as error:
        raise PersistError(f"{path}: cannot be read: {error.strerror}") from error
    found = _read(path, data)._replace(folder=folder)
    for name, size in zip(found.paths(), found.sizes, strict=True):
        try:
            there = os.stat(name).st_size
        except OSError as error:
            raise FileMissing(f"{name}: a shard of {path} is not there", path=name) from error
        if there != size:
            raise CorruptIndex(f"{name}: has {there} bytes, and {path} says {size}")
    return found


def _read(path: str, data: bytes) -> Shards:
    try:
        held = json.loads(data)
        if held["format"] != _FORMAT:
            raise ValueError(f"format {held['format']!r}")
        if held["version"] > _VERSION:
            raise FormatTooNew(
                f"{path}: version {held['version']}, this library reads up to {_VERSION}: update"
            )
        shards = held["shards"]
        names = tuple(str(one["file"]) for one in shards)
        if any(os.path.basename(name) != name or not name for name in names):
            raise ValueError("a shard outside of the folder")
        return Shards(
            "", str(held["metric"]), int(held["dim"]), str(held["id_kind"]), int(held["rows"]),
            names, tuple(int(one["bytes"]) for one in shards), str(held["column"]),
            str(held["ids"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise CorruptIndex(f"{path}: damaged, or no manifest of shards: {error}") from error


def claim(folder: Any) -> str:
    """Return the folder that shards go to, made if it is not there.

    Raises
    ------
    InvalidArgument
        The folder holds something.
    PersistError
        It cannot be made.
    """
    name = str(os.path.abspath(os.path.expanduser(os.fspath(folder))))
    try:
        os.makedirs(name, exist_ok=True)
        there = sorted(os.listdir(name))
    except OSError as error:
        raise PersistError(f"{name}: no folder can be made here: {error.strerror}") from error
    if MANIFEST in there:
        raise InvalidArgument(f"out={name!r} holds shards already: remove it, or name another")
    if there:
        kind = "an unfinished build" if there[0].startswith("shard-") else f"{there[0]!r}"
        raise InvalidArgument(
            f"out={name!r} holds {kind}: shards go into a folder of their own; remove what is "
            "there, or name another"
        )
    return name


def build_shard(table: Any, part: int, how: Building) -> Built | None:
    """Build the index of one part and write it; None where no row has a vector.

    Parameters
    ----------
    table : pyarrow.Table
        All rows of the part.
    part : int
    how : Building

    Raises
    ------
    InvalidVector, DuplicateId, DimensionMismatch, LimitExceeded, PersistError
    """
    vectors, ids = storage(table.column(how.column)), table.column(how.ids)
    there = vectors.is_valid()
    vectors, ids = vectors.filter(there), ids.filter(there)
    if not len(vectors):
        return None
    if ids.null_count:
        raise InvalidVector(f"{ids.null_count} ids of column {how.ids!r} are null")
    name = f"shard-{part:05x}-{how.run}.rvx"
    with config(threads=how.threads or None):
        index = Index.build(vectors, ids=ids, progress=False, **how.options)
        path = os.path.join(how.folder, name)
        index.save(path, vectors=how.vectors)
    facts = index._facts
    return Built(part, name, facts.rows, os.stat(path).st_size, facts.dim, facts.id_kind)


def finish(built: Iterable[Built], how: Building) -> Shards:
    """Write the manifest of shards that were built; returns them.

    Raises
    ------
    InvalidArgument
        No part has a row.
    DimensionMismatch
        Parts have different numbers of dimensions, or ids of different types.
    PersistError
        A file is not seen from here, or the manifest cannot be written.
    """
    parts = sorted(built)
    if not parts:
        raise InvalidArgument(f"column {how.column!r} has no vectors: there is nothing to index")
    for one in parts:
        if (one.dim, one.id_kind) != (parts[0].dim, parts[0].id_kind):
            raise DimensionMismatch(
                f"partition {one.part} has {one.dim} dimensions and {one.id_kind} ids, partition "
                f"{parts[0].part} {parts[0].dim} and {parts[0].id_kind}"
            )
        path = os.path.join(how.folder, one.file)
        if not os.path.exists(path) or os.stat(path).st_size != one.size:
            raise PersistError(
                f"{path}: a worker wrote this shard, but here it is not: out= must be a folder "
                "that all machines share"
            )
    held = {
        "format": _FORMAT, "version": _VERSION, "metric": how.metric, "dim": parts[0].dim,
        "id_kind": parts[0].id_kind, "rows": sum(one.rows for one in parts),
        "column": how.column, "ids": how.ids,
        "shards": [{"file": one.file, "rows": one.rows, "bytes": one.size} for one in parts],
    }  # fmt: skip
    _write(os.path.join(how.folder, MANIFEST), json.dumps(held, indent=1).encode())
    return open_shards(how.folder)


def _write(path: str, data: bytes) -> None:
    """Write a file whole or not at all."""
    draft = f"{path}.{os.getpid()}"
    try:
        with open(draft, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        raise PersistError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if os.path.exists(draft):
            os.unlink(draft)


def abandon(how: Building, mine: bool) -> None:
    """Remove the shards of a build that failed, and the folder if it is `mine`."""
    try:
        for name in os.listdir(how.folder):
            if name.startswith("shard-") and how.run in name:
                os.unlink(os.path.join(how.folder, name))
        if mine:
            os.rmdir(how.folder)
    except OSError:
        return  # what is left is no folder of shards: it has no manifest
