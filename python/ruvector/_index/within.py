"""`Index.within`: all rows within a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._arguments import limit as threads_of
from .._arguments import positive
from .._errors import InvalidArgument
from .._metric import larger_is_better, threshold
from .._native.within import within as find_within
from .._settings import current
from .._show.plan import Plan, remember
from .asking import filter_of, queries_of
from .method import method
from .ranges import Ranges
from .result import SearchResult

if TYPE_CHECKING:
    from .index import Index


@method
def within(
    self: Index,
    query: Any,
    *,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    limit: int | None = None,
    where: Any = None,
    ids: Any = None,
    max_bytes: int | None = None,
    embedder: Any = None,
    threads: int | None = None,
) -> SearchResult:
    """Find all rows at least this similar, or at most this far.

    Parameters
    ----------
    query : 1-D vector of `dim` numbers, a text, or a batch of either
        As in `search`.
    min_similarity : float, optional
        The least score, for metrics ``cosine`` and ``dot``; inclusive. It is compared as
        float32, as scores are: the score of a row that `search` found lets that row in.
    max_distance : float, optional
        The greatest score, for ``l2`` (not squared), ``sqeuclidean`` and other distances.
        ``inf`` lets every row in.
    limit : int, optional
        The most rows of a query, the best ones; all when not given.
    where, ids : optional
        Who may be found, as in `search`.
    max_bytes : int, optional
        Memory of the rows found, about 50 bytes each; 1 GiB when not given, or half of
        the memory that is free if that is less.
    embedder : Embedder, callable or object with ``encode``, optional
        As in `search`.
    threads : int, optional

    Returns
    -------
    SearchResult
        Best first, ties to the smaller row. Exact where the index has vectors: cells are left
        out by the triangle inequality alone, rows by a bound of six standard deviations, and
        all others are measured. Without vectors estimates are compared, and
        ``plan.scores`` is ``"estimated"``. In a batch, whose queries find different many
        rows, ``counts`` says how many; ``ids`` and ``scores``, as wide as the query that found
        most, are made when they are first asked for, and raise LimitExceeded if they would
        take over 1 GiB. `hits`, `to_arrow` and its kin hold no absent cells.

    Raises
    ------
    MetricError
        A threshold that the metric has not.
    InvalidArgument
        No threshold, or one that is no score of the metric: NaN, a cosine outside [-1, 1], a
        negative distance, more bits than a row has, an infinity that lets nothing in;
        ``limit`` below 1.
    LimitExceeded
        The rows found need more than `max_bytes`; says how many they were so far.
    DimensionMismatch, InvalidVector, UnknownId, EmbedError, IndexClosed
    KeyboardInterrupt

    Notes
    -----
    The bounds are those of RaBitQ (Gao and Long, SIGMOD 2024) with epsilon0 = 6.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> ix = rv.Index.build(np.array([[1, 0], [0.8, 0.6], [0, 1]], "float32"))
    >>> ix.within(np.array([1, 0], "float32"), min_similarity=0.5).ids.tolist()
    [0, 1]
    """
    bound = threshold(self._metric, min_similarity, max_distance, self.dim)
    if bound is None:
        name = "min_similarity" if larger_is_better(self._metric) else "max_distance"
        raise InvalidArgument(f"a range needs a threshold: give {name}=")
    queries, single = queries_of(self, query, embedder)
    facts = self._facts
    mask, names = filter_of(self, where, ids, facts)
    found, scores, counts, raw = find_within(
        self._handle,
        queries,
        self._metric,
        bound,
        limit=0 if limit is None else positive("limit", limit),
        max_bytes=0 if max_bytes is None else positive("max_bytes", max_bytes),
        mask=mask,
        ids=names,
        threads=current.threads if threads is None else threads_of(threads),
    )
    plan = Plan(raw, "given", None, facts.calibrated)
    remember(plan)
    if single:
        return SearchResult(found, scores, counts, self, plan, True)
    return Ranges(found, scores, counts, self, plan)
