"""reStructuredText: headings by the lines under, and over, them."""

from __future__ import annotations

import re
from typing import Final

from ..document import Document, Heading, whole

_LINE: Final = re.compile(r"^([!-/:-@\[-`{-~])\1+[ \t]*\r?$", re.MULTILINE)


def read_rst(text: str) -> Document:
    """Return reStructuredText as it is written.

    The level of a heading is that of its kind of line (the character, and whether there is one
    above, too) in the order in which kinds come.
    """
    return Document(text, whole(text), "rst", _headings(text))


def _headings(text: str) -> list[Heading]:
    out: list[Heading] = []
    levels: dict[tuple[str, bool], int] = {}
    over: tuple[int, int, str] | None = None  # a line that may stand above a title
    for line in _LINE.finditer(text):
        at, run = line.start(), line[0].rstrip()
        title_at, title = _above(text, at)
        both = over is not None and over[1] + 1 == title_at and over[2] == run
        if both and over is not None and title.strip():
            begin = over[0]
        elif _is_title(text, title_at, title, run):
            begin, both = title_at, False
        else:
            over = at, line.end(), run
            continue
        over = None
        level = levels.setdefault((run[0], both), len(levels) + 1)
        out.append(Heading(begin, level, title.strip()))
    return out


def _is_title(text: str, at: int, title: str, run: str) -> bool:
    """Return whether a line is a title by the line under it: it begins a block, and is no line."""
    if not title or title[0].isspace() or _LINE.match(title) or len(run) < min(len(title), 4):
        return False
    return at == 0 or not _above(text, at)[1]


def _above(text: str, at: int) -> tuple[int, str]:
    """Return where the line above begins, and what it says."""
    if at == 0:
        return -1, ""
    begin = text.rfind("\n", 0, at - 1) + 1
    return begin, text[begin : at - 1].rstrip()
