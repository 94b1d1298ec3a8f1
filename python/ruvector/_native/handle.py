"""Handles: what columns and indexes are called in the library."""

from __future__ import annotations

import weakref
from ctypes import c_uint64
from typing import Any

from .._errors import IndexClosed
from . import library
from .arrow import collect
from .library import call_for_bytes
from .task import finalizing, free


def _free_handle(cell: c_uint64) -> None:
    free(cell)
    if library.is_loaded() and not library.forked:
        collect()


_free_handle_later = finalizing(_free_handle)


class Version:
    """An index between two changes, and what is known of it; see `facts`."""

    __slots__ = ("asked", "facts")

    def __init__(self) -> None:
        self.facts: Any = None
        self.asked: dict[Any, Any] = {}  # see `short`


class Handle:
    """What a column or an index is called in the library; freed when collected or closed."""

    __slots__ = ("__weakref__", "_finalizer", "cell", "value", "version")

    def __init__(self) -> None:
        # Made before the object it names: an interrupt right after that finds it here.
        self.cell = c_uint64(0)
        self.value = 0
        self.version = Version()
        self._finalizer = weakref.finalize(self, _free_handle_later, self.cell)
        self._finalizer.atexit = False

    def adopt(self) -> Handle:
        """Take over what the library wrote into ``cell``."""
        self.value = self.cell.value
        return self

    def outdate(self) -> None:
        """Know that the index was changed, or may have been: what is known of it is of before.

        One assignment, no lock: whoever is asking what the old version was writes it there.
        """
        self.version = Version()

    def close(self) -> None:
        """Give the handle up; more than once is fine."""
        self.value = 0
        free(self.cell)  # here, so that the finalizer is still there if this is interrupted
        self._finalizer()


def info(handle: Handle) -> dict[str, Any]:
    """Return what the library says of a column or an index."""
    import json  # here, so that importing the package stays short

    value = handle.value  # another thread may close it, and 0 asks about the library
    if not value:
        raise IndexClosed("the index is closed; build or load it again")
    answer: dict[str, Any] = json.loads(call_for_bytes("rv_info", value))
    return answer
