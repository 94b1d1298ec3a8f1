"""The static text model: a table of token vectors, and the tokenizer that looks into it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import EmbedError
from .._input.cells import Validity
from .._input.vectors import Float32Matrix
from .._native.task import Waiter, aside
from .batches import Told

# The tokenizer reads 2 to 13 MB a second: an abandoned call of this much ends after 30 ms, and
# what is not more is read on the caller's thread.
_BATCH_CHARACTERS: Final = 64 << 10
_BATCH_TEXTS: Final = 1024
# What is kept if the rest is interrupted: some tenths of a second of work.
_PART_CHARACTERS: Final = 4 << 20
_PART_TEXTS: Final = 16 << 10


class Static:
    """A table of token vectors and its tokenizer."""

    __slots__ = ("_table", "_tokenizer")

    def __init__(self, table: npt.NDArray[Any], tokenizer: Any) -> None:
        self._table = table
        self._tokenizer = tokenizer

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        """Cut texts into large runs, whatever `size` says: one costs no more than another."""
        return runs(texts, _PART_CHARACTERS, _PART_TEXTS)

    def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Float32Matrix, Validity]:
        """Return the mean of the token rows of every text, and which texts have tokens."""
        tokens = self._tokens(texts, told)
        cuts = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(one) for one in tokens], out=cuts[1:])
        flat = np.concatenate(tokens) if tokens else np.empty(0, np.uint32)
        np.minimum(flat, self._table.shape[0] - 1, out=flat)
        return _native.pool_tokens(self._table, flat, cuts)

    def count_tokens(self, texts: list[str]) -> npt.NDArray[np.int64]:
        """Return how many tokens each text has."""
        tokens = self._tokens(texts, bool)
        return np.fromiter(map(len, tokens), np.int64, len(tokens))

    def _tokens(self, texts: list[str], told: Told) -> list[npt.NDArray[np.uint32]]:
        if sum(map(len, texts)) <= _BATCH_CHARACTERS:
            return self._token_ids(texts)
        return aside(partial(self._all_ids, texts), told)

    def _all_ids(self, texts: list[str], waiter: Waiter) -> list[npt.NDArray[np.uint32]]:
        tokens: list[npt.NDArray[np.uint32]] = []
        for start, end in runs(texts, _BATCH_CHARACTERS, _BATCH_TEXTS):
            if waiter.gone:
                break
            tokens += self._token_ids(texts[start:end])
            waiter.done = end
        return tokens

    def _token_ids(self, texts: list[str]) -> list[npt.NDArray[np.uint32]]:
        try:
            found = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        except TypeError:
            for text in texts:
                try:
                    text.encode()
                except UnicodeEncodeError:
                    raise EmbedError(
                        f"{text!r:.60} has half of a surrogate pair, which is not valid text; "
                        "clean it: text.encode('utf-8', 'replace').decode()"
                    ) from None
            raise
        return [np.asarray(encoding.ids, np.uint32) for encoding in found]


def runs(texts: list[str], most: int, count: int) -> Iterator[tuple[int, int]]:
    """Cut texts into runs ``[start, end)`` of at most so many characters and texts.

    A text of more characters is a run of its own.
    """
    start = characters = 0
    for i, text in enumerate(texts):
        if i > start and (characters + len(text) > most or i - start == count):
            yield start, i
            start, characters = i, 0
        characters += len(text)
    if start < len(texts):
        yield start, len(texts)
