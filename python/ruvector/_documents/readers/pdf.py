"""PDF, through pypdf."""

from __future__ import annotations

import importlib
from typing import Any, Final

from ..._errors import MissingExtra
from ..document import Document, Fault, Heading, Part, joined, trimmed, without_surrogates

PIP: Final = "pip install 'ruvector-arrow[pdf]'"
_MOST_PAGES: Final = 50_000


def read_pdf(data: bytes) -> Document:
    """Return the text of a PDF, pages apart by an empty line, a part a page.

    The outline of the file says the headings.

    Raises
    ------
    Fault
        pypdf is not installed; the file is encrypted, broken, or has pages without text alone.
    """
    try:
        pypdf: Any = importlib.import_module("pypdf")
    except ImportError as error:
        raise Fault(f"PDF files need pypdf, which is not installed: {PIP}", MissingExtra) from error
    import io

    try:
        reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
        locked = reader.is_encrypted and not reader.decrypt("")
        count = 0 if locked else min(len(reader.pages), _MOST_PAGES)
    except Exception as error:  # whatever broken bytes make of it
        raise _broken(error) from error
    if locked:
        raise Fault("it is encrypted with a password: decrypt it (qpdf --decrypt) and read that")
    texts, problems = [], []
    for number in range(count):
        try:
            text = reader.pages[number].extract_text() or ""
        except Exception as error:
            text = ""
            problems.append(Fault(f"page {number + 1:,}: {_said(error)}"))
        texts.append(without_surrogates(text).replace("\0", ""))
    if not any(text.strip() for text in texts):
        if problems:
            raise problems[0]
        what = "its pages are images without text" if count else "it has no page"
        raise Fault(f"{what}: run OCR over it (ocrmypdf) and read that" if count else what)
    spans = list(joined(texts))
    whole = "\n\n".join(texts)
    parts = trimmed(whole, (Part(*span, number) for number, span in enumerate(spans, 1)))
    return Document(whole, parts, "text", _outline(reader, whole, spans), problems=problems)


def _broken(error: Exception) -> Fault:
    return Fault(f"it is no PDF that can be read: {_said(error)}")


def _said(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _outline(reader: Any, whole: str, spans: list[tuple[int, int]]) -> list[Heading]:
    """Return the outline as headings, none if it is broken.

    Each is where its page says its words first, else at the start of the page.
    """
    out: list[Heading] = []
    try:
        waiting: list[tuple[Any, int]] = [(reader.outline, 0)]
        while waiting and len(out) < _MOST_PAGES:
            item, level = waiting.pop()
            if isinstance(item, list):
                waiting += [(each, level + 1) for each in reversed(item)]
                continue
            page = reader.get_destination_page_number(item)
            title = without_surrogates(str(item.title or "")).strip()
            if title and page is not None and 0 <= page < len(spans):
                at = whole.find(title, *spans[page])
                out.append(Heading(spans[page][0] if at < 0 else at, level, title))
    except Exception:  # of an outline that leads nowhere the text is still good
        return []
    return sorted(out, key=lambda heading: heading.start)
