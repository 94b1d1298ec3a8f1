"""Verbs of polars expressions: row by row, in batches of whatever size polars hands over."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ..._arguments import positive, share
from ..._errors import ColumnError, EmbedError, InvalidArgument, InvalidVector, RuVectorError
from ..._index.index import Index
from ..._index.result import SearchResult
from ..._input.queries import read_queries
from ..._metric import SCORE_NAMES
from ..._settings import current
from .kinds import framed, like
from .scoring import check_finite, score

Batch = Callable[..., pl.Series]
Answer = Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]]

_IDS: Final = {"string": pl.String(), "uint64": pl.UInt64()}


def row_by_row(expressions: Sequence[pl.Expr], batch: Batch, dtype: Any) -> pl.Expr:
    """Return an expression that asks `batch` for the answers of some rows at a time.

    ``batch`` takes a Series of each expression, all of one length.
    """

    def ruvector(columns: Sequence[pl.Series]) -> pl.Series:
        rows = next((len(column) for column in columns if len(column) != 1), 1)
        try:
            return batch(*(c if len(c) == rows else c.new_from_index(0, rows) for c in columns))
        except RuVectorError as error:
            if error.row is None:
                raise
            raise type(error)(
                f"{error} (row {error.row} of the {rows} that polars handed over at once)",
                row=error.row,
                column=error.column,
            ) from error

    how: dict[str, Any] = {"return_dtype": dtype, "is_elementwise": True}
    if len(expressions) == 1:
        return expressions[0].map_batches(lambda rows: ruvector([rows]), **how)
    if "is_elementwise" in inspect.signature(pl.map_batches).parameters:
        return pl.map_batches(expressions, ruvector, **how)
    names = [f"{i}" for i in range(len(expressions))]  # polars 1.30 to 1.32
    pair = pl.struct([e.alias(name) for e, name in zip(expressions, names, strict=True)])
    return pair.map_batches(lambda rows: ruvector([rows.struct[name] for name in names]), **how)


def scored(
    verb: str,
    expression: pl.Expr,
    other: Any,
    metric: str,
    embedder: Any,
    answer: Answer,
    dtype: Any,
) -> pl.Expr:
    """Return the expression whose rows are the `answer` to their scores; null where none.

    Raises
    ------
    InvalidVector
        `other` is neither one vector nor an expression.
    """
    label = expression.meta.output_name(raise_if_undetermined=False) or "column"

    def of(mine: pl.Series, theirs: Any) -> pl.Series:
        try:
            scores, valid = score(verb, mine.alias(label), theirs, metric, embedder)
        except EmbedError as error:
            if not isinstance(theirs, str) or embedder is not None:
                raise
            raise EmbedError(f"{error}; a column is pl.col({theirs!r})") from error
        found: pl.Series = like(mine, answer(scores), valid, mine.name)
        return found

    if isinstance(other, pl.Expr):
        return row_by_row([expression, other], of, dtype)
    vector = other if isinstance(other, str) else _one_vector(other)
    return row_by_row([expression], lambda rows: of(rows, vector), dtype)


def _one_vector(other: Any) -> npt.NDArray[Any]:
    """Return one vector as an array of its own, so that it may change before the query runs."""
    found = framed(other)
    if found is None or found[0].fact(0).kind not in ("vector", "text"):
        matrix, _ = read_queries(other, 0)
        if len(matrix) == 1:
            check_finite(matrix[0])
            return np.array(matrix[0])
    raise InvalidVector(
        f"a {type(other).__name__} of several rows is not one vector; rows are compared with the "
        "rows beside them when those are an expression: pl.col('other')"
    )


def nearest(expression: pl.Expr, index: Index, k: int, recall: float | None) -> pl.Expr:
    """Return the expression whose rows are the ids and scores of their k nearest in an index.

    Raises
    ------
    InvalidArgument
        `index` is none, or `k` or `recall` no number of its kind.
    """
    if not isinstance(index, Index):
        raise InvalidArgument(
            f"knn asks an Index, not a {type(index).__name__}: rv.Index.build(vectors), or "
            "df.ruvector.build_index(); to join two frames use left.ruvector.sim_join(right)"
        )
    k = positive("k", k)
    recall = None if recall is None else share(recall)
    name = current.score_column or SCORE_NAMES[index.metric]
    if name == "id":
        raise ColumnError("the score is to be called 'id', as the ids are: rv.config(score_column)")
    ids = _IDS.get(index._id_kind, pl.Int64())
    dtype = pl.Struct({"id": pl.List(ids), name: pl.List(pl.Float32)})

    def batch(rows: pl.Series) -> pl.Series:
        present = _askable(rows)
        asked = rows.filter(present)
        if not len(asked):
            return pl.Series(rows.name, [None] * len(rows), dtype=dtype)
        found = index.search(asked, k, recall=recall)
        answers = pl.DataFrame(
            {"id": _lists(found, found.ids, ids), name: _lists(found, found.scores, pl.Float32())}
        ).to_struct(rows.name)
        if len(asked) == len(rows):
            return answers
        place = pl.select(pl.when(present).then(present.cum_sum().cast(pl.Int64) - 1)).to_series()
        return answers.gather(place.cast(pl.UInt32))

    return row_by_row([expression], batch, dtype)


def _askable(rows: pl.Series) -> pl.Series:
    """Return which rows are asked: not null, and finite where the settings skip the others."""
    present = rows.is_not_null()
    dtype = rows.dtype
    if current.bad_vectors != "skip" or not isinstance(dtype, pl.List | pl.Array):
        return present
    if not isinstance(dtype.inner, pl.Float32 | pl.Float64):
        return present
    lists = rows.arr.to_list() if isinstance(dtype, pl.Array) else rows
    numbers = lists.list.eval(pl.element().is_finite().fill_null(False))
    return present & numbers.list.all().fill_null(False)


def _lists(found: SearchResult, cells: npt.NDArray[Any], inner: Any) -> pl.Series:
    """Return the cells of a batch that are there as a list a query."""
    flat = cells.reshape(-1)
    there = np.arange(cells.shape[1]) < found.counts[:, None]
    values = flat[there.reshape(-1)]
    numbers = pl.Series(values.tolist() if values.dtype == object else values, dtype=inner)
    ends = np.cumsum(found.counts)
    if len(values) and (found.counts == found.counts[0]).all():
        return numbers.reshape((len(found.counts), int(found.counts[0]))).arr.to_list()
    parts = [numbers[int(a) : int(b)] for a, b in zip(ends - found.counts, ends, strict=True)]
    return pl.Series(parts, dtype=pl.List(inner))
