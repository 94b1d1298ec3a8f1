"""Vectors of parquet files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from ctypes import byref, c_void_p, cast, sizeof
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._errors import ColumnError, FileError, InvalidArgument
from .. import arrow
from ..arrow import address
from ..handle import Handle, info
from ..library import call, library
from ..structs import ParquetParams
from ..task import Progress, Task

# The limits that a caller may name.
LIMITS = ("footer", "columns", "groups", "page", "page_decoded", "decoded", "ratio", "list")


def params(
    dim: int = 0,
    dtype: str | None = None,
    cache: int = 0,
    limits: Mapping[str, int] | None = None,
) -> ParquetParams:
    """Return the parameters that files are opened with."""
    out = ParquetParams(size=sizeof(ParquetParams))
    out.dim, out.cache = dim, cache
    if dtype is not None:
        out.dtype = dtype.encode()
    for name, value in (limits or {}).items():
        if name not in LIMITS:
            raise InvalidArgument(f"limits has no {name!r}; it may have {', '.join(LIMITS)}")
        if not isinstance(value, (int, np.integer)) or not 0 < value < 2**62:
            raise InvalidArgument(f"limits[{name!r}]={value!r} is no positive whole number")
        setattr(out, name, int(value))
    return out


def open_files(paths: Sequence[str], column: str, asked: ParquetParams) -> Handle:
    """Open the column of vectors of files, in their order; `info` says what it is."""
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    name = column.encode("utf-8", "surrogatepass")
    task = Task(lent=asked)
    call(
        "rv_parquet_open_start", names, len(names), name, len(name), byref(asked), byref(task.cell)
    )
    return opened(task, paths)


def opened(task: Task, paths: Sequence[str]) -> Handle:
    """Wait for what opens files; an error names the file where there is one."""
    handle = Handle()
    try:
        task.wait()
        task.result(handle.cell)
    except FileError as error:
        if len(paths) == 1:
            error.filename = paths[0]
        raise
    return handle.adopt()


def read_all(
    files: Handle, threads: int, progress: Progress, label: str
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return all rows, of the files' type of numbers, and which are not null; others are zero."""
    about = info(files)
    out = np.empty((about["rows"], about["dim"]), about["type"])
    valid = np.empty(about["rows"], np.bool_)
    task = Task(lent=(out, valid))
    call(
        "rv_parquet_read_start", files.value, address(out), out.nbytes, address(valid), threads,
        byref(task.cell),
    )  # fmt: skip
    task.wait(progress, label)
    task.result()
    return out, valid


def lend_stream(matrix: npt.NDArray[Any], valid: npt.NDArray[np.bool_] | None) -> Any:
    """Return a capsule ``arrow_array_stream`` of one FixedSizeList array, without a copy.

    The memory is kept until the array is released and the library is used again.
    """
    _refuse_flat(matrix)
    bits = None if valid is None else arrow.bitmap(valid)
    out = c_void_p()
    with arrow.lend(matrix, bits) as token:
        call(
            "rv_wrap_stream", address(matrix), *matrix.shape, arrow.FORMATS[matrix.dtype.name],
            None if bits is None else address(bits), token, byref(out),
        )  # fmt: skip
    free = cast(library().rv_capsule_free_stream, c_void_p)
    return arrow._new_capsule(out, arrow._STREAM, free)


def schema_of(matrix: npt.NDArray[Any]) -> Any:
    """Return a capsule ``arrow_schema`` of what `lend_stream` lends."""
    _refuse_flat(matrix)
    out = c_void_p()
    call("rv_wrap_schema", matrix.shape[1], arrow.FORMATS[matrix.dtype.name], byref(out))
    free = cast(library().rv_capsule_free_schema, c_void_p)
    return arrow._new_capsule(out, arrow._SCHEMA, free)


def _refuse_flat(matrix: npt.NDArray[Any]) -> None:
    if not matrix.shape[1]:
        raise ColumnError("vectors of no dimensions: no row of the files tells how many there are")
