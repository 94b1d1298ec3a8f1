"""Vectors of texts, kept by text: whatever column a text comes in, it is embedded once.

A column that was embedded is one entry of the cache, found by its digest. Its texts are also found
one by one, through an index by embedder and hash of the text, so that of a changed column only the
new texts are embedded. What was embedded before an interrupt or an error is an entry, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from .._errors import RuVectorError
from .._input.cells import Validity
from .._input.text_columns import RowHashes, Rows, TextColumn
from .._input.vectors import Float32Matrix
from .._locks import Lock
from .._progress import Progress
from .batches import BATCH_TEXTS, Look
from .embedder import Embedder, check_queries, lists_kept_by

_TEXT_BYTES: Final = 120  # of the index: a key, a number and their place in the dict
_parts = itertools.count()


class Keeper(Protocol):
    """A cache: `_put` may drop entries, whose `dropped` it then calls."""

    def _get(self, key: Hashable) -> Any: ...

    def _put(self, key: Hashable, value: Any, size: int) -> None: ...

    def _drop(self, key: Hashable) -> None: ...


class Entry:
    """Vectors of texts, kept by the cache; ``hashes[i]`` is of the text of row ``rows[i]``.

    Its key ends with what made the vectors: the embedder's, of documents or of queries.
    """

    __slots__ = ("base", "embedder", "hashes", "key", "matrix", "rows", "valid")

    def __init__(
        self,
        key: tuple[Any, ...],
        embedder: Embedder,
        matrix: Float32Matrix,
        valid: Validity,
        hashes: RowHashes,
        rows: Rows,
    ) -> None:
        self.key = key
        self.embedder = embedder  # kept alive: its key may be told by its identity
        self.matrix = matrix
        self.valid = valid
        self.hashes = hashes
        self.rows = rows
        self.base = -1  # where its texts begin in the numbers of `_Known`

    @property
    def maker(self) -> Hashable:
        """The key of what made the vectors."""
        maker: Hashable = self.key[-1]
        return maker

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return (
            self.matrix.nbytes + self.valid.nbytes + self.hashes.nbytes + self.rows.nbytes
            + _TEXT_BYTES * len(self.rows)
        )  # fmt: skip

    def dropped(self) -> None:
        """Be found no more."""
        _known.remove(self)


class _Known:
    """Where the vector of each text is, by embedder. Thread-safe."""

    __slots__ = ("_entries", "_lock", "_next", "_places")

    def __init__(self) -> None:
        self._lock = Lock(self._forget)
        self._forget()

    def _forget(self) -> None:
        # For each maker the number of a text by the first half of its hash, that of the newest
        # of several; and the entries by the number of their first text.
        self._places: dict[Hashable, dict[int, int]] = {}
        self._entries: dict[int, Entry] = {}
        self._next = 0

    def add(self, entry: Entry) -> None:
        keys = entry.hashes[:, 0].tolist()
        if not keys:
            return  # nothing to find, and no number of its own
        with self._lock:
            entry.base = self._next
            self._next += len(keys)
            self._entries[entry.base] = entry
            places = self._places.setdefault(entry.maker, {})
            places.update(zip(keys, range(entry.base, self._next), strict=True))

    def remove(self, entry: Entry) -> None:
        keys = entry.hashes[:, 0].tolist()
        with self._lock:
            if self._entries.pop(entry.base, None) is None:
                return
            places = self._places.get(entry.maker, {})
            end = entry.base + len(keys)
            for key in keys:
                if entry.base <= places.get(key, -1) < end:
                    del places[key]
            if not places:
                self._places.pop(entry.maker, None)

    def find(self, maker: Hashable, hashes: RowHashes) -> Iterator[tuple[Entry, Rows, Rows]]:
        """Yield entries that have some of the texts: which ones, and their places there."""
        keys = hashes[:, 0].tolist()
        with self._lock:
            places = self._places.get(maker)
            if not places:
                return
            at = np.fromiter(map(places.get, keys, itertools.repeat(-1)), np.int64, len(keys))
            entries = {base: self._entries[base] for base in sorted(self._entries)}
        bases = np.fromiter(entries, np.int64, len(entries))
        which = np.searchsorted(bases, at, "right") - 1
        which[at < 0] = -1
        for number in np.unique(which[which >= 0]).tolist():
            entry = entries[int(bases[number])]
            texts = np.flatnonzero(which == number)
            there = at[texts] - entry.base
            same = (entry.hashes[there] == hashes[texts]).all(axis=1)
            yield entry, texts[same], there[same]


_known: Final = _Known()
_keeper: Keeper | None = None


def kept_by(keeper: Keeper) -> None:
    """Have vectors of texts kept by the cache, which knows how much memory there is."""
    global _keeper
    _keeper = keeper


def embed_texts(
    column: TextColumn,
    embedder: Embedder,
    *,
    size: int = BATCH_TEXTS,
    progress: Progress = None,
    digest: bytes | None = None,
    query: bool = False,
    look: Look = bool,
) -> tuple[Float32Matrix, Validity]:
    """Return ``(matrix, valid)`` of a column of texts; null and empty texts are not valid.

    The memory is the cache's. `digest` is that of the column, where it is known. `query` asks for
    the vectors of texts that search; those are kept apart where the model makes them differently.

    Raises
    ------
    EmbedError
        The embedder gave something else than one vector a text.
    Exception
        What the embedder raised; finished batches are kept, as when interrupted.
    """
    digest = column.digest() if digest is None else digest
    maker = embedder.query_key if query else embedder.key
    key = ("text", digest, maker)
    kept = None if _keeper is None else _keeper._get(key)
    if kept is not None:
        embedder.makes(kept.matrix.shape[1])
        return kept.matrix, kept.valid
    work = _Work(column, embedder, query)
    work.look_up()
    work.embed(size, progress, look)
    matrix, valid = work.column_of(key)
    embedder.makes(matrix.shape[1])
    return matrix, valid


def embed_queries(texts: list[str], embedder: Embedder) -> Float32Matrix:
    """Return the vectors of queries, those of many by what is known of their texts.

    Raises
    ------
    EmbedError
        A query has no text.
    """
    if len(texts) < BATCH_TEXTS:
        return embedder.query(texts)
    matrix, valid = embed_texts(TextColumn.of_list(texts), embedder, query=True)
    check_queries(texts, valid)
    return matrix


class _Work:
    """One column being embedded: its distinct texts, in the order of the rows they come in first.

    ``done`` are those of which `matrix` has the vector, or that have none.
    """

    def __init__(self, column: TextColumn, embedder: Embedder, query: bool) -> None:
        self.column = column
        self.embedder = embedder
        self.query = query
        self.maker = embedder.query_key if query else embedder.key
        hashes = column.hashes()
        self.present = np.flatnonzero(hashes.any(axis=1))
        first, self.of = _distinct(hashes[self.present])
        self.rows = self.present[first]
        self.hashes = hashes[self.rows]
        self.done = np.zeros(len(self.rows), np.bool_)
        self.valid = np.zeros(len(self.rows), np.bool_)
        self.matrix: Float32Matrix | None = None
        self.used: list[tuple[Entry, int]] = []

    def look_up(self) -> None:
        """Take the vectors that are known."""
        for entry, texts, there in _known.find(self.maker, self.hashes):
            rows = entry.rows[there]
            matrix = self._room(entry.matrix.shape[1])
            if matrix.shape[1] != entry.matrix.shape[1]:
                continue
            matrix[texts] = entry.matrix[rows]
            self.valid[texts] = entry.valid[rows]
            self.done[texts] = True
            self.used.append((entry, len(texts)))

    def _room(self, dim: int) -> Float32Matrix:
        if self.matrix is None:
            self.matrix = np.zeros((len(self.rows), dim), np.float32)
        return self.matrix

    def embed(self, size: int, progress: Progress, look: Look) -> None:
        """Embed the texts that are not known; keep those that were finished if it fails."""
        todo = np.flatnonzero(~self.done)
        texts = self.column.some(self.rows[todo])
        blank = np.fromiter((not text or text.isspace() for text in texts), np.bool_, len(texts))
        self.done[todo[blank]] = True
        texts = [text for text, empty in zip(texts, blank.tolist(), strict=True) if not empty]
        todo = todo[~blank]

        def rows(start: int, end: int) -> str:
            low, high = int(self.rows[todo[start]]), int(self.rows[todo[end - 1]])
            made = int(np.count_nonzero(self.done[todo]))
            kept = f"; {made:,} texts before are kept" if made and _keeper is not None else ""
            return f"while texts of rows {low} to {high} were embedded{kept}"

        batches = self.embedder.batches(texts, size, progress, rows, self.query, look)
        try:
            for start, end, found, valid in batches:
                matrix = self._room(found.shape[1])
                if matrix.shape[1] != found.shape[1]:
                    break
                matrix[todo[start:end]] = found
                self.valid[todo[start:end]] = valid
                self.done[todo[start:end]] = True
            else:
                return
        except BaseException as error:
            self._keep(todo)
            if isinstance(error, RuVectorError) and error.row is not None:
                error.row = int(self.rows[todo[error.row]]) if error.row < len(todo) else None
            raise
        finally:
            batches.close()
        self._forget_known()
        self.embed(size, progress, look)

    def _keep(self, made: Rows) -> None:
        """Put what was made into the cache though more is missing."""
        made = made[self.done[made]]
        if self.matrix is None or not len(made):
            return
        matrix = self.matrix[made]
        fine = np.isfinite(matrix).all(axis=1)
        if not fine.all():
            made, matrix = made[fine], matrix[fine]
        key = ("text", next(_parts), self.maker)
        everything = np.arange(len(made))
        _put(Entry(key, self.embedder, matrix, self.valid[made], self.hashes[made], everything))

    def _forget_known(self) -> None:
        """Know that the embedder makes vectors of other dimensions than it did."""
        for entry, _ in self.used:
            _drop(entry)
        self.used = []
        self.matrix = None
        self.done[:] = self.valid[:] = False

    def column_of(self, key: tuple[Any, ...]) -> tuple[Float32Matrix, Validity]:
        """Return the vectors of all rows, and have the cache keep them."""
        height = self.column.rows
        distinct = self._room(self.embedder.dim) if self.matrix is None else self.matrix
        if len(self.rows) == height:
            matrix, valid = distinct, self.valid
        else:
            matrix = np.zeros((height, distinct.shape[1]), np.float32)
            valid = np.zeros(height, np.bool_)
            matrix[self.present] = distinct[self.of]
            valid[self.present] = self.valid[self.of]
        if np.isfinite(distinct).all():  # else a build refuses it, and another try may do better
            _put(Entry(key, self.embedder, matrix, valid, self.hashes, self.rows))
            for entry, n in self.used:
                if isinstance(entry.key[1], int) and n == len(entry.rows):
                    _drop(entry)  # a part that was kept, of what is there as a whole now
        return matrix, valid


def _embed_list(
    texts: list[str], embedder: Embedder, query: bool, look: Look
) -> tuple[Float32Matrix, Validity]:
    """Return ``(matrix, valid)`` of a list of texts, as `embed_texts` does, in own memory."""
    column = TextColumn.of_list(texts)
    matrix, valid = embed_texts(column, embedder, query=query, look=look)
    return matrix.copy(), valid.copy()


lists_kept_by(_embed_list)


def _distinct(hashes: RowHashes) -> tuple[Rows, Rows]:
    """Return the first place of each text, in order, and which of these texts each one is."""
    keys: npt.NDArray[Any] = hashes[:, 0]
    _, first, of = np.unique(keys, return_index=True, return_inverse=True)
    if (hashes[first[of], 1] != hashes[:, 1]).any():  # halves of two hashes are equal
        keys = np.ascontiguousarray(hashes).view([("", np.uint64)] * 2).reshape(-1)
        _, first, of = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[of]


def _put(entry: Entry) -> None:
    if _keeper is not None:
        _known.add(entry)  # first: the cache may drop it at once
        _keeper._put(entry.key, entry, entry.size)


def _drop(entry: Entry) -> None:
    if _keeper is not None:
        _keeper._drop(entry.key)
