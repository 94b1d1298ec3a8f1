"""The score of each row of a column: with one vector, or with the row beside it."""

from __future__ import annotations

import sys
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from ... import _native
from ..._errors import DimensionMismatch, EmbedError, InvalidArgument, InvalidVector, MetricError
from ..._input.queries import read_queries
from ..._input.texts import texts_of
from ..._input.vectors import Vectors, from_matrix, read_vectors
from ..._metric import BINARY, canonical
from ..._settings import current
from ..origin import check_rows
from ..target import (
    Stages,
    Target,
    made_by,
    make_queries,
    named,
    naming,
    open_target,
    query_of_frame,
)
from .kinds import framed, refuse_frames

Pair = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]

SIMILARITIES: Final = ("cosine", "dot")
DISTANCES: Final = ("cosine", "l2", "sqeuclidean")


_WAY: Final = "embed both with one, or compare the numbers alone: np.asarray(column.to_list())"


def metric_of(verb: str, metric: Any) -> str:
    """Return the metric of ``similarity`` or ``distance`` by its one name.

    Raises
    ------
    MetricError
        It is none of the verb's; names the verb that has it.
    """
    name = canonical(metric)
    mine = SIMILARITIES if verb == "similarity" else DISTANCES
    if name in mine:
        return name
    if name in BINARY:
        raise MetricError(
            f"metric={metric!r} compares rows of bits, which {verb} does not: "
            f"search or within(..., metric={name!r}) find rows by it"
        )
    listed = " or ".join(map(repr, mine))
    other = "distance" if verb == "similarity" else "similarity"
    raise MetricError(
        f"metric={metric!r} is a {other}, and {verb} knows {listed}: use {other}(..., "
        f"metric={name!r})"
    )


def score(verb: str, column: Any, other: Any, metric: str, embedder: Any) -> Pair:
    """Return the score of each row and whether it has one (else it is NaN).

    ``metric`` is a name of the engine's. Scores are what a search of the column gives.
    """
    refuse_frames(column, verb)
    target = _target(column, embedder)
    vectors = target.vectors
    assert vectors is not None
    partner = _partner(other, target, vectors, column)
    none = np.full(vectors.rows, np.nan, np.float32), np.zeros(vectors.rows, np.bool_)
    if not vectors.rows:
        return none
    if partner.rows not in (1, vectors.rows) or (partner.rows != vectors.rows and partner.nulls):
        _refuse_rows(target.label, vectors.rows, partner.rows)
    if vectors.handle is None or partner.handle is None:
        return none
    if partner.dim != vectors.dim:
        _refuse_dim(target, vectors.dim, partner.dim)
    with naming(target.label):
        return _native.scores(
            vectors.handle, partner.handle, metric, current.bad_vectors == "skip", current.threads
        )


def _target(column: Any, embedder: Any) -> Target:
    """Open the column as a frame verb does, text embedded."""
    found = framed(column)
    if found is None:
        return Target("column", read_vectors(column, "column"), named(embedder))
    frame, label = found
    return open_target(frame, label, None, embedder, Stages())


def _partner(other: Any, target: Target, vectors: Vectors, column: Any) -> Vectors:
    """Return what rows are compared with: one vector, or one a row."""
    other = query_of_frame(other, target.label)
    found = framed(other)
    if found is not None:
        frame, label = found
        kind = frame.fact(0).kind
        maker = target.embedder or made_by(target)
        if kind == "text" and maker is None:
            raise EmbedError(
                f"the other column {label!r} is text, but it is not known what made the vectors "
                f"of {target.label!r}; name it: embedder=..."
            )
        if kind in ("vector", "text", "null"):
            _check_index(column, other)
            opened = open_target(frame, label, None, maker, Stages()).vectors
            assert opened is not None
            if kind == "vector" and maker is not None:
                check_rows(opened, label, maker, f"those of {target.label!r}", _WAY)
            return opened
    if texts_of(other) is not None:
        matrix = make_queries(other, target, vectors.dim, Stages())[0]
    else:
        matrix = read_queries(other, vectors.dim)[0]
    if len(matrix) == 1:
        check_finite(matrix[0])
    return from_matrix(np.ascontiguousarray(matrix), None, True, "query")


def check_finite(vector: npt.NDArray[Any]) -> None:
    """Refuse one vector to compare with that has NaN or infinity in it; names the place."""
    bad = np.flatnonzero(~np.isfinite(vector))
    if len(bad):
        what = "NaN" if np.isnan(vector[bad[0]]) else "infinity"
        raise InvalidVector(
            f"query: column {bad[0]} holds {what}; repair or drop the query", column=int(bad[0])
        )


def _check_index(column: Any, other: Any) -> None:
    """Refuse a Series whose rows are called otherwise than the column's: pandas aligns by names."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not all(isinstance(one, pandas.Series) for one in (column, other)):
        return
    if not column.index.equals(other.index):
        raise InvalidArgument(
            f"the other Series has another index than the column ({len(other)} and {len(column)} "
            "rows); make both from one frame, or pass other.to_numpy() to go by position"
        )


def _refuse_rows(label: Any, rows: int, others: int) -> NoReturn:
    raise InvalidVector(
        f"column {label!r} has {rows} rows, and {others} vectors are given: pass one vector for "
        "all rows, or as many as there are rows"
    )


def _refuse_dim(target: Target, mine: int, theirs: int) -> NoReturn:
    raise DimensionMismatch(
        f"column {target.label!r} has {mine} dimensions, what it is compared with has {theirs}"
    )
