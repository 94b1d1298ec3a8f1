"""Indexes as files and as bytes."""

from __future__ import annotations

import os
from ctypes import byref

from ._errors import FileError, InvalidArgument
from ._handle import Handle
from ._library import call
from ._task import Task

STORE_VECTORS = 1


def file_path(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    """Return a path as text, with ``~`` expanded.

    Raises
    ------
    InvalidArgument
        No file can have such a name: it is empty, or has a NUL or half of a surrogate pair in it.
    """
    name = os.path.expanduser(os.fsdecode(path))
    try:
        raw = os.fsencode(name)
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"path={name!r} has half of a surrogate pair at {error.start}, which no file name can "
            "have; clean it: path.encode('utf-8', 'replace').decode()"
        ) from None
    if not raw or b"\0" in raw:
        what = "has a NUL in it" if raw else "is empty"
        raise InvalidArgument(f"path={name!r} {what}; give the name of a file")
    return name


def save(handle: Handle, path: str, store_vectors: bool) -> None:
    """Write an index to a file, complete or not at all."""
    name = os.fsencode(path)
    task = Task()
    flags = STORE_VECTORS if store_vectors else 0
    try:
        call("rv_save_start", handle.value, name, len(name), flags, byref(task.cell))
        task.wait()
        task.result()
    except FileError as error:
        error.filename = path
        raise


def load(path: str, column: Handle | None = None) -> Handle:
    """Read an index from a file, and attach the column."""
    name = os.fsencode(path)
    handle, task = Handle(), Task()
    attached = 0 if column is None else column.value
    if column is not None and not attached:
        raise InvalidArgument("the column of the vectors is closed")
    try:
        call("rv_load_start", name, len(name), attached, byref(task.cell))
        task.wait()
        task.result(handle.cell)
    except FileError as error:
        error.filename = path
        raise
    return handle.adopt()
