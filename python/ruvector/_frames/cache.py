"""What frame verbs keep between calls: indexes and embedded text columns, by content.

A key is the XXH3 of the vectors (or of the texts) and every parameter that matters.
An index kept here holds codes only and never a reference to the user's memory: each search
attaches the vectors of its own frame, equal by the key.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final, NamedTuple

from .._locks import Lock
from .._settings import current
from .._show import html
from .._text.made import made
from .._text.remembered import Entry, kept_by

_GIB: Final = 1 << 30


class CacheInfo(NamedTuple):
    """The state of the cache: what it holds, what it may hold, how often it helped.

    ``rows_made`` are vectors that `embed` made, remembered so that their embedder is found again:
    8 bytes each, at most 64 MiB, which `bytes` does not count.
    """

    indexes: int
    texts: int
    bytes: int
    limit: int
    hits: int
    misses: int
    rows_made: int = 0

    def _repr_html_(self) -> str:
        return html.facts(
            "ruvector.cache",
            [
                ("indexes", self.indexes),
                ("embedded text columns", self.texts),
                ("memory", f"{html.size(self.bytes)} of {html.size(self.limit)}"),
                ("hits", self.hits),
                ("misses", self.misses),
                ("rows that embed made", self.rows_made),
            ],
        )


class Cache:
    """Indexes and embedded texts behind the frame verbs, least recently used out first.

    ``rv.cache`` is the only one. Its size is ``rv.config(cache_bytes=...)``. Thread-safe.
    """

    __slots__ = ("_bytes", "_entries", "_hits", "_lock", "_misses")

    def __init__(self) -> None:
        self._lock = Lock(self._forget)
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0

    def info(self) -> CacheInfo:
        """Return what the cache holds: entries, bytes, limit, hits and misses."""
        with self._lock:
            self._evict(_limit())
            texts = sum(1 for key in self._entries if _is_text(key))
            return CacheInfo(
                indexes=len(self._entries) - texts,
                texts=texts,
                bytes=self._bytes,
                limit=_limit(),
                hits=self._hits,
                misses=self._misses,
                rows_made=len(made),
            )

    def clear(self) -> None:
        """Drop everything and count from zero. Searches that run keep what they use."""
        with self._lock:
            for value, _ in self._entries.values():
                _let_go(value)
            self._entries.clear()
            self._bytes = self._hits = self._misses = 0
        made.clear()

    def _forget(self) -> None:
        """Hold nothing, in a child that was forked while an entry was half put in."""
        self._entries = OrderedDict()
        self._bytes = 0

    def _get(self, key: Hashable) -> Any:
        with self._lock:
            self._evict(_limit())
            entry = self._entries.get(key)
            if entry is None:
                self._misses += 1
                return None
            self._hits += 1
            self._entries.move_to_end(key)
            return entry[0]

    def _put(self, key: Hashable, value: Any, size: int) -> None:
        limit = _limit()
        with self._lock:
            self._remove(key)
            if size <= limit:
                self._entries[key] = (value, size)
                self._bytes += size
            else:
                _let_go(value)
            self._evict(limit)

    def _drop(self, key: Hashable) -> None:
        with self._lock:
            self._remove(key)

    def _remove(self, key: Hashable) -> None:
        value, size = self._entries.pop(key, (None, 0))
        self._bytes -= size
        _let_go(value)

    def _evict(self, limit: int) -> None:
        """Drop what was used least recently until `limit` holds, which may have been lowered."""
        while self._bytes > limit:
            self._remove(next(iter(self._entries)))

    def __repr__(self) -> str:
        info = self.info()
        return (
            f"Cache({info.indexes} indexes, {info.texts} text columns, "
            f"{html.size(info.bytes)} of {html.size(info.limit)})"
        )

    def _repr_html_(self) -> str:
        return self.info()._repr_html_()


cache: Final = Cache()
kept_by(cache)


def _let_go(value: Any) -> None:
    """Tell a value that is found by more than its key that it is dropped."""
    if isinstance(value, Entry):
        value.dropped()


def _is_text(key: Hashable) -> bool:
    return isinstance(key, tuple) and key[0] == "text"


def _limit() -> int:
    if current.cache_bytes is not None:
        return current.cache_bytes
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(memory // 4, 4 * _GIB)
