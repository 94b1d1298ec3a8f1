"""`HttpReranker`: scores of a server that has ``/rerank``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..._errors import EmbedError, InvalidArgument
from ..remote.calling import Call
from ..remote.client import Client
from ..remote.documents import NotJSON, whole
from ..remote.flight import Failed

KEY: Final = "RERANK_API_KEY"  # of its own: a key of OpenAI's goes to nobody else
_TEXTS: Final = {"documents": 100, "texts": 32}  # of a request: Cohere bills by 100, TEI takes 32
_MOST_TEXTS: Final = 10_000
_MOST_CHARACTERS: Final = 400_000
_SCORES: Final = ("relevance_score", "score")
_LISTS: Final = ("results", "data")

Scores = npt.NDArray[np.float32]


class _Piece(NamedTuple):
    """Scores of the texts from ``start`` on."""

    start: int
    scores: Scores


class HttpReranker:
    """Scores texts by a server: Cohere, Jina, Voyage, vLLM, llama.cpp, TEI, and others.

    A `Reranker`. Nothing is asked before the first search; then ``POST {base_url}/rerank``, some
    texts a request, a few requests at once. What fails for a moment (408, 429, 5xx, a cut
    connection) is asked again with growing pauses or after the ``Retry-After`` of the server;
    requests that are too large are halved. Ctrl-C ends it within 100 ms. Thread-safe.

    Parameters
    ----------
    base_url : str
        What ``/rerank`` is appended to, for example ``"https://api.cohere.com/v2"``,
        ``"https://api.jina.ai/v1"``, ``"http://localhost:8000/v1"`` (vLLM, llama.cpp) or
        ``"http://localhost:8080"`` (TEI).
    model : str, optional
        Its name, where the server has several.
    api_key : str, optional
        Sent as bearer token; else that of the environment's ``RERANK_API_KEY``. Neither shown nor
        pickled.
    field : {"documents", "texts"}
        What the server calls the texts: ``"texts"`` for Hugging Face's TEI.
    batch : int, optional
        Texts of a request: 100, for TEI 32.
    timeout, deadline : float
        Seconds for one try, and for a request with all its tries.
    retries : int
        Further tries.
    concurrency : int
        Requests at once.

    Raises
    ------
    InvalidArgument
        An argument out of its range.
    EmbedError
        `base_url` is no address.

    Examples
    --------
    >>> import ruvector as rv
    >>> rv.HttpReranker("http://localhost:8080", field="texts")
    HttpReranker('http://localhost:8080', field='texts')
    """

    __slots__ = ("_batch", "_client", "_concurrency", "_field", "_model")

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        *,
        api_key: str | None = None,
        field: Literal["documents", "texts"] = "documents",
        batch: int | None = None,
        timeout: float = 60.0,
        retries: int = 6,
        deadline: float = 600.0,
        concurrency: int = 4,
    ) -> None:
        if field not in _TEXTS:
            raise InvalidArgument(f"field={field!r:.40} must be 'documents' or 'texts'")
        if model is not None and (not isinstance(model, str) or not model.strip()):
            raise InvalidArgument(f"model={model!r:.40} must be the name of a model, or None")
        batch = _TEXTS[field] if batch is None else batch
        for name, value, most in (
            ("batch", batch, _MOST_TEXTS),
            ("concurrency", concurrency, 64),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise InvalidArgument(f"{name}={value!r:.40}: 1 to {most:,} are possible")
        self._client = Client(
            base_url, api_key, timeout=timeout, retries=retries, total=deadline,
            what="the rerank server", variable=KEY,
        )  # fmt: skip
        self._model, self._field = model, field
        self._batch, self._concurrency = batch, concurrency

    def __repr__(self) -> str:
        model = "" if self._model is None else f", {self._model!r}"
        field = "" if self._field == "documents" else f", field={self._field!r}"
        return f"HttpReranker({self._client.address.shown!r}{model}{field})"

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self._client, self._model, self._field, self._batch, self._concurrency)
        return _again, parts

    def rerank(self, query: str, texts: list[str], /) -> Scores:
        """Return a score for every text, larger is better.

        Parameters
        ----------
        query : str
        texts : list of str, n of them

        Returns
        -------
        ndarray of float32, shape (n,)

        Raises
        ------
        EmbedError
            The server gave no answer, or one that is not a score a text; says for which texts.
            A text with half of a surrogate pair, which no server reads; names its place.
        """
        _check(query, texts)
        scores = np.full(len(texts), np.nan, np.float32)
        work = partial(self._asked, query, texts)
        try:
            for piece in self._client.each(self._jobs(texts), work, self._concurrency):
                scores[piece.start : piece.start + len(piece.scores)] = piece.scores
        except Failed as failed:
            start, end = failed.job
            problem = failed.problem.replace("OPENAI_API_KEY", KEY)
            error = self._client.failure(f"{problem} (texts {start} to {end - 1} of {len(texts)})")
        else:
            return scores
        raise error

    def _jobs(self, texts: list[str]) -> Iterator[tuple[int, int]]:
        start = characters = 0
        for at, text in enumerate(texts):
            full = characters + len(text) > _MOST_CHARACTERS or at - start >= self._batch
            if at > start and full:
                yield start, at
                start, characters = at, 0
            characters += len(text)
        if start < len(texts):
            yield start, len(texts)

    def _asked(
        self, query: str, texts: list[str], job: tuple[int, int], call: Call
    ) -> Iterator[_Piece]:
        """Yield the scores of a run of texts: all at once, or halves where that is too much."""
        start, end = job
        answer = call.ask("/rerank", self._body(query, texts[start:end]))
        if answer.large and end - start > 1:
            middle = (start + end) // 2
            yield from self._asked(query, texts, (start, middle), call)
            yield from self._asked(query, texts, (middle, end), call)
        elif answer.large:
            raise Failed(job, f"takes no text of {len(texts[start]):,} letters: {answer.problem}")
        elif answer.problem:
            other = "texts" if self._field == "documents" else "documents"
            hint = f"; does it want field={other!r}?" if answer.status in (400, 422) else ""
            raise Failed(job, answer.problem + hint)
        else:
            yield _Piece(start, _scores(answer.body, job))

    def _body(self, query: str, texts: list[str]) -> bytes:
        document: dict[str, Any] = {"query": query, self._field: texts}
        if self._model is not None:
            document["model"] = self._model
        if self._field == "texts":
            document["truncate"] = True  # else TEI refuses what is longer than the model reads
        else:
            document["top_n"] = len(texts)
        return json.dumps(document).encode()


def _again(
    client: Client, model: str | None, field: Any, batch: int, concurrency: int
) -> HttpReranker:
    """Return a reranker that was pickled."""
    found: HttpReranker = object.__new__(HttpReranker)
    found._client, found._model, found._field = client, model, field
    found._batch, found._concurrency = batch, concurrency
    return found


def _check(query: str, texts: list[str]) -> None:
    """Refuse halves of surrogate pairs."""
    for place, text in enumerate([query, *texts], -1):
        try:
            text.encode()
        except UnicodeEncodeError:
            what = "the query" if place < 0 else f"text {place}"
            raise EmbedError(
                f"{what} ({text!r:.60}) has half of a surrogate pair, which is not valid text; "
                "clean it: text.encode('utf-8', 'replace').decode()",
                row=None if place < 0 else place,
            ) from None


def _scores(body: bytes, job: tuple[int, int]) -> Scores:
    """Return the scores of an answer in the order of the texts."""
    count = job[1] - job[0]
    try:
        found = whole(body)
    except NotJSON as error:
        raise Failed(job, f"sent an answer that cannot be read: {error}") from None
    if isinstance(found, dict):
        found = next((found[name] for name in _LISTS if isinstance(found.get(name), list)), None)
    if not isinstance(found, list):
        raise Failed(job, "sent an answer without a list of results")
    if len(found) != count:
        raise Failed(job, f"sent {len(found):,} scores for {count:,} texts")
    scores = np.full(count, np.nan, np.float32)
    for record in found:
        place, score = _record(record, job)
        if place >= count or not np.isnan(scores[place]):
            twice = "twice" if place < count else f"for {count:,} texts"
            raise Failed(job, f"sent a score of index {place}, {twice}")
        scores[place] = score
    return scores


def _record(record: Any, job: tuple[int, int]) -> tuple[int, float]:
    if not isinstance(record, dict):
        raise Failed(job, f"sent a {type(record).__name__} where a result should be")
    place = record.get("index")
    if isinstance(place, bool) or not isinstance(place, int) or place < 0:
        raise Failed(job, f"sent a result of index {place!r:.40}")
    score = next((record[name] for name in _SCORES if name in record), None)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise Failed(job, f"sent {score!r:.40} as score of text {job[0] + place}, not a number")
    if not abs(score) <= float(np.finfo(np.float32).max) or math.isnan(score):
        raise Failed(job, f"sent {score!r:.40} as score of text {job[0] + place}")
    return place, float(score)
