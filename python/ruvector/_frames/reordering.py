"""The rerankers that have names: exact scores of vectors, variety, and words fused with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import ColumnError
from .._index.fusing import Ranking, fuse
from .._input.masks import Mask
from .._metric import larger_is_better
from .._settings import current
from . import protocol
from .adapters import wrap
from .answer import Found
from .candidates import Candidates, Order, Reordering, asked_texts, pool
from .content import label_of
from .question import Ready
from .target import Stages, open_index, open_target
from .words import open_words, word_scores

VARIETY: Final = 0.5  # of "mmr" where no diversity= is given, as elsewhere
_VARIED: Final = 64  # rows that ``diversity=`` chooses among, at least

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


def built_in(name: str, text: Callable[[], Any], diversity: float, fused: bool) -> Reordering:
    """Return the reranker of a name.

    `text` finds the column of texts for one that needs it; `fused` says that words and vectors
    have been fused already.
    """
    if name == "rrf":
        return AsFused() if fused else Fused(text())
    return ByVectors((diversity or VARIETY) if name == "mmr" else 0.0)


class ByVectors(NamedTuple):
    """Candidates by the exact scores of their vectors, chosen for their variety as well."""

    varied: float
    label: Any = None

    def pool(self, k: int) -> int:
        """Return how many rows are looked at to find the `k` best."""
        return max(pool(k), _VARIED) if k and self.varied else pool(k)

    def mask(self, frame: protocol.Frame, mask: Mask | None) -> Mask | None:
        """Return the rows that may be found: all that were."""
        return mask

    def order(self, found: Candidates, k: int) -> Order:
        """Return the `k` best. Those without a vector come last, in the order that they had."""
        chosen, counts = [np.empty(0, np.int64)], np.minimum(found.counts, k)
        scores = [np.empty(0, np.float32)]
        for at, (start, end) in enumerate(found.parts()):
            if start == end or not k:
                continue
            rows = found.rows[start:end]
            near, exact = self._nearest(found, at, rows, k)
            place = np.argsort(rows)
            place = place[np.searchsorted(rows, near, sorter=place)]
            rest = np.setdiff1d(np.arange(end - start), place)[: counts[at] - len(near)]
            chosen += [start + place, start + rest]
            scores += [exact, np.full(len(rest), np.nan, np.float32)]
        return Order(np.concatenate(chosen), counts, np.concatenate(scores))

    def _nearest(self, found: Candidates, query: int, rows: Rows, k: int) -> tuple[Rows, Scores]:
        """Return those of some rows that have a vector, best first, and what ranks them."""
        if isinstance(found.ready, Found):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        ready, k = found.ready, min(k, len(rows))
        given = ready.question.given
        if given is not None and given._facts.unreached is not None:
            near, scores = _scores_of_frame(ready, query, rows, k, self.varied)
        else:
            near, scores = ready.among(query, rows, k, 1.0, self.varied)
        if self.varied:  # the order of what was chosen is no order of its scores
            return near, (1 / np.arange(1, len(near) + 1)).astype(np.float32)
        return near, scores if larger_is_better(ready.question.metric) else -scores


def _scores_of_frame(
    ready: Ready, query: int, rows: Rows, k: int, varied: float
) -> tuple[Rows, Scores]:
    """As `Ready.among`, for an index that kept no vectors: they are the frame's."""
    asked = ready.question
    assert asked.given is not None
    label = label_of(asked.given, asked.frame, asked.on, asked.text)
    if label is None:
        raise ColumnError(
            "reranker= compares vectors, index= kept none, and it is not known which column of the "
            "frame holds them: name it with on="
        )
    rows = np.sort(rows)
    columns = None if isinstance(label, list) else [label]
    part = wrap(asked.frame.take(rows, columns, {}))
    target = open_target(part, label, None, asked.embedder, Stages(), asked.metric)
    if target.vectors is None or target.vectors.handle is None:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    handle, _, vectors = open_index(target, asked.metric, 1.0, Stages())
    near, scores, counts, _ = _native.search_rows(
        handle, ready.queries[query : query + 1], k, recall=1.0, mask=None, ids=None, texts=False,
        diversity=varied, source=vectors.handle, threads=current.threads,
    )  # fmt: skip
    return rows[near[0, : counts[0]]], scores[0, : counts[0]]


class Fused(NamedTuple):
    """Candidates by the reciprocal ranks of their vectors and of their words."""

    label: Any

    def pool(self, k: int) -> int:
        """Return how many rows are looked at to find the `k` best."""
        return pool(k)

    def mask(self, frame: protocol.Frame, mask: Mask | None) -> Mask | None:
        """Return the rows that may be found: all that were, with words or without."""
        return mask

    def order(self, found: Candidates, k: int) -> Order:
        """Return the `k` best of every query."""
        queries = asked_texts(found, "'rrf'")
        chosen, scores = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
        counts = np.minimum(found.counts, k)
        words = open_words(found.frame, self.label, None, Stages()) if counts.any() else None
        for at, (start, end) in enumerate(found.parts()):
            if words is None or start == end:
                continue
            rows = found.rows[start:end]
            by_words, _ = word_scores(words, queries, found.frame.height, at, rows)
            best = fuse([_ranking(rows), _ranking(by_words)], k)
            place = np.argsort(rows)
            chosen.append(start + place[np.searchsorted(rows, best.rows, sorter=place)])
            scores.append(best.scores.astype(np.float32))
        return Order(np.concatenate(chosen), counts, np.concatenate(scores))


class AsFused(NamedTuple):
    """Candidates in the order of a fusion that has been."""

    label: Any = None

    def pool(self, k: int) -> int:
        """Return how many rows are looked at to find the `k` best."""
        return k

    def mask(self, frame: protocol.Frame, mask: Mask | None) -> Mask | None:
        """Return the rows that may be found: all that were."""
        return mask

    def order(self, found: Candidates, k: int) -> Order:
        """Return all of them, by the sums that put them in order."""
        return Order(np.arange(len(found.rows)), found.counts, found.fused.astype(np.float32))


def _ranking(rows: Rows) -> Ranking:
    return Ranking(rows, np.empty(len(rows)), np.array([len(rows)]))
