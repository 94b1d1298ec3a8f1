"""Plain text."""

from __future__ import annotations

from ..document import Document, whole


def read_text(text: str) -> Document:
    """Return a text as it is."""
    return Document(text, whole(text))
