"""``pl.col("v").ruvector`` and what a Series of polars alone has, imported once polars is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from .._errors import InvalidArgument
from .._frames.series.expressions import nearest, row_by_row, scored
from .._frames.series.scoring import metric_of
from .._frames.series.unit import norm, normalize
from .._habits import EXPRESSION
from .._index.index import Index
from .._metric import SCORE_NAMES, MetricName, larger_is_better, threshold
from .._settings import current
from .listing import Listed
from .series import SeriesAccessor


class PolarsSeriesAccessor(SeriesAccessor[pl.Series]):
    """A polars Series of vectors."""

    __slots__ = ()

    def normalize(self) -> pl.Series:
        """Divide each vector by its length.

        Returns
        -------
        Series of the same type and name, ``Array`` or ``List`` of floats
            Null where the row is null, and where it is zero, which has no direction.

        Raises
        ------
        ColumnError
            The column holds something else than vectors of floats.
        InvalidVector
            NaN or infinity in a row, unless ``rv.config(bad_vectors="skip")`` makes it null.
        """
        return normalize(self._frame)

    def norm(self) -> pl.Series:
        """Return the length of each vector: a Series ``norm`` of float32, null where it is null.

        Raises
        ------
        ColumnError
            The column holds something else than vectors.
        InvalidVector
            NaN or infinity in a row, unless ``rv.config(bad_vectors="skip")`` makes it null.
        """
        return norm(self._frame)


class PolarsExprAccessor(Listed):
    """Vectors in polars expressions: every verb works row by row, in any context and engine.

    The type of the answer is known before anything is read. What is not a vector has a name of its
    own, so that no verb but `normalize` overwrites a column of vectors; of several columns at once,
    ``pl.col("a", "b")``, the answers are called as these: use ``.name.suffix``. Errors come when
    the query runs and say which row; polars counts rows in the batch at hand.
    """

    __slots__ = ("_expr",)

    _called = "pl.col('vectors').ruvector"

    def __init__(self, expr: pl.Expr) -> None:
        self._expr = expr

    if not TYPE_CHECKING:  # which report names that are absent

        def __getattr__(self, name: str) -> Any:
            raise EXPRESSION.error(self, name)

    def _called_by(self, found: pl.Expr, name: str) -> pl.Expr:
        return found if self._expr.meta.has_multiple_outputs() else found.alias(name)

    def similarity(
        self,
        other: Any,
        *,
        metric: Literal["cosine", "dot"] = "cosine",
        embedder: Any = None,
    ) -> pl.Expr:
        """Return the similarity of each row to one vector, or to another expression's row.

        Parameters
        ----------
        other : 1-D vector, expression, or str
            A str is a text to embed; a column is ``pl.col("other")``.
        metric : {"cosine", "dot"}
        embedder : Embedder, callable or object with ``encode``, optional
            Makes vectors of text.

        Returns
        -------
        expression of Float32
            Called ``cosine_similarity`` or ``dot_product``; null where either row is null. The
            numbers are those of `ruvector.similarity` and of a search.

        Raises
        ------
        MetricError
            A metric that is a distance: see `distance`.
        InvalidVector
            `other` is not one vector. When the query runs: NaN or infinity in a row.
        DimensionMismatch, EmbedError
            When the query runs.
        """
        name = metric_of("similarity", metric)
        found = scored("similarity", self._expr, other, name, embedder, lambda s: s, pl.Float32())
        return self._called_by(found, current.score_column or SCORE_NAMES[name])

    def distance(
        self,
        other: Any,
        *,
        metric: Literal["cosine", "l2", "euclidean", "sqeuclidean"] = "cosine",
        embedder: Any = None,
    ) -> pl.Expr:
        """Return the distance of each row from one vector, or from another expression's row.

        Parameters
        ----------
        other : 1-D vector, expression, or str
            A str is a text to embed; a column is ``pl.col("other")``.
        metric : {"cosine", "l2", "sqeuclidean"}
            ``cosine`` is 1 minus the cosine similarity, ``l2`` (= ``euclidean``) is not squared.
        embedder : Embedder, callable or object with ``encode``, optional
            Makes vectors of text.

        Returns
        -------
        expression of Float32
            Called ``cosine_distance``, ``l2_distance`` or ``sqeuclidean_distance``; null where
            either row is null. The numbers are those of `ruvector.distance`.

        Raises
        ------
        MetricError
            A metric that is a similarity: see `similarity`.
        InvalidVector
            `other` is not one vector. When the query runs: NaN or infinity in a row.
        DimensionMismatch, EmbedError
            When the query runs.
        """
        name = metric_of("distance", metric)
        cosine = name == "cosine"
        found = scored(
            "distance", self._expr, other, name, embedder,
            lambda s: np.float32(1) - s if cosine else s, pl.Float32(),
        )  # fmt: skip
        called = "cosine_distance" if cosine else SCORE_NAMES[name]
        return self._called_by(found, current.score_column or called)

    def is_near(
        self,
        other: Any,
        *,
        min_similarity: float | None = None,
        max_distance: float | None = None,
        metric: MetricName | None = None,
        embedder: Any = None,
    ) -> pl.Expr:
        """Return whether each row is within a threshold of one vector or of another row.

        Parameters
        ----------
        other : 1-D vector, expression, or str
            As in `similarity`.
        min_similarity, max_distance : float
            One of them: the least similarity, or the greatest distance; both are within.
        metric : str, optional
            ``cosine`` or ``dot`` for similarities, the first when not given; ``l2`` or
            ``sqeuclidean`` for distances, the first when not given.
        embedder : Embedder, callable or object with ``encode``, optional

        Returns
        -------
        expression of Boolean
            Called ``is_near``; null where either row is null, so that ``filter`` leaves it out.

        Raises
        ------
        InvalidArgument
            Neither or both thresholds, or one that no score can be.
        MetricError
            The threshold is not of the metric's kind.
        InvalidVector, DimensionMismatch, EmbedError
            As in `similarity`.
        """
        if (min_similarity is None) == (max_distance is None):
            raise InvalidArgument(
                "is_near needs one threshold: min_similarity= (of cosine or dot), or "
                "max_distance= (of l2 or sqeuclidean)"
            )
        asked = metric or ("l2" if min_similarity is None else "cosine")
        larger = larger_is_better(asked)
        name = metric_of("similarity" if larger else "distance", asked)
        bound = np.float32(threshold(name, min_similarity, max_distance) or 0)
        found = scored(
            "is_near", self._expr, other, name, embedder,
            lambda s: s >= bound if larger else s <= bound, pl.Boolean(),
        )  # fmt: skip
        return self._called_by(found, "is_near")

    def normalize(self) -> pl.Expr:
        """Divide each vector by its length.

        Returns
        -------
        expression of the same type and name, ``Array`` or ``List`` of floats
            Null where the row is null, and where it is zero, which has no direction.

        Raises
        ------
        ColumnError
            When the query runs: the column holds something else than vectors of floats.
        InvalidVector
            When the query runs: NaN or infinity in a row.
        """
        return row_by_row([self._expr], normalize, pl.self_dtype())

    def norm(self) -> pl.Expr:
        """Return the length of each vector.

        Returns
        -------
        expression of Float32
            Called ``norm``; null where the row is null.

        Raises
        ------
        ColumnError, InvalidVector
            When the query runs: not a column of vectors; NaN or infinity in a row.
        """
        return self._called_by(row_by_row([self._expr], norm, pl.Float32()), "norm")

    def knn(self, index: Index, k: int = 5, *, recall: float | None = None) -> pl.Expr:
        """Find the k rows of an index that are nearest to each row.

        Parameters
        ----------
        index : Index
            Of vectors with as many dimensions as the rows have.
        k : int
            Rows to find for each; fewer come back only when the index has fewer.
        recall : float, optional
            Share of the true neighbours aimed for; the index's own when not given.

        Returns
        -------
        expression of Struct
            Called ``knn``, with two lists, best first: ``id`` (Int64, UInt64 or String, as the
            index has them) and the score as Float32, named by the metric, such as
            ``cosine_similarity``. Null where the row is null. ``.explode`` and ``.unnest`` make
            rows of it.

        Raises
        ------
        InvalidArgument
            `index` is not an Index, or `k` not a number above 0.
        InvalidVector, DimensionMismatch, IndexClosed
            When the query runs.
        """
        return self._called_by(nearest(self._expr, index, k, recall), "knn")
