"""What vectors are known by: a hash of their content, and shortcuts to it that cannot lie."""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from typing import Any, Final

from . import _native
from ._locks import Lock
from ._vectors import Vectors

_SAMPLES: Final = 64

_lock = Lock()
_seen: dict[tuple[int, Hashable], tuple[tuple[Any, ...], bytes]] = {}


def content_key(vectors: Vectors, owner: Any, label: Any) -> bytes:
    """Return a key that only equal vectors share (XXH3-128).

    Arrow memory does not change, so while the same frame holds the same memory its hash is
    remembered; a sample of rows guards against memory that was freed and used again. The cells
    of object columns can change in place: they are hashed each time.

    Parameters
    ----------
    vectors : Vectors
    owner : object
        The frame that holds the memory.
    label : object
        The column's name in it.
    """
    mark = None if vectors.matrix is not None else _mark(vectors)
    if mark is None or not isinstance(label, Hashable):
        return _native.column_hash(vectors.handle)
    place = (id(owner), label)
    with _lock:
        known = _seen.get(place)
    if known is not None and known[0] == mark:
        return known[1]
    key = _native.column_hash(vectors.handle)
    try:
        weakref.finalize(owner, _seen.pop, place, None).atexit = False
    except TypeError:  # a frame that cannot tell when it is gone
        return key
    with _lock:
        _seen[place] = (mark, key)
    return key


def _mark(vectors: Vectors) -> tuple[Any, ...] | None:
    """Return where the vectors lie and what some of them are, None if not in one piece."""
    address = vectors.address()
    if not address:
        return None
    matrix = vectors.floats()
    sample = matrix[:: max(1, len(matrix) // _SAMPLES)]
    return address, vectors.rows, vectors.dim, sample.tobytes()
