"""Arrow C structs written by hand, with releases that are counted and say on which thread they ran.

Nothing checks what is put into them: that is the point.
"""

from __future__ import annotations

import ctypes
import threading
import time
from ctypes import POINTER, byref, c_void_p, cast
from typing import Any

import numpy.typing as npt

from ruvector._native import arrow as _arrow
from ruvector._native import library as _library
from ruvector._native.arrow import ArrowArray, ArrowSchema

_ON_ARRAY = ctypes.CFUNCTYPE(None, POINTER(ArrowArray))
_ON_SCHEMA = ctypes.CFUNCTYPE(None, POINTER(ArrowSchema))


class Stream(ctypes.Structure):
    """struct ArrowArrayStream"""

    _fields_ = [
        (name, c_void_p)
        for name in ("get_schema", "get_next", "get_last_error", "release", "private_data")
    ]


class Column:
    """A FixedSizeList column of ``rows`` whose structs a test may spoil before handing them over.

    ``released`` has one thread id for every call of the array's release, ``schema_released`` for
    the schema's.
    """

    def __init__(self, values: npt.NDArray[Any], form: bytes = b"f") -> None:
        self.values = values
        rows, dim = values.shape
        self.released: list[int] = []
        self.schema_released: list[int] = []
        self._on_array = _ON_ARRAY(self._release_array)
        self._on_schema = _ON_SCHEMA(self._release_schema)
        self._on_child = _ON_ARRAY(lambda a: setattr(a.contents, "release", None))
        self._on_child_schema = _ON_SCHEMA(lambda s: setattr(s.contents, "release", None))
        self.child_buffers = (c_void_p * 2)(None, values.ctypes.data)
        self.child = ArrowArray(
            length=rows * dim, n_buffers=2, buffers=_at(self.child_buffers),
            release=cast(self._on_child, c_void_p),
        )  # fmt: skip
        self.children = (c_void_p * 1)(ctypes.addressof(self.child))
        self.buffers = (c_void_p * 3)()
        self.array = ArrowArray(
            length=rows, n_buffers=1, n_children=1, buffers=_at(self.buffers),
            children=_at(self.children), release=cast(self._on_array, c_void_p),
        )  # fmt: skip
        self.child_schema = ArrowSchema(
            format=form, name=b"item", release=cast(self._on_child_schema, c_void_p)
        )
        self.schema_children = (c_void_p * 1)(ctypes.addressof(self.child_schema))
        self.schema = ArrowSchema(
            format=b"+w:%d" % dim, name=b"v", n_children=1, children=_at(self.schema_children),
            release=cast(self._on_schema, c_void_p),
        )  # fmt: skip

    def _release_array(self, array: Any) -> None:
        self.released.append(threading.get_native_id())
        array.contents.release = None

    def _release_schema(self, schema: Any) -> None:
        self.schema_released.append(threading.get_native_id())
        schema.contents.release = None

    def give(self) -> int:
        """Import the structs; returns the column's handle or raises."""
        out = ctypes.c_uint64(0)
        _library.call("rv_column_import", byref(self.array), byref(self.schema), byref(out))
        return out.value


def released_once(released: list[int]) -> bool:
    """Whether one thread that Python started ran the release, once: never a thread of Go's.

    Any such thread may be the one: each empties the list of releases before a call of it returns,
    and threads of ours wait in calls beside the test.
    """
    until = time.monotonic() + 10
    while not released and time.monotonic() < until:
        time.sleep(0.001)  # another thread has taken it and is about to run it
    ours = {thread.native_id for thread in threading.enumerate()}
    return len(released) == 1 and released[0] in ours


class Batches:
    """A stream of Columns; ``fail_at`` makes get_next fail there, -1 makes get_schema fail."""

    def __init__(self, columns: list[Column], fail_at: int | None = None) -> None:
        self.columns = columns
        self.fail_at = fail_at
        self.taken = 0
        self.releases = 0
        self._callbacks = (
            ctypes.CFUNCTYPE(ctypes.c_int, c_void_p, c_void_p)(self._get_schema),
            ctypes.CFUNCTYPE(ctypes.c_int, c_void_p, c_void_p)(self._get_next),
            ctypes.CFUNCTYPE(c_void_p, c_void_p)(self._last_error),
            ctypes.CFUNCTYPE(None, POINTER(Stream))(self._release),
        )
        self._message = ctypes.create_string_buffer(b"the disk is on fire")
        self.stream = Stream(*(cast(c, c_void_p) for c in self._callbacks))

    def _get_schema(self, _: Any, out: int) -> int:
        if self.fail_at == -1:
            return 5
        _move(self.columns[0].schema, out)
        return 0

    def _get_next(self, _: Any, out: int) -> int:
        if self.taken == self.fail_at:
            return 5
        if self.taken < len(self.columns):
            _move(self.columns[self.taken].array, out)
            self.taken += 1
        return 0

    def _last_error(self, _: Any) -> int:
        return ctypes.addressof(self._message)

    def _release(self, stream: Any) -> None:
        self.releases += 1
        stream.contents.release = None

    def give(self) -> int:
        """Import the stream; returns the column's handle or raises."""
        out = ctypes.c_uint64(0)
        _library.call("rv_column_import_stream", byref(self.stream), byref(out))
        return out.value


def free(handle: int) -> None:
    """Free a handle."""
    _library.call("rv_free", handle)
    _arrow.collect()


def _at(memory: Any) -> int:
    return ctypes.addressof(memory)


def _move(source: Any, to: int) -> None:
    ctypes.memmove(to, ctypes.addressof(source), ctypes.sizeof(source))
    source.release = None
