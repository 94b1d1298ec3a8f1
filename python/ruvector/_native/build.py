"""Indexes: built of a column, closed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ctypes import byref
from typing import Any

import numpy.typing as npt

from .arrow import ArrowArray, ArrowSchema, collect, drop, wrap_ids
from .handle import Handle
from .library import call
from .task import Progress, Task


def build_from(
    column: Handle,
    ids: npt.NDArray[Any] | Sequence[str] | None,
    options: dict[str, Any],
    progress: Progress = False,
) -> Handle:
    """Build an index of a column. ``options`` are those of rv_build_start."""
    text = json.dumps({k: v for k, v in options.items() if v is not None}).encode()
    handle, task = Handle(), Task()
    array, schema = ArrowArray(), ArrowSchema()
    try:
        if ids is None:
            names: tuple[Any, Any] = (None, None)
        else:
            wrap_ids(ids, array, schema)
            names = (byref(array), byref(schema))
        call("rv_build_start", column.value, *names, text, len(text), byref(task.cell))
        task.wait(progress, "build")
        task.result(handle.cell)
    finally:
        drop(array, schema)
        collect()
    return handle.adopt()


def close_index(handle: Handle) -> None:
    """Release an index's vectors and codes, and the handle; more than once is fine."""
    value = handle.value
    if value:
        call("rv_index_close", value)
        handle.close()
