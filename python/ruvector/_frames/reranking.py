"""`reranker=`: candidates of a search put in order by a model that reads their texts, or by name.

The verb takes more candidates than it answers with, and `Reordering.order` says which are the
answer.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from .._errors import ColumnError, InvalidArgument
from .._input.masks import Mask
from .._input.text_columns import checked
from .._progress import reporter
from .._settings import current
from .._text.rerankers import BUILT_IN, Scorer, ask, scorer_of
from . import protocol
from .adapters import wrap
from .candidates import Candidates, Order, Reordering, asked_texts, pool
from .target import naming

COLUMN: Final = "rerank_score"


def reordering_of(
    reranker: Any,
    frame: protocol.Frame,
    on: Any,
    text: Any,
    kept: list[Any],
    diversity: float = 0.0,
    fused: bool = False,
) -> Reordering:
    """Return what ``reranker=`` means, and find the column of texts that it reads.

    Raises
    ------
    InvalidArgument
        It is nothing that scores; `diversity` is given, which is of ``"mmr"`` alone.
    ColumnError
        No column of text, or several and none is named; the frame has one called like ours.
    """
    protocol.check_clash(kept, [COLUMN])
    if diversity and not (isinstance(reranker, str) and reranker == "mmr"):
        raise InvalidArgument(
            "diversity= and reranker= at once; search with where= instead, or with reranker='mmr'"
        )
    if isinstance(reranker, str) and reranker in BUILT_IN:
        from .reordering import built_in  # here, so that a reader does not pay for it

        return built_in(reranker, lambda: _text_to_read(frame, on, text)[0], diversity, fused)
    scorer = scorer_of(reranker)
    return Reader(scorer, *_text_to_read(frame, on, text))


def _text_to_read(frame: protocol.Frame, on: Any, text: Any) -> tuple[Any, bool]:
    """Return the column whose texts are read, and whether another one is searched."""
    searched = text if on is None else on
    named = searched is not None and not isinstance(searched, list)
    if text is None and named and protocol.facts_of(frame, on).kind == "text":
        text = on
    if text is None:
        text = _only_text(frame)
    elif protocol.facts_of(frame, text).kind not in ("text", "null"):
        dtype = protocol.facts_of(frame, text).dtype
        raise ColumnError(f"text={text!r} is a column of {dtype}; reranker= reads a column of text")
    return text, not (named and protocol.same_label(searched, text))


def _only_text(frame: protocol.Frame) -> Any:
    texts = [fact.label for fact in protocol.all_facts(frame) if fact.kind == "text"]
    if len(texts) == 1:
        return texts[0]
    if not texts:
        raise ColumnError("reranker= reads texts, and the frame has no column of text")
    listed = ", ".join(map(repr, texts[:12]))
    raise ColumnError(f"reranker= reads texts: name their column with text= (there are {listed})")


class Reader(NamedTuple):
    """What scores texts, and the column that they are in."""

    scorer: Scorer
    label: Any
    apart: bool  # whether another column is searched

    def pool(self, k: int) -> int:
        """Return how many rows are read to find the `k` best."""
        return pool(k)

    def mask(self, frame: protocol.Frame, mask: Mask | None) -> Mask | None:
        """Return the rows that may be found, without those that have no text to score."""
        if not self.apart:  # where there is no text there is no vector either
            return mask
        return with_text(frame, self.label, mask)

    def order(self, found: Candidates, k: int) -> Order:
        """Return the `k` best by what the reranker says; equal scores keep their order.

        An error of the reranker comes out as it is, with a note of where it was.
        """
        queries = asked_texts(found, self.scorer.name)
        texts = wrap(found.frame.take(found.rows, [self.label], {})).texts(self.label)
        chosen, scores = [np.empty(0, np.int64)], np.empty(len(found.rows), np.float32)
        report = reporter(current.progress, "rerank")
        try:
            for at, (start, end) in enumerate(found.parts()):
                report(at, len(queries))
                if start == end:
                    continue
                scores[start:end] = ask(
                    self.scorer, queries[at], texts[start:end], found.rows[start:end], at=at,
                    column=self.label,
                )  # fmt: skip
                chosen.append(start + np.argsort(-scores[start:end], kind="stable")[:k])
        finally:
            report(-1, -1)
        places = np.concatenate(chosen)
        return Order(places, np.minimum(found.counts, k), scores[places])


def with_text(frame: protocol.Frame, label: Any, mask: Mask | None) -> Mask:
    """Return which rows, of those of a mask, have a text that is not blank."""
    texts = frame.texts(label)
    with naming(label):
        checked(texts)
    told = np.fromiter(map(_is_told, texts), np.bool_, len(texts))
    return told if mask is None else told & mask


def _is_told(text: Any) -> bool:
    return isinstance(text, str) and text != "" and not text.isspace()
