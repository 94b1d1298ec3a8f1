"""Whether a frame has the content that an index was built from, row for row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from . import _frames, _native
from ._bits import read_bits
from ._cache import text_digest
from ._embedder import Embedder
from ._errors import ColumnError, EmbedError, InvalidArgument, MissingExtra, VectorsChanged
from ._metric import BINARY
from ._provenance import Provenance, recall
from ._vectors import Vectors, from_matrix, read_vectors

if TYPE_CHECKING:
    from ._indexed import Indexed

_CHUNK: Final = 4096
_REMEMBERED: Final = 8


def label_of(index: Indexed, frame: _frames.Frame, on: Any, text: Any) -> Any:
    """Return the column that a search of a given index is about, None when that is not known.

    Raises
    ------
    InvalidArgument
        Both ``on=`` and ``text=`` name it.
    ColumnError
        There is no such column, or ``text=`` is none of text.
    """
    if on is not None and text is not None:
        raise InvalidArgument(f"on={on!r} and text={text!r} both name the column; give one")
    label = text if on is None else on
    if label is None:
        label = recall(index._origin).column
        return label if isinstance(label, list) or label in frame.names() else None
    if isinstance(label, list):
        return label
    fact = _frames.facts_of(frame, label)
    if text is not None and fact.kind != "text":
        raise ColumnError(
            f"text={text!r} is a column of {fact.dtype}, not of text; search vectors with on="
        )
    return label


def check_content(
    index: Indexed, frame: _frames.Frame, label: Any, embedder: Embedder | None = None
) -> None:
    """Refuse a frame that has not the vectors or texts of the index, row for row.

    An index of vectors that were never in a frame fits any frame of so many rows that has no
    column of such vectors itself.

    Raises
    ------
    VectorsChanged
        The content is another, or in another order; names the first row where that is known.
    ColumnError
        The frame lacks the column that the index was built from.
    """
    known = recall(index._origin)
    if label is not None:
        if not isinstance(label, list) and _frames.facts_of(frame, label).kind == "text":
            _check_texts(index, frame, label, known, embedder)
        else:
            _check_vectors(index, frame, label, known)
        return
    if known.column is not None:
        raise ColumnError(
            f"index= was built from column {known.column!r}, which the frame has not: name the "
            "column that has its content with on=, or build the index with ids= and join by them"
        )
    refused = None
    for fact in _frames.all_facts(frame):
        if fact.kind == "vector" and fact.dim in (None, index.dim):
            try:
                return _check_vectors(index, frame, fact.label, known)
            except VectorsChanged as error:
                refused = refused or error
    if refused is not None:
        raise refused


def _check_texts(
    index: Indexed, frame: _frames.Frame, label: Any, known: Provenance, maker: Embedder | None
) -> None:
    texts = frame.texts(label)
    digest = text_digest(texts).hex()
    if digest in index._equal or known.texts == digest:
        return
    if maker is None:
        try:
            maker = index._maker()
        except (EmbedError, MissingExtra):
            maker = None
    if not known.texts and maker is not None:
        matrix, valid = maker.column(texts)
        vectors = from_matrix(matrix, None if valid.all() else valid, True, "texts")
        try:
            return _compare(index, vectors, digest, label, "texts")
        finally:
            vectors.close()
    row = None
    if maker is not None and _native.info(index._handle)["vectors"]:
        row = _first_other_text(index, texts, maker)
    _refuse(label, row, "texts")


def _first_other_text(index: Indexed, texts: list[Any], maker: Embedder) -> int | None:
    """Return the first row whose text has another vector than the index has there."""
    for start in range(0, len(texts), _CHUNK):
        matrix, valid = maker.column(texts[start : start + _CHUNK])
        if matrix.shape[1] != index.dim:
            return None
        row = _first_other(index, matrix, valid, start)
        if row is not None:
            return row
    return None


def _check_vectors(index: Indexed, frame: _frames.Frame, label: Any, known: Provenance) -> None:
    if isinstance(label, list):
        vectors = from_matrix(_frames.scalar_matrix(frame, label), None, True, "columns")
    elif index.metric in BINARY:
        vectors = read_bits(frame.column(label), index.metric, f"column {label!r}")
    else:
        vectors = read_vectors(frame.column(label), f"column {label!r}", warn=False)
    try:
        if not len(index):
            return
        if vectors.handle is None:
            _refuse(label, 0, "vectors")
        key = _native.column_hash(vectors.handle).hex()
        if key == known.vectors or key in index._equal:
            return
        if known.vectors and not _native.info(index._handle)["vectors"]:
            _refuse(label, None, "vectors")
        _compare(index, vectors, key, label, "vectors")
    finally:
        vectors.close()


def _compare(index: Indexed, vectors: Vectors, key: str, label: Any, what: str) -> None:
    """Compare row for row, without vectors in the index the rows that its codes remember."""
    if _native.info(index._handle)["vectors"]:
        row = _first_other_vector(index, vectors)
        if row is not None:
            _refuse(label, row, what)
    else:
        _native.attach(index._handle, vectors.handle)
        _native.attach(index._handle, None)
    if len(index._equal) >= _REMEMBERED:
        index._equal.clear()
    index._equal.add(key)


def _first_other_vector(index: Indexed, vectors: Vectors) -> int | None:
    width = vectors.dim * (8 if index.metric in BINARY else 1)
    if width != index.dim:
        return 0
    matrix = vectors.floats()
    for start in range(0, len(matrix), _CHUNK):
        part = matrix[start : start + _CHUNK]
        row = _first_other(index, part, np.isfinite(part).all(axis=1), start)
        if row is not None:
            return row
    return None


def _first_other(index: Indexed, matrix: Any, valid: Any, start: int) -> int | None:
    """Return the first row from `start` on that differs, or is null on one side alone."""
    rows = start + np.flatnonzero(valid)
    end = start + len(matrix)
    known = _rows_with_vectors(index, start, end)
    if known is not None:
        odd = np.setxor1d(rows, known)
        if len(odd):
            end = int(odd[0])
            rows = rows[rows < end]
    if len(rows):
        theirs = _native.vectors(index._handle, rows).astype(np.float32, copy=False)
        other = np.flatnonzero((theirs != matrix[rows - start]).any(axis=1))
        if len(other):
            return int(rows[other[0]])
    return end if end < start + len(matrix) else None


def _rows_with_vectors(index: Indexed, start: int, end: int) -> Any:
    """Return the rows that were neither null nor bad, None when all are."""
    about = _native.info(index._handle)
    if not about["nulls"] and not about["bad"]:
        return None
    return start + np.flatnonzero([_has_vector(index, row) for row in range(start, end)])


def _has_vector(index: Indexed, row: int) -> bool:
    try:
        _native.vectors(index._handle, [row])
    except InvalidArgument:
        return False
    return True


def _refuse(label: Any, row: int | None, what: str) -> NoReturn:
    where = "" if row is None else f": its row {row} is not the frame's {label!r} of row {row}"
    raise VectorsChanged(
        f"index= was built from other {what} than those of column {label!r}, or in another "
        f"order{where}. Rows sorted or replaced since? Build it again, or build it with "
        "ids='a column' to join by ids in any order",
        row=row,
    )
