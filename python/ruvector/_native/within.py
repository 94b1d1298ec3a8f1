"""Range search as the library's verb: a task whose answer is an Arrow stream, read into NumPy.

And what asks ranges of all rows: which are within a threshold of one kept before them.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, addressof, byref, c_int, c_int64, c_void_p, sizeof
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument, NativeError
from .._metric import BINARY, larger_is_better
from .arrow import ArrowArray, ArrowSchema, address, drop, texts_of
from .handle import Handle
from .library import call
from .params import allow, allow_ids, number_type
from .structs import Plan, SearchParams, WithinParams
from .task import Progress, Task

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

MIN_SIMILARITY: Final = 1
MAX_DISTANCE: Final = 2


class ArrowArrayStream(ctypes.Structure):
    """struct ArrowArrayStream"""

    _fields_ = [
        (name, c_void_p)
        for name in ("get_schema", "get_next", "get_last_error", "release", "private_data")
    ]


_GET_SCHEMA = CFUNCTYPE(c_int, POINTER(ArrowArrayStream), POINTER(ArrowSchema))
_GET_NEXT = CFUNCTYPE(c_int, POINTER(ArrowArrayStream), POINTER(ArrowArray))
_RELEASE = CFUNCTYPE(None, POINTER(ArrowArrayStream))


def within(
    handle: Handle,
    queries: npt.NDArray[Any],
    metric: str,
    bound: float,
    *,
    limit: int = 0,
    max_bytes: int = 0,
    mask: npt.NDArray[Any] | None = None,
    ids: Any = None,
    source: Handle | None = None,
    threads: int = 0,
) -> tuple[npt.NDArray[Any], Floats, Ints, Plan]:
    """Return ids and scores of all rows within the bound, counts (nq,) and the plan.

    ``queries`` has shape (nq, dim), for metrics of bits (nq, dim / 8). ids (int64, uint64 or
    object) and scores of all queries follow each other; ``counts`` says how many belong to each.
    The rest as in `search_rows`.
    """
    bits = metric in BINARY
    if bits and queries.dtype != np.uint8:
        raise InvalidArgument(f"queries of {queries.dtype} for an index of packed bits")
    batch = np.ascontiguousarray(queries, number_type(queries, bits))
    counts = np.zeros(len(batch), np.int64)
    plan = Plan(size=sizeof(Plan))
    search = SearchParams(
        size=sizeof(SearchParams), threads=threads, queries=address(batch), nq=len(batch),
        dim=batch.shape[1] * (8 if bits else 1), counts=address(counts), plan=addressof(plan),
        numbers=batch.itemsize == 8,
    )  # fmt: skip
    kept = allow(search, mask) if ids is None else allow_ids(search, ids)
    if source is not None:
        if not source.value:
            raise InvalidArgument("the column to measure against is closed")
        search.source = source.value
    params = _bounded(search, metric, bound)
    params.limit, params.max_bytes = limit, max_bytes
    task = Task(lent=(batch, counts, plan, search, params, kept))
    call("rv_within_start", handle.value, byref(params), byref(task.cell))
    task.wait()
    answer = Handle()
    task.result(answer.cell)
    answer.adopt()
    try:
        found, scores = _read(answer, int(counts.sum()))
    finally:
        answer.close()
    return found, scores, counts, plan


def _bounded(search: SearchParams, metric: str, bound: float) -> WithinParams:
    """Return the parameters of a range, all rows and as much memory as there is."""
    kind = MIN_SIMILARITY if larger_is_better(metric) else MAX_DISTANCE
    return WithinParams(
        size=sizeof(WithinParams), threshold=bound, threshold_kind=kind, search=addressof(search)
    )


def dedup(
    handle: Handle,
    rows: int,
    metric: str,
    bound: float,
    *,
    last: bool = False,
    groups: npt.NDArray[np.uint32] | None = None,
    source: Handle | None = None,
    threads: int = 0,
    progress: Progress = False,
) -> tuple[Ints, Floats, Plan]:
    """Return the row that each row was dropped for, their scores, and the plan.

    Rows kept have -1 and NaN. ``rows`` is how many the index has; ``groups`` says the group of
    each, 2**32 - 1 for rows that are kept. ``last`` goes through the rows from the last one on.
    """
    if groups is not None and (groups.dtype != np.uint32 or groups.shape != (rows,)):
        raise InvalidArgument(f"groups of {groups.dtype}, {groups.shape}, for {rows} rows")
    groups = None if groups is None else np.ascontiguousarray(groups)
    kept, scores = np.empty(rows, np.int64), np.empty(rows, np.float32)
    plan = Plan(size=sizeof(Plan))
    search = SearchParams(
        size=sizeof(SearchParams), threads=threads, nq=rows, ids=address(kept),
        scores=address(scores), plan=addressof(plan),
    )  # fmt: skip
    if source is not None:
        if not source.value:
            raise InvalidArgument("the column to measure against is closed")
        search.source = source.value
    params = _bounded(search, metric, bound)
    task = Task(lent=(search, params, groups, kept, scores, plan))
    of = None if groups is None else address(groups)
    call("rv_dedup_start", handle.value, byref(params), int(last), of, byref(task.cell))
    task.wait(progress, "dedup")
    task.result()
    return kept, scores, plan


def _read(answer: Handle, rows: int) -> tuple[npt.NDArray[Any], Floats]:
    """Copy ids and scores out of the answer's batches."""
    stream = ArrowArrayStream()
    call("rv_answer_stream", answer.value, byref(stream))
    try:
        found = np.empty(rows, _id_type(stream))
        scores = np.empty(rows, np.float32)
        at = 0
        while True:
            batch = ArrowArray()
            try:
                if _GET_NEXT(stream.get_next)(byref(stream), byref(batch)):
                    raise NativeError("the stream of an answer broke off")
                if not batch.release:
                    return found, scores
                at = _copy(batch, found, scores, at)
            finally:
                drop(batch, ArrowSchema())
    finally:
        if stream.release:
            _RELEASE(stream.release)(byref(stream))


def _id_type(stream: ArrowArrayStream) -> Any:
    schema = ArrowSchema()
    try:
        if _GET_SCHEMA(stream.get_schema)(byref(stream), byref(schema)):
            raise NativeError("the stream of an answer has no schema")
        ids = ArrowSchema.from_address((c_void_p * 3).from_address(schema.children)[1] or 0)
        return {b"l": np.int64, b"L": np.uint64, b"U": np.object_}[ids.format]
    finally:
        drop(ArrowArray(), schema)


def _copy(batch: ArrowArray, found: npt.NDArray[Any], scores: Floats, at: int) -> int:
    """Copy one batch to place `at` and return where the next one goes."""
    children = (c_void_p * 3).from_address(batch.children)
    end: int = at + batch.length
    ids = ArrowArray.from_address(children[1] or 0)
    if found.dtype == np.object_:
        found[at:end] = texts_of(ids)
    else:
        found[at:end] = _numbers(ids, c_int64).view(found.dtype)
    scores[at:end] = _numbers(ArrowArray.from_address(children[2] or 0), ctypes.c_float)
    return end


def _numbers(array: ArrowArray, kind: Any) -> npt.NDArray[Any]:
    """View the numbers of an array without nulls, which begins at offset 0 as our own do."""
    buffers = (c_void_p * 2).from_address(array.buffers)
    return np.ctypeslib.as_array((kind * array.length).from_address(buffers[1] or 0))
