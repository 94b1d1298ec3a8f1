"""Embedders are called with some texts at a time, so that what was done stays done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from .._errors import EmbedError
from .._input.cells import Validity
from .._input.vectors import Float32Matrix
from .._progress import Progress, reporter

BATCH_TEXTS: Final = 256  # texts of a call of the user's own embedder

Told = Callable[[int], object]


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
) -> Iterator[tuple[int, int, Float32Matrix, Validity]]:
    """Yield ``(start, end, matrix, valid)`` of one batch after the other.

    Raises
    ------
    EmbedError
        A batch has vectors of another number of dimensions than the first.
    Exception
        What the user's embedder raised, as it is, with a note that names the texts.
    """
    report = reporter(progress, "embed")
    dim = 0
    try:
        for start, end in encode.batches(texts, size):
            base = start

            def told(done: int, base: int = base) -> None:
                report(base + done, len(texts))

            try:
                matrix, valid = encode(texts[start:end], told, query)
                if dim and matrix.shape[1] != dim:
                    raise EmbedError(
                        f"the embedder gave vectors of {matrix.shape[1]} dimensions, and of {dim} "
                        "for the texts before"
                    )
            except Exception as error:
                if rows is not None and len(texts) > end - start:
                    error.add_note(rows(start, end))
                raise
            dim = matrix.shape[1]
            report(end, len(texts))
            yield start, end, matrix, valid
    finally:
        report(-1, -1)
