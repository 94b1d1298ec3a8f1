"""Which vectors were made here, and by what: hashes of rows that `embed` put into frames.

A text that is searched in a column of vectors needs the embedder that made them. Columns cannot
carry its name, rows of them are filtered, sorted and joined: so each row is known by its hash.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .._locks import Lock
from .embedder import Embedder

Hashes = npt.NDArray[np.uint64]

MOST_ROWS: Final = 8 << 20  # 64 MiB of hashes
_COLUMNS: Final = 64


class Origin(NamedTuple):
    """What is known of the rows of a column: their embedder, or the first row of another."""

    embedder: Embedder | None
    unknown: int = 0  # rows that the likeliest embedder did not make
    row: int = -1  # the first of them
    likeliest: Embedder | None = None
    other: Embedder | None = None  # which made that row, if one did


class Made:
    """Hashes of the rows that each embedder made, the oldest out first. Thread-safe."""

    __slots__ = ("_columns", "_lock", "_makers", "_rows")

    def __init__(self) -> None:
        self._lock = Lock(self.clear)
        self._makers: OrderedDict[Hashable, tuple[Embedder, list[Hashes]]] = OrderedDict()
        self._columns: OrderedDict[bytes, Embedder] = OrderedDict()
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def clear(self) -> None:
        """Forget all rows."""
        self._makers = OrderedDict()
        self._columns = OrderedDict()
        self._rows = 0

    def put(self, embedder: Embedder, hashes: Hashes) -> None:
        """Remember rows by their hashes; 0 is a null row."""
        fresh = np.unique(hashes)
        fresh = fresh[fresh > 0]
        with self._lock:
            _, blocks = self._makers.setdefault(embedder.key, (embedder, []))
            fresh = fresh[~_among(blocks, fresh)]
            self._rows += len(fresh)
            # Blocks shrink from first to last by half at least: few are looked into.
            while blocks and len(blocks[-1]) < 2 * len(fresh):
                fresh = np.sort(np.concatenate([blocks.pop(), fresh]))
            if len(fresh):
                blocks.append(fresh)
            self._makers.move_to_end(embedder.key)
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        while self._rows > MOST_ROWS:
            key = next(iter(self._makers))
            _, blocks = self._makers[key]
            self._rows -= len(blocks.pop(0))
            if not blocks:
                del self._makers[key]

    def origin(self, hashes: Hashes) -> Origin:
        """Return the embedder that made all rows which are not null."""
        rows = np.flatnonzero(hashes)
        best = Origin(None, len(rows), -1 if not len(rows) else int(rows[0]))
        with self._lock:
            makers = [(maker, list(blocks)) for maker, blocks in self._makers.values()]
        for maker, blocks in reversed(makers):
            other = rows[~_among(blocks, hashes[rows])]
            if not len(other):
                return Origin(maker) if len(rows) else best
            if len(other) < best.unknown:
                best = Origin(None, len(other), int(other[0]), maker)
        for maker, blocks in makers:
            if best.row >= 0 and _among(blocks, hashes[[best.row]]).all():
                best = best._replace(other=maker)
        return best

    def by_others(
        self, hashes: Hashes, key: Hashable, others: Callable[[Embedder], bool]
    ) -> tuple[int, Embedder] | None:
        """Return the first row that another embedder made, and that; None where there is none.

        Rows that the embedder of `key` made are not looked at; `others` says whether one that has
        another key is known to be another embedder.
        """
        with self._lock:
            makers = [(maker, list(blocks)) for maker, blocks in self._makers.values()]
        rows = np.flatnonzero(hashes)
        for maker, blocks in makers:
            if maker.key == key:
                rows = rows[~_among(blocks, hashes[rows])]
        found = None
        for maker, blocks in makers:
            if maker.key == key or not len(rows):
                continue
            theirs = rows[_among(blocks, hashes[rows])]
            if len(theirs) and (found is None or theirs[0] < found[0]) and others(maker):
                found = int(theirs[0]), maker
        return found

    def of_column(self, digest: bytes) -> Embedder | None:
        """Return what made a column that was asked for before."""
        with self._lock:
            return self._columns.get(digest)

    def put_column(self, digest: bytes, embedder: Embedder) -> None:
        """Remember what made a whole column."""
        with self._lock:
            self._columns[digest] = embedder
            if len(self._columns) > _COLUMNS:
                self._columns.popitem(last=False)


def _among(blocks: list[Hashes], hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Return which hashes are in one of the sorted blocks."""
    found = np.zeros(len(hashes), np.bool_)
    for block in blocks:
        at = np.minimum(np.searchsorted(block, hashes), len(block) - 1)
        found |= block[at] == hashes
    return found


made: Final = Made()
