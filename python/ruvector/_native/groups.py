"""Search in groups: the best rows of every group of rows, for each query."""

from __future__ import annotations

from ctypes import addressof, byref, sizeof
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .arrow import address
from .handle import Handle
from .library import call
from .params import CLOSE_BOUNDS, allow, number_type
from .structs import Plan, SearchParams
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
