"""`rv.within`: the rows of a frame within a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _frames
from ._arguments import positive
from ._errors import InvalidArgument
from ._found import Found
from ._index import Index
from ._metric import SCORE_NAMES, MetricName, larger_is_better, threshold
from ._plan import Plan, nothing, remember
from ._search import FrameT, Label, _check_given, _kept, _metric_of, _queries_of, _target
from ._settings import current
from ._target import Stages, open_index
from ._within import bound_of
from ._within import within as find_within

_BUILT_FOR = 0.95  # codes are kept for searches, too; a range reads them with bounds of its own


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
    embedder: Any = None,
    metric: MetricName | None = None,
    where: Any = None,
    columns: Sequence[Label] | None = None,
) -> FrameT:
    """Find all rows of a frame at least this similar to a text or a vector, or at most this far.

    Parameters
    ----------
    frame : pandas or polars DataFrame, or pyarrow Table
        Not changed.
    query : str, 1-D vector, or a batch of either
        As in `search`.
    min_similarity : float, optional
        The least score, for ``cosine`` and ``dot``; inclusive, compared as float32.
    max_distance : float, optional
        The greatest score, for ``l2`` and the other distances.
    limit : int, optional
        The most rows of a query, the best ones; all when not given.
    on, text, index, embedder, metric, where, columns : optional
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
    wrapped = _frames.wrap(frame)
    columns, kept = _kept(wrapped, columns)
    name = _metric_of(metric, index)
    score_name = current.score_column or SCORE_NAMES[name]
    _frames.check_clash(kept, [score_name])
    bound = threshold(name, min_similarity, max_distance)
    if bound is None:
        given = "min_similarity" if larger_is_better(name) else "max_distance"
        raise InvalidArgument(f"a range needs a threshold: give {given}=")
    most = 0 if limit is None else positive("limit", limit)
    found = _find(
        wrapped, query, on, text, index, embedder, name, where, bound_of(name, bound), most
    )
    added = found.columns(score_name)
    _frames.check_clash(kept, list(added))
    answer: FrameT = wrapped.take(found.rows, columns, added)
    return answer


def _find(
    frame: _frames.Frame,
    query: Any,
    on: Any,
    text: Any,
    index: Index | None,
    embedder: Any,
    metric: str,
    where: Any,
    bound: float,
    limit: int,
) -> Found:
    mask = None if where is None else frame.mask(where)
    stages = Stages()
    target = _target(frame, query, on, text, index, embedder, stages)
    vectors = target.vectors
    queries, single, texts = _queries_of(query, target, index, metric, stages)
    if index is not None:
        handle, origin, source = index._handle, "given", None
    elif vectors is None or vectors.handle is None:
        plan = nothing(frame.height, len(queries), tuple(stages.spent))
        remember(plan)
        none = np.empty(0, np.int64), np.empty(0, np.float32), np.zeros(len(queries), np.int64)
        return Found(*none, metric, plan, single, texts)
    else:
        handle, origin, vectors = open_index(target, metric, _BUILT_FOR, stages)
        source = vectors.handle
    rows, scores, counts, raw = find_within(
        handle, queries, metric, bound, limit=limit, mask=mask, source=source,
        threads=current.threads,
    )  # fmt: skip
    calibrated = index is not None and index._calibrated
    plan = Plan(raw, origin, None, calibrated, tuple(stages.spent))
    remember(plan)
    if index is not None:
        rows = index._rows_of(rows) if index._id_kind != "positions" else rows
        _check_given(index, frame, target, rows)
    return Found(rows, scores, counts, metric, plan, single, texts)
