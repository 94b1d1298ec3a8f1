"""`Index.search`: the rows nearest to a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _native
from .._arguments import depth, limit, places, positive, share, whole
from .._errors import InvalidArgument
from .._habits import told_of_query
from .._input.masks import Mask
from .._native import Facts, asked_of, facts_of
from .._settings import current
from .._show.plan import Plan, remember
from .asking import check_reach, filter_of, queries_of
from .chosen import search_chosen
from .method import named
from .result import SearchResult, one_found, widen

if TYPE_CHECKING:
    from .index import Index


def _search_again(self: Index, query: Any, k: Any, named: dict[str, Any]) -> SearchResult | None:
    """Search for so many rows at a recall that was asked for before; None for any other search."""
    key, recall = k, None
    if named:
        recall = named.get("recall")
        if type(recall) is not float:
            return None
        key = k, recall
    asked = self._handle.version.asked.get(key) if type(k) is int else None
    if asked is None:
        return None
    way, rest, calibrated, _ = asked
    found = way(rest, query, None)
    return None if found is None else one_found(self, found, recall, calibrated)


@told_of_query(_search_again)
@named
def search(
    self: Index,
    query: Any = None,
    k: int = 10,
    *,
    id: Any = None,
    diversity: float = 0.0,
    recall: float | None = None,
    rerank: int | None = None,
    where: Any = None,
    ids: Any = None,
    probes: int | None = None,
    embedder: Any = None,
    threads: int | None = None,
) -> SearchResult:
    """Find the `k` rows nearest to each query.

    Parameters
    ----------
    query : 1-D vector of `dim` numbers, a text, or a batch of either
        Arrays, sequences, columns of vectors. An index of bits takes booleans, uint8 packed
        like its rows, or bytes.
    k : int
        Rows to find; fewer come back only when fewer are eligible.
    id : id or sequence of ids, optional
        Instead of `query`: search with the vectors of these rows, each of which is left out
        of its own answer.
    diversity : float
        From 0, the nearest rows, to 1: rows are chosen one by one among the nearest 4 k (at
        least 64) that are near the query and far from those chosen before, and come in that
        order (maximal marginal relevance, Carbonell and Goldstein 1998, with
        lambda = 1 - diversity). Scores stay those of a plain search.
    recall : float, optional
        Share of the true neighbours aimed for, the index's own by default; 1.0 is exact.
    rerank : int, optional
        Candidates compared by their vectors: as many as the error bound demands when not
        given, 0 for estimated scores.
    where : n booleans in row order, optional
        Rows that may be found; null is False.
    ids : sequence of ids, optional
        Ids that may be found.
    probes : int, optional
        Cells that each query looks into, for kind ``ivf``: as many as the index was
        calibrated for when not given, all of them when more than there are.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of texts: what made the index's own, by default. Needed where that is not
        known, or was an object that cannot be loaded by name.
    threads : int, optional

    Returns
    -------
    SearchResult
        Ties go to the smaller row; the answer does not depend on threads or on the batch.

    Raises
    ------
    EmbedError
        A text, and it is not known what made the vectors.
    DimensionMismatch, InvalidVector
        The query has another number of dimensions, or is not finite.
    InvalidArgument, LimitExceeded
        k below 0, or above 2**31 / nq in a batch; a mask of another length or type; both
        `query` and `id`, or neither; ``id`` or ``diversity`` of an index without vectors.
    UnknownId
        ``id=`` or ``ids=`` names one that is not in the index.
    IndexClosed
    """
    if id is not None or query is None or diversity:
        limits = recall, rerank, where, ids, probes, threads
        return search_chosen(self, query, id, k, diversity, limits, embedder)
    if type(k) is not int:
        k = whole("k", k)
    if k < 0:
        raise InvalidArgument(f"k={k} must be 0 or more")
    aim = 0.0 if recall is None else share(recall)
    version = self._handle.version
    facts: Facts = version.facts or facts_of(self._handle)
    if facts.unreached is not None:
        check_reach(self, aim or facts.target)
    deep = _native.CLOSE_BOUNDS if rerank is None else depth(rerank)
    cells = 0 if probes is None else positive("probes", probes)
    limited = current.threads if threads is None else limit(threads)
    asked = mask = None
    if ids is None:
        mask = None if where is None else filter_of(self, where, None, facts)[0]
        asked = asked_of(version.asked, facts, k, deep, aim, cells)
    if asked is not None and not asked.short(facts, mask):
        asked = None
    if asked is not None:
        one = asked.way(asked.rest, query, mask)
        if one is not None:
            return one_found(self, one, recall, facts.calibrated)
    queries, single = queries_of(self, query, embedder)
    if not single:
        k = places(k, len(queries))  # k of one query is cut to the rows
    elif asked is not None:
        one = asked.way(asked.rest, queries[0], mask)
        if one is not None:
            return one_found(self, one, recall, facts.calibrated)
    return _search_long(
        self, facts, queries, k, single, (mask, where, ids), recall,
        {"rerank": deep, "recall": aim, "probes": cells, "threads": limited},
    )  # fmt: skip


def _search_long(
    index: Index,
    facts: Facts,
    queries: npt.NDArray[Any],
    k: int,
    single: bool,
    limits: tuple[Mask | None, Any, Any],
    recall: float | None,
    options: dict[str, Any],
) -> SearchResult:
    """Search where the short path does not: batches, filters, many rows."""
    mask, where, ids = limits
    names = None
    if ids is not None:
        mask, names = filter_of(index, where, ids, facts)
    found, scores, counts, raw = _native.search_rows(
        index._handle,
        queries[0] if single else queries,
        min(k, facts.rows),
        mask=mask,
        ids=names,
        texts=facts.id_kind == "string",
        **options,
    )
    plan = Plan(raw, "given", recall, facts.calibrated)
    remember(plan)
    if facts.id_kind == "uint64":
        found = found.view(np.uint64)
    if k > found.shape[-1] and not single:
        found, scores = widen(found, scores, k)
    return SearchResult(found, scores, counts, index, plan, single)
