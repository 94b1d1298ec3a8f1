"""Generations made of content, and rows checked once for both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import _native
from ..._errors import BackendError, InvalidArgument
from ..._input.masks import read_row_ids
from ..._input.vectors import Vectors, read_vectors
from ..._native.params import Names


def content_generation(ids: Any, vectors: Any) -> str:
    """Return a text that equal ids and vectors in one order share, in every process.

    Made of the numbers' bytes and type: rows of another number type are another generation.

    Raises
    ------
    RuVectorError
        Ids or vectors cannot be read.
    """
    names = read_row_ids(ids)
    column = read_vectors(vectors, "vectors", warn=False)
    given = column is vectors
    try:
        return generation_of_rows(names, column)
    finally:
        if not given:
            column.close()


def generation_of_rows(names: Names, column: Vectors) -> str:
    """Return the generation of ids and a column of vectors."""
    digest = hashlib.blake2b(digest_size=16)
    if isinstance(names, np.ndarray):
        digest.update(names.dtype.str.encode())
        digest.update(np.ascontiguousarray(names).data)
    else:
        for name in names:
            text = name.encode()
            digest.update(len(text).to_bytes(8, "little"))
            digest.update(text)
    if column.handle is not None:
        about = _native.column_info(column.handle)
        digest.update(f"{about['dim']} {about['type']}".encode())
        digest.update(_native.column_hash(column.handle))
    return f"{column.rows}-{digest.hexdigest()}"


def same_length(width: int, found: int, row: int, name: Any, what: str) -> None:
    """Refuse a row whose vector is not as long as those before it."""
    if found != width:
        raise BackendError(
            f"row {row}, id {name!r:.60}: a vector of {found} {what}, those before have {width}",
            row=row,
        )


def names_of(what: str, given: Any) -> tuple[str, ...] | None:
    """Return names of tables as they were given: one, several, or None for all."""
    if given is None:
        return None
    several = (given,) if isinstance(given, str) else tuple(given)
    for name in several:
        text_of(what, name)
    return several


def text_of(what: str, value: Any) -> str:
    """Return a text that has something in it and can be written as UTF-8.

    Raises
    ------
    InvalidArgument
    """
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{what}={value!r:.60} must be a text, and not empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{what}={value!r:.60} is not valid UTF-8") from None
    return str(value)


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return names as an error shows them."""
    shown = ", ".join(map(repr, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "") or "none"
