"""`rv.search`: the rows of a frame nearest to a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ... import _native
from ..._arguments import share, whole
from ..._errors import InvalidArgument
from ..._habits import told
from ..._index.asking import check_reach
from ..._index.chosen import share_of_diversity
from ..._index.index import Index
from ..._metric import MetricName, larger_is_better, threshold
from ..._show.plan import remember
from ..answer import Found
from ..groups import group_rows, search_groups
from ..lazy import lazily
from ..question import FrameT, Label, Question, Ready, prepare, shape_of
from ..target import Stages

if TYPE_CHECKING:
    from ..candidates import Reordering


@lazily
@told
def search(
    frame: FrameT,
    query: Any,
    *,
    k: int = 10,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    index: Index | None = None,
    ids_on: Label | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    recall: float = 0.95,
    where: Any = None,
    by: Label | list[Label] | None = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    diversity: float = 0.0,
    reranker: Any = None,
    columns: Sequence[Label] | None = None,
) -> FrameT:
    """Find the rows of a frame nearest to a text or a vector.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or one of the frames below
        Not changed. Its columns of vectors are borrowed for the call where memory allows.
        Also polars LazyFrame (answered in its plan), DuckDB relation (on its own connection),
        pyarrow RecordBatch, RecordBatchReader and Dataset, narwhals DataFrame, and any object
        with ``__arrow_c_stream__`` or ``__arrow_c_array__`` that holds columns.
    query : str, 1-D vector, or a batch of either
        A batch is a 2-D array, a list of texts, a Series, or a frame with the same column.
    k : int
        Rows to find for each query. Fewer come back only when fewer are eligible.
    on : column label, or list of patterns of number columns, optional
        The column searched: vectors as they are, text embedded first (and cached). The only
        column of vectors when not given.
    text : column label, optional
        `on`, insisting on text.
    index : Index, optional
        An index built from this frame's rows. One with ids is joined to the frame by them, in any
        order. One without is of this frame's rows in their order, which is checked: content that
        is not the index's, vectors or texts, is `VectorsChanged`.
    ids_on : column label, optional
        The column that holds the ids of `index`; the one that ``build_index(ids="column")`` named
        when not given.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of text. Needed for a text query against a column of vectors.
    metric : str, optional
        The index's, else ``"cosine"``.
    recall : float
        Share of the true neighbours aimed for, 1.0 is exact. Up to 10,000 rows always exact.
    where : mask or expression, optional
        Rows that may be found, applied before the search; null is False. pandas: boolean Series
        with the frame's index, NumPy mask, text for ``df.eval``, ``pd.col``, callable. polars:
        expression, Series, SQL text. pyarrow: mask or compute expression. DuckDB: SQL text or
        expression, evaluated by DuckDB; mask. Text for ``df.eval`` is
        code: ``@name`` is a variable of the calling code, attributes and methods included, so
        such text must never come from somebody else.
    by : column label, or list of them, optional
        Find the `k` best rows of every group, that is of the rows with equal values there. Rows
        of a group come together, best first; groups by their best score, equal ones by its row.
        Null is what it is to the frame's own ``groupby``: pandas leaves such rows out, polars and
        pyarrow make a group of them.
    min_similarity, max_distance : float, optional
        The first for ``cosine`` and ``dot``, the second for distances.
    diversity : float
        From 0 (the nearest rows) to 1: how much a row that is like those before it loses, by
        maximal marginal relevance (see `Index.search`). Not with ``by=``, and of the rerankers
        with ``"mmr"`` alone.
    reranker : callable or object, optional
        Puts the candidates in order: the max(4 k, 50) best rows of the search. One that reads
        texts scores those that have one. It is a function of ``(query, texts)``, a text and a
        list of texts, called once a query, that returns one number a text, larger is better, or
        an object: a `Reranker`, such as `HttpReranker`; ``flashrank.Ranker``;
        ``sentence_transformers.CrossEncoder`` (``predict(pairs)``);
        ``FlagEmbedding.FlagReranker`` (``compute_score(pairs)``); LangChain's cross-encoders and
        document compressors; anything with ``rank(query, texts)`` that returns records of
        ``corpus_id`` and ``score``. Coroutine functions are awaited. Texts are those of `text`,
        else of a text column that is searched, else of the only one; with ``on=`` the column of
        vectors, `text` names the column that is read.

        Three have names. ``"exact"`` scores the vectors themselves, for an index that holds codes
        alone (the frame then has the vectors); ``"mmr"`` chooses rows that differ from each other,
        as ``diversity=0.5`` (or another `diversity`) does; ``"rrf"`` sums the reciprocal ranks of
        vectors and words as `hybrid` does.

        Thresholds are of the search's own score. Not with ``by=``.
    columns : sequence of labels, optional
        Columns of the frame to return; all when not given.

    Returns
    -------
    frame of the same type
        The rows found, best first, with all their columns and (in pandas) their index labels,
        then ``query_row``, ``query`` (for texts) and ``rank`` from 1 for a batch (in the group
        with ``by=``), then the score as float32, named by the metric: ``cosine_similarity``,
        ``dot_product``, ``l2_distance``, ``sqeuclidean_distance``, ``hamming_distance``,
        ``jaccard_distance``. With `reranker` the rows are ordered by a last column
        ``rerank_score``, float32, larger is better: of ``"exact"`` the similarity or minus the
        distance, of ``"mmr"``, whose order is no order of a number, 1 / rank. Equal ones are
        ordered by the search.

    Raises
    ------
    ColumnError
        The column is missing, ambiguous or of the wrong kind, or the answer's columns clash
        with the frame's.
    InvalidVector
        NaN, infinity, ragged rows or text among the vectors; names column and row. Null rows
        are never found and are counted in the plan.
    VectorsChanged
        `index` is of other content, or of another order; names the first row where it is known.
    UnknownId, DuplicateId
        The frame lacks an id that `index` found, or has it twice.
    InvalidArgument
        A number out of its range; scores of the reranker that are not one number a text, or NaN.
        What the reranker raises comes out as it is, with a note.
    DimensionMismatch, MetricError, EmbedError, MissingExtra

    See Also
    --------
    last_plan : what the last search of this thread did.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"name": ["a", "b"], "emb": list(np.eye(2))})
    >>> rv.search(df, [1.0, 0.1], k=1)["name"].tolist()
    ['a']
    """
    shape = shape_of(frame, columns, metric, index)
    bound = threshold(shape.metric, min_similarity, max_distance)
    varied, aim, k = share_of_diversity(diversity), share(recall), whole("k", k)
    if k < 0:
        raise InvalidArgument(f"k={k} must be 0 or more")
    if by is not None and varied:
        raise InvalidArgument("by= and diversity= at once; search one group with where= instead")
    reordering = None
    if reranker is not None:
        if by is not None:
            raise InvalidArgument("by= and reranker= at once; search one group with where= instead")
        from ..reranking import reordering_of  # here, so that importing the package stays short

        reordering = reordering_of(reranker, shape.frame, on, text, shape.kept, varied)
        text, varied = text if on is None else None, 0.0
    asked = Question(
        shape.frame, query, on, text, index, ids_on, embedder, shape.metric, where, by, bound
    )
    found, ready = _find(asked, k, aim, varied, reordering)
    found.limit(bound)
    if reordering is not None:
        found = _reordered(found, asked, ready, k, reordering)
    answer: FrameT = shape.take(found)
    return answer


def _find(
    asked: Question, k: int, recall: float, varied: float, reordering: Reordering | None
) -> tuple[Found, Ready | Found]:
    """Return the k best rows, of all or of each group, for every query; more to be reranked.

    With them what was searched, or the answer again.
    """
    mask = None if asked.where is None else asked.frame.mask(asked.where)
    if reordering is not None:
        mask, k = reordering.mask(asked.frame, mask), reordering.pool(k)
    groups = None if asked.by is None else group_rows(asked.frame, asked.by)
    ready = prepare(asked, groups, mask, recall)
    if isinstance(ready, Found):
        return ready, ready
    if asked.given is not None:
        check_reach(asked.given, recall)
    k = min(k, ready.height)
    if ready.groups is None:
        return nearest(ready, k, recall, varied), ready
    return _nearest_of_groups(ready, k, recall), ready


def _reordered(
    found: Found, asked: Question, ready: Ready | Found, k: int, by: Reordering
) -> Found:
    """Return the k best of the rows found for every query, by what the reranker says."""
    from ..candidates import Candidates

    alone = found.single and isinstance(asked.query, str)
    texts = [str(asked.query)] if alone else found.texts
    stages = Stages()
    with stages.measure("reranker"):
        order = by.order(Candidates(asked.frame, found.rows, found.counts, ready, texts), k)
    found.rows, found.scores = found.rows[order.places], found.scores[order.places]
    found.counts, found.reranked = order.counts, order.scores
    found.plan = found.plan.after(*stages.spent[0])
    remember(found.plan)
    return found


def nearest(ready: Ready, k: int, recall: float, varied: float) -> Found:
    """Return the k best rows for every query, chosen for their variety as well."""
    rows, scores, counts, raw = ready.nearest(
        ready.queries, k, recall, ready.mask, ready.ids, varied
    )
    return ready.found(rows, scores, counts, raw, _aim(raw, recall))


def _nearest_of_groups(ready: Ready, k: int, recall: float) -> Found:
    assert ready.groups is not None
    rows, scores, ranks, counts, raw = search_groups(
        ready.handle,
        ready.queries,
        k,
        ready.groups,
        larger=larger_is_better(ready.question.metric),
        recall=recall,
        mask=ready.mask,
        source=ready.source,
    )
    rows = rows if ready.joined is None else ready.joined.rows_of(rows)
    return ready.found(rows, scores, counts, raw, _aim(raw, recall), ranks)


def _aim(raw: _native.Plan, recall: float) -> float | None:
    """Return the recall that a search aimed for; an exact index has none."""
    return None if raw.kind == 1 else recall
