"""`rv.similarity`: how like a vector, or the row beside it, each row of a column is."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from ..._habits import told
from ..._metric import SCORE_NAMES
from ..._settings import current
from ..series.kinds import like
from ..series.scoring import metric_of, score

ColumnT = TypeVar("ColumnT")


@told
def similarity(
    column: ColumnT,
    other: Any,
    *,
    metric: Literal["cosine", "dot"] = "cosine",
    embedder: Any = None,
) -> ColumnT:
    """Return the similarity of each row of a column to one vector, or to the row beside it.

    Parameters
    ----------
    column : pandas or polars Series, or pyarrow Array or ChunkedArray
        n rows of d numbers in any shape that `Index.build` takes, or text, which is embedded. It
        is read once, and not copied where its memory can be borrowed. A matrix or list of
        vectors gets a NumPy array for answer.
    other : 1-D vector, str, or column of n rows
        One vector for all rows (a text where it is known what made the vectors), or one for each
        row by position; a pandas Series must have the index of the column.
    metric : {"cosine", "dot"}
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of text.

    Returns
    -------
    column of the same library, float32
        Named ``cosine_similarity`` or ``dot_product``; pandas keeps the index. Null (NaN in
        pandas) where either row is null. The numbers are those of `search`, bit for bit.

    Raises
    ------
    MetricError
        A metric that is a distance: see `distance`.
    InvalidVector
        NaN or infinity in a row, unless ``rv.config(bad_vectors="skip")`` makes it null; names
        column and row. Another number of rows.
    ColumnError
        A whole frame, or a column of something else.
    DimensionMismatch, EmbedError, InvalidArgument, MissingExtra

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> emb = pd.Series(list(np.eye(2)), index=["a", "b"])
    >>> rv.similarity(emb, [1, 0]).to_dict()
    {'a': 1.0, 'b': 0.0}
    """
    name = metric_of("similarity", metric)
    scores, valid = score("similarity", column, other, name, embedder)
    answer: ColumnT = like(column, scores, valid, current.score_column or SCORE_NAMES[name])
    return answer
