"""Words: the inverted index of a column of texts, ranked by BM25."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof, byref, sizeof
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arguments import places
from .arrow import address, collect, pack_texts
from .handle import Handle, info
from .library import MOST_THREADS, call
from .structs import SearchParams, Values
from .task import Progress, Task
from .texts import PackedTexts, texts_from_stream

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
WORDS_VERSION = 1  # of the rule that cuts texts into terms: text.WordsVersion
_MASK = 1  # the kind of a filter that has one byte a row


def build_words(texts: Any, *, threads: int = 0, progress: Progress = False) -> Handle:
    """Build the index of the words of texts.

    ``texts`` is an object with ``__arrow_c_stream__`` (utf8, large_utf8, utf8_view or a dictionary
    of these), a column of texts as `texts_hash` takes it, or a sequence of str and None.
    """
    if isinstance(texts, Handle):
        return _build(texts, None, threads, progress)
    if isinstance(texts, PackedTexts):
        return _build(None, (texts.values(), texts), threads, progress)
    if hasattr(texts, "__arrow_c_stream__"):
        return _build(texts_from_stream(texts), None, threads, progress)
    given, lent = _values(texts)
    return _build(None, (given, lent), threads, progress)


def _build(column: Handle | None, lent: Any, threads: int, progress: Progress) -> Handle:
    index, task = Handle(), Task(lent=lent)
    texts = 0 if column is None else column.value
    values = None if lent is None else byref(lent[0])
    try:
        call("rv_words_start", texts, values, min(threads, MOST_THREADS), byref(task.cell))
        task.wait(progress, "words")
        task.result(index.cell)
    finally:
        if column is not None:
            column.close()
        collect()
    return index.adopt()


def _values(texts: Sequence[str | None]) -> tuple[Values, Any]:
    """Return texts as the library takes them, and what must live as long; None is empty."""
    data, offsets, _ = pack_texts(texts)
    values = Values(
        format=b"U", data=address(data), offsets=address(offsets), n=len(offsets) - 1,
        len=int(offsets[-1]),
    )  # fmt: skip
    return values, (data, offsets)


def search_words(
    words: Handle,
    queries: Sequence[str],
    k: int,
    *,
    mask: npt.NDArray[np.bool_] | None = None,
    threads: int = 0,
) -> tuple[Ints, Floats, Ints]:
    """Return rows and scores (nq, k) of the best rows for every query, best first, and counts.

    Rows without a term of a query are not among its rows: cells past its count hold -1 and NaN.
    ``mask`` is False where a row may not be found.
    """
    k = min(places(k, len(queries)), int(info(words)["rows"]))
    n = len(queries)
    rows, scores = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    counts = np.empty(n, np.int64)
    given, lent = _values(queries)
    params = SearchParams(
        size=sizeof(SearchParams), threads=min(threads, MOST_THREADS), nq=n, k=k,
        ids=address(rows), scores=address(scores), counts=address(counts),
    )  # fmt: skip
    if mask is not None:
        mask = np.ascontiguousarray(mask, np.bool_)
        params.filter, params.filter_len, params.filter_kind = address(mask), len(mask), _MASK
    task = Task(lent=(given, lent, params, rows, scores, counts, mask))
    call("rv_words_search_start", words.value, addressof(given), byref(params), byref(task.cell))
    task.wait()
    task.result()
    return rows, scores, counts


def words_info(words: Handle) -> dict[str, int]:
    """Return ``rows``, ``texts`` (rows with a term), ``terms``, ``tokens`` and ``bytes``."""
    return info(words)
