"""Notebooks: cells of Markdown and code; outputs are left out."""

from __future__ import annotations

from typing import Any

from ..document import Document, Fault, Heading, Part, joined, trimmed, without_surrogates
from .markdown import markdown_headings


def read_notebook(text: str) -> Document:
    """Return the cells of a notebook, empty lines between, a part a cell.

    The page of a part is the number of its cell, from 1 on, all cells counted.
    """
    import json

    try:
        book = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Fault(f"it is no notebook: its JSON is broken ({error})") from None
    cells = _cells(book)
    sources = [_source(cell) for cell in cells]
    spans = list(joined(sources))
    parts: list[Part] = []
    headings: list[Heading] = []
    for cell, source, (start, end) in zip(cells, sources, spans, strict=True):
        kind = cell.get("cell_type")
        written = "code" if kind == "code" else ""
        parts.append(Part(start, end, len(parts) + 1, kind=written))
        if kind == "markdown":
            headings += markdown_headings(source, base=start)
        elif kind == "heading" and source.strip():  # of notebooks before version 4
            level: Any = cell.get("level")
            headings.append(Heading(start, level if level in range(1, 7) else 1, source.strip()))
    whole = "\n\n".join(sources)
    return Document(whole, trimmed(whole, parts), "markdown", headings)


def _cells(book: Any) -> list[dict[str, Any]]:
    cells = book.get("cells") if isinstance(book, dict) else None
    if cells is None and isinstance(book, dict) and isinstance(book.get("worksheets"), list):
        sheets = [sheet for sheet in book["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in sheet.get("cells") or []]
    if not isinstance(cells, list):
        raise Fault("it is no notebook: its JSON has no cells")
    return [cell if isinstance(cell, dict) else {} for cell in cells]


def _source(cell: dict[str, Any]) -> str:
    if cell.get("cell_type") not in ("markdown", "code", "heading"):
        return ""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return without_surrogates(source) if isinstance(source, str) else ""
