"""The vectors of a frame as points of the plane: which rows are drawn, and where."""

from __future__ import annotations

import importlib
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import (
    ColumnError,
    EmptyIndex,
    InvalidArgument,
    InvalidVector,
    MissingExtra,
)
from .._index.result import SearchResult
from .._input.masks import read_mask
from .._input.numbers import FloatMatrix
from .._input.values import numbers_of
from .._input.vectors import Vectors, from_matrix
from .._settings import current
from . import protocol
from .adapters import wrap
from .target import Stages, Target, open_target

Rows = npt.NDArray[np.int64]
Points = npt.NDArray[np.float32]

_SEED: Final = 42


class Places(NamedTuple):
    """Rows of a frame and where they lie."""

    rows: Rows
    points: Points  # (n, 2)
    axes: tuple[str, str]


def matrix_of(vectors: Vectors | None, label: Any) -> FloatMatrix:
    """Return all vectors, null rows NaN.

    Raises
    ------
    EmptyIndex
        There are none.
    """
    if vectors is None or vectors.handle is None or vectors.rows == vectors.nulls:
        raise EmptyIndex(f"column {label!r} has no vector to draw")
    return vectors.numbers()


def drawn_rows(vectors: Vectors, matrix: FloatMatrix, sample: int, always: Rows) -> Rows:
    """Return at most `sample` rows with a vector, drawn at random, and those that must be there."""
    null = np.flatnonzero(np.isnan(matrix).all(axis=1)) if vectors.nulls else np.empty(0, np.int64)
    told = np.setdiff1d(np.arange(vectors.rows), null, assume_unique=True)
    if len(told) > sample:
        told = np.random.default_rng(_SEED).choice(told, sample, replace=False)
    return np.union1d(told, np.setdiff1d(always, null)).astype(np.int64)


def finite_rows(matrix: FloatMatrix, rows: Rows, label: Any) -> Rows:
    """Return the rows whose numbers are finite.

    Raises
    ------
    InvalidVector
        One is not, and the settings do not say to skip it.
    """
    good = np.isfinite(matrix[rows]).all(axis=1)
    if good.all():
        return rows
    if current.bad_vectors == "error":
        row = int(rows[np.argmin(good)])
        raise InvalidVector(
            f"column {label!r}: row {row} is not finite; leave such rows out with "
            'rv.config(bad_vectors="skip")',
            row=row,
        )
    return rows[good]


def project(matrix: FloatMatrix, projection: Any, metric: str, total: int, rows: Rows) -> Places:
    """Place rows of a matrix on the plane.

    With ``cosine`` vectors are scaled to length 1 first, since their lengths mean nothing.

    Raises
    ------
    InvalidArgument
        An unknown projection, or coordinates of another shape.
    MissingExtra
        UMAP was asked for and is not installed.
    """
    if not isinstance(projection, str):
        given = np.asarray(projection)
        if given.shape != (total, 2) or given.dtype.kind not in "fiu":
            raise InvalidArgument(
                f"projection= has shape {given.shape}; coordinates are numbers of shape "
                f"({total}, 2), one row a row of the frame"
            )
        return Places(rows, given[rows].astype(np.float32), ("x", "y"))
    numbers = np.array(matrix[rows], np.float32)
    if metric == "cosine":
        norms = np.linalg.norm(numbers.astype(np.float64), axis=1, keepdims=True)
        np.divide(numbers, norms, out=numbers, where=norms > 0, casting="same_kind")
    if projection == "pca":
        points = _principal(numbers)
        return Places(rows, points, ("principal component 1", "principal component 2"))
    if projection == "umap":
        return Places(rows, _umap(numbers, metric), ("UMAP 1", "UMAP 2"))
    raise InvalidArgument(
        f"projection={projection!r} must be 'pca', 'umap' or coordinates of shape ({total}, 2)"
    )


def _principal(numbers: Points) -> Points:
    column = from_matrix(np.ascontiguousarray(numbers), None, True, "drawn")
    try:
        found = _native.pca(column.handle, min(2, column.dim))
    finally:
        column.close()
    if found.shape[1] == 2:
        return found
    return np.column_stack([found, np.zeros(len(found), np.float32)])


