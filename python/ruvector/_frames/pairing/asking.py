"""Rows of a frame that ask: their vectors as queries, a part at a time."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ... import _native
from ..._errors import ColumnError, DimensionMismatch, EmbedError, InvalidVector
from ..._index.index import Index
from ..._index.texts import given_maker, own_maker
from ..._input.vectors import Vectors
from ..._metric import BINARY
from ..._settings import current
from ..._text.embedder import Embedder
from .. import protocol
from ..origin import check_column, check_rows, maker_of, maker_of_column
from ..target import Stages, Target, find_maker, open_target

_WAY: Final = (
    "embed both sides with one, or join with an index of the numbers alone: rv.Index.build(matrix)"
)

Rows = npt.NDArray[np.int64]
Valid: TypeAlias = npt.NDArray[np.bool_] | None


class Asking:
    """The rows of a frame that have a vector, and those vectors.

    Attributes
    ----------
    rows : ndarray of int64
        The rows with a vector, in order.
    """

    __slots__ = ("_all", "_called", "_matrix", "_packed", "_skip", "rows")

    def __init__(self, matrix: npt.NDArray[Any], valid: Valid, called: str, packed: bool) -> None:
        self._matrix, self._called, self._packed = matrix, called, packed
        self._skip = current.bad_vectors == "skip"
        self._all = valid is None
        self.rows = np.arange(len(matrix)) if valid is None else np.flatnonzero(valid)

    def part(self, places: slice | Rows) -> tuple[npt.NDArray[Any], Rows]:
        """Return queries (n, dim), packed bits being uint8, and the rows of the frame they are of.

        `places` say which of `rows`. Bad vectors are left out where the settings skip them.

        Raises
        ------
        InvalidVector
            NaN or infinity; names row and column.
        """
        rows = self.rows[places]
        if self._all and isinstance(places, slice):
            found = self._matrix[places]
        else:
            found = self._matrix[rows]
        if self._packed:
            return np.ascontiguousarray(found), rows
        if found.dtype not in (np.float32, np.float64):
            found = found.astype(np.float32)
        bad = np.flatnonzero(np.logical_not(np.isfinite(found).all(axis=1)))
        if not len(bad):
            return found, rows
        if self._skip:
            return np.delete(found, bad, axis=0), np.delete(rows, bad)
        row, column = int(rows[bad[0]]), int(np.flatnonzero(~np.isfinite(found[bad[0]]))[0])
        what = "NaN" if np.isnan(found[bad[0], column]) else "infinity"
        raise InvalidVector(
            f"{self._called}: row {row}, column {column} holds {what}; repair or drop "
            "the row, or skip such rows: rv.config(bad_vectors='skip')",
            row=row,
            column=column,
        )


def _numbers(vectors: Vectors) -> tuple[npt.NDArray[Any], Valid]:
    """Return all rows of a column as they lie where that can be, and which are not null."""
    if vectors.handle is None:
        return np.empty((vectors.rows, 0), np.float32), np.zeros(vectors.rows, np.bool_)
    if vectors.matrix is not None:
        return vectors.matrix, vectors.validity
    if not vectors.nulls:
        return vectors.numbers(), None
    wide = _native.column_info(vectors.handle)["wide"]
    return _native.column_and_validity(vectors.handle, np.float64 if wide else np.float32)


def _bits(
    frame: protocol.Frame, label: Any, vectors: Vectors, metric: str
) -> tuple[npt.NDArray[Any], Valid]:
    """As `_numbers`, of packed bits."""
    if vectors.handle is None or vectors.matrix is not None:
        return _numbers(vectors)
    options = {"metric": metric, "kind": "exact", "keep": "borrow", "nulls": "skip"}
    index = _native.build_from(vectors.handle, None, options)
    valid = None
    if vectors.nulls:
        cells = frame.values(label, np.arange(vectors.rows))
        valid = np.array([cell is not None for cell in cells], np.bool_)
    return _native.matrix(index), valid


def asking_of(
    frame: protocol.Frame, label: Any, vectors: Vectors, metric: str, called: str
) -> Asking:
    """Return the rows of a column that was read; messages call it `called`."""
    packed = metric in BINARY
    held = _bits(frame, label, vectors, metric) if packed else _numbers(vectors)
    return Asking(*held, called, packed)


def open_asking(
    frame: protocol.Frame,
    label: Any,
    target: Target,
    given: Index | None,
    embedder: Any,
    metric: str,
    stages: Stages,
) -> Asking:
    """Return the rows of the left frame as queries to what `target` or `given` holds.

    Raises
    ------
    ColumnError, InvalidVector
        As `open_target`.
    DimensionMismatch
        The two sides have other numbers of dimensions.
    EmbedError
        One side is text, and it is not known what made the vectors of the other.
    """
    try:
        known = embedder is not None or current.embedder is not None
        maker = _maker_of(frame, label, target, given, known, metric, stages)
        asking = open_target(frame, label, None, maker, stages, metric)
    except ColumnError as error:
        raise of_side("left", error) from error
    except (InvalidVector, EmbedError) as error:
        if str(error).startswith("left"):
            raise
        raise type(error)(f"left {error}", row=error.row, column=error.column) from error
    vectors = asking.vectors
    assert vectors is not None
    theirs = target.vectors.dim if target.vectors is not None else 0
    if given is not None:
        theirs = given.dim // 8 if metric in BINARY else given.dim
    if vectors.handle is not None and theirs and vectors.dim != theirs:
        made = "" if maker is None else f" (embedder {maker.id!r})"
        other = "the index" if given is not None else f"right column {target.label!r}"
        raise DimensionMismatch(
            f"left column {asking.label!r} has {vectors.dim} dimensions{made}, {other} has "
            f"{theirs}: both sides must come from one embedder"
        )
    return asking_of(frame, asking.label, vectors, metric, f"left column {asking.label!r}")


def of_side(side: str, error: ColumnError) -> ColumnError:
    """Return the error for a column of one side of a join, which has no ``text=``."""
    said = str(error).replace("name its column: text=", "name its column: on=")
    return ColumnError(
        f"{side} frame: {said} ({side}_on= names the column of the {side} frame alone)"
    )


def _maker_of(
    frame: protocol.Frame,
    label: Any,
    target: Target,
    given: Index | None,
    known: bool,
    metric: str,
    stages: Stages,
) -> Embedder | None:
    """Return the embedder of the left side's texts; None where it has vectors.

    `known` says whether the user named the embedder.
    """
    if isinstance(label, list):
        return None
    if label is None:
        label = protocol.only_vector_column(frame, metric in BINARY)
    if protocol.facts_of(frame, label).kind != "text":
        if target.text and not known:
            _check_maker(frame, label, target)
        elif metric not in BINARY:
            _check_sides(frame, label, target, given)
        return None
    maker = target.embedder
    if given is not None:
        maker = own_maker(given) if maker is None else given_maker(given, maker)
    elif maker is None and target.vectors is not None and target.vectors.handle is not None:
        find_maker(target, stages)
        maker = target.embedder
    elif maker is not None and target.vectors is not None and not target.text:
        check_rows(target.vectors, target.label, maker, "embedder= is", _WAY)
    if maker is None and (given is not None or target.vectors is None):
        raise EmbedError(
            f"left column {label!r} is text, but it is not known what made the vectors of the "
            "index; name it: embedder=..."
        )
    return maker


def _check_sides(frame: protocol.Frame, label: Any, target: Target, given: Index | None) -> None:
    """Refuse vectors on the left of which another embedder than the right's made some."""
    if given is not None:
        theirs, called = given._made(), "those of the index"
    else:
        called = f"those of right column {target.label!r}"
        theirs = target.embedder or maker_of(target.vectors).embedder
        if theirs is None and target.vectors is not None:
            theirs = target.vectors.made
    if theirs is not None:
        check_column(frame, label, theirs, called, _WAY)


def _check_maker(frame: protocol.Frame, label: Any, target: Target) -> None:
    """Refuse vectors on the left of which it is not known that the right's embedder made them."""
    made = maker_of_column(frame, label)
    assert target.embedder is not None
    if made is None or made.key != target.embedder.key:
        origin = "made by another embedder" if made else "and it is not known what made them"
        raise EmbedError(
            f"left column {label!r} holds vectors {origin}, and right column {target.label!r} "
            f"text, embedded here by {target.embedder.id!r}: name one for both with embedder=..."
        )
