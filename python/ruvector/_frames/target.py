"""The column a frame verb searches: found, embedded if it is text, read, and indexed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from .. import _native
from .._errors import (
    ColumnError,
    DimensionMismatch,
    EmbedError,
    InvalidArgument,
    InvalidVector,
    MissingExtra,
)
from .._input.advice import looks_like_vector, refuse_written_vector, text_advice
from .._input.bits import read_bits
from .._input.cells import Validity
from .._input.numbers import FloatMatrix
from .._input.queries import read_queries
from .._input.rows_as_queries import refuse_rows
from .._input.texts import texts_of
from .._input.vectors import Float32Matrix, Vectors, from_matrix, read_vectors
from .._metric import BINARY
from .._native.facts import EVERY_VECTOR
from .._progress import Progress
from .._settings import current
from .._text.batches import BATCH_TEXTS
from .._text.embedder import Embedder, resolve
from .._text.remembered import embed_queries, embed_texts
from . import protocol
from .adapters import is_frame, wrap
from .cache import cache
from .origin import check_rows, maker_of, told_of, unknown_origin

EXACT_ROWS: Final = 10_000  # up to here an exact index is built for the call (design: a constant)
CODE_BITS: Final = 5  # of kind flat, where many rows are searched


class Stages:
    """Milliseconds of the parts of a verb, in order."""

    __slots__ = ("spent",)

    def __init__(self) -> None:
        self.spent: list[tuple[str, float]] = []

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Time the block and put it down under `name`."""
        begin = time.perf_counter()
        yield
        self.spent.append((name, (time.perf_counter() - begin) * 1e3))


class Target:
    """The column that is searched, and how its vectors and queries are made."""

    __slots__ = ("digest", "embedder", "key", "label", "text", "vectors")

    def __init__(self, label: Any, vectors: Vectors | None, embedder: Embedder | None) -> None:
        self.label = label
        self.vectors = vectors
        self.embedder = embedder
        self.text = False  # whether the vectors were made of text here
        self.digest: bytes | None = None  # of the texts
        self.key: Any = None  # what the vectors are known by without reading them


@contextmanager
def naming(label: Any) -> Iterator[None]:
    """Put the column's name in front of errors about its vectors or texts."""
    try:
        yield
    except (InvalidVector, EmbedError) as error:
        if repr(label) in str(error):
            raise
        named = type(error)(f"column {label!r}: {error}", row=error.row, column=error.column)
        for note in getattr(error, "__notes__", ()):
            named.add_note(note)
        raise named from error


def open_target(
    frame: protocol.Frame,
    on: Any,
    text: Any,
    embedder: Any,
    stages: Stages,
    metric: str | None = None,
) -> Target:
    """Find the column that ``on=`` and ``text=`` mean, embed it if it is text, and read it.

    ``metric`` says whether rows of bits are meant.

    Raises
    ------
    ColumnError
        Missing or ambiguous, or of a kind that cannot be searched.
    """
    if on is not None and text is not None:
        raise InvalidArgument(f"on={on!r} and text={text!r} both name the column; give one")
    if isinstance(on, list):
        with stages.measure("gather"):
            matrix = protocol.scalar_matrix(frame, on)
            valid = np.logical_not(np.isnan(matrix).any(axis=1))
            vectors = from_matrix(matrix, None if valid.all() else valid, True, "columns")
        return Target(on, vectors, named(embedder))
    label = text if on is None else on
    if label is None:
        label = protocol.only_vector_column(frame, metric in BINARY)
    fact = protocol.facts_of(frame, label)
    if text is not None and fact.kind not in ("text", "null"):
        raise ColumnError(
            f"text={text!r} is a column of {fact.dtype}, not of text; search vectors with on="
        )
    if fact.kind == "text" or text is not None:
        try:
            maker = resolve(embedder)
        except MissingExtra:
            _refuse_written_vectors(frame, label)  # which no model helps with
            raise
        if not frame.outline:
            return _text_target(frame, label, maker, stages)
        none = from_matrix(np.empty((0, 0), np.float32), None, True, "text")
        target = Target(label, none, maker)  # a foreign embedder is not asked for no text
        target.text = True
        return target
    typed = not fact.dtype.lower().startswith("object")  # of objects one cell alone may be bytes
    if fact.kind == "bits" and typed and metric not in BINARY:
        raise ColumnError(
            f"column {label!r} holds {fact.dtype}: rows of bits are compared by metric='hamming' "
            "or 'jaccard'; numbers to search by other metrics must be numbers"
        )
    with stages.measure("read"), naming(label):
        column, called = frame.column(label), f"column {label!r}"
        if metric is not None and metric in BINARY:
            vectors = read_bits(column, metric, called)
        else:
            vectors = read_vectors(column, called)
    vectors.made = told_of(frame, label)
    return Target(label, vectors, named(embedder))


