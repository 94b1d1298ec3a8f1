"""How well an index answers: measured, and calibrated to queries."""

from __future__ import annotations

from ctypes import byref
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrow import address
from .handle import Handle, info
from .library import call
from .task import Task


def measure_recall(
    handle: Handle, k: int, sample: int, recall: float = 0.0, threads: int = 0
) -> tuple[float, float, float, int, int]:
    """Return mean, low and high of recall@k, and k and sample as measured."""
    out = np.zeros(5)
    task = Task(lent=out)
    where = address(out), byref(task.cell)
    call("rv_recall_start", handle.value, k, sample, recall, threads, *where)
    task.wait()
    task.result()
    mean, low, high, measured_k, queries = out.tolist()
    return mean, low, high, int(measured_k), int(queries)


def calibrate(handle: Handle, queries: npt.NDArray[Any], threads: int = 0) -> None:
    """Fit an index of kind ivf to queries, (n, d); an interrupt leaves it as it was."""
    if queries.dtype == np.float64 and info(handle)["metric"] == "cosine":
        largest = np.abs(queries).max(axis=1, keepdims=True, initial=0)
        queries = queries / np.where((largest > 0) & np.isfinite(largest), largest, 1)
    with np.errstate(over="ignore"):  # infinity is refused
        batch = np.ascontiguousarray(queries, np.float32)
    task = Task(lent=batch)
    shape = batch.shape
    call("rv_calibrate_start", handle.value, address(batch), *shape, threads, byref(task.cell))
    try:
        task.wait()
        task.result()
    finally:
        handle.outdate()  # another number of cells is another cost
