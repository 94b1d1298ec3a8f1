"""Changes of an index, as the library's verbs: add, delete, compact; ids by value."""

from __future__ import annotations

from ctypes import byref, c_char, c_int64
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrow import address, collect
from .handle import Handle
from .library import call
from .params import Names, values
from .task import Progress, Task

# So many numbers are coded in a few milliseconds: on the calling thread, without a task.
SHORT_NUMBERS = 200_000
FLOAT32 = np.dtype(np.float32)
Counts = c_int64 * 2


def few(vectors: Any) -> bool:
    """Whether vectors are a matrix that `add_matrix` takes, of so few rows that it is quick."""
    return (
        type(vectors) is np.ndarray
        and vectors.ndim == 2
        and vectors.dtype == FLOAT32
        and 0 < vectors.size <= SHORT_NUMBERS
        and (flags := vectors.flags).c_contiguous
        and flags.aligned
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
    counts = Counts()
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
    counts = Counts()
    given, kept = (None, None) if ids is None else values(ids)
    rows, dim = matrix.shape
    # The first way takes .6 us less, and is for memory that may be written to.
    where = byref(c_char.from_buffer(matrix.data)) if matrix.flags.writeable else address(matrix)
    try:
        call(
            "rv_add_matrix", handle.value, where, rows, dim,
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
