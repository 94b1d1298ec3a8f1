"""Columns of texts: hashed where they lie, made Python strings only where rows are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import EmbedError
from .._native import Handle, PackedTexts
from .values import is_null

Rows = npt.NDArray[np.int64]
RowHashes = npt.NDArray[np.uint64]

_PART: Final = 4096  # texts encoded together
_SEED: Final = int.from_bytes(os.urandom(8), "little")  # nobody can make two texts of one hash


class TextColumn:
    """Texts of a frame or of a list, each str or null.

    Made by `of_arrow` or `of_list`. Its memory must not change while it is used. ``source`` is what
    the library reads.
    """

    __slots__ = ("_pick", "rows", "source")

    def __init__(
        self, source: Handle | PackedTexts, rows: int, pick: Callable[[Rows | None], list[Any]]
    ) -> None:
        self.source = source
        self._pick = pick
        self.rows = rows

    @classmethod
    def of_arrow(
        cls, column: Any, rows: int, pick: Callable[[Rows | None], list[Any]]
    ) -> TextColumn:
        """Borrow a column that has ``__arrow_c_stream__``; `pick` makes strings of rows (or all).

        Of type utf8, large_utf8 or utf8_view.
        """
        return cls(_native.texts_from_stream(column), rows, pick)

    @classmethod
    def of_list(cls, cells: list[Any]) -> TextColumn:
        """Take a list of texts and nulls.

        Raises
        ------
        EmbedError
            A cell is something else; names its row.
        """
        texts = checked(cells)

        def pick(rows: Rows | None) -> list[Any]:
            return texts if rows is None else [texts[row] for row in rows.tolist()]

        return cls(_packed(texts), len(texts), pick)

    def digest(self) -> bytes:
        """Return 16 bytes that all columns of these texts share, in any library and layout."""
        return _native.texts_hash(self.source)

    def hashes(self) -> RowHashes:
        """Return a hash of each text, shape (n, 2), for this process: 0, 0 for null alone."""
        return _native.text_hashes(self.source, _SEED)

    def some(self, rows: Rows) -> list[Any]:
        """Return the texts of rows; null is None."""
        return self._pick(rows)

    def all(self) -> list[Any]:
        """Return all texts; null is None."""
        return self._pick(None)

    def first(self) -> tuple[int, str] | None:
        """Return the first row that has a text, and that text."""
        for start in range(0, self.rows, _PART):
            part = self._pick(np.arange(start, min(start + 16, self.rows)))
            if not any(isinstance(text, str) for text in part):
                part = self._pick(np.arange(start, min(start + _PART, self.rows)))
            for row, text in enumerate(part):
                if isinstance(text, str):
                    return start + row, text
        return None

    def close(self) -> None:
        """Give the memory back."""
        if isinstance(self.source, Handle):
            self.source.close()


def checked(cells: list[Any]) -> list[Any]:
    """Return texts with every null as None.

    Raises
    ------
    EmbedError
        Names the first cell that is neither text nor null.
    """
    kinds = set(map(type, cells))
    if kinds <= {str, type(None)}:
        return cells
    texts: list[Any] = []
    for row, cell in enumerate(cells):
        if isinstance(cell, str):
            texts.append(cell)
        elif is_null(cell):
            texts.append(None)
        else:
            raise EmbedError(
                f"row {row} is {cell!r:.40} ({type(cell).__name__}), not text; "
                "convert the column, for example with str",
                row=row,
            )
    return texts


def _packed(texts: Sequence[str | None]) -> PackedTexts:
    offsets = np.zeros(len(texts) + 1, np.int64)
    parts: list[bytes] = []
    nulls = None in texts
    for start in range(0, len(texts), _PART):  # between parts Ctrl-C is seen
        part: Any = texts[start : start + _PART]
        if nulls:
            part = [text or "" for text in part]
        joined = "".join(part)
        if joined.isascii():
            parts.append(joined.encode("ascii"))
        else:
            part = [text.encode("utf-8", "surrogatepass") for text in part]
            parts.append(b"".join(part))
        lengths = np.fromiter(map(len, part), np.int64, len(part))
        offsets[start + 1 : start + 1 + len(part)] = lengths
    np.cumsum(offsets, out=offsets)
    if len(parts) == 1 and parts[0]:
        data = np.frombuffer(parts[0], np.uint8)
    else:
        data = np.empty(max(1, int(offsets[-1])), np.uint8)
        at = 0
        for encoded in parts:
            data[at : at + len(encoded)] = np.frombuffer(encoded, np.uint8)
            at += len(encoded)
    if not nulls:
        return PackedTexts(data, offsets, None)
    valid = np.fromiter((text is not None for text in texts), np.bool_, len(texts))
    return PackedTexts(data, offsets, np.packbits(valid, bitorder="little"))
