"""`rv.distance`: how far from a vector, or from the row beside it, each row of a column is."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..._habits import told
from ..._metric import SCORE_NAMES
from ..._settings import current
from ..series.kinds import like
from ..series.scoring import metric_of, score
from .similarity import ColumnT


@told
def distance(
    column: ColumnT,
    other: Any,
    *,
    metric: Literal["cosine", "l2", "euclidean", "sqeuclidean"] = "cosine",
    embedder: Any = None,
) -> ColumnT:
    """Return the distance of each row of a column from one vector, or from the row beside it.

    Parameters
    ----------
    column : pandas or polars Series, or pyarrow Array or ChunkedArray
        n rows of d numbers, or text; as in `similarity`.
    other : 1-D vector, str, or column of n rows
        One vector for all rows, or one for each row; as in `similarity`.
    metric : {"cosine", "l2", "sqeuclidean"}
        ``cosine`` is 1 minus the cosine similarity, ``l2`` (= ``euclidean``) is not squared.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of text.

    Returns
    -------
    column of the same library, float32
        Named ``cosine_distance``, ``l2_distance`` or ``sqeuclidean_distance``; pandas keeps the
        index. Null (NaN in pandas) where either row is null. The numbers are those of `search`,
        bit for bit; ``cosine`` is ``1 - similarity``, computed in float32.

    Raises
    ------
    MetricError
        A metric that is a similarity: see `similarity`.
    InvalidVector
        NaN or infinity in a row, unless ``rv.config(bad_vectors="skip")`` makes it null; names
        column and row. Another number of rows.
    ColumnError
        A whole frame, or a column of something else.
    DimensionMismatch, EmbedError, InvalidArgument, MissingExtra

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> rv.distance(np.eye(2), [0, 1], metric="sqeuclidean").tolist()
    [2.0, 0.0]
    """
    name = metric_of("distance", metric)
    scores, valid = score("distance", column, other, name, embedder)
    called = SCORE_NAMES[name]
    if name == "cosine":
        scores, called = np.float32(1) - scores, "cosine_distance"
    answer: ColumnT = like(column, scores, valid, current.score_column or called)
    return answer
