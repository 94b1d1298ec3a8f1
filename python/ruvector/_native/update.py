"""Changes of an index, as the library's verbs: add, delete, compact; ids by value."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref, c_int64
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import UnknownId, VectorsChanged
from .._metric import BINARY
from .arrow import FORMATS, address, collect, machine, pack_texts
from .handle import Handle, info
from .library import Values, call
from .task import Progress, Task

Names = npt.NDArray[np.int64] | npt.NDArray[np.uint64] | Sequence[str]


def values(ids: Names) -> tuple[Values, Any]:
    """Return an rv_values of ids, and what must be kept as long as it is used."""
    if isinstance(ids, np.ndarray):
        ids = machine(ids)
        return Values(FORMATS[ids.dtype.name], address(ids), None, len(ids), 0), ids
    data, offsets, _ = pack_texts(ids)
    return Values(b"U", address(data), address(offsets), len(ids), int(offsets[-1])), (
        data,
        offsets,
    )


# So many numbers are coded in a few milliseconds: on the calling thread, without a task.
SHORT_NUMBERS = 200_000


# So often rows are counted anew when others were added or deleted meanwhile.
MEANWHILE = 1000


def few(vectors: Any) -> bool:
    """Whether vectors are a matrix that `add_matrix` takes, of so few rows that it is quick."""
    return (
        type(vectors) is np.ndarray
        and vectors.ndim == 2
        and vectors.dtype == np.float32
        and 0 < vectors.size <= SHORT_NUMBERS
        and vectors.flags.c_contiguous
        and vectors.flags.aligned
    )


def add(
    handle: Handle,
    column: Handle,
    ids: Names | None,
    replace: bool,
    numbers: int,
    threads: int = 0,
    progress: Progress = False,
) -> tuple[int, int]:
    """Add the rows of a column; return how many rows they replaced, and how many there are.

    ``numbers`` is how many numbers the column holds.
    """
    counts = (c_int64 * 2)()
    given, kept = (None, None) if ids is None else values(ids)
    arguments = (
        handle.value, column.value, None if given is None else byref(given), int(replace), threads,
        counts,
    )  # fmt: skip
    try:
        if numbers <= SHORT_NUMBERS:
            call("rv_add", *arguments)
        else:
            task = Task(lent=(counts, given, kept))
            call("rv_add_start", *arguments, byref(task.cell))
            task.wait(progress, "add")
            task.result()
    finally:
        handle.outdate()
    collect()
    return counts[0], counts[1]


def add_matrix(
    handle: Handle,
    matrix: npt.NDArray[np.float32],
    ids: Names | None,
    replace: bool,
    threads: int = 0,
) -> tuple[int, int]:
    """`add` for few rows of a C-contiguous float32 matrix, without a column."""
    counts = (c_int64 * 2)()
    given, kept = (None, None) if ids is None else values(ids)
    rows, dim = matrix.shape
    try:
        call(
            "rv_add_matrix", handle.value, address(matrix), rows, dim,
            None if given is None else byref(given), int(replace), threads, counts,
        )  # fmt: skip
    finally:
        handle.outdate()
    collect()
    del kept
    return counts[0], counts[1]


def delete(handle: Handle, ids: Names, missing: bool) -> int:
    """Delete the rows of ids and return how many they were."""
    deleted = c_int64()
    given, kept = values(ids)
    try:
        call("rv_delete", handle.value, byref(given), int(missing), byref(deleted))
    finally:
        handle.outdate()
    del kept
    return deleted.value


def compact(handle: Handle, threads: int = 0) -> None:
    """Make one segment of an index, without deleted rows."""
    task = Task(lent=None)
    call("rv_compact_start", handle.value, threads, byref(task.cell))
    try:
        task.wait()
        task.result()
    finally:
        handle.outdate()
    collect()


def room(about: dict[str, Any], n: int) -> npt.NDArray[Any]:
    """Return an empty array for n rows of the index: float32, float64 or, of bits, uint8."""
    if n and not about["dim"]:  # the library must not write where there is no room
        raise UnknownId("the index has no vectors yet, so none of these rows")
    if about.get("metric") in BINARY:
        return np.empty((n, about["dim"] // 8), np.uint8)
    return np.empty((n, about["dim"]), np.float64 if about.get("wide") else np.float32)


def of_type(function: str, out: npt.NDArray[Any]) -> str:
    """Return the name of the library's function that fills such an array."""
    return function + "_wide" if out.dtype == np.float64 else function


def vectors_of(handle: Handle, ids: Names) -> npt.NDArray[Any]:
    """Return the vectors of ids as a fresh (n, dim) array, of bits (n, dim / 8)."""
    given, kept = values(ids)
    out = room(info(handle), len(ids))
    call(of_type("rv_index_vectors_of", out), handle.value, byref(given), address(out))
    del kept
    return out


def matrix(handle: Handle) -> npt.NDArray[Any]:
    """Return the vectors of all rows as a fresh (n, dim) array, of bits (n, dim / 8)."""
    for _ in range(MEANWHILE):
        about = info(handle)
        out = room(about, about["rows"])
        try:
            call(of_type("rv_index_matrix", out), handle.value, len(out), address(out))
        except VectorsChanged:  # by rows added or deleted since `info`
            continue
        return out
    raise VectorsChanged("rows are added and deleted faster than they can be counted: ask again")
