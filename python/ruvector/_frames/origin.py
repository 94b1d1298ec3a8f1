"""What made a column of vectors, so that a text can be searched in it."""

from __future__ import annotations

from typing import Any, Final

from .. import _native
from .._errors import ColumnError, EmbedError, InvalidVector
from .._input.cells import Validity
from .._input.vectors import Float32Matrix, Vectors, from_matrix, read_vectors
from .._text.embedder import Embedder
from .._text.made import Origin, made
from . import protocol

_FIRST: Final = 64  # rows that tell most columns of others


def remember_made(matrix: Float32Matrix, valid: Validity, embedder: Embedder) -> None:
    """Remember the rows of a column that was made now."""
    vectors = from_matrix(matrix, valid, True, "made")
    try:
        if vectors.handle is not None:
            made.put(embedder, _native.column_row_hashes(vectors.handle, 0, vectors.rows))
    finally:
        vectors.close()


def maker_of(vectors: Vectors | None, digest: bytes | None = None) -> Origin:
    """Return what `embed` made all rows of a column with, if it did.

    `digest` is that of the column, where it is known.
    """
    if vectors is None or vectors.handle is None or not len(made):
        return Origin(None)
    if _native.column_info(vectors.handle)["type"].count(": float32") != 1:
        return Origin(None)
    if digest is not None and (known := made.of_column(digest)) is not None:
        return Origin(known)
    if vectors.rows > 2 * _FIRST:
        first = _native.column_row_hashes(vectors.handle, 0, _FIRST)
        if first.any() and made.origin(first).unknown == (first > 0).sum():
            return Origin(None)
    found = made.origin(_native.column_row_hashes(vectors.handle, 0, vectors.rows))
    if digest is not None and found.embedder is not None:
        made.put_column(digest, found.embedder)
    return found


def maker_of_column(frame: protocol.Frame, label: Any) -> Embedder | None:
    """Return what `embed` made a column of a frame with, None for any other column."""
    if label is None or isinstance(label, list) or not len(made):
        return None
    if protocol.facts_of(frame, label).kind != "vector":
        return None
    try:
        vectors = read_vectors(frame.column(label), f"column {label!r}", warn=False)
    except (ColumnError, InvalidVector):
        return None
    try:
        return maker_of(vectors).embedder
    finally:
        vectors.close()


def unknown_origin(label: Any, found: Origin, rows: int) -> EmbedError:
    """Return the error for a text that is searched in vectors of which nobody knows the maker."""
    what = f"it is not known what made the vectors of {label!r}"
    row = None
    if found.row >= 0 and found.unknown < rows:
        row = found.row
        what = (
            f"{found.unknown:,} of the {rows:,} vectors of {label!r} were not made by embed like "
            f"the others (first in row {row})"
        )
    return EmbedError(
        f"the query is text, but {what}; name it: embedder=..., or search a text column with text=",
        row=row,
    )
