"""Columns whose vectors stay in parquet files, and indexes of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ctypes import addressof, byref, sizeof
from typing import Any

import numpy as np

from ..._errors import InvalidArgument
from ..arrow import address, collect
from ..build import build_params
from ..handle import Handle
from ..library import MOST_THREADS, call
from ..structs import ParquetSource, Values
from ..task import Progress, Task
from .vectors import opened


def column_in_files(
    paths: Sequence[str], column: str | None, dim: int, dtype: str | None, threads: int
) -> Handle:
    """Return a column that reads its rows from files, in their order, where they are asked for."""
    raw = [os.fsencode(path) for path in paths]
    data = np.frombuffer(b"".join(raw) or b"\0", np.uint8)
    offsets = np.zeros(len(raw) + 1, np.int64)
    np.cumsum([len(path) for path in raw], out=offsets[1:])
    given = Values(b"U", address(data), address(offsets), len(raw), int(offsets[-1]))
    source = ParquetSource(
        size=sizeof(ParquetSource),
        threads=min(threads, MOST_THREADS),
        paths=addressof(given),
        column=None if column is None else _name("column", column),
        dtype=None if dtype is None else _name("dtype", dtype),
        dim=dim,
    )
    task = Task(lent=(given, data, offsets))
    call("rv_parquet_column_start", byref(source), byref(task.cell))
    return opened(task, paths)


def build_from_files(
    column: Handle, ids: str | None, options: dict[str, Any], progress: Progress = False
) -> Handle:
    """Build an index of such a column; `ids` is the name of a column of ids in its files."""
    params = build_params(options)
    name = None if ids is None else _name("ids", ids)
    handle, task = Handle(), Task(lent=params)
    try:
        call("rv_parquet_build_start", column.value, name, byref(params), byref(task.cell))
        task.wait(progress, "build")
        task.result(handle.cell)
    finally:
        collect()
    return handle.adopt()


def _name(what: str, name: str) -> bytes:
    """Return the name of a column as C takes it."""
    if not name or "\0" in name:
        raise InvalidArgument(f"{what}={name!r} names no column; give the name that the file has")
    return name.encode("utf-8", "replace")
