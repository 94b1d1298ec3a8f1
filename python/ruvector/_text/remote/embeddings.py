"""Embeddings of a server that speaks as OpenAI's does: Ollama, vLLM, TEI, llama.cpp, and others."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from ..._errors import EmbedError, InvalidArgument
from ..._input.cells import Validity
from ..._input.vectors import Float32Matrix
from ..._locks import Lock
from ..batches import BATCH_TEXTS, BatchFailed, Look, Told
from ..model import Model
from .calling import Call
from .client import Client
from .documents import NotJSON, with_list
from .flight import Failed

OPENAI_URL: Final = "https://api.openai.com/v1"
MOST_TEXTS: Final = 2048  # inputs that OpenAI takes in one request
_MOST_CHARACTERS: Final = 400_000  # some 100,000 tokens; OpenAI takes 300,000
_MOST_DIM: Final = 1 << 20

_reading = Lock()  # one answer is read at a time: else a loop waits for its turn


class Piece(NamedTuple):
    """Vectors of the texts from ``start`` on."""

    start: int
    matrix: Float32Matrix


class Remote:
    """Texts to vectors by a server. Thread-safe."""

    __slots__ = (
        "_client", "_concurrency", "_dimensions", "_document", "_format", "_model", "_query",
        "_size",
    )  # fmt: skip

    dear = True  # what was finished is kept though more fails

    def __init__(
        self, client: Client, model: str, dimensions: int | None, size: int, concurrency: int,
        query: str, document: str,
    ) -> None:  # fmt: skip
        self._client = client
        self._model = model
        self._dimensions = dimensions
        self._size = size
        self._concurrency = concurrency
        self._query = query
        self._document = document
        self._format = "base64"

    def __reduce__(self) -> tuple[Any, ...]:
        return Remote, (
            self._client, self._model, self._dimensions, self._size, self._concurrency,
            self._query, self._document,
        )  # fmt: skip

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        """Cut texts into runs of one request each; `size` rules where it is not the usual one."""
        most = self._size if size == BATCH_TEXTS else min(size, MOST_TEXTS)
        start = characters = 0
        for i, text in enumerate(texts):
            if i > start and (characters + len(text) > _MOST_CHARACTERS or i - start >= most):
                yield start, i
                start, characters = i, 0
            characters += len(text)
        if start < len(texts):
            yield start, len(texts)

    def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Float32Matrix, Validity]:
        """Return the vectors of texts; all have one."""
        matrix = np.empty((0, 0), np.float32)
        done = 0

        def look() -> None:
            told(done)

        try:
            for start, end, found, _ in self.stream(texts, self._size, query, look):
                if not len(matrix):
                    matrix = np.empty((len(texts), found.shape[1]), np.float32)
                if found.shape[1] != matrix.shape[1]:
                    raise self._client.failure(
                        f"gave vectors of {found.shape[1]} and of {matrix.shape[1]} dimensions"
                    )
                matrix[start:end] = found
                done += end - start
        except BatchFailed as failed:
            raise failed.error from None
        return matrix, np.ones(len(texts), np.bool_)

    def stream(
        self, texts: list[str], size: int, query: bool, look: Look
    ) -> Iterator[tuple[int, int, Float32Matrix, Validity]]:
        """Yield ``(start, end, matrix, valid)`` of batches as they come, a few asked at once.

        Raises
        ------
        BatchFailed
            After everything was yielded that was found.
        """
        prefix = self._query if query else self._document
        _check_texts(texts)
        jobs = list(self.batches(texts, size))
        work = partial(self._asked, texts, prefix)
        try:
            for piece in self._client.each(jobs, work, self._concurrency, look):
                end = piece.start + len(piece.matrix)
                valid = np.ones(len(piece.matrix), np.bool_)
                yield piece.start, end, piece.matrix, valid
        except Failed as failed:
            start, end = failed.job
            row = start if end - start == 1 else None
            error = self._client.failure(failed.problem)
            error.row = row
            raise BatchFailed(start, end, error) from None

    def _asked(
        self, texts: list[str], prefix: str, job: tuple[int, int], call: Call
    ) -> Iterator[Piece]:
        """Yield the vectors of a run of texts: all at once, or halves where that is too much."""
        start, end = job
        form = self._format
        body = self._body([prefix + text for text in texts[start:end]], form)
        answer = call.ask("/embeddings", body)
        if answer.status == 400 and form == "base64" and _refuses_format(answer.problem):
            self._format = "float"
            yield from self._asked(texts, prefix, job, call)
        elif answer.large and end - start > 1:
            middle = (start + end) // 2
            yield from self._asked(texts, prefix, (start, middle), call)
            yield from self._asked(texts, prefix, (middle, end), call)
        elif answer.large:
            raise Failed(job, f"takes no text of {len(texts[start]):,} letters: {answer.problem}")
        elif answer.problem:
            raise Failed(job, answer.problem)
        else:
            yield Piece(start, self._matrix(answer.body, job))

    def _body(self, texts: list[str], form: str) -> bytes:
        import json

        document: dict[str, Any] = {
            "model": self._model, "input": texts, "encoding_format": form,
        }  # fmt: skip
        if self._dimensions is not None:
            document["dimensions"] = self._dimensions
        return json.dumps(document).encode()

    def _matrix(self, body: bytes, job: tuple[int, int]) -> Float32Matrix:
        """Return the vectors of an answer, in the order of their ``index``."""
        count = job[1] - job[0]
        try:
            with _reading:
                _, found = with_list(body, "data", _vector)
        except NotJSON as error:
            raise Failed(job, f"sent an answer that cannot be read: {error}") from None
        except _Refused as error:
            raise Failed(job, f"sent {error}") from None
        if len(found) != count:
            raise Failed(job, f"sent {len(found):,} vectors for {count:,} texts")
        dim = len(found[0][1])
        matrix = np.empty((count, dim), np.float32)
        seen = np.zeros(count, np.bool_)
        for index, vector in found:
            if index >= count or seen[index]:
                twice = "twice" if index < count else f"for {count:,} texts"
                raise Failed(job, f"sent a vector of index {index}, {twice}")
            if len(vector) != dim:
                raise Failed(job, f"sent vectors of {dim} and of {len(vector)} dimensions")
            seen[index] = True
            matrix[index] = vector
        if self._dimensions is not None and dim != self._dimensions:
            raise Failed(
                job, f"sent {dim} dimensions, dimensions={self._dimensions} were asked for"
            )
        return matrix


def _refuses_format(problem: str) -> bool:
    return "encoding_format" in problem or "base64" in problem


class _Refused(ValueError):
    """An element of an answer that is no vector; says what it is."""


def _vector(element: Any) -> tuple[int, Float32Matrix]:
    """Return the index and the vector of an element of an answer."""
    if not isinstance(element, dict):
        raise _Refused(f"a {type(element).__name__} where a vector should be")
    index, numbers = element.get("index"), element.get("embedding")
    if isinstance(index, bool) or not isinstance(index, int) or index < 0:
        raise _Refused("a vector without an index" if index is None else f"index {index!r:.40}")
    if isinstance(numbers, str):
        try:
            packed = base64.b64decode(numbers, validate=True)
            vector = np.frombuffer(packed, "<f4")
        except ValueError:
            raise _Refused(f"vector {index} as text that is not base64 of float32") from None
    elif isinstance(numbers, list) and all(type(x) is float or type(x) is int for x in numbers):
        try:
            with np.errstate(over="ignore"):
                vector = np.array(numbers, np.float64).astype(np.float32)
        except OverflowError:
            raise _Refused(f"a number beyond float32 in vector {index}") from None
    else:
        raise _Refused(f"vector {index} as something else than numbers")
    if not 0 < len(vector) <= _MOST_DIM:
        raise _Refused(f"a vector of {len(vector):,} dimensions")
    if not np.isfinite(vector).all():
        raise _Refused(f"NaN or an infinite number in vector {index}")
    return index, vector


def _check_texts(texts: list[str]) -> None:
    """Refuse halves of surrogate pairs, which no server reads."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        for i, text in enumerate(texts):
            try:
                text.encode()
            except UnicodeEncodeError:
                error = EmbedError(
                    f"{text!r:.60} has half of a surrogate pair, which is not valid text; "
                    "clean it: text.encode('utf-8', 'replace').decode()",
                    row=i,
                )
                raise BatchFailed(i, i + 1, error) from None


