"""The graph of nearest neighbours, as the library's verb."""

from __future__ import annotations

from ctypes import addressof, byref, sizeof, string_at
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arguments import places
from .._errors import LimitExceeded
from .arrow import address
from .handle import Handle, info
from .library import call, release_bytes
from .structs import Bytes, NeighborsParams, Plan
from .task import Progress, Task

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def neighbors(
    handle: Handle, k: int, *, recall: float = 0.0, threads: int = 0, progress: Progress = False
) -> tuple[npt.NDArray[Any], Ints, Floats, Ints, Plan]:
    """Return ids of all rows (n,), and of each the neighbours' numbers (n, k), scores and counts.

    k is the number of rows where that is less. Absent cells hold -1 and NaN. ids are int64, also
    the bits of uint64 ones, or text as objects.
    """
    texts = info(handle)["id_kind"] == "string"
    spare = 0
    while True:
        rows = info(handle)["rows"] + spare
        try:
            most = min(places(k, rows), rows)
            return _neighbors(handle, rows, most, recall, threads, progress, texts)
        except LimitExceeded:
            if info(handle)["rows"] <= rows:
                raise
            spare = 2 * spare + 1024  # rows were added between the two calls, and more may be


def _neighbors(
    handle: Handle, rows: int, k: int, recall: float, threads: int, progress: Progress, texts: bool
) -> tuple[npt.NDArray[Any], Ints, Floats, Ints, Plan]:
    of, counts = np.empty(rows, np.int64), np.empty(rows, np.int64)
    found, scores = np.empty((rows, k), np.int64), np.empty((rows, k), np.float32)
    plan, data = Plan(size=sizeof(Plan)), Bytes(size=sizeof(Bytes))
    cuts = np.zeros(rows + 1, np.int64)
    params = NeighborsParams(
        size=sizeof(NeighborsParams), threads=threads, k=k, rows=rows, recall=recall,
        of=address(of), neighbors=address(found), scores=address(scores), counts=address(counts),
        plan=addressof(plan),
    )  # fmt: skip
    if texts:
        params.texts, params.text_offsets = addressof(data), address(cuts)
    task = Task(lent=(params, of, counts, found, scores, plan, data, cuts))
    try:
        call("rv_neighbors_start", handle.value, byref(params), byref(task.cell))
        task.wait(progress, "neighbors")
        task.result()
        n = int(params.rows)
        ids: npt.NDArray[Any] = of[:n]
        if texts:
            ids = _texts(string_at(data.data, data.len), cuts[: n + 1].tolist())
    finally:
        if data.release:
            release_bytes(data)
    return ids, found[:n], scores[:n], counts[:n], plan


def _texts(data: bytes, cuts: list[int]) -> npt.NDArray[np.object_]:
    texts = np.empty(len(cuts) - 1, object)
    for i in range(len(texts)):
        texts[i] = data[cuts[i] : cuts[i + 1]].decode("utf-8", "surrogatepass")
    return texts