def named(embedder: Any) -> Embedder | None:
    """Return the embedder that the call named; never that of the settings, nor the default."""
    return None if embedder is None else resolve(embedder)


def made_by(target: Target) -> Embedder | None:
    """Return what is known to have made a column, else what the settings name, else None."""
    maker = target.embedder or maker_of(target.vectors).embedder
    return resolve(None) if maker is None and current.embedder is not None else maker


def _text_target(frame: protocol.Frame, label: Any, embedder: Embedder, stages: Stages) -> Target:
    matrix, valid, key = embed_column(frame, label, embedder, stages)
    vectors = from_matrix(matrix, None if valid.all() else valid, True, f"text, {embedder.id}")
    target = Target(label, vectors, embedder)
    target.key = key
    target.digest = key[1]
    target.text = True
    return target


def _refuse_written_vectors(frame: protocol.Frame, label: Any) -> None:
    """Refuse a text column that holds vectors written as text."""
    with naming(label):
        texts = frame.text_column(label)
        try:
            first = texts.first()
        finally:
            texts.close()
    _refuse_written_vector(frame, label, first)


def _refuse_written_vector(
    frame: protocol.Frame, label: Any, first: tuple[int, str] | None
) -> None:
    if first is not None and looks_like_vector(first[1]):
        advice = text_advice(first[1], frame.library, label)
        raise InvalidVector(f"column {label!r}: row {first[0]} {advice}", row=first[0])


def embed_column(
    frame: protocol.Frame,
    label: Any,
    embedder: Embedder,
    stages: Stages,
    size: int = BATCH_TEXTS,
    progress: Progress = None,
) -> tuple[Float32Matrix, Validity, Any]:
    """Return ``(matrix, valid, key)`` of a text column; the matrix is the cache's.

    Raises
    ------
    EmbedError, InvalidVector
        A cell is not text, or the texts are vectors written as text.
    """
    with stages.measure("read"), naming(label):
        texts = frame.text_column(label)
        digest = texts.digest()
        first = texts.first()
    _refuse_written_vector(frame, label, first)
    try:
        with stages.measure("embed"), naming(label):
            matrix, valid = embed_texts(
                texts, embedder, size=size, progress=progress, digest=digest
            )
    finally:
        texts.close()
    return matrix, valid, ("text", digest, embedder.key)


def make_queries(
    query: Any, target: Target, dim: int, stages: Stages
) -> tuple[FloatMatrix, bool, list[str] | None]:
    """Return ``(matrix, single, texts)``; texts only for a batch of texts."""
    texts = texts_of(query)
    if texts is None:
        matrix, single = read_queries(query, dim)
        return matrix, single, [] if target.text and not len(matrix) else None
    if not texts:
        return read_queries([], dim)[0], False, texts
    if not target.text:
        refuse_written_vector(texts[0])
    if target.embedder is None:
        if target.vectors is not None and target.vectors.handle is None:
            nothing = np.empty((len(texts), 0), np.float32)  # no row that they could find
            return nothing, isinstance(query, str), _batch(query, texts)
        find_maker(target, stages)
    elif not target.text and target.vectors is not None:
        with stages.measure("find embedder"):
            check_rows(target.vectors, target.label, target.embedder, "embedder= is")
    assert target.embedder is not None
    with stages.measure("embed query"):
        matrix = embed_queries(texts, target.embedder)
    if dim and len(matrix) and matrix.shape[1] != dim:
        raise DimensionMismatch(
            f"the query has {matrix.shape[1]} dimensions (embedder {target.embedder.id!r}), the "
            f"vectors of {target.label!r} have {dim}; give the embedder that made them"
        )
    return matrix, isinstance(query, str), _batch(query, texts)