def open_openai(
    base_url: str | None = None,
    model: str = "",
    *,
    api_key: str | None = None,
    dimensions: int | None = None,
    batch: int = BATCH_TEXTS,
    timeout: float = 60.0,
    retries: int = 6,
    deadline: float = 600.0,
    concurrency: int = 4,
    query_prefix: str = "",
    document_prefix: str = "",
) -> Model:
    """Return a model that a server has, which is not asked yet. See `Embedder.openai`."""
    if not isinstance(model, str) or not model.strip():
        raise EmbedError("no model is named; pass model='text-embedding-3-small', or your server's")
    for name, value, most in (
        ("dimensions", 1 if dimensions is None else dimensions, _MOST_DIM),
        ("batch", batch, MOST_TEXTS),
        ("concurrency", concurrency, 64),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise InvalidArgument(f"{name}={value!r:.40}: 1 to {most:,} are possible")
    for name, prefix in (("query_prefix", query_prefix), ("document_prefix", document_prefix)):
        if not isinstance(prefix, str):
            raise InvalidArgument(f"{name}= is a {type(prefix).__name__}; pass text")
    url = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    client = Client(url, api_key, timeout=timeout, retries=retries, total=deadline)
    encode = Remote(
        client, model, dimensions, batch, concurrency, query_prefix, document_prefix
    )  # fmt: skip
    where = client.address
    key = ("openai", where.shown, where.query, model, dimensions, query_prefix, document_prefix)
    return Model(
        f"openai:{model}",
        encode,
        key,
        dim=dimensions,
        query_prefix=query_prefix,
        document_prefix=document_prefix,
        resolved=(f"openai: {model!r} of {where.shown}",),
    )
