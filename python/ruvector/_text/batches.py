"""Embedders are called with some texts at a time, so that what was done stays done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from .._errors import EmbedError, RuVectorError
from .._input.cells import Validity
from .._input.vectors import Float32Matrix
from .._progress import Progress, reporter

BATCH_TEXTS: Final = 256  # texts of a call of the user's own embedder

Told = Callable[[int], object]
Look = Callable[[], object]  # called while something is waited for; what it raises ends that


class Encode(Protocol):
    """What an embedder is made of: texts to vectors, those of documents or those of queries.

    What the model's prefixes and limits say is done in here: it is given the bare texts.
    """

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        """Cut texts into runs ``[start, end)`` that are encoded in one call each.

        `size` is how many the user wants in a batch.
        """
        ...

    def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Float32Matrix, Validity]:
        """Return the vectors of texts, and which have one; tell how many are done now and then.

        `query` says that the texts ask, and are not what is searched.
        """
        ...


class Streams(Protocol):
    """An `Encode` that has several batches under way at once.

    Like every `Encode` whose work should not be done twice it has ``dear``: what was embedded
    before an error is kept, also of texts in a list.
    """

    def stream(
        self, texts: list[str], size: int, query: bool, look: Look
    ) -> Iterator[tuple[int, int, Float32Matrix, Validity]]:
        """Yield ``(start, end, matrix, valid)`` of batches, in the order in which they come.

        Raises
        ------
        BatchFailed
            After everything was yielded that was found.
        """
        ...


class BatchFailed(Exception):
    """Texts from `start` to `end` have no vectors; `error` is what the user is told."""

    def __init__(self, start: int, end: int, error: Exception) -> None:
        super().__init__(start, end)
        self.start = start
        self.end = end
        self.error = error


class Rows(Protocol):
    """Names the place of texts for whoever reads an error."""

    def __call__(self, start: int, end: int) -> str: ...


def in_batches(
    encode: Encode,
    texts: list[str],
    size: int,
    progress: Progress,
    rows: Rows | None = None,
    query: bool = False,
    look: Look = bool,
) -> Iterator[tuple[int, int, Float32Matrix, Validity]]:
    """Yield ``(start, end, matrix, valid)`` of one batch after the other, or as they come.

    Raises
    ------
    EmbedError
        A batch has vectors of another number of dimensions than the first. Its ``row`` is the place
        in `texts`, where it is one.
    Exception
        What the user's embedder raised, as it is, with a note that names the texts.
    """
    report = reporter(progress, "embed")
    dim = done = 0
    try:
        for start, end, matrix, valid in _found(encode, texts, size, query, report, rows, look):
            if dim and matrix.shape[1] != dim:
                error = EmbedError(
                    f"the embedder gave vectors of {matrix.shape[1]} dimensions, and of {dim} "
                    "for the texts before"
                )
                _note(error, start, end, len(texts), rows)
                raise error
            dim = matrix.shape[1]
            done += end - start
            report(done, len(texts))
            yield start, end, matrix, valid
            look()
    finally:
        report(-1, -1)


def _found(
    encode: Encode,
    texts: list[str],
    size: int,
    query: bool,
    report: Callable[[int, int], object],
    rows: Rows | None,
    look: Look,
) -> Iterator[tuple[int, int, Float32Matrix, Validity]]:
    stream = getattr(encode, "stream", None)
    if stream is not None:
        try:
            yield from stream(texts, size, query, look)
            return
        except BatchFailed as batch:
            failed = batch
        _note(failed.error, failed.start, failed.end, len(texts), rows)
        raise failed.error
    for start, end in encode.batches(texts, size):
        base = start

        def told(done: int, base: int = base) -> None:
            look()
            report(base + done, len(texts))

        try:
            matrix, valid = encode(texts[start:end], told, query)
        except Exception as error:
            if isinstance(error, RuVectorError) and error.row is not None:
                error.row += start
            _note(error, start, end, len(texts), rows)
            raise
        yield start, end, matrix, valid


def _note(error: Exception, start: int, end: int, count: int, rows: Rows | None) -> None:
    """Say which texts an error is about, unless these are all."""
    if rows is not None and count > end - start:
        error.add_note(rows(start, end))
