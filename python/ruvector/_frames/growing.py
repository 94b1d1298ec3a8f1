"""`Index.add` and `upsert` of a frame: ids and texts or vectors, from the columns of the build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import ColumnError, EmbedError, InvalidVector
from .._index.provenance import Remembered, recall
from .._index.texts import NewRows, maker_of, new_rows_read_by
from .._input.bits import read_bits
from .._input.masks import read_ids
from .._input.vectors import Vectors, read_vectors
from .._metric import BINARY
from .._progress import Progress
from .._text.batches import BATCH_TEXTS
from . import protocol
from .adapters import is_frame, wrap
from .joining import shown_id
from .origin import check_rows, told_of
from .target import Stages, embed_column, naming

if TYPE_CHECKING:
    from .._index.index import Index

_WAY = "pass both: ix.add(ids, vectors)"


def read_new_rows(
    index: Index, data: Any, replace: bool, embedder: Any, progress: Progress
) -> NewRows | None:
    """Return the rows of a frame that have a vector; None where `data` is no frame.

    Raises
    ------
    ColumnError
        The index does not remember its columns, or the frame has not got them.
    EmbedError
        Texts, and it is not known what made the vectors of the index.
    InvalidVector
        A row that is to be replaced has no vector.
    """
    if not is_frame(data):
        return None
    frame = wrap(data)
    known = recall(index._origin)
    _check_columns(frame, known, index._id_kind == "positions")
    ids = frame.column(known.ids)
    vectors, valid = _vectors_of(index, frame, known.column, embedder, progress)
    if valid is None or valid.all():
        return NewRows(ids, vectors)
    if replace:
        _check_replaced(index, read_ids(ids), valid, known)
    rows = np.flatnonzero(valid)
    names = read_ids(ids)
    kept = [names[row] for row in rows.tolist()] if isinstance(names, list) else names[rows]
    return NewRows(kept, vectors[rows])


def _check_columns(frame: protocol.Frame, known: Remembered, positions: bool) -> None:
    if known.ids is None or positions:
        raise ColumnError(
            "the index does not know which column of a frame holds its ids: build it with "
            f"rv.build_index(frame, ids='the column'), or {_WAY}"
        )
    if known.column is None:
        raise ColumnError(
            f"the index does not know which column of a frame holds its texts or vectors; {_WAY}"
        )
    labels = [known.ids] if isinstance(known.column, list) else [known.ids, known.column]
    for label, what in zip(labels, ("ids", "texts or vectors"), strict=False):
        if not protocol.times(frame.names(), label):
            raise ColumnError(
                f"the {what} of the index were column {label!r}, which the frame has not; rename "
                f"the column that holds them, or {_WAY}"
            )


def _vectors_of(
    index: Index, frame: protocol.Frame, label: Any, embedder: Any, progress: Progress
) -> tuple[Any, npt.NDArray[np.bool_] | None]:
    """Return vectors, and which rows have one (None: all, or what is read later tells)."""
    if isinstance(label, list):
        matrix = protocol.scalar_matrix(frame, label)
        return matrix, np.logical_not(np.isnan(matrix).any(axis=1))
    kind = protocol.facts_of(frame, label).kind
    if kind == "text":
        maker = maker_of(index, embedder, f"column {label!r}", _WAY)
        matrix, valid, _ = embed_column(frame, label, maker, Stages(), BATCH_TEXTS, progress)
        if valid.any() and matrix.shape[1] != index.dim:
            raise EmbedError(
                f"column {label!r} has {matrix.shape[1]} dimensions (embedder {maker.id!r}), the "
                f"vectors of the index have {index.dim}; give the embedder that made them"
            )
        return matrix, valid
    if kind == "null":
        return np.zeros((frame.height, index.dim), np.float32), np.zeros(frame.height, np.bool_)
    column = frame.column(label)
    with naming(label):
        if index.metric in BINARY:
            return read_bits(column, index.metric, f"column {label!r}"), None
        vectors = read_vectors(column, f"column {label!r}", warn=False)
        _check_made(index, frame, label, vectors)
        if vectors.nulls and vectors.handle is None:
            nothing = np.zeros((vectors.rows, index.dim), np.float32)
            return nothing, np.zeros(vectors.rows, np.bool_)
        if not vectors.nulls:
            return vectors, None
        wide = _native.column_info(vectors.handle)["wide"]
        matrix, valid = _native.column_and_validity(
            vectors.handle, np.float64 if wide else np.float32
        )
        vectors.close()
        return matrix, valid


def _check_made(index: Index, frame: protocol.Frame, label: Any, vectors: Vectors) -> None:
    """Refuse vectors of which another embedder is known to have made some.

    Raises
    ------
    EmbedError
        Names both.
    """
    made = index._made()
    vectors.made = told_of(frame, label)
    if made is not None:
        check_rows(vectors, label, made, "the vectors of this index were made", _WAY)


def _check_replaced(
    index: Index, names: Any, valid: npt.NDArray[np.bool_], known: Remembered
) -> None:
    """Refuse to keep what an id had before where the frame has nothing for it."""
    without = np.flatnonzero(~valid)
    some = [names[row] for row in without.tolist()] if isinstance(names, list) else names[without]
    there = np.flatnonzero(_native.lookup(index._handle, some) >= 0)
    if len(there):
        row = int(without[there[0]])
        raise InvalidVector(
            f"column {known.column!r}: row {row} has no vector, but its id "
            f"{shown_id(names[row])} is in the index; delete it first: ix.delete(ids)",
            row=row,
        )


new_rows_read_by(read_new_rows)
