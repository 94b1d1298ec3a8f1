"""`rv.hybrid`: the rows of a frame that words and vectors find together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..._arguments import places, share, whole
from ..._errors import ColumnError, InvalidArgument, MetricError
from ..._habits import told
from ..._index.asking import check_reach
from ..._index.fusing import Ranking, Rows, fuse, scores_of
from ..._index.index import Index
from ..._input.masks import Mask
from ..._input.texts import texts_of
from ..._input.values import is_batch, values_of
from ..._metric import BINARY, MetricName
from ..._native import Handle
from ..._native.words import WORDS_VERSION, build_words, search_words, words_info
from ..._settings import current
from ..._show.plan import remember
from ..._text.embedder import resolve
from .. import protocol
from ..answer import Found
from ..cache import cache
from ..lazy import lazily
from ..origin import maker_of_column
from ..question import FrameT, Label, Question, Ready, prepare, shape_of
from ..target import Stages, naming, query_of_frame
from .search import nearest

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
    columns : sequence of labels, optional
        Columns of the frame to return; all when not given.

    Returns
    -------
    frame of the same type
        The rows found, best first, with all their columns, then ``query_row``, ``query`` and
        ``rank`` for a batch, then as float32 ``bm25_score`` (null, in pandas NaN, where the row has
        no word of the query), the score of the vectors, named as in `search` (null where the row
        has none), and ``fused_score``. Rows of equal ``fused_score`` are in the frame's order.

    Raises
    ------
    InvalidArgument
        The query is not text.
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
    both = _find(asked, texts, text, k, aim)
    added = both.found.columns(shape.score_name)
    score = added.pop(shape.score_name)
    added |= {_COLUMNS[0]: _null(both.words), shape.score_name: _null(score)}
    added[_COLUMNS[1]] = both.fused
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


class _Both(NamedTuple):
    """Rows that answer with the scores of their vectors, of their words, and of the two."""

    found: Found
    words: npt.NDArray[np.float32]
    fused: npt.NDArray[np.float32]


def _find(asked: Question, texts: list[str], label: Any, k: int, recall: float) -> _Both:
    frame = asked.frame
    mask = None if asked.where is None else frame.mask(asked.where)
    ready = prepare(asked, None, mask, recall)
    if frame.outline:
        assert isinstance(ready, Found)
        return _Both(ready, ready.scores, ready.scores)
    depth = min(places(max(k, _FEWEST), len(texts)), frame.height) if k else 0
    stages = Stages()
    embedded = ready.digest if isinstance(ready, Ready) and asked.text is not None else None
    words = _open_words(frame, label, embedded, stages)
    with stages.measure("words"):
        by_words = _ranked_by_words(words, texts, depth, mask)
    found = _by_vectors(ready, depth, recall)
    by_vectors = Ranking(found.rows, found.scores, found.counts)
    with stages.measure("fuse"):
        best = fuse([by_vectors, by_words], k)
    with stages.measure("score"):
        scores = [
            scores_of(best, known, of, known.counts == depth)
            for known, of in (
                (by_vectors, partial(_vector_scores, ready, recall)),
                (by_words, partial(_word_scores, words, texts, frame.height)),
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
    return _Both(answer, scores[1], best.scores.astype(np.float32))


def _open_words(frame: protocol.Frame, label: Any, digest: bytes | None, stages: Stages) -> Handle:
    """Return the index of the words of a text column, which may be kept from an earlier call.

    ``digest`` is that of the texts where it is known already.

    Raises
    ------
    EmbedError
        A cell is not text.
    """
    if digest is not None:
        known: Handle | None = cache._get(("words", digest, WORDS_VERSION))
        if known is not None:
            return known
    with stages.measure("read words"):
        with naming(label):
            texts = frame.text_column(label)
        key = ("words", digest or texts.digest(), WORDS_VERSION)
    try:
        words: Handle | None = cache._get(key) if digest is None else None
        if words is None:
            with stages.measure("build words"):
                words = build_words(
                    texts.source, threads=current.threads, progress=current.progress
                )
            cache._put(key, words, int(words_info(words)["bytes"]))
    finally:
        texts.close()
    return words


def _ranked_by_words(words: Handle, texts: list[str], k: int, mask: Mask | None) -> Ranking:
    """Return the `k` rows best by BM25 for every text, of those that have a term of it."""
    rows, scores, counts = search_words(words, texts, k, mask=mask, threads=current.threads)
    present = np.arange(rows.shape[1]) < counts[:, None]
    return Ranking(rows[present], scores[present], counts)


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
    mask = np.zeros(ready.question.frame.height, np.bool_)
    mask[rows] = True
    limits: tuple[Any, Any] = mask, None
    if ready.joined is not None:
        limits = ready.joined.limits(mask, None)[:2]
    queries = ready.queries[query : query + 1]
    return ready.nearest(queries, len(rows), recall, *limits)[:2]


def _word_scores(
    words: Handle, texts: list[str], height: int, query: int, rows: Rows
) -> tuple[Rows, npt.NDArray[np.float32]]:
    """Return those of some rows that have a term of the query, and their scores."""
    mask = np.zeros(height, np.bool_)
    mask[rows] = True
    found = _ranked_by_words(words, texts[query : query + 1], len(rows), mask)
    return found.rows, found.scores


def _null(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return scores as a column that is null where they are NaN."""
    return np.ma.masked_invalid(scores)
