"""`search(reranker=...)`: candidates of a search put in order by a model that reads their texts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .._errors import ColumnError, InvalidArgument
from .._input.masks import Mask
from .._input.text_columns import checked
from .._input.values import NotNumbers, numbers_of
from .._progress import reporter
from .._settings import current
from .._show.plan import remember
from . import protocol
from .adapters import wrap
from .answer import Found
from .target import naming

COLUMN: Final = "rerank_score"
_FEWEST: Final = 50
_TIMES: Final = 4
_SHOWN: Final = 60  # letters of a text in an error

Scorer = Callable[[str, list[str]], Any]


class Reranker(NamedTuple):
    """What scores texts, and the column that they are in."""

    score: Scorer
    name: str
    label: Any
    apart: bool  # whether another column is searched

    def candidates(self, k: int) -> int:
        """Return how many rows are scored to find the `k` best."""
        return max(_TIMES * k, _FEWEST) if k else 0

    def mask(self, frame: protocol.Frame, mask: Mask | None) -> Mask | None:
        """Return the rows that may be found, without those that have no text to score."""
        if not self.apart:  # where there is no text there is no vector either
            return mask
        texts = frame.texts(self.label)
        with naming(self.label):
            checked(texts)
        told = np.fromiter(map(_is_told, texts), np.bool_, len(texts))
        return told if mask is None else told & mask


def reranker_of(
    reranker: Any, frame: protocol.Frame, on: Any, text: Any, kept: Sequence[Any]
) -> Reranker:
    """Return what ``reranker=`` means, and find the column of texts that it reads.

    Raises
    ------
    InvalidArgument
        It is nothing that scores.
    ColumnError
        No column of text, or several and none is named; the frame has one called like ours.
    """
    protocol.check_clash(list(kept), [COLUMN])
    score = _scorer(reranker)
    searched = text if on is None else on
    named = searched is not None and not isinstance(searched, list)
    if text is None and named and protocol.facts_of(frame, on).kind == "text":
        text = on
    if text is None:
        text = _only_text(frame)
    elif protocol.facts_of(frame, text).kind not in ("text", "null"):
        dtype = protocol.facts_of(frame, text).dtype
        raise ColumnError(f"text={text!r} is a column of {dtype}; reranker= reads a column of text")
    apart = not (named and protocol.same_label(searched, text))
    return Reranker(score, _name_of(reranker), text, apart)


def _only_text(frame: protocol.Frame) -> Any:
    texts = [fact.label for fact in protocol.all_facts(frame) if fact.kind == "text"]
    if len(texts) == 1:
        return texts[0]
    if not texts:
        raise ColumnError("reranker= reads texts, and the frame has no column of text")
    listed = ", ".join(map(repr, texts[:12]))
    raise ColumnError(f"reranker= reads texts: name their column with text= (there are {listed})")


def _scorer(reranker: Any) -> Scorer:
    """Return a function of a query and texts; models take pairs of them."""
    if isinstance(reranker, type):
        raise InvalidArgument(f"reranker={reranker.__name__} is a class; pass an object made by it")
    for name in ("predict", "compute_score"):  # CrossEncoder; FlagReranker
        method = getattr(reranker, name, None)
        if callable(method):
            return lambda query, texts: method([(query, text) for text in texts])
    ranks = getattr(reranker, "rank", None)
    if callable(ranks):
        return lambda query, texts: _ranked(ranks(query, texts), len(texts))
    if callable(getattr(reranker, "encode", None)) and not isinstance(reranker, str):
        raise InvalidArgument(
            f"reranker={_name_of(reranker)} makes vectors of texts: pass it as embedder=; a "
            "reranker scores pairs of texts (predict, compute_score, rank, or a function of a "
            "query and a list of texts)"
        )
    if callable(reranker):
        score: Scorer = reranker
        return score
    raise InvalidArgument(
        f"reranker={reranker!r:.60} scores nothing: pass a function of (query, texts) that returns "
        "one number a text, or an object with predict(pairs), compute_score(pairs) or "
        "rank(query, texts)"
    )


def _name_of(reranker: Any) -> str:
    return str(getattr(reranker, "__name__", type(reranker).__name__))


def _ranked(records: Any, count: int) -> Any:
    """Turn records of ``corpus_id`` and ``score``, in any order, into a score a text."""
    scores: list[Any] = [None] * count
    try:
        for record in records:
            if not isinstance(record, Mapping):
                return records  # scores in the order of the texts
            scores[record["corpus_id"]] = record["score"]
    except (KeyError, IndexError, TypeError) as error:
        raise InvalidArgument(
            "reranker=: rank(query, texts) must return a record with 'corpus_id' and 'score' for "
            f"every text; it returned {records!r:.80}"
        ) from error
    return scores


def rerank(found: Found, k: int, by: Reranker, frame: protocol.Frame, query: Any) -> Found:
    """Return the `k` best of the rows found for every query, by what the reranker says.

    Equal scores keep the order of the search. An error of the reranker comes out as it is, with a
    note of where it was.
    """
    queries = [str(query)] if found.single and isinstance(query, str) else found.texts
    if queries is None:
        raise InvalidArgument(
            f"reranker={by.name} compares texts, and the query is a vector: ask with the text "
            "itself; embedder= makes its vector where the column's own is not known"
        )
    begin = time.perf_counter()
    texts = wrap(frame.take(found.rows, [by.label], {})).texts(by.label)
    starts = np.concatenate([[0], np.cumsum(found.counts)])
    chosen: list[npt.NDArray[np.int64]] = []
    values = np.empty(len(found.rows), np.float32)
    report = reporter(current.progress, "rerank")
    try:
        for at, asked in enumerate(queries):
            report(at, len(queries))
            start, end = int(starts[at]), int(starts[at + 1])
            if start == end:
                continue
            values[start:end] = _scores(by, asked, texts[start:end], at, found.rows[start:end])
            order = np.argsort(-values[start:end], kind="stable")[:k]
            chosen.append(start + order)
    finally:
        report(-1, -1)
    rows = np.concatenate(chosen) if chosen else np.empty(0, np.int64)
    found.counts = np.minimum(found.counts, k)
    found.rows, found.scores, found.reranked = found.rows[rows], found.scores[rows], values[rows]
    found.plan = found.plan.after("reranker", (time.perf_counter() - begin) * 1e3)
    remember(found.plan)
    return found


def _scores(
    by: Reranker, query: str, texts: list[str], at: int, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Ask for the scores of one query's candidates, and check them."""
    where = f"reranker={by.name}, query {at} ({query[:_SHOWN]!r})"
    try:
        answer = by.score(query, list(texts))
    except Exception as error:
        error.add_note(f"{where}: it was scoring {len(texts)} texts of column {by.label!r}")
        raise
    try:
        alone = len(texts) == 1 and hasattr(answer, "__float__") and np.ndim(answer) == 0
        scores, _ = numbers_of([answer] if alone else answer)
    except (NotNumbers, ValueError, TypeError) as error:
        raise InvalidArgument(f"{where}: the scores cannot be read ({error})") from error
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.shape != (len(texts),):
        raise InvalidArgument(
            f"{where}: returned scores of shape {scores.shape} for {len(texts)} texts; one number "
            "a text is needed"
        )
    if scores.dtype.kind not in "fiu":
        raise InvalidArgument(f"{where}: returned {scores.dtype}, not numbers")
    bad = np.flatnonzero(np.isnan(scores))
    if bad.size:
        first = int(bad[0])
        raise InvalidArgument(
            f"{where}: returned no number (null or NaN) for {bad.size} of {len(texts)} texts, "
            f"first for row {rows[first]} ({texts[first][:_SHOWN]!r})",
            row=int(rows[first]),
        )
    with np.errstate(over="ignore"):
        return scores.astype(np.float32)


def _is_told(text: Any) -> bool:
    return isinstance(text, str) and text != "" and not text.isspace()
