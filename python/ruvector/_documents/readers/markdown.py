"""Markdown: its headings, and front matter that is kept out."""

from __future__ import annotations

import re
from typing import Final

from ..document import Document, Heading, whole

_FRONT: Final = re.compile(
    r"(---|\+\+\+)[ \t]*\r?\n(?:(?!\1[ \t]*\r?$).*\n)*?(?:\1|\.\.\.)[ \t]*\r?(?:\n|\Z)",
    re.MULTILINE,
)
_LINES: Final = re.compile(
    r"^ {0,3}(?:(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)"
    r"|(?P<hashes>\#{1,6})(?P<title>[ \t][^\n]*|\r?)$"
    r"|(?P<under>=+|-+)[ \t]*\r?$)",
    re.MULTILINE,
)
_CLOSING: Final = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_NO_TITLE: Final = re.compile(
    r" {4}|\t| {0,3}(?:[>|]|[-*+][ \t]|\d{1,9}[.)][ \t]|<|(?:[-=*_] *)+$)"
)
_FIELD: Final = re.compile(r"(?:#.*\n\s*)*(?:[\w\"'.-]+[\w .-]*[\"']?\s*[:=](?:\s|$)|\[)")
_MOST_FRONT: Final = 1 << 16


def read_markdown(text: str) -> Document:
    """Return Markdown as it is written: headings of both kinds, those in fences left out.

    YAML or TOML between ``---`` or ``+++`` at the start is no part of the text.
    """
    start = front_matter(text)
    return Document(text, whole(text, start), "markdown", markdown_headings(text, start))


def front_matter(text: str) -> int:
    """Return where the text begins, behind front matter; 0 where there is none."""
    if not text.startswith(("---", "+++")):
        return 0
    found = _FRONT.match(text, 0, _MOST_FRONT)
    if found is None or not _FIELD.match(found[0][3:].lstrip()):
        return 0  # lines between two rules
    return found.end()


def markdown_headings(text: str, start: int = 0, base: int = 0) -> list[Heading]:
    """Return the headings from `start` on, with `base` added to their positions."""
    out: list[Heading] = []
    fence = ""
    above = start - 1  # the end of the last underline: no title lies above it
    for line in _LINES.finditer(text, start):
        mark = line["fence"]
        if mark is not None:
            info = line["info"].strip()
            if not fence:
                if mark[0] != "`" or "`" not in info:
                    fence = mark
            elif mark.startswith(fence) and not info:
                fence = ""
        elif fence:
            continue
        elif line["hashes"] is not None:
            title = _CLOSING.sub("", line["title"].strip()).strip()
            out.append(Heading(line.start() + base, len(line["hashes"]), title))
        else:
            where = _line_above(text, line.start(), start)
            if where is not None and where[0] > above:
                level = 1 if line["under"][0] == "=" else 2
                out.append(Heading(where[0] + base, level, where[1]))
            above = line.start()
    return out


def _line_above(text: str, at: int, start: int) -> tuple[int, str] | None:
    """Return start and words of the line above, if it can be a title."""
    if at <= start:
        return None
    begin = max(text.rfind("\n", start, at - 1) + 1, start)
    line = text[begin : at - 1].rstrip()
    if not line.strip() or _NO_TITLE.match(line) or line.lstrip().startswith("#"):
        return None
    return begin, line.strip()
