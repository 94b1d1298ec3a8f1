"""Files as one frame, those that did not change with all that an earlier answer says of them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import DimensionMismatch, EmbedError, InvalidArgument
from .._frames.adapters import wrap
from .._frames.origin import maker_of_column, remember_made
from .._frames.protocol import Frame, all_facts
from .._frames.verbs.embed import embed
from .._input.cells import Validity
from .._input.matrices import to_column, to_matrix
from .._input.vectors import Float32Matrix
from .._settings import current
from .._text.embedder import resolve
from .changed import KEPT, Previous, attrs_of
from .frames import COLUMNS, FINGERPRINT, make_frame
from .job import Entry
from .rows import Row

_ASKED = 3  # rows that are embedded again, to see whether an embedder made their vectors
_EQUAL = 0.99  # cosine of two vectors of one text by one embedder; other embedders are far below


def frame_of(
    entries: list[Entry],
    previous: Previous | None,
    library: str,
    fingerprint: bool,
    embedder: Any,
) -> Any:
    """Return the rows of all entries as one frame."""
    fingerprint = fingerprint or (previous is not None and previous.has_fingerprints)
    if previous is None or not _more(previous):
        answer = make_frame(library, _columns(entries))
    else:
        if library != previous.frame.library:
            raise InvalidArgument(
                f"previous= is a frame of {previous.frame.library} and has columns of your own, so "
                f"that the answer cannot be one of {library}: leave frame= out"
            )
        answer = _joined(entries, previous, embedder)
    if fingerprint:
        told = [str(entry.known) for entry in entries for _ in entry.rows]
        column = wrap(make_frame(library, {FINGERPRINT: told})).column(FINGERPRINT)
        answer = wrap(answer).with_columns({FINGERPRINT: column})
    if library == "pandas":
        answer.attrs[KEPT] = attrs_of({entry.path: entry.known for entry in entries})
    return answer


def _more(previous: Previous) -> list[Any]:
    """Return the columns that were added to an earlier answer."""
    return [name for name in previous.frame.names() if name not in (*COLUMNS, FINGERPRINT)]


def _columns(entries: list[Entry]) -> dict[str, list[Any]]:
    return _cells([(entry.path, row) for entry in entries for row in entry.rows])


def _cells(rows: list[tuple[str, Row]]) -> dict[str, list[Any]]:
    return {
        "text": [row.text for _, row in rows],
        "path": [path for path, _ in rows],
        "start": [row.start for _, row in rows],
        "end": [row.end for _, row in rows],
        "heading": [row.heading for _, row in rows],
        "page": [row.page for _, row in rows],
    }


def _joined(entries: list[Entry], previous: Previous, embedder: Any) -> Any:
    """Return old rows with all their columns, and new ones with those that can be made."""
    old = np.array([row for entry in entries for row in entry.old], np.int64)
    new = [
        (entry.path, row)
        for entry in entries
        for row, was in zip(entry.rows, entry.old, strict=True)
        if was < 0
    ]
    columns = [name for name in previous.frame.names() if name != FINGERPRINT]
    library = previous.frame.library
    fresh = wrap(make_frame(library, _cells(new)))
    vectors = {f.label for f in all_facts(previous.frame) if f.kind == "vector"}
    for label in columns:
        if label in vectors:
            added = _vectors(previous, label, new, fresh, embedder)
            if added is not None:
                fresh = wrap(fresh.with_columns({label: added}))
    kept = previous.frame.take(old[old >= 0], columns, {})
    both = _concatenated(library, kept, fresh.frame)
    order = np.empty(len(old), np.int64)
    order[old >= 0] = np.arange((old >= 0).sum())
    order[old < 0] = (old >= 0).sum() + np.arange((old < 0).sum())
    return _numbered(library, wrap(both).take(order, columns, {}))


def _concatenated(library: str, kept: Any, fresh: Any) -> Any:
    module: Any = importlib.import_module(library)
    if library == "pandas":
        if not len(fresh):
            return kept
        if not len(kept):
            return fresh.reindex(columns=kept.columns)
        return module.concat([kept, fresh], ignore_index=True)
    if library == "polars":
        return module.concat([kept, fresh], how="diagonal_relaxed")
    return module.concat_tables([kept, fresh], promote_options="permissive").combine_chunks()


def _numbered(library: str, frame: Any) -> Any:
    return frame.reset_index(drop=True) if library == "pandas" else frame


def _vectors(
    previous: Previous,
    label: Any,
    new: list[tuple[str, Row]],
    fresh: Frame,
    embedder: Any,
) -> Any:
    """Return a column of the vectors of new rows; those of texts that were there are theirs.

    Raises
    ------
    EmbedError
        It is not known what made the column, or it was not the embedder that was given.
    """
    made: Float32Matrix = to_matrix(previous.frame.column(label))
    maker = maker_of_column(previous.frame, label)
    if maker is None and embedder is None:
        embedder = current.embedder
    if embedder is not None:
        told = resolve(embedder)
        if maker is None:
            _check(previous, label, made, told)
            valid: Validity = np.asarray(np.isfinite(made).all(axis=1), np.bool_)
            remember_made(made, valid, told)
            maker = told
        elif maker.key != told.key:
            raise EmbedError(
                f"the vectors of {label!r} were made by {maker.id}, and embedder= is {told.id}: "
                "leave embedder= out, or drop the column and embed all texts again"
            )
    there = previous.texts()
    rows = np.array([there.get(row.text, -1) for _, row in new], np.int64)
    matrix = np.full((len(new), made.shape[1]), np.nan, np.float32)
    matrix[rows >= 0] = made[rows[rows >= 0]]
    missing = np.flatnonzero(rows < 0)
    if len(missing):
        if maker is None:
            raise EmbedError(
                f"{len(missing):,} rows are new, and it is not known what made the vectors of "
                f"{label!r}: name it, embedder=..., or drop the column from previous="
            )
        matrix[missing] = _embedded(fresh, missing, maker, made.shape[1], label)
    return _like(previous, label, to_column(matrix, fresh.frame))


def _embedded(
    frame: Frame, rows: npt.NDArray[np.int64], maker: Any, dim: int, label: Any
) -> Float32Matrix:
    texts = frame.take(rows, ["text"], {})
    found: Float32Matrix = to_matrix(
        wrap(embed(texts, "text", into="made", embedder=maker)).column("made")
    )
    if len(found) and found.shape[1] != dim:
        raise DimensionMismatch(
            f"the vectors of {label!r} have {dim} dimensions, and {maker.id} makes vectors of "
            f"{found.shape[1]}: embed all texts with one embedder"
        )
    return found


def _check(previous: Previous, label: Any, made: Float32Matrix, told: Any) -> None:
    """Refuse an embedder that makes other vectors of the texts than the column has."""
    whole = np.flatnonzero(np.isfinite(made).all(axis=1) & made.any(axis=1))
    rows = whole[np.linspace(0, len(whole) - 1, min(_ASKED, len(whole))).astype(np.int64)]
    if not len(rows):
        return
    again = _embedded(previous.frame, rows, told, made.shape[1], label).astype(np.float64)
    there = made[rows].astype(np.float64)
    lengths = np.linalg.norm(again, axis=1) * np.linalg.norm(there, axis=1)
    cosine = (again * there).sum(axis=1) / lengths
    bad = np.flatnonzero(~(cosine > _EQUAL))
    if len(bad):
        row = int(rows[bad[0]])
        raise EmbedError(
            f"{told.id} did not make the vectors of {label!r}: that of row {row} has a cosine of "
            f"{cosine[bad[0]]:.3f} with what it makes of the same text; name the embedder that "
            "did, or drop the column and embed all texts again",
            row=row,
        )


def _like(previous: Previous, label: Any, column: Any) -> Any:
    """Return a column of the type that an earlier answer has."""
    before = previous.frame.column(label)
    if previous.frame.library == "polars":
        return column.cast(before.dtype)
    if previous.frame.library == "pyarrow":
        return column.cast(before.type)
    return column
