"""Splitters of others: what they cut a text into, found in the text again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from .._errors import InvalidArgument

Span = tuple[int, int]
_SHOWN: Final = 60


def split_with(splitter: Any, text: str, row: int) -> list[Span]:
    """Return where the pieces of a splitter are in a text, in the order that it gave them.

    Parameters
    ----------
    splitter : callable, or object with ``split_text`` or ``chunk``
        Returns an iterable of pieces: strings, objects with ``page_content`` or ``text``, dicts
        with either, or pairs (start, end).
    text : str
    row : int
        Names the text in errors.

    Returns
    -------
    list of (start, end)
        Characters. A piece that is in the text as it is has its place there; one whose white
        space was changed has that of its first to last other character. A text that is there
        more than once is taken from left to right. Blank pieces are left out.

    Raises
    ------
    InvalidArgument
        `splitter` cuts nothing, a piece is no text, or a piece is not in the text.
    """
    pieces: list[str] = []
    spans: list[Span] = []
    told = True  # every piece says where it is, and is there
    for number, given in enumerate(_pieces(splitter, text, row)):
        piece, span = _read(given, text, number, row)
        if piece and not piece.isspace():
            pieces.append(piece)
            told = told and span is not None and text[slice(*span)] == piece
            spans.append(span or (0, 0))
    return spans if told else _located(text, pieces, row)


def _pieces(splitter: Any, text: str, row: int) -> Iterable[Any]:
    cut: Callable[[str], Any] | None = None
    if not isinstance(splitter, type):
        for name in ("split_text", "chunk"):
            cut = cut or (getattr(splitter, name, None))
        cut = cut if callable(cut) else splitter
    if not callable(cut):
        raise InvalidArgument(
            f"splitter={splitter!r:.{_SHOWN}} is neither a function of a text nor an object with "
            "split_text or chunk"
        )
    pieces = cut(text)
    if isinstance(pieces, str | bytes) or not isinstance(pieces, Iterable):
        raise InvalidArgument(
            f"splitter= returned {type(pieces).__name__} for text {row}, not a list of pieces",
            row=row,
        )
    return pieces


def _read(piece: Any, text: str, number: int, row: int) -> tuple[str, Span | None]:
    """Return the text of a piece, and where it says that it is."""
    start: Any
    end: Any
    if isinstance(piece, tuple) and len(piece) == 2 and all(isinstance(at, int) for at in piece):
        start, end = piece
        if not 0 <= start <= end <= len(text):
            raise InvalidArgument(
                f"splitter= made piece {number} of text {row} {piece}, of {len(text)} characters",
                row=row,
            )
        return text[start:end], (start, end)
    found: Any = piece
    start, end = None, None
    if isinstance(piece, dict):
        found = piece.get("page_content", piece.get("text"))
    elif not isinstance(piece, str):
        found = getattr(piece, "page_content", getattr(piece, "text", None))
        start, end = getattr(piece, "start_index", None), getattr(piece, "end_index", None)
    if not isinstance(found, str):
        raise InvalidArgument(
            f"splitter= made piece {number} of text {row} {piece!r:.{_SHOWN}}, which is no text",
            row=row,
        )
    placed = isinstance(start, int) and isinstance(end, int)
    return found, (start, end) if placed else None


def _located(text: str, pieces: list[str], row: int) -> list[Span]:
    """Return the places of pieces, white space aside where they are not there as they are."""
    found, _ = _in_order(text, pieces)
    if found:
        return found
    bare = ["".join(piece.split()) for piece in pieces]
    found, number = _in_order("".join(text.split()), bare)
    if not found:
        raise InvalidArgument(
            f"splitter= made {pieces[number]!r:.{_SHOWN}} (piece {number}) of text {row}, which is "
            "not there before the piece after it, white space aside: it must cut texts, not "
            "rewrite them",
            row=row,
        )
    letters = np.flatnonzero(np.fromiter((not c.isspace() for c in text), np.bool_, len(text)))
    return [(int(letters[start]), int(letters[end - 1]) + 1) for start, end in found]


def _in_order(text: str, pieces: list[str]) -> tuple[list[Span], int]:
    """Return places of pieces that begin in order, and the number of one that is not there.

    Each repeats as little as it can of the one before it and leaves out nothing between them if
    it can, but never begins so late that those after it have no place any more.
    """
    latest = [0] * len(pieces)
    limit = len(text)
    for number in range(len(pieces) - 1, -1, -1):
        limit = text.rfind(pieces[number], 0, limit - 1 + len(pieces[number]))
        if limit < 0:
            return [], number
        latest[number] = limit
    found: list[Span] = []
    start, end = -1, 0
    for piece, limit in zip(pieces, latest, strict=True):
        after = end
        while after < limit and text[after].isspace():
            after += 1
        at = text.rfind(piece, start + 1, min(limit, after) + len(piece))
        if at < 0:
            at = text.find(piece, after, limit + len(piece))
        start, end = at, at + len(piece)
        found.append((start, end))
    return found, -1
