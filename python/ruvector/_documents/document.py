"""A document as text: what readers make of files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from .._errors import PersistError, RuVectorError

EMPTY: Final = ""  # the kind of a document of nothing but blanks
BETWEEN: Final = " > "  # headings of a path
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MOST_TITLE: Final = 200  # characters of a heading that a path keeps


class Heading(NamedTuple):
    """A heading: where it starts, how deep it is (1 is the top), and what it says.

    ``end`` is where its words end in a text whose kind does not show headings, else 0. Level 0 is
    the title of a whole document, which need not be in the text.
    """

    start: int
    level: int
    title: str
    end: int = 0


class Part(NamedTuple):
    """A run of a document that no chunk goes beyond: a page, a cell, a record, or all of it.

    ``heading`` is a path that the reader knows, below those of the text. ``kind`` says how the part
    is written where it is not as the document.
    """

    start: int
    end: int
    page: int | None = None
    heading: str = ""
    kind: str = ""


@dataclass(slots=True)
class Document:
    """One document.

    ``text`` is what positions count in. ``kind`` says how it is written: ``"text"`` (of markup,
    too, whose text was taken out), ``"markdown"``, ``"rst"``, ``"docstring"``, ``"code"`` or
    `EMPTY`.
    ``problems`` name places that could not be read, in a document of which the rest could.
    """

    text: str
    parts: list[Part]
    kind: str = "text"
    headings: list[Heading] = field(default_factory=list)
    encoding: str = ""
    problems: list[Fault] = field(default_factory=list)


class Options(NamedTuple):
    """What a caller says of how files are to be read."""

    encoding: str | None = None
    text: str | None = None  # the text column of CSV and JSON lines


class Fault(Exception):
    """Why a file, or a place in it, is not read; `kind` is the error that it is to the caller."""

    def __init__(self, reason: str, kind: type[RuVectorError] = PersistError) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


def whole(text: str, start: int = 0) -> list[Part]:
    """Return the one part that a text is, from `start` on; none of a text that is blank."""
    return trimmed(text, [Part(start, len(text))])


def trimmed(text: str, parts: Iterable[Part]) -> list[Part]:
    """Return parts without the blanks around them, those of nothing but blanks left out."""
    out = []
    for part in parts:
        run = text[part.start : part.end]
        left = len(run) - len(run.lstrip())
        kept = len(run.strip())
        if kept:
            start = part.start + left
            out.append(part._replace(start=start, end=start + kept))
    return out


def joined(texts: Sequence[str], between: str = "\n\n") -> Iterator[tuple[int, int]]:
    """Yield where each text lies in all of them joined."""
    at = 0
    for text in texts:
        yield at, at + len(text)
        at += len(text) + len(between)


def one_line(text: str) -> str:
    """Return a title on one line, of bounded length."""
    line = " ".join(text[: 4 * _MOST_TITLE].split())
    return line if len(line) <= _MOST_TITLE else line[: _MOST_TITLE - 1] + "\u2026"


def without_surrogates(text: str) -> str:
    """Return text with half surrogate pairs, which no column can hold, as U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def paths_at(headings: Sequence[Heading], starts: Sequence[int]) -> list[str]:
    """Return the path of headings in force at each position, ``""`` before the first.

    Positions ascend. A heading is in force from its own first character on. One that says what
    stands right above it, as the first of a page does of the page's title, is there once.
    """
    out: list[str] = []
    open_: list[Heading] = []
    path, following = "", 0
    for start in starts:
        changed = False
        while following < len(headings) and headings[following].start <= start:
            new = headings[following]
            while open_ and open_[-1].level >= new.level:
                open_.pop()
            open_.append(new)
            following += 1
            changed = True
        if changed:
            titles = [one_line(each.title) for each in open_ if each.title.strip()]
            path = BETWEEN.join(title for title, _ in groupby(titles))
        out.append(path)
    return out
