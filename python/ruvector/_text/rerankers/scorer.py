"""`scorer_of`: rerankers of every make as one function of a query and texts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

from ..._errors import InvalidArgument

BUILT_IN: Final = ("exact", "mmr", "rrf")  # of a frame, by name: they read no text
_NAMES: Final = ", ".join(map(repr, BUILT_IN))
_LISTED: Final = 80  # letters of an answer in an error
_PASSAGES: Final = 64  # texts of a call: flashrank pads all of them to the longest

_NONE: Final = object()

Score = Callable[[str, list[str]], Any]


class Scorer(NamedTuple):
    """What scores texts, and what it is called in errors."""

    score: Score
    name: str


def scorer_of(reranker: Any) -> Scorer:
    """Return a function of a query and texts; models take pairs of them.

    Raises
    ------
    InvalidArgument
        It is nothing that scores.
    """
    name = name_of(reranker)
    if isinstance(reranker, type):
        raise InvalidArgument(f"reranker={reranker.__name__} is a class; pass an object made by it")
    if isinstance(reranker, str):
        raise _unknown(reranker)
    for adapter in (_of_flashrank, _of_protocol, _of_pairs, _of_langchain, _of_ranks):
        score = adapter(reranker)
        if score is not None:
            return Scorer(score, name)
    if callable(getattr(reranker, "encode", None)):
        raise InvalidArgument(
            f"reranker={name} makes vectors of texts: pass it as embedder=; a reranker scores "
            "pairs of texts (rerank, predict, compute_score, rank, or a function of a query and a "
            "list of texts)"
        )
    if callable(reranker):
        return Scorer(reranker, name)
    raise _unknown(reranker)


def name_of(reranker: Any) -> str:
    """Return what errors call a reranker: the name of the function, or of the object's class."""
    return str(getattr(reranker, "__name__", type(reranker).__name__))


def _unknown(reranker: Any) -> InvalidArgument:
    return InvalidArgument(
        f"reranker={reranker!r:.60} scores nothing: pass a function of (query, texts) that returns "
        "one number a text, or an object with rerank(query, texts), predict(pairs), "
        "compute_score(pairs) or rank(query, texts)"
        + (
            f"; by name there are {', '.join(map(repr, BUILT_IN))}"
            if isinstance(reranker, str)
            else ""
        )
    )


def is_of(reranker: Any, package: str) -> bool:
    """Return whether a class of the package is among those of an object."""
    classes = type(reranker).__mro__
    return any(str(one.__module__).partition(".")[0] == package for one in classes)


def _of_flashrank(reranker: Any) -> Score | None:
    """``Ranker.rerank`` takes a request of passages, and returns them with scores, best first."""
    if not is_of(reranker, "flashrank"):
        return None

    def score(query: str, texts: list[str]) -> Any:
        request = import_module("flashrank").RerankRequest
        listwise = getattr(reranker, "llm_model", None) is not None
        scores: list[Any] = []
        for start in range(0, len(texts), len(texts) if listwise else _PASSAGES):
            part = texts if listwise else texts[start : start + _PASSAGES]
            passages = [{"id": at, "text": text} for at, text in enumerate(part)]
            found = reranker.rerank(request(query=query, passages=passages))
            if listwise:  # a language model names the passages in order, and scores none
                found = [{**one, "score": 1 / at} for at, one in enumerate(found, 1)]
            scores += _by_place(found, len(part), ("id",), ("score",), "rerank(RerankRequest)")
        return scores

    return score


def _of_protocol(reranker: Any) -> Score | None:
    method = getattr(reranker, "rerank", None)
    return method if callable(method) else None


def _of_pairs(reranker: Any) -> Score | None:
    """As CrossEncoder and FlagReranker do; the cross-encoders of LangChain call it ``score``."""
    names = ["predict", "compute_score"]
    if is_of(reranker, "langchain_core") and not hasattr(reranker, "compress_documents"):
        names.append("score")
    for name in names:
        method = getattr(reranker, name, None)
        if callable(method):
            return _of_method(method)
    return None


def _of_method(method: Callable[[list[tuple[str, str]]], Any]) -> Score:
    return lambda query, texts: method([(query, text) for text in texts])


def _of_langchain(reranker: Any) -> Score | None:
    """Document compressors return documents best first, with a score or without."""
    if not callable(getattr(reranker, "compress_documents", None)):
        return None

    def score(query: str, texts: list[str]) -> Any:
        document = import_module("langchain_core.documents").Document
        asked = [
            document(page_content=text, metadata={"ruvector_place": at})
            for at, text in enumerate(texts)
        ]
        answer = reranker.compress_documents(asked, query)
        found: list[dict[str, Any]] = [dict(one.metadata) for one in answer]
        if not all("relevance_score" in one for one in found):
            found = [{**one, "relevance_score": 1 / at} for at, one in enumerate(found, 1)]
        if len(found) < len(texts):
            raise InvalidArgument(
                f"reranker={name_of(reranker)}: compress_documents returned {len(found)} of "
                f"{len(texts)} documents; give it a top_n of at least {len(texts)} and no "
                "threshold, so that every text has its place"
            )
        return _by_place(
            found, len(texts), ("ruvector_place",), ("relevance_score",), "compress_documents"
        )

    return score


def _of_ranks(reranker: Any) -> Score | None:
    """``rank(query, texts)`` of CrossEncoder, and of the package ``rerankers``."""
    method = getattr(reranker, "rank", None)
    if not callable(method):
        return None

    def score(query: str, texts: list[str]) -> Any:
        records = method(query, texts)
        return records if hasattr(records, "__await__") else ranked(records, len(texts))

    return score


def ranked(records: Any, count: int) -> Any:
    """Turn records of places and scores, in any order, into a score a text.

    Records are mappings with ``corpus_id``, or objects with ``doc_id``. Anything else is taken for
    scores in the order of the texts.
    """
    if not hasattr(records, "__iter__"):
        return records
    records = list(records)
    if not records or not (isinstance(records[0], Mapping) or hasattr(records[0], "doc_id")):
        return records
    told = [one if isinstance(one, Mapping) else _told(one) for one in records]
    return _by_place(told, count, ("corpus_id", "doc_id"), ("score",), "rank(query, texts)")


def _told(record: Any) -> dict[str, Any]:
    score = getattr(record, "score", None)
    if score is None and getattr(record, "rank", None) is not None:
        score = 1 / record.rank
    return {"doc_id": getattr(record, "doc_id", None), "score": score}


def _by_place(
    records: Any, count: int, places: tuple[str, ...], scores: tuple[str, ...], call: str
) -> list[Any]:
    """Return the score of each place, None where no record has one.

    Raises
    ------
    InvalidArgument
        A record lacks place or score, or names a place that is none or that another has.
    """
    found: list[Any] = [None] * count
    taken = [False] * count
    for record in records:
        place = _whole(next((record[name] for name in places if name in record), None))
        score = next((record[name] for name in scores if name in record), _NONE)
        if not 0 <= place < count or taken[place] or score is _NONE:
            raise InvalidArgument(
                f"reranker=: {call} must return a record with {places[0]!r} and {scores[0]!r} for "
                f"every text, once; it returned {record!r:.{_LISTED}}"
            )
        found[place], taken[place] = score, True
    return found


def _whole(place: Any) -> int:
    try:
        return operator.index(place)
    except TypeError:
        return -1
