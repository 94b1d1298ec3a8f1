"""`rv.hybrid`: the rows of a frame that words and vectors find together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ..._arguments import places, share, whole
from ..._errors import ColumnError, InvalidArgument, MetricError
from ..._habits import told
from ..._index.asking import check_reach
from ..._index.fusing import Ranking, Rows, fuse, scores_of
from ..._index.index import Index
from ..._input.texts import texts_of
from ..._input.values import is_batch, values_of
from ..._metric import BINARY, MetricName
from ..._record import Record
from ..._settings import current
from ..._show.plan import remember
from ..._text.embedder import resolve
from .. import protocol
from ..answer import Found
from ..lazy import lazily
from ..origin import maker_of_column
from ..question import FrameT, Label, Question, Ready, prepare, shape_of
from ..target import Stages, query_of_frame
from ..words import open_words, ranked_by_words, word_scores
from .search import nearest

if TYPE_CHECKING:
    from ..candidates import Reordering

_FEWEST: Final = 5  # rows of each side that are fused, at least; see decision 0015
_COLUMNS: Final = ("bm25_score", "fused_score")


@lazily
@told
def hybrid(
    frame: FrameT,
    query: Any,
    *,
    text: Label,
    on: Label | list[str] | None = None,
    k: int = 10,
    index: Index | None = None,
    ids_on: Label | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    recall: float = 0.95,
    where: Any = None,
    reranker: Any = None,
    columns: Sequence[Label] | None = None,
) -> FrameT:
    """Find the rows of a frame whose words and vectors are like those of a text.

    Words find names, numbers and rare terms, vectors find what is said in other words. Both rank
    the rows, and rows are put in order by the sum of 1 / (60 + rank) over the two (reciprocal rank
    fusion). Each side gives its ``max(k, 5)`` best rows.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        Not changed.
    query : str, or a batch of them
        A batch is a list of texts, a Series, or a frame with the same column.
    text : column label
        The texts whose words are searched. Their index is cached by content.
    on : column label, or list of patterns of number columns, optional
        The vectors. When not given: those of `index`; else the only column of vectors, if `embed`
        made it (with `embedder`, where one is named); else those of `text`, embedded and cached.
    k : int
        Rows to find for each query.
    index, ids_on, embedder, metric, recall : optional
        Of the vectors, as in `search`.
    where : mask or expression, optional
        Rows that may be found, by either side; as in `search`. How rare a word is, is counted over
        all rows.
    reranker : callable, object or str, optional
        Puts the max(4 k, 50) best rows of the fusion in order by reading their `text`, as in
        `search`; rows without text are not found. ``"exact"`` orders them by their vectors,
        ``"mmr"`` by those and their variety, rows without a vector last; ``"rrf"`` is the fusion
        itself.
    columns : sequence of labels, optional
        Columns of the frame to return; all when not given.

    Returns
    -------
    frame of the same type
        The rows found, best first, with all their columns, then ``query_row``, ``query`` and
        ``rank`` for a batch, then as float32 ``bm25_score`` (null, in pandas NaN, where the row has
        no word of the query), the score of the vectors, named as in `search` (null where the row
        has none), and ``fused_score``. Rows of equal ``fused_score`` are in the frame's order.
        With `reranker` a last column ``rerank_score`` puts the rows in order, as in `search`; it
        is null for rows that have no vector to score.

    Raises
    ------
    InvalidArgument
        The query is not text; scores of the reranker that are not one number a text, or NaN.
    ColumnError
        `text` is not a column of text; the answer's columns clash with the frame's.
    EmbedError
        A query without text, or it is not known what made the vectors of `on`.
    MetricError
        A metric that compares bits, which no text has.
    InvalidVector, VectorsChanged, UnknownId, DuplicateId, DimensionMismatch, MissingExtra

    See Also
    --------
    search : by vectors alone.

    Notes
    -----
    Words are ranked by BM25 as Lucene computes it (k1 = 1.2, b = 0.75). A word is a run of letters,
    marks and digits, in lower case and normal form NFKC; in scripts without spaces between words
    one character. There are no stop words and no stemming. Rows without any word count nowhere.

    Since sides give as many rows as are asked for, another `k` may put rows in another order.

    Examples
    --------
    >>> import pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"body": ["error E1017 on start", "the engine will not run"]})
    >>> rv.hybrid(df, "E1017", text="body", k=1)["body"].tolist()
    ['error E1017 on start']
    """
    shape = shape_of(frame, columns, metric, index)
    protocol.check_clash(shape.kept, _COLUMNS)
    if shape.metric in BINARY:
        raise MetricError(
            f"metric={shape.metric!r} compares bits, and a text is embedded as numbers: use "
            "search(metric=...) with rows of bits as query"
        )
    aim, k = share(recall), whole("k", k)
    if k < 0:
        raise InvalidArgument(f"k={k} must be 0 or more")
    _check_text(shape.frame, text)
    query = query_of_frame(query, text)
    texts = _texts_of(query)
    on, searched = _vectors_of(shape.frame, on, text, index, embedder)
    asked = Question(
        shape.frame, query, on, searched, index, ids_on, embedder, shape.metric, where, None, None
    )
    reordering = None
    if reranker is not None:
        from ..reranking import reordering_of  # here, so that importing the package stays short

        column = searched if on is None else on  # of an index it may be any other
        column = [] if column is None else column
        reordering = reordering_of(reranker, shape.frame, column, text, shape.kept, fused=True)
    both = _find(asked, texts, text, k, aim, reordering)
    added = both.found.columns(shape.score_name)
    score = added.pop(shape.score_name)
    reread = added.pop("rerank_score", None)
    added |= {_COLUMNS[0]: _null(both.words), shape.score_name: _null(score)}
    added[_COLUMNS[1]] = both.fused
    if reread is not None:
        added["rerank_score"] = _null(reread)
    answer: FrameT = shape.frame.take(both.found.rows, shape.columns, added)
    return answer


def _check_text(frame: protocol.Frame, label: Any) -> None:
    if label is None or isinstance(label, list):
        raise InvalidArgument(
            f"text={label!r} names no column: hybrid searches the words of one text column"
        )
    fact = protocol.facts_of(frame, label)
    if fact.kind not in ("text", "null"):
        raise ColumnError(
            f"text={label!r} is a column of {fact.dtype}, not of text; name the column of texts, "
            "and that of the vectors with on="
        )


def _texts_of(query: Any) -> list[str]:
    """Return the texts of a query or a batch; a batch of nothing has none."""
    texts = texts_of(query)
    if texts is None and is_batch(query) and values_of(query).shape == (0,):
        return []
    if texts is None:
        raise InvalidArgument(
            f"hybrid compares words, and the query is {type(query).__name__}, not text: ask with "
            "the text itself, or search(...) by vectors alone"
        )
    return texts


def _vectors_of(
    frame: protocol.Frame, on: Any, text: Any, index: Index | None, embedder: Any
) -> tuple[Any, Any]:
    """Return ``on=`` and ``text=`` of the search by vectors."""
    if on is not None or index is not None:
        return on, None
    vectors = [fact.label for fact in protocol.all_facts(frame) if fact.kind == "vector"]
    if len(vectors) == 1 and not frame.outline:
        maker = maker_of_column(frame, vectors[0])
        named = embedder is not None or current.embedder is not None
        if maker is not None and (not named or resolve(embedder).key == maker.key):
            return vectors[0], None
    return None, text


class _Both(Record):
    """Rows that answer with the scores of their vectors, of their words, and of the two."""

    found: Found
    words: npt.NDArray[np.float32]
    fused: npt.NDArray[np.float32]


def _find(
    asked: Question,
    texts: list[str],
    label: Any,
    k: int,
    recall: float,
    by: Reordering | None,
) -> _Both:
    frame = asked.frame
    mask = None if asked.where is None else frame.mask(asked.where)
    pool = k
    if by is not None and not frame.outline:
        mask, pool = by.mask(frame, mask), by.pool(k)
    ready = prepare(asked, None, mask, recall)
    if frame.outline:
        assert isinstance(ready, Found)
        ready.reranked = None if by is None else ready.scores
        return _Both(ready, ready.scores, ready.scores)
    depth = min(places(max(pool, _FEWEST), len(texts)), frame.height) if k else 0
    stages = Stages()
    embedded = ready.digest if isinstance(ready, Ready) and asked.text is not None else None
    words = open_words(frame, label, embedded, stages)
    with stages.measure("words"):
        by_words = ranked_by_words(words, texts, depth, mask)
    found = _by_vectors(ready, depth, recall)
    by_vectors = Ranking(found.rows, found.scores, found.counts)
    with stages.measure("fuse"):
        best = fuse([by_vectors, by_words], pool)
    reranked = None
    if by is not None:
        best, reranked = _reordered(best, asked, ready, texts, k, by, stages)
    with stages.measure("score"):
        scores = [
            scores_of(best, known, of, known.counts == depth)
            for known, of in (
                (by_vectors, partial(_vector_scores, ready, recall)),
                (by_words, partial(word_scores, words, texts, frame.height)),
            )
        ]
    plan = found.plan
    for stage, spent in stages.spent:
        plan = plan.after(stage, spent)
    remember(plan)
    single = isinstance(asked.query, str)
    answer = Found(
        best.rows, scores[0], best.counts, asked.metric, plan, single, None if single else texts
    )
    answer.reranked = reranked
    return _Both(answer, scores[1], best.scores.astype(np.float32))


def _reordered(
    best: Ranking,
    asked: Question,
    ready: Ready | Found,
    texts: list[str],
    k: int,
    by: Reordering,
    stages: Stages,
) -> tuple[Ranking, npt.NDArray[np.float32]]:
    """Return the k best of what was fused by what the reranker says, and what that is."""
    from ..candidates import Candidates

    with stages.measure("reranker"):
        found = Candidates(asked.frame, best.rows, best.counts, ready, texts, best.scores)
        order = by.order(found, k)
    places = order.places
    return Ranking(best.rows[places], best.scores[places], order.counts), order.scores


def _by_vectors(ready: Ready | Found, k: int, recall: float) -> Found:
    if isinstance(ready, Found):
        return ready
    if ready.question.given is not None:
        check_reach(ready.question.given, recall)
    return nearest(ready, min(k, ready.height), recall, 0.0)


def _vector_scores(
    ready: Ready | Found, recall: float, query: int, rows: Rows
) -> tuple[Rows, npt.NDArray[np.float32]]:
    """Return those of some rows that have a vector, and their scores."""
    if isinstance(ready, Found):
        return np.empty(0, np.int64), np.empty(0, np.float32)
    return ready.among(query, rows, len(rows), recall)


def _null(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return scores as a column that is null where they are NaN."""
    return np.ma.masked_invalid(scores)
