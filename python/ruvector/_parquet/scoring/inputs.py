"""What ``inputs=`` means: files in the order of their names, and columns that folders give."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from ..._errors import InvalidArgument
from ..._native.files import file_path
from . import tables
from .filesystems import store_of, store_of_url
from .globs import local_files, stored_files
from .hive import Constant, Texts, partitions_of, typed
from .places import LocalPlace, Place, Store, StoredPlace, asked

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_TAKEN: Final = (
    "pass a path, a pattern, a folder or a list of them, a pair (filesystem, path) of fsspec, "
    "pyarrow.fs or obstore, or a table of pyiceberg or deltalake"
)


class Input(NamedTuple):
    """One file to score."""

    place: Place
    constants: tuple[Constant, ...]


class Inputs(NamedTuple):
    """All files to score, in the order in which they are."""

    files: tuple[Input, ...]
    folders: tuple[str, ...]  # of this machine, whose files are inputs
    snapshots: tuple[str, ...]  # tables, with what of them was read
    fields: tables.Fields | None  # of an Iceberg table: what its field ids mean


class _Met(NamedTuple):
    """A file that was found, with what its folders are called or its table says."""

    place: Place
    texts: Texts
    constants: tuple[Constant, ...] | None


def find_inputs(inputs: Any) -> Inputs:
    """Return the files that ``inputs=`` means.

    Raises
    ------
    FileMissing
        A path, folder or pattern means no file.
    InvalidArgument
        An input is of a kind that is not known, is named twice, or a table with rows deleted in
        ways that cannot be applied; there is none.
    ColumnError
        Folders give some files other columns than others.
    MissingExtra
        A URL needs a package that is not installed.
    """
    met: list[_Met] = []
    folders: list[str] = []
    snapshots: list[str] = []
    fields: list[tables.Fields] = []
    for item in items_of(inputs):
        table = tables.read_table(item)
        if table is not None:
            snapshots.append(table.snapshot)
            met += [_Met(file.place, (), file.constants) for file in table.files]
            if table.fields is not None:
                fields.append(table.fields)
        else:
            met += _files_of(item, folders)
    if not met:
        what = "the table has no rows" if snapshots else "there are none"
        raise InvalidArgument(f"inputs={_short(inputs)}: {what}; {_TAKEN}")
    if snapshots and (len(snapshots) > 1 or any(each.constants is None for each in met)):
        raise InvalidArgument("a table is an input by itself: score it into a folder of its own")
    met.sort(key=lambda each: each.place.name)
    for one, other in pairwise(met):
        if one.place.name == other.place.name:
            raise InvalidArgument(f"inputs= names {one.place.name} twice; its rows would be twice")
    plain = typed([(each.place.name, each.texts) for each in met])
    return Inputs(
        tuple(
            Input(each.place, hive if each.constants is None else each.constants)
            for each, hive in zip(met, plain, strict=True)
        ),
        tuple(folders),
        tuple(snapshots),
        fields[0] if fields else None,
    )


def items_of(inputs: Any) -> list[Any]:
    """Return inputs one by one; a pair of a file system and a path is one."""
    if isinstance(inputs, tuple) and _is_pair(inputs):
        return [inputs]
    if isinstance(inputs, list | tuple | set | frozenset):
        return [each for item in inputs for each in items_of(item)]
    if isinstance(inputs, Iterator):
        return [each for item in inputs for each in items_of(item)]
    return [inputs]


def _is_pair(pair: tuple[Any, ...]) -> bool:
    return len(pair) == 2 and store_of(pair[0]) is not None


def _files_of(item: Any, folders: list[str]) -> list[_Met]:
    """Return the files of one input that is no table."""
    if isinstance(item, str | os.PathLike):
        path = os.fspath(item)
        path = os.fsdecode(path) if isinstance(path, bytes) else path
        scheme = _URL.match(path)
        if scheme is None or scheme[1].lower() == "file":
            return _local(path if scheme is None else unquote(path[len("file://") :]), folders)
        return _stored(*store_of_url(path))
    if isinstance(item, tuple) and _is_pair(item):
        store = store_of(item[0])
        assert store is not None
        paths = item[1] if isinstance(item[1], list | tuple) else [item[1]]
        return [met for path in paths for met in _stored(store, _key(path))]
    return _carried(item)


def _carried(item: Any) -> list[_Met]:
    """Return the files of an object that has its file system with it."""
    store = store_of(getattr(item, "fs", None))  # what fsspec.open and open_files give
    if store is not None and isinstance(getattr(item, "path", None), str):
        return _stored(store, item.path)
    store = store_of(getattr(item, "filesystem", None))  # a pyarrow.dataset of files
    files = getattr(item, "files", None)
    if store is not None and isinstance(files, list):
        return [_Met(StoredPlace(store, name), (), None) for name in sorted(files)]
    raise InvalidArgument(f"inputs={_short(item)} is not what can be scored: {_TAKEN}")


def _local(path: str, folders: list[str]) -> list[_Met]:
    name = file_path(path)
    if os.path.isdir(name):
        folders.append(os.path.realpath(name))
    return [
        _Met(LocalPlace(file), partitions_of(between), None) for file, between in local_files(name)
    ]


def _stored(store: Store, key: str) -> list[_Met]:
    found = asked(store.name(key), "listed", lambda: stored_files(store, key))
    return [_Met(StoredPlace(store, name), partitions_of(between), None) for name, between in found]


def _key(path: Any) -> str:
    if not isinstance(path, str | os.PathLike):
        raise InvalidArgument(
            f"inputs=(filesystem, {_short(path)}): the second of the pair is a path, a pattern or "
            "a list of them"
        )
    return os.fsdecode(os.fspath(path))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def refuse_inside(out: str, inputs: Inputs) -> None:
    """Refuse an output folder among the inputs: parts would be scored by the next run.

    Raises
    ------
    InvalidArgument
    """
    real = os.path.realpath(out)
    for folder in inputs.folders:
        if real == folder or real.startswith(folder.rstrip("/") + "/"):
            raise InvalidArgument(
                f"out={out!r} lies in the folder of the inputs, {folder}: the parts would be "
                "inputs of the next run; give a folder beside it"
            )
    for file in inputs.files:
        if file.place.local and os.path.realpath(file.place.name).startswith(real + "/"):
            raise InvalidArgument(
                f"out={out!r} holds the input {file.place.name}; give a folder of its own"
            )
