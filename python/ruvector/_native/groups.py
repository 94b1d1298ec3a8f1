"""Search in groups: the best rows of every group, or of each query's own."""

from __future__ import annotations

from ctypes import addressof, byref, sizeof
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .arrow import FORMATS, address
from .facts import facts_of
from .handle import Handle
from .library import call
from .params import ADDED_UP, CLOSE_BOUNDS, FILTER_IDS, allow, number_type
from .structs import Plan, SearchParams, Values
from .task import Task

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def search_groups(
    handle: Handle,
    queries: npt.NDArray[Any],
    k: int,
    of: npt.NDArray[np.uint32],
    n: int,
    *,
    recall: float = 0.0,
    mask: npt.NDArray[np.bool_] | None = None,
    source: Handle | None = None,
    threads: int = 0,
) -> tuple[Ints, Floats, Ints, Plan]:
    """Return rows and scores, (nq, n, k), counts, (nq, n), and the plan.

    ``of`` says the group of every row, from 0 to n - 1, and 2**32 - 1 for none. ``queries`` has
    shape (nq, dim), packed bits being uint8.
    """
    bits = queries.dtype == np.uint8
    batch = np.ascontiguousarray(queries, number_type(queries, bits))
    nq = len(batch)
    rows, scores = np.empty((nq, n, k), np.int64), np.empty((nq, n, k), np.float32)
    counts, plan = np.zeros((nq, n), np.int64), Plan(size=sizeof(Plan))
    params = SearchParams(
        size=sizeof(SearchParams), threads=threads, queries=address(batch), nq=nq,
        dim=batch.shape[1] * (8 if bits else 1), k=k, rerank=CLOSE_BOUNDS, recall=recall,
        ids=address(rows), scores=address(scores), counts=address(counts), plan=addressof(plan),
        numbers=batch.dtype == np.float64,
    )  # fmt: skip
    kept = allow(params, mask)
    if source is not None:
        params.source = source.value
        if not params.source:
            raise InvalidArgument("the column to measure against is closed")
    task = Task(lent=(batch, params, of, kept, rows, scores, counts, plan))
    where = address(of), len(of), n
    call("rv_search_groups_start", handle.value, byref(params), *where, byref(task.cell))
    task.wait()
    task.result()
    return rows, scores, counts, plan


def search_each(
    handle: Handle,
    queries: npt.NDArray[Any],
    k: int,
    cuts: Ints,
    rows: Ints,
    begins: Ints,
    ends: Ints,
    *,
    recall: float = 0.0,
    source: Handle | None = None,
) -> tuple[Ints, Floats, Ints, Plan]:
    """Return rows, scores, counts and plan of the k nearest rows of each query, as `search_rows`.

    Queries ``cuts[i]`` to ``cuts[i + 1]`` find ``rows[begins[i]:ends[i]]``, positions that
    increase. Runs on this thread; an interrupt is raised between two runs, which are to be short.
    """
    batch = np.ascontiguousarray(queries, number_type(queries, facts_of(handle).packed))
    found = np.empty((len(batch), k), np.int64)
    scores, counts = np.empty((len(batch), k), np.float32), np.empty(len(batch), np.int64)
    kept = np.ascontiguousarray(rows, np.int64)
    plans = (Plan * len(begins))(*[Plan(size=sizeof(Plan))] * len(begins))
    allowed = Values(FORMATS["int64"], None, None, 0, 0)
    params = SearchParams(
        size=sizeof(SearchParams), k=k, rerank=CLOSE_BOUNDS, recall=recall, threads=1,
        dim=batch.shape[1] * (8 if batch.dtype == np.uint8 else 1), numbers=batch.itemsize == 8,
        filter=addressof(allowed), filter_len=1, filter_kind=FILTER_IDS,
    )  # fmt: skip
    if source is not None:
        params.source = source.value
        if not params.source:
            raise InvalidArgument("the column to measure against is closed")
    first, wide = address(batch), batch.strides[0]
    ids, numbers, sizes, data = address(found), address(scores), address(counts), address(kept)
    plan, where = addressof(plans), byref(params)
    bounds = (edge.tolist() for edge in (cuts[:-1], cuts[1:], begins, ends))
    for at, end, begin, stop in zip(*bounds, strict=True):
        params.queries, params.nq = first + at * wide, end - at
        params.ids, params.scores = ids + at * k * 8, numbers + at * k * 4
        params.counts, params.plan = sizes + at * 8, plan
        allowed.data, allowed.n = data + begin * 8, stop - begin
        call("rv_search", handle.value, where)
        plan += sizeof(Plan)
    return found, scores, counts, _added_up(plans)


def _added_up(plans: Any) -> Plan:
    """Return the plan of several searches of one index, at least one."""
    total = Plan.from_buffer_copy(plans[0])
    table: Any = np.frombuffer(plans, np.dtype(Plan))
    for name in ADDED_UP:
        setattr(total, name, int(table[name].sum()))
    return total