def _umap(numbers: Points, metric: str) -> Points:
    try:
        umap = importlib.import_module("umap")
    except ImportError as error:
        pip = "pip install umap-learn"
        raise MissingExtra(
            f"projection='umap' needs umap-learn: {pip}; 'pca' is built in", pip=pip
        ) from error
    told = "euclidean" if metric in ("l2", "sqeuclidean") else "cosine"
    out: Points = umap.UMAP(n_components=2, metric=told, random_state=_SEED).fit_transform(numbers)
    return out


def hit_rows(frame: protocol.Frame, target: Target, hits: Any) -> Rows:
    """Return the rows of a frame that ``hits=`` means, each once, in the order given.

    Hits are part of the frame, positions, or a mask. Rows of a frame are found by their vector, or
    text, which are what says where they lie.

    Raises
    ------
    ColumnError
        A frame without the column that is drawn.
    InvalidArgument
        Rows that are not the frame's.
    """
    rows = _hit_rows(frame, target, hits)
    _, first = np.unique(rows, return_index=True)
    out: Rows = rows[np.sort(first)]
    return out


def _hit_rows(frame: protocol.Frame, target: Target, hits: Any) -> Rows:
    if isinstance(hits, SearchResult):
        raise InvalidArgument("hits= is a SearchResult; pass its rows: hits=result.rows(frame)")
    try:
        found = wrap(hits)
    except InvalidArgument:
        return _positions(hits, frame.height)
    try:
        if target.text:
            return _by_text(frame, found, target.label)
        other = open_target(found, target.label, None, None, Stages())
    except ColumnError as error:
        raise ColumnError(
            f"hits=: {error}; its rows are found by that column: search without columns=, or pass "
            "row positions"
        ) from error
    if other.vectors is None or other.vectors.handle is None:
        return np.empty(0, np.int64)
    assert target.vectors is not None
    return _by_hash(target.vectors, other.vectors)


def _positions(hits: Any, height: int) -> Rows:
    try:
        values = np.asarray(hits)
    except ValueError:
        values = np.empty((0, 0))
    if values.ndim == 1 and values.dtype.kind == "b":
        return np.flatnonzero(read_mask(values, height)).astype(np.int64)
    if values.ndim != 1 or (values.dtype.kind not in "iu" and values.size):
        raise InvalidArgument(
            f"hits={type(hits).__name__} must be what a search of this frame returned, positions "
            "of rows, or one boolean a row"
        )
    wrong = values[(values < 0) | (values >= height)]
    if wrong.size:
        raise InvalidArgument(f"hits= names row {wrong[0]}, and the frame has {height} rows")
    return values.astype(np.int64)


def _by_text(frame: protocol.Frame, found: protocol.Frame, label: Any) -> Rows:
    place: dict[Any, int] = {}
    for row, text in enumerate(frame.texts(label)):
        place.setdefault(text, row)
    rows = [place.get(text, -1) for text in found.texts(label)]
    return _known(np.array(rows, np.int64))


def _by_hash(vectors: Vectors, found: Vectors) -> Rows:
    known = _native.column_row_hashes(vectors.handle, 0, vectors.rows)
    asked = _native.column_row_hashes(found.handle, 0, found.rows)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)
    rows = np.where(known[order[at]] == asked, order[at], -1)
    return _known(rows.astype(np.int64))


def _known(rows: Rows) -> Rows:
    lost = np.flatnonzero(rows < 0)
    if lost.size:
        raise InvalidArgument(
            f"hits= has {lost.size} of {len(rows)} rows that are not in the frame, first its row "
            f"{lost[0]}"
        )
    return rows


def values_at(frame: protocol.Frame, label: Any, rows: Rows) -> tuple[str, Any]:
    """Return ``("number", floats)`` or ``("text", texts)`` of a column at some rows."""
    kind = protocol.facts_of(frame, label).kind
    some = wrap(frame.take(rows, [label], {}))
    if kind == "number":
        return "number", np.asarray(numbers_of(some.column(label))[0], np.float64)
    if kind in ("vector", "bits"):
        raise ColumnError(f"column {label!r} holds vectors, which are no colours or texts")
    cells = some.texts(label) if kind == "text" else list(some.column(label))
    plain = [cell.as_py() if hasattr(cell, "as_py") else cell for cell in cells]
    return "text", ["" if cell is None or cell != cell else str(cell) for cell in plain]
