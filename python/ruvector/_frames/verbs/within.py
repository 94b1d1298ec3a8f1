"""`rv.within`: the rows of a frame within a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._arguments import positive
from ..._errors import InvalidArgument
from ..._index.index import Index
from ..._metric import SCORE_NAMES, MetricName, larger_is_better, threshold
from ..._native.within import within as find_within
from ..._settings import current
from ..._show.plan import Plan, remember
from .. import protocol
from ..answer import Found
from ..target import Stages, open_index
from .search import (
    FrameT,
    Label,
    Limits,
    _kept,
    _metric_of,
    _queries_of,
    _target,
    join_given,
    nothing_found,
)

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
    ids_on: Label | None = None,
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
    wrapped = protocol.wrap(frame)
    columns, kept = _kept(wrapped, columns)
    name = _metric_of(metric, index)
    score_name = current.score_column or SCORE_NAMES[name]
    protocol.check_clash(kept, [score_name])
    bound = threshold(name, min_similarity, max_distance)
    if bound is None:
        given = "min_similarity" if larger_is_better(name) else "max_distance"
        raise InvalidArgument(f"a range needs a threshold: give {given}=")
    most = 0 if limit is None else positive("limit", limit)
    limits = Limits(where, ids_on=ids_on, bound=bound)
    found = _find(wrapped, query, on, text, index, embedder, name, limits, most)
    added = found.columns(score_name)
    protocol.check_clash(kept, list(added))
    answer: FrameT = wrapped.take(found.rows, columns, added)
    return answer


def _find(
    frame: protocol.Frame,
    query: Any,
    on: Any,
    text: Any,
    index: Index | None,
    embedder: Any,
    metric: str,
    limits: Limits,
    limit: int,
) -> Found:
    where, _, _, ids_on, bound = limits
    assert bound is not None
    mask = None if where is None else frame.mask(where)
    stages = Stages()
    target = _target(frame, query, on, text, index, embedder, stages, metric)
    vectors, queries, single, texts = _queries_of(query, target, index, metric, stages, bound)
    ids, joined, source = None, None, None
    if index is not None:
        joined = join_given(index, frame, target, ids_on, stages)
        mask, ids, _ = joined.limits(mask, None)
        handle, origin = index._handle, "given"
    elif vectors is None or vectors.handle is None:
        return nothing_found(frame, metric, queries, single, texts, stages)
    else:
        handle, origin, vectors = open_index(target, metric, _BUILT_FOR, stages)
        source = vectors.handle
    rows, scores, counts, raw = find_within(
        handle, queries, metric, bound, limit=limit, mask=mask, ids=ids, source=source,
        threads=current.threads,
    )  # fmt: skip
    calibrated = index is not None and index._calibrated
    plan = Plan(raw, origin, None, calibrated, tuple(stages.spent))
    remember(plan)
    rows = rows if joined is None else joined.rows(rows)
    return Found(rows, scores, counts, metric, plan, single, texts)
