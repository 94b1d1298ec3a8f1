"""The words of a column of texts: their index, and the rows that have those of a query."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._index.fusing import Ranking, Rows
from .._input.masks import Mask
from .._native import Handle
from .._native.words import WORDS_VERSION, build_words, search_words, words_info
from .._settings import current
from . import protocol
from .cache import cache
from .target import Stages, naming


def open_words(frame: protocol.Frame, label: Any, digest: bytes | None, stages: Stages) -> Handle:
    """Return the index of the words of a text column, which may be kept from an earlier call.

    ``digest`` is that of the texts where it is known already.

    Raises
    ------
    EmbedError
        A cell is not text.
    """
    if digest is not None:
        known: Handle | None = cache._get(("words", digest, WORDS_VERSION))
        if known is not None:
            return known
    with stages.measure("read words"):
        with naming(label):
            texts = frame.text_column(label)
        key = ("words", digest or texts.digest(), WORDS_VERSION)
    try:
        words: Handle | None = cache._get(key) if digest is None else None
        if words is None:
            with stages.measure("build words"):
                words = build_words(
                    texts.source, threads=current.threads, progress=current.progress
                )
            cache._put(key, words, int(words_info(words)["bytes"]))
    finally:
        texts.close()
    return words


def ranked_by_words(words: Handle, texts: list[str], k: int, mask: Mask | None) -> Ranking:
    """Return the `k` rows best by BM25 for every text, of those that have a term of it."""
    rows, scores, counts = search_words(words, texts, k, mask=mask, threads=current.threads)
    present = np.arange(rows.shape[1]) < counts[:, None]
    return Ranking(rows[present], scores[present], counts)


def word_scores(
    words: Handle, texts: list[str], height: int, query: int, rows: Rows
) -> tuple[Rows, npt.NDArray[np.float32]]:
    """Return those of some rows that have a term of the query, and their scores."""
    mask = np.zeros(height, np.bool_)
    mask[rows] = True
    found = ranked_by_words(words, texts[query : query + 1], len(rows), mask)
    return found.rows, found.scores
