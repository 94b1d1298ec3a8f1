"""HTML: its text, whatever state the markup is in."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

from ..document import Document, Heading, whole

_SPACE, _LINE, _PARAGRAPH = 1, 2, 3
_TAG: Final = re.compile(
    r"<(?:(/?)([a-zA-Z][^\s/>]*)([^>]*)>|!(--)|!\[(CDATA)\[|[!?/][^>]*>)", re.IGNORECASE
)
_QUOTED: Final = re.compile(r"=\s*([\"'])")
_CUT: Final = re.compile(r"<[a-zA-Z/!?][^<]*\Z")
_LINES: Final = frozenset(
    {
        "li", "tr", "dt", "dd", "br", "option", "caption", "legend", "summary", "label",
    }
)  # fmt: skip
_PARAGRAPHS: Final = frozenset(
    {
        "p", "div", "section", "article", "ul", "ol", "dl", "table", "blockquote", "pre", "hr",
        "form", "fieldset", "figure", "figcaption", "header", "footer", "main", "aside", "address",
        "details", "body", "html", "center", "menu", "thead", "tbody", "tfoot", "h1", "h2", "h3",
        "h4", "h5", "h6", "title",
    }
)  # fmt: skip
_BREAKS: Final = {**dict.fromkeys(_LINES, _LINE), **dict.fromkeys(_PARAGRAPHS, _PARAGRAPH)}
_RAW: Final = frozenset(
    {
        "script", "style", "iframe", "noscript", "noembed", "noframes", "title", "xmp",
    }
)  # fmt: skip
_DROPPED: Final = frozenset(
    {
        "nav", "template", "svg", "math", "object", "canvas", "audio", "video",
    }
)  # fmt: skip
_VOID: Final = frozenset(
    {
        "br", "hr", "img", "input", "meta", "link", "col", "area", "base", "embed", "source",
        "track", "wbr",
    }
)  # fmt: skip
_NAVIGATION: Final = re.compile(
    r"role\s*=\s*[\"']?navigation\b|class\s*=\s*[\"']?(?:navheader|navfooter)\b", re.IGNORECASE
)
_MOST_TABLES: Final = 64  # that one table of another is in
_LAYOUT: Final = frozenset(
    {
        "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "ul", "ol", "dl",
    }
)  # fmt: skip


def read_html(markup: str) -> Document:
    """Return the text of HTML.

    Runs of blanks are one blank, but in ``pre``; blocks are apart by an empty line, items of lists
    and rows of tables by a line break, cells by ``" | "``. Scripts, styles and navigation are left
    out. The title of the page stands above its headings.
    """
    reader = _Reader(markup)
    reader.run()
    text = "".join(reader.pieces)
    headings = reader.headings
    if reader.title:
        headings = [Heading(0, 0, reader.title), *headings]
    return Document(text, whole(text), "text", headings)


class _Reader:
    """Goes over the tags once; every step forward is final, so that no markup takes long."""

    def __init__(self, markup: str) -> None:
        self.markup = markup
        self.pieces: list[str] = []
        self.headings: list[Heading] = []
        self.title = ""
        self._length = 0
        self._pending = 0
        self._pre = 0
        self._bullet = False  # an item of a list begins with the next text
        self._open: tuple[int, int] | None = None  # level and first piece of an open heading
        self._tables: list[list[int]] = []  # of each: cells of the row, 1 in a cell, 1 for layout
        self._absent: set[str] = set()  # what does not come any more
        self._xml = markup.lstrip()[:5] == "<?xml"

    def run(self) -> None:
        """Read all of it."""
        markup, at = self.markup, 0
        end = markup.rfind(">") + 1
        while (tag := _TAG.search(markup, at, end)) is not None:
            if tag.start() > at:
                self._text(markup[at : tag.start()])
            name = tag[2]
            if name is not None:
                at = self._tag(tag, name.lower())
            elif tag[4]:
                at = self._past("-->", tag.end(), markup.find(">", tag.end()) + 1)
            elif tag[5]:
                at = self._past("]]>", tag.end(), end)
                self._text(markup[tag.end() : max(at - 3, tag.end())], plain=True)
            else:
                at = tag.end()
        rest = markup[at:]
        cut = _CUT.search(rest[-4096:])
        self._text(rest if cut is None else rest[: len(rest) - len(cut[0])])
        self._close_heading()

    def _past(self, mark: str, at: int, otherwise: int) -> int:
        """Return the place behind a mark; the other one where it does not come."""
        found = -1 if mark in self._absent else self.markup.find(mark, at)
        if found < 0:
            self._absent.add(mark)
            return max(otherwise, at)
        return found + len(mark)

    def _text(self, run: str, plain: bool = False) -> None:
        if "&" in run and not plain:
            run = unescape(run)
        if self._pre:
            self._put(run.replace("\r\n", "\n").replace("\r", "\n"))
            return
        words = " ".join(run.split())
        if not words:
            self._pending = self._pending or _SPACE
            return
        if run[0].isspace():
            self._pending = self._pending or _SPACE
        self._put(words)
        if run[-1].isspace():
            self._pending = _SPACE

    def _put(self, run: str) -> None:
        if not run:
            return
        if self._pending:
            if self._length:
                gap = " " if self._pending == _SPACE else "\n" * (self._pending - 1)
                self.pieces.append(gap)
                self._length += len(gap)
            self._pending = 0
        if self._bullet:
            run, self._bullet = "- " + run, False
        self.pieces.append(run)
        self._length += len(run)

    def _tag(self, tag: re.Match[str], name: str) -> int:
        """Read a tag; return where the text behind it, or behind what is dropped, begins."""
        attributes, at = tag[3], tag.end()
        if "=" in attributes:
            attributes, at = self._attributes(tag)
        if tag[1]:
            self._closed(name)
            return at
        if name in _RAW:
            return self._raw(name, at, attributes)
        drop = name in _DROPPED or ("nav" in attributes.lower() and _NAVIGATION.search(attributes))
        if drop and name not in _VOID and not attributes.endswith("/"):
            return self._dropped(name, at)
        self._opened(name)
        if name == "pre" and self.markup.startswith("\n", at):
            at += 1
        return at

    def _attributes(self, tag: re.Match[str]) -> tuple[str, int]:
        """Return a tag's attributes and its end, where ``>`` may stand within quotes."""
        markup, start, end = self.markup, tag.start(3), tag.end()
        at = start
        while (quote := _QUOTED.search(markup, at, end - 1)) is not None:
            closing = markup.find(quote[1], quote.end(), end - 1)
            if closing < 0:
                closing = self._past(quote[1], end, 0) - 1
                behind = markup.find(">", closing) + 1 if closing >= end else 0
                if not behind:
                    break
                end = behind
            at = closing + 1
        return markup[start : end - 1], end

    def _raw(self, name: str, at: int, attributes: str) -> int:
        """Leave out what is no markup, up to its end; of a title the text is kept."""
        if self._xml and attributes.endswith("/"):
            return at
        found = None
        if name not in self._absent:
            found = re.compile(f"</{name}(?=[\\s/>])[^>]*>", re.IGNORECASE).search(self.markup, at)
        if found is None:
            self._absent.add(name)
        if name == "title":
            close = self.markup.find("<", at) if found is None else found.start()
            if not self.title and close >= 0:
                self.title = " ".join(unescape(self.markup[at:close]).split())
            return at if close < 0 else close if found is None else found.end()
        if found is None:
            return len(self.markup) if name in ("script", "style") else at
        return found.end()

    def _dropped(self, name: str, at: int) -> int:
        """Return the end of an element with all in it; `at` where it has none."""
        if name in self._absent:
            return at
        depth = 1
        tags = re.compile(f"<(/?){re.escape(name)}(?=[\\s/>])", re.IGNORECASE)
        for tag in tags.finditer(self.markup, at):
            depth += -1 if tag[1] else 1
            if not depth:
                self._pending = max(self._pending, _PARAGRAPH)
                return self.markup.find(">", tag.end()) + 1 or len(self.markup)
        self._absent.add(name)
        return at

    def _break(self, how: int) -> None:
        if self._tables and self._tables[-1][1] and not self._tables[-1][2]:
            how = _SPACE
        self._pending = max(self._pending, how)

    def _opened(self, name: str) -> None:
        how = _BREAKS.get(name, 0)
        if name in ("td", "th"):
            self._cell()
            return
        if not how:
            return
        if name in _LAYOUT and self._tables:
            for table in self._tables:
                table[2] = table[2] or table[1]
        if self._pre and name == "br":
            self._put("\n")
            return
        if name == "tr" and self._tables:
            self._tables[-1][:] = 0, 0, 0
        self._break(how)
        if name == "table" and len(self._tables) < _MOST_TABLES:
            self._tables.append([0, 0, 0])
        elif name == "pre":
            self._pre += 1
        elif name == "li":
            self._bullet = True
        elif name[0] == "h" and name[1:].isdigit():
            self._close_heading()
            self._open = int(name[1:]), len(self.pieces)

    def _cell(self) -> None:
        if not self._tables:
            self._break(_SPACE)
            return
        table = self._tables[-1]
        if table[0] and not table[2]:
            self._pending = self._pending or _SPACE  # more where the cells before are empty
            self._put("|")
        table[0] += 1
        table[1] = 1
        self._pending = self._pending or _SPACE
        if table[2]:
            self._pending = _PARAGRAPH

    def _closed(self, name: str) -> None:
        how = _BREAKS.get(name, 0)
        if name == "br":
            self._opened(name)
        elif name == "table" and self._tables:
            self._tables.pop()
            self._break(how)
        elif name == "tr" and self._tables:
            self._tables[-1][:] = 0, 0, 0
            self._break(how)
        elif name == "pre":
            self._pre = max(self._pre - 1, 0)
            self._break(how)
        elif how:
            if name[0] == "h" and name[1:].isdigit():
                self._close_heading()
            self._break(how)

    def _close_heading(self) -> None:
        if self._open is None:
            return
        level, first = self._open
        self._open = None
        said = "".join(self.pieces[first:])
        if said.strip():
            start = self._length - len(said.lstrip())
            self.headings.append(Heading(start, level, " ".join(said.split()), self._length))
