"""`reranker=`: candidates of a search put in order by a model that reads their texts, or by name.

The verb takes more candidates than it answers with, and `reordered` says which are the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from .._errors import ColumnError, InvalidArgument
from .._input.masks import Mask
from .._input.text_columns import checked
from .._progress import reporter
from .._settings import current
from .._text.rerankers import BUILT_IN, Scorer, ask, scorer_of
from . import protocol
from .adapters import wrap
from .target import naming

if TYPE_CHECKING:
    from .answer import Found
    from .question import Ready

COLUMN: Final = "rerank_score"
_FEWEST: Final = 50
_TIMES: Final = 4

Rows = npt.NDArray[np.int64]


class Candidates(NamedTuple):
    """Rows that a search found for its queries, best first, and what they were searched with."""

    frame: protocol.Frame
    rows: Rows
    counts: Rows
    ready: Ready | Found
    texts: list[str] | None  # the queries; None where they are vectors
    fused: npt.NDArray[Any] = np.empty(0)  # the sums of reciprocal ranks, of `hybrid`

    def parts(self) -> list[tuple[int, int]]:
        """Return where the rows of every query begin and end."""
        ends = np.cumsum(self.counts).tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []


class Order(NamedTuple):
    """The places of the candidates that answer, best first, how many of each query, and why."""

    places: Rows
    counts: Rows
    scores: npt.NDArray[np.float32]  # larger is better; NaN where there is none


class Reordering(Protocol):
    """What ``reranker=`` means."""

    @property
    def label(self) -> Any:
        """The column of texts that is read; None for none."""
        ...

    def pool(self, k: int) -> int:
        """Return how many rows are looked at to find the `k` best."""
        ...

    def mask(self, frame: protocol.Frame, mask: Mask | None) -> Mask | None:
        """Return the rows that may be found."""
        ...

    def order(self, found: Candidates, k: int) -> Order:
        """Return the `k` best candidates of every query."""
        ...


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


def asked_texts(found: Candidates, name: str) -> list[str]:
    """Return the texts of the queries.

    Raises
    ------
    InvalidArgument
        They are vectors.
    """
    if found.texts is None:
        raise InvalidArgument(
            f"reranker={name} compares texts, and the query is a vector: ask with the text "
            "itself; embedder= makes its vector where the column's own is not known"
        )
    return found.texts


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


def pool(k: int) -> int:
    """Return how many candidates are looked at to find the `k` best."""
    return max(_TIMES * k, _FEWEST) if k else 0


def with_text(frame: protocol.Frame, label: Any, mask: Mask | None) -> Mask:
    """Return which rows, of those of a mask, have a text that is not blank."""
    texts = frame.texts(label)
    with naming(label):
        checked(texts)
    told = np.fromiter(map(_is_told, texts), np.bool_, len(texts))
    return told if mask is None else told & mask


def _is_told(text: Any) -> bool:
    return isinstance(text, str) and text != "" and not text.isspace()