def find_maker(target: Target, stages: Stages) -> None:
    """Settle the embedder of a column of vectors: what made it, else what the settings name.

    Raises
    ------
    EmbedError
        It is not known, cannot be loaded by name, or is known to be another than the settings'.
    """
    vectors = target.vectors
    if vectors is not None and vectors.rows > EXACT_ROWS:
        with stages.measure("hash"):
            target.key = _native.column_hash(vectors.handle)
    with stages.measure("find embedder"):
        found = maker_of(vectors, target.key)
    if found.embedder is None and found.other is None:
        found = found._replace(embedder=_told(target))
    if found.embedder is None and found.other is None and current.embedder is not None:
        found = found._replace(embedder=resolve(None))
        if vectors is not None:
            check_rows(vectors, target.label, resolve(None), "rv.config(embedder=) is")
    if found.embedder is None:
        height = 0 if vectors is None else vectors.rows - vectors.nulls
        raise unknown_origin(target.label, found, height)
    target.embedder = found.embedder


def _told(target: Target) -> Embedder | None:
    """Return the embedder that a column's source names, None where it names none.

    Raises
    ------
    EmbedError, MissingExtra
        It cannot be loaded by name, and the settings name none; other rows are another's.
    """
    vectors = target.vectors
    if vectors is None or vectors.made is None:
        return None
    from .._text.recalled import recall  # no part of a start

    mine = f"the vectors of {target.label!r} were made"
    try:
        maker = recall(vectors.made, mine)
    except (EmbedError, MissingExtra):
        if current.embedder is None:
            raise
        return None
    check_rows(vectors, target.label, maker, "its metadata names what is")
    return maker


def _batch(query: Any, texts: list[str]) -> list[str] | None:
    return None if isinstance(query, str) else texts


def query_of_frame(query: Any, label: Any) -> Any:
    """Take the column of the same name out of a query that is a frame.

    Raises
    ------
    InvalidVector
        It is a frame without such a column, or a row of one; says which part to search with.
    """
    if not is_frame(query):
        refuse_rows(query, label)
        return query
    frame = wrap(query)
    if isinstance(label, list):
        return protocol.scalar_matrix(frame, label)
    names = frame.names()
    if protocol.times(names, label):
        return frame.column(label)
    try:
        return frame.column(protocol.only_vector_column(frame, None))
    except ColumnError:
        refuse_rows(query, label)
        raise


def open_index(
    target: Target,
    metric: str,
    recall: float,
    stages: Stages,
    exact_rows: int = EXACT_ROWS,
    kind: str = "flat",
) -> tuple[Any, str, Vectors]:
    """Return ``(native index, "built" or "cached", vectors)`` for a frame's column.

    Up to ``exact_rows`` rows it is of kind exact, above of the kind that is asked for.
    """
    vectors = target.vectors
    assert vectors is not None
    options = {
        "metric": metric,
        "kind": "exact",
        "bits": 0,
        "keep": "borrow",
        "recall": recall,
        "nulls": "skip",
        "bad": current.bad_vectors,
        "seed": 42,
        "threads": current.threads,
    }
    if vectors.rows <= exact_rows or recall > EVERY_VECTOR or metric in BINARY:
        with stages.measure("build"), naming(target.label):
            return _native.build_from(vectors.handle, None, options, False), "built", vectors
    key = target.key
    if key is None:
        with stages.measure("hash"):
            key = _native.column_hash(vectors.handle)
    key = ("index", key, metric, current.bad_vectors, kind)
    handle = cache._get(key)
    if handle is not None:
        return handle, "cached", vectors
    options |= {"kind": kind, "bits": CODE_BITS, "keep": "none", "recall": 0.95}
    with stages.measure("build"), naming(target.label):
        handle = _native.build_from(vectors.handle, None, options, current.progress)
    cache._put(key, handle, int(_native.info(handle)["index_bytes"]))
    return handle, "built", vectors
