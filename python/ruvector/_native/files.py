"""Indexes as files and as bytes."""

from __future__ import annotations

import ctypes
import os
from ctypes import byref
from typing import Any

import numpy as np

from .._errors import FileError, InvalidArgument, OutOfMemory
from .arrow import address
from .handle import Handle, info
from .library import call
from .structs import OpenParams
from .task import Progress, Task

STORE_VECTORS = 1
MAP_FILE = 1

_make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_char_p, ctypes.c_ssize_t)(
    ("PyBytes_FromStringAndSize", ctypes.pythonapi)
)
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(
    ("PyBytes_AsString", ctypes.pythonapi)
)


def sync_folder(folder: str) -> None:
    """Have the names of a folder reach the disk."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def file_path(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    argument: str = "path",
    thing: str = "file",
) -> str:
    """Return a path as text, with ``~`` expanded. `argument` is what errors call it.

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
            f"{argument}={name!r} has half of a surrogate pair at {error.start}, which no file "
            f"name can have; clean it: {argument}.encode('utf-8', 'replace').decode()"
        ) from None
    if not raw or b"\0" in raw:
        what = "has a NUL in it" if raw else "is empty"
        raise InvalidArgument(f"{argument}={name!r} {what}; give the name of a {thing}")
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


def load(path: str, column: Handle | None = None, *, mmap: bool = False, memory: int = 0) -> Handle:
    """Read an index from a file, or map it, and attach the column."""
    name = os.fsencode(path)
    attached = 0 if column is None else column.value
    if column is not None and not attached:
        raise InvalidArgument("the column of the vectors is closed")
    flags = MAP_FILE if mmap else 0
    params = OpenParams(ctypes.sizeof(OpenParams), flags, name, len(name), attached, memory)
    handle, task = Handle(), Task(lent=params)
    try:
        call("rv_open_start", byref(params), byref(task.cell))
        task.wait()
        task.result(handle.cell)
    except FileError as error:
        error.filename = path
        raise
    return handle.adopt()


def verify(handle: Handle, threads: int, progress: Progress) -> None:
    """Look at what no call has looked at yet of a mapped file."""
    task = Task()
    call("rv_verify_start", handle.value, threads, byref(task.cell))
    task.wait(progress, "verify")
    task.result()


def encode(handle: Handle, store_vectors: bool | None = None) -> bytes:
    """Return an index as bytes; by default with its vectors if it has them.

    They are written where they will stay, so that nothing has a second copy of them.
    """
    if store_vectors is None:
        store_vectors = info(handle)["vectors"]
    flags = STORE_VECTORS if store_vectors else 0
    encoding, task = Handle(), Task()
    try:
        call("rv_encoding_start", handle.value, flags, byref(task.cell))
        task.wait()
        task.result(encoding.cell)
        size = int(info(encoding.adopt())["bytes"])
        data = _unwritten(size)
        task = Task(lent=data)
        where = _pointer(data)
        call("rv_encoding_copy_start", encoding.value, where, size, byref(task.cell))
        task.wait()
        task.result()
    finally:
        encoding.close()
    return data


def decode(data: Any) -> Handle:
    """Return the index that bytes, or anything else with a buffer, hold."""
    raw = np.frombuffer(data, np.uint8)
    handle, task = Handle(), Task(lent=raw)
    call("rv_decode_start", address(raw), len(raw), byref(task.cell))
    task.wait()
    task.result(handle.cell)
    return handle.adopt()


def _unwritten(size: int) -> bytes:
    """Return bytes that nothing was written to yet, which nobody else may see before it was."""
    try:
        data: bytes = _make(None, size)
    except MemoryError:
        raise OutOfMemory(f"no room for the {size:,} bytes of the index; save it to a file") from (
            None
        )
    return data
