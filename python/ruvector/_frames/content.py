"""Whether a frame has the content that an index was built from, row for row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import ColumnError, EmbedError, InvalidArgument, MissingExtra, VectorsChanged
from .._index.provenance import Remembered, recall
from .._input.bits import read_bits
from .._input.cells import Matrix
from .._input.text_columns import TextColumn
from .._input.vectors import Vectors, from_matrix, read_vectors
from .._metric import BINARY
from .._settings import current
from .._text.embedder import Embedder
from .._text.remembered import embed_texts
from . import protocol

if TYPE_CHECKING:
    from .._index.index import Index

Rows: TypeAlias = npt.NDArray[np.int64]

_CHUNK: Final = 4096
_REMEMBERED: Final = 8


def label_of(index: Index, frame: protocol.Frame, on: Any, text: Any) -> Any:
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
        return label if isinstance(label, list) or protocol.times(frame.names(), label) else None
    if isinstance(label, list):
        return label
    fact = protocol.facts_of(frame, label)
    if text is not None and fact.kind not in ("text", "null"):
        raise ColumnError(
            f"text={text!r} is a column of {fact.dtype}, not of text; search vectors with on="
        )
    return label


def check_content(
    index: Index, frame: protocol.Frame, label: Any, embedder: Embedder | None = None
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
        if not isinstance(label, list) and protocol.facts_of(frame, label).kind == "text":
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
    for fact in protocol.all_facts(frame):
        if _may_be_of(index, fact):
            try:
                return _check_vectors(index, frame, fact.label, known)
            except VectorsChanged as error:
                refused = refused or error
    if refused is not None:
        raise refused


def _may_be_of(index: Index, fact: protocol.ColumnFacts) -> bool:
    """Return whether a column is of the kind and width that the index's rows have."""
    if index.metric not in BINARY:
        return fact.kind == "vector" and fact.dim in (None, index.dim)
    if fact.kind == "bits":
        return fact.dim is None or -(-fact.dim // 8) * 8 == index.dim
    return fact.kind == "vector" and fact.dim in (None, index.dim // 8)


def _check_texts(
    index: Index, frame: protocol.Frame, label: Any, known: Remembered, maker: Embedder | None
) -> None:
    texts = frame.text_column(label)
    digest = texts.digest()
    if digest.hex() in index._equal or known.texts == digest.hex():
        return
    if maker is None:
        try:
            maker = index._maker()
        except (EmbedError, MissingExtra):
            maker = None
    if not known.texts and maker is not None:
        matrix, valid = embed_texts(texts, maker, digest=digest)
        vectors = from_matrix(matrix, None if valid.all() else valid, True, "texts")
        try:
            return _compare(index, vectors, digest.hex(), label, "texts")
        finally:
            vectors.close()
    row = None
    if maker is not None and _native.info(index._handle)["vectors"]:
        row = _first_other_text(index, texts, maker)
    _refuse(label, row, "texts")


def _first_other_text(index: Index, texts: TextColumn, maker: Embedder) -> int | None:
    """Return the first row whose text has another vector than the index has there."""
    for start in range(0, texts.rows, _CHUNK):
        matrix, valid = maker.column(texts.some(np.arange(start, min(start + _CHUNK, texts.rows))))
        if matrix.shape[1] != index.dim:
            return None
        rows = start + np.flatnonzero(valid)
        end = start + len(valid)
        row = _first_other(index, matrix[valid], rows, start, end)
        if row is not None:
            return row
    return None


def _check_vectors(index: Index, frame: protocol.Frame, label: Any, known: Remembered) -> None:
    if isinstance(label, list):
        vectors = from_matrix(protocol.scalar_matrix(frame, label), None, True, "columns")
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


def _compare(index: Index, vectors: Vectors, key: str, label: Any, what: str) -> None:
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


def _first_other_vector(index: Index, vectors: Vectors) -> int | None:
    """Return the first row that differs in the column's own type, bits included."""
    width = vectors.dim * (8 if index.metric in BINARY else 1)
    if width != index.dim:
        return 0
    options = {"metric": index.metric, "kind": "exact", "keep": "borrow", "recall": 1.0}
    options |= {"nulls": "skip", "bad": "skip", "threads": current.threads}
    theirs = _native.build_from(vectors.handle, None, options)
    for start in range(0, vectors.rows, _CHUNK):
        end = min(start + _CHUNK, vectors.rows)
        rows = _rows_with_vectors(theirs, start, end)
        row = _first_other(index, _native.vectors(theirs, rows), rows, start, end)
        if row is not None:
            return row
    return None


def _first_other(index: Index, matrix: Matrix, rows: Rows, start: int, end: int) -> int | None:
    """Return the first row in [start, end) that differs, or is null on one side alone.

    `matrix` holds the vectors of `rows`, those of the range that are not null.
    """
    known = _rows_with_vectors(index._handle, start, end)
    odd = np.setxor1d(rows, known)
    if len(odd):
        matrix = matrix[rows < odd[0]]
        rows = rows[rows < odd[0]]
    if len(rows):
        mine = _native.vectors(index._handle, rows)
        other = np.flatnonzero((mine != matrix).any(axis=1))
        if len(other):
            return int(rows[other[0]])
    return int(odd[0]) if len(odd) else None


def _rows_with_vectors(handle: _native.Handle, start: int, end: int) -> Rows:
    """Return the rows that were neither null nor bad."""
    rows: Rows = np.arange(start, end)
    about = _native.info(handle)
    if not about["nulls"] and not about["bad"]:
        return rows
    return rows[[_has_vector(handle, row) for row in rows.tolist()]]


def _has_vector(handle: _native.Handle, row: int) -> bool:
    try:
        _native.vectors(handle, [row])
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
