"""`Index.search_async` and `Index.build_async`: the event loop goes on meanwhile.

What reads arguments runs on the loop's thread where that takes well under a millisecond, else on
one of the loop's own threads. The work itself is a task of the library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import _native
from .._metric import MetricName
from .._settings import current
from .building import Keep, Kind, Making, OnNull
from .chosen import Question
from .method import coroutine_method
from .result import SearchResult

if TYPE_CHECKING:
    from .index import Index

T = TypeVar("T")

_FEW_BYTES = 1 << 20  # of an array that is read at once
_FEW_CELLS = 1 << 11  # of a list that is, and of an answer whose cells are texts


@coroutine_method
async def search_async(
    self: Index,
    query: Any = None,
    k: int = 10,
    *,
    id: Any = None,
    diversity: float = 0.0,
    recall: float | None = None,
    rerank: int | None = None,
    where: Any = None,
    ids: Any = None,
    probes: int | None = None,
    embedder: Any = None,
    threads: int | None = None,
) -> SearchResult:
    """Find the `k` rows nearest to each query, as `search` does, while the event loop goes on.

    Parameters
    ----------
    query, k, id, diversity, recall, rerank, where, ids, probes, embedder, threads
        As of `search`.

    Returns
    -------
    SearchResult
        That of `search`, to the last bit.

    Raises
    ------
    asyncio.CancelledError
        Who awaited was cancelled: the search is told in the same turn of the loop.
    RuntimeError
        No event loop of asyncio runs on this thread: await it inside ``async def``, or call
        `search`.
    RuVectorError
        As of `search`.

    Notes
    -----
    For loops of asyncio and uvloop, any number at once. Thousands may be in flight: they need no
    thread of Python, and as many compute at once as there are threads (`set_threads`). Texts are
    embedded, and long or uncommon arguments are read, on a thread of the loop's executor. NumPy
    arrays are copied when the search begins; what else is passed must not change before the answer
    is there.

    Examples
    --------
    >>> import asyncio, numpy as np, ruvector as rv
    >>> async def main() -> list[int]:
    ...     ix = await rv.Index.build_async(np.eye(3, dtype="float32"))
    ...     found = await asyncio.gather(*[ix.search_async(q, k=1) for q in np.eye(3)])
    ...     return [int(result.ids[0]) for result in found]
    >>> asyncio.run(main())
    [0, 1, 2]
    """
    from .._native.waiting import awaited, running_loop

    running_loop("ix.search(...)")
    limits = recall, rerank, where, ids, probes, threads
    brief = _brief(query) and _brief(where) and _brief(ids, texts=True) and _brief(id, texts=True)
    question = await _read(brief, _ask, self, query, id, k, diversity, limits, embedder)
    asked = question.asked
    task = asked.begin()
    await awaited(task)
    return question.read(await _read(question.cells <= _FEW_CELLS, asked.end, task))


@coroutine_method
async def build_async(
    cls: type[Index],
    vectors: Any,
    *,
    ids: Any = None,
    metric: MetricName = "cosine",
    kind: Kind = "auto",
    bits: int | None = None,
    cells: int | None = None,
    keep: Keep = "auto",
    recall: float = 0.95,
    nulls: OnNull = "error",
    seed: int = 42,
    budget: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Index:
    """Build an index over a column of vectors, as `build` does, while the event loop goes on.

    Parameters
    ----------
    vectors, ids, metric, kind, bits, cells, keep, recall, nulls, seed, budget, threads, progress
        As of `build`. What is passed must not change before the index is there.

    Returns
    -------
    Index
        That of `build`, byte by byte.

    Raises
    ------
    asyncio.CancelledError
        Who awaited was cancelled: the build is told in the same turn of the loop, and ends within
        a tenth of a second. Borrowed memory is given back then.
    RuntimeError
        No event loop of asyncio runs on this thread: await it inside ``async def``, or call
        `build`.
    RuVectorError
        As of `build`.

    Notes
    -----
    For loops of asyncio and uvloop. The column is read on a thread of the loop's executor unless
    it is a small array.

    Examples
    --------
    >>> import asyncio, numpy as np, ruvector as rv
    >>> len(asyncio.run(rv.Index.build_async(np.eye(3, dtype="float32"))))
    3
    """
    from .._native.waiting import awaited, running_loop

    running_loop("rv.Index.build(...)")
    options = {
        "kind": kind, "bits": bits, "cells": cells, "recall": recall, "nulls": nulls,
        "seed": seed, "budget": budget, "threads": threads,
    }  # fmt: skip
    shown = current.progress if progress is None else progress
    brief = _brief(vectors) and _brief(ids, texts=True)
    with await _read(brief, Making, vectors, ids, metric, keep, **options) as making:
        task = _native.begin_build(*making.given)
        await awaited(task, shown, "build")
        return making.index(cls, _native.end_build(task))


def _ask(
    index: Index, query: Any, id: Any, k: Any, diversity: Any, limits: tuple[Any, ...], maker: Any
) -> Question:
    """Return the question, which shares no array with who asks and may change it meanwhile."""
    recall, rerank, where, *others = limits
    if isinstance(query, np.ndarray):
        query = query.copy()
    if isinstance(where, np.ndarray):
        where = where.copy()
    limits = recall, rerank, where, *others
    return Question(index, query, id, k, diversity, limits, maker)


async def _read(brief: bool, read: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Return what `read` returns, which runs on another thread unless it is brief."""
    if brief:
        return read(*arguments, **named)
    import asyncio

    return await asyncio.to_thread(read, *arguments, **named)


def _brief(value: Any, *, texts: bool = False) -> bool:
    """Return whether an argument is read in well under a millisecond, by types that are sure."""
    if value is None or isinstance(value, int | str):
        return texts or not isinstance(value, str)
    if type(value) is np.ndarray:
        return value.dtype.kind in "fiub" and value.nbytes <= _FEW_BYTES
    if type(value) is list and len(value) <= _FEW_CELLS:
        kinds = set(map(type, value))
        return kinds <= ({int, str} if texts else {int, float, bool})
    return False
