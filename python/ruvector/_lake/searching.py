"""`RuLake.search_one`, `search_batch`, `search_federated`, and their twins for event loops."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from .._input.queries import FLOAT32
from .asking import terms_of
from .consistency import Consistency
from .keys import Key, name_of
from .method import method, named
from .question import Federation, Question, warm_result
from .result import LakeResult

if TYPE_CHECKING:
    from .lake import RuLake

FrameT = TypeVar("FrameT")


@overload
def search_one(
    self: RuLake,
    collection: str,
    query: Any,
    k: int = 10,
    *,
    backend: str | None = None,
    consistency: Consistency | None = None,
    ids: Any = None,
    where: Any = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
    frame: None = None,
    ids_on: None = None,
) -> LakeResult: ...


@overload
def search_one(
    self: RuLake,
    collection: str,
    query: Any,
    k: int = 10,
    *,
    backend: str | None = None,
    consistency: Consistency | None = None,
    ids: Any = None,
    where: Any = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
    frame: FrameT,
    ids_on: Any = None,
) -> FrameT: ...


@method
def search_one(
    self: RuLake,
    collection: str,
    query: Any,
    k: int = 10,
    *,
    backend: str | None = None,
    consistency: Consistency | None = None,
    ids: Any = None,
    where: Any = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
    frame: Any = None,
    ids_on: Any = None,
) -> Any:
    """Find the `k` rows of a collection nearest to a query.

    Parameters
    ----------
    collection : str
    query : 1-D vector of the collection's dimensions
    k : int
        Rows to find; fewer come back only when fewer are eligible.
    backend : str, optional
        The store; needed where more than one has a collection of this name. Which one it is is
        found out at the first search and again after `register_backend`.
    consistency : Consistency, optional
        How new the answer must be; what `set_consistency` said, else the lake's.
    ids : sequence of ids, optional
        Ids that may be found.
    where : n booleans, optional
        Rows that may be found, in the order in which the store has them; null is False. With
        `frame` a condition on its rows, as `rv.search` takes it: rows that the collection has not
        got do no harm.
    rerank_factor : int, optional
        The lake's when not given.
    recall : float, optional
        Share of the true neighbours aimed for; the lake's when not given, 1.0 is exact.
    frame : pandas or polars DataFrame, pyarrow Table, optional
        Answer with its rows: those whose ids were found.
    ids_on : column label, optional
        The column of `frame` that holds the ids; ``"id"`` when not given.

    Returns
    -------
    LakeResult, or a frame of the type of `frame`
        Ties go to the smaller row. A frame has the user's rows and columns, then the score.

    Raises
    ------
    UnknownCollection, UnknownBackend
        There is none of this name.
    LakeError
        More than one store has it.
    BackendError
        The store failed; what the cache held before is kept.
    DimensionMismatch, InvalidVector
        The query has another number of dimensions, or is not finite; or a vector of the store is.
    UnknownId
        ``ids=`` names one that the collection has not.
    InvalidArgument, LimitExceeded, ColumnError, OutOfMemory
    KeyboardInterrupt
    """
    if (
        ids is None
        and where is None
        and frame is None
        and ids_on is None
        and type(query) is np.ndarray
        and query.dtype is FLOAT32
        and query.ndim == 1
        and type(k) is int
        and k >= 0
        and type(collection) is str
        and (backend is None or type(backend) is str)
        and query.flags.c_contiguous
        and len(query)
    ):
        target = self._targets.get((backend, collection))
        if target is None and backend:
            target = self._target((name_of("backend", backend), name_of("collection", collection)))
        if target is not None:
            terms = self._plainly
            if consistency is not None or rerank_factor is not None or recall is not None:
                terms = terms_of(self, consistency, rerank_factor, recall)
            found = warm_result(self, target, query, k, terms)
            if found is not None:
                return found
    terms = terms_of(self, consistency, rerank_factor, recall)
    asked = Question.of_one(self, collection, backend, query, k, terms, frame, ids_on)
    return asked.limited(where, ids).answer()


@overload
async def search_one_async(
    self: RuLake,
    collection: str,
    query: Any,
    k: int = 10,
    *,
    backend: str | None = None,
    consistency: Consistency | None = None,
    ids: Any = None,
    where: Any = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
    frame: None = None,
    ids_on: None = None,
) -> LakeResult: ...


@overload
async def search_one_async(
    self: RuLake,
    collection: str,
    query: Any,
    k: int = 10,
    *,
    backend: str | None = None,
    consistency: Consistency | None = None,
    ids: Any = None,
    where: Any = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
    frame: FrameT,
    ids_on: Any = None,
) -> FrameT: ...


@named
async def search_one_async(
    self: RuLake,
    collection: str,
    query: Any,
    k: int = 10,
    *,
    backend: str | None = None,
    consistency: Consistency | None = None,
    ids: Any = None,
    where: Any = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
    frame: Any = None,
    ids_on: Any = None,
) -> Any:
    """`search_one` in an event loop, which does other things meanwhile.

    Cancelling the caller cancels the search.
    """
    terms = terms_of(self, consistency, rerank_factor, recall)
    asked = Question.of_one(self, collection, backend, query, k, terms, frame, ids_on)
    return await asked.limited(where, ids).answered()


@method
def search_batch(
    self: RuLake,
    collection: str,
    queries: Any,
    k: int = 10,
    *,
    backend: str | None = None,
    consistency: Consistency | None = None,
    ids: Any = None,
    where: Any = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
) -> LakeResult:
    """Find the `k` rows of a collection nearest to each query, all in one state of it.

    Parameters
    ----------
    collection : str
    queries : batch of nq vectors, shape (nq, d)
    k : int

    Returns
    -------
    LakeResult
        ids and scores of shape (nq, k), equal to those of `search_one` for every query. Counts as
        one hit or miss of the cache.

    See Also
    --------
    search_one : takes the same arguments and raises the same errors.
    """
    terms = terms_of(self, consistency, rerank_factor, recall)
    asked = Question.of_batch(self, collection, backend, queries, k, terms)
    result: LakeResult = asked.limited(where, ids).answer()
    return result


@named
async def search_batch_async(
    self: RuLake,
    collection: str,
    queries: Any,
    k: int = 10,
    *,
    backend: str | None = None,
    consistency: Consistency | None = None,
    ids: Any = None,
    where: Any = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
) -> LakeResult:
    """`search_batch` in an event loop, which does other things meanwhile.

    Cancelling the caller cancels the search.
    """
    terms = terms_of(self, consistency, rerank_factor, recall)
    asked = Question.of_batch(self, collection, backend, queries, k, terms)
    result: LakeResult = await asked.limited(where, ids).answered()
    return result


@method
def search_federated(
    self: RuLake,
    query: Any,
    k: int = 10,
    *,
    targets: Iterable[Key] | None = None,
    deadline: float | None = None,
    partial: bool = False,
    dedupe: bool = False,
    ids: Any = None,
    consistency: Consistency | None = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
) -> LakeResult:
    """Find the `k` rows of many collections that are nearest to a query.

    Parameters
    ----------
    query : 1-D vector, or a batch of nq vectors, shape (nq, d)
    k : int
        Rows of all collections together.
    targets : iterable of (backend, collection), optional
        The collections to ask, each once; all that have the query's dimensions when not given.
    deadline : float, optional
        Seconds from now after which nothing more is waited for.
    partial : bool
        Answer from the collections that can; `LakeResult.errors` says why the others did not.
        Without it the first failure is raised.
    dedupe : bool
        Of rows that have one id in collections of one name, as copies in several stores do, the
        nearest alone.
    ids : sequence of ids, optional
        Ids that may be found, each in the collections that have it.

    Returns
    -------
    LakeResult
        Of one query, or of shape (nq, k). Ties go to the target named first, then to the smaller
        row. With ``recall=1`` equal to a search of one index over all rows together.

    Raises
    ------
    LakeError
        The deadline has passed.

    See Also
    --------
    search_one : explains the other arguments, and raises the same errors.
    """
    terms = terms_of(self, consistency, rerank_factor, recall)
    return Federation(self, query, k, terms, targets, deadline, partial, dedupe, ids).answer()


@named
async def search_federated_async(
    self: RuLake,
    query: Any,
    k: int = 10,
    *,
    targets: Iterable[Key] | None = None,
    deadline: float | None = None,
    partial: bool = False,
    dedupe: bool = False,
    ids: Any = None,
    consistency: Consistency | None = None,
    rerank_factor: int | None = None,
    recall: float | None = None,
) -> LakeResult:
    """`search_federated` in an event loop, which does other things meanwhile.

    Cancelling the caller cancels the search.
    """
    terms = terms_of(self, consistency, rerank_factor, recall)
    asked = Federation(self, query, k, terms, targets, deadline, partial, dedupe, ids)
    return await asked.answered()
