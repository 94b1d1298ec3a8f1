"""One reader a kind of document; `read_document` finds the one to use."""

from __future__ import annotations

from ..decoding import decode
from ..document import EMPTY, Document, Options


def read_document(kind: str, name: str, data: bytes, options: Options) -> Document:
    """Return bytes as a document.

    Raises
    ------
    Fault
        They are none of this kind.
    """
    if not data:
        return Document("", [], EMPTY)
    if kind == "pdf":
        from .pdf import read_pdf

        return read_pdf(data)
    text, encoding = decode(data, kind, options.encoding)
    if not text or text.isspace():
        return Document(text, [], EMPTY, encoding=encoding)
    document = _read_text(kind, name, text, options)
    document.encoding = encoding
    return document


def _read_text(kind: str, name: str, text: str, options: Options) -> Document:
    if kind == "markdown":
        from .markdown import read_markdown

        return read_markdown(text)
    if kind == "html":
        from .html import read_html

        return read_html(text)
    if kind == "rst":
        from .rst import read_rst

        return read_rst(text)
    if kind == "notebook":
        from .notebook import read_notebook

        return read_notebook(text)
    if kind == "python":
        from .python import read_python

        return read_python(text, name)
    if kind == "csv":
        from .tables import read_csv

        return read_csv(text, name, options.text)
    if kind == "jsonl":
        from .tables import read_json_lines

        return read_json_lines(text, options.text)
    from .plain import read_text

    return read_text(text)
