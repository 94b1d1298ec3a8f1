"""`rv.within`: the rows of a frame within a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._arguments import positive
from ..._errors import InvalidArgument
from ..._habits import told
from ..._index.index import Index
from ..._metric import MetricName, larger_is_better, threshold
from ..._native.within import within as find_within
from ..._settings import current
from ..answer import Found
from ..lazy import lazily
from ..question import FrameT, Label, Question, prepare, shape_of

_BUILT_FOR = 0.95  # codes are kept for searches, too; a range reads them with bounds of its own


@lazily
@told
def within(
    frame: FrameT,
    query: Any,
    *,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    limit: int | None = None,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    index: Index | None = None,
    ids_on: Label | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    where: Any = None,
    columns: Sequence[Label] | None = None,
) -> FrameT:
    """Find all rows of a frame at least this similar to a text or a vector, or at most this far.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        Not changed.
    query : str, 1-D vector, or a batch of either
        As in `search`.
    min_similarity : float, optional
        The least score, for ``cosine`` and ``dot``; inclusive, compared as float32.
    max_distance : float, optional
        The greatest score, for ``l2`` and the other distances.
    limit : int, optional
        The most rows of a query, the best ones; all when not given.
    on, text, index, ids_on, embedder, metric, where, columns : optional
        As in `search`.

    Returns
    -------
    frame of the same type
        The rows within the threshold, best first, as `search` returns them. Exact, but for an
        index given without vectors, whose estimates are compared (``rv.last_plan().scores``).

    Raises
    ------
    MetricError
        A threshold that the metric has not.
    InvalidArgument
        No threshold, or one that no score is within.
    LimitExceeded
        The rows found need more than 1 GiB.
    OutOfMemory
        They need more than half of the memory that is free.
    ColumnError, InvalidVector, DimensionMismatch, EmbedError, MissingExtra

    See Also
    --------
    search : the rows nearest to a query, however far they are.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"name": ["a", "b"], "emb": list(np.eye(2))})
    >>> rv.within(df, [1.0, 0.1], min_similarity=0.5)["name"].tolist()
    ['a']
    """
    shape = shape_of(frame, columns, metric, index)
    bound = threshold(shape.metric, min_similarity, max_distance)
    if bound is None:
        name = "min_similarity" if larger_is_better(shape.metric) else "max_distance"
        raise InvalidArgument(f"a range needs a threshold: give {name}=")
    most = 0 if limit is None else positive("limit", limit)
    asked = Question(
        shape.frame, query, on, text, index, ids_on, embedder, shape.metric, where, None, bound
    )
    answer: FrameT = shape.take(_find(asked, bound, most))
    return answer


def _find(asked: Question, bound: float, limit: int) -> Found:
    """Return the rows within the bound, at most ``limit`` for a query if that is not 0."""
    mask = None if asked.where is None else asked.frame.mask(asked.where)
    ready = prepare(asked, None, mask, _BUILT_FOR)
    if isinstance(ready, Found):
        return ready
    rows, scores, counts, raw = find_within(
        ready.handle,
        ready.queries,
        asked.metric,
        bound,
        limit=limit,
        mask=ready.mask,
        ids=ready.ids,
        source=ready.source,
        threads=current.threads,
    )
    rows = rows if ready.joined is None else ready.joined.rows(rows)
    return ready.found(rows, scores, counts, raw, None)
