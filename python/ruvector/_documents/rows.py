"""Documents as rows: a row a chunk, or a row a part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .document import BETWEEN, Document, Part, paths_at


class Row(NamedTuple):
    """A row of the answer, but for the path."""

    text: str
    start: int
    end: int
    heading: str | None
    page: int | None


class Cutting(NamedTuple):
    """How texts are cut into chunks; see `read`."""

    budget: int | None = None
    overlap: int = 0
    embedder: Any = None
    splitter: Any = None
    threads: int = 0


def rows_of_parts(document: Document) -> list[Row]:
    """Return a row a part."""
    return _rows(document, list(document.parts))


def rows_of_chunks(documents: Sequence[Document], cutting: Cutting) -> list[list[Row]]:
    """Return the rows of each document, a row a chunk; texts of a kind are cut together."""
    parts: dict[str, list[tuple[int, Part]]] = {}
    for number, document in enumerate(documents):
        for part in document.parts:
            parts.setdefault(part.kind or document.kind, []).append((number, part))
    cut: list[list[Part]] = [[] for _ in documents]
    for kind, of_kind in parts.items():
        for at, start, end in _cut(documents, kind, of_kind, cutting):
            number, part = of_kind[at]
            cut[number].append(part._replace(start=part.start + start, end=part.start + end))
    return [
        _rows(document, sorted(chunks, key=_place))
        for document, chunks in zip(documents, cut, strict=True)
    ]


def _place(part: Part) -> tuple[int, int]:
    return part.start, part.end


def _cut(
    documents: Sequence[Document], kind: Any, parts: list[tuple[int, Part]], cutting: Cutting
) -> Iterator[tuple[int, int, int]]:
    """Yield the chunks of parts: which part, and where in it."""
    from .chunking import chunk

    found = chunk(
        [documents[number].text[part.start : part.end] for number, part in parts],
        kind=kind,
        budget=cutting.budget,
        overlap=cutting.overlap,
        embedder=cutting.embedder,
        splitter=cutting.splitter,
        headings=[_marks(documents[number], part) for number, part in parts],
        threads=cutting.threads,
        progress=False,
    )
    yield from zip(found.text.tolist(), found.start.tolist(), found.end.tolist(), strict=True)


def _marks(document: Document, part: Part) -> list[tuple[int, int, int]] | None:
    """Return the headings in a part that its text does not show: start, end and level."""
    marks = [
        (heading.start - part.start, min(heading.end, part.end) - part.start, heading.level)
        for heading in document.headings
        if heading.end and part.start <= heading.start < part.end
    ]
    return marks or None


def _rows(document: Document, parts: list[Part]) -> list[Row]:
    text = document.text
    paths = paths_at(document.headings, [part.start for part in parts])
    return [
        Row(
            text[part.start : part.end],
            part.start,
            part.end,
            BETWEEN.join(path for path in (above, part.heading) if path) or None,
            part.page,
        )
        for part, above in zip(parts, paths, strict=True)
    ]
