"""Indexes: built of a column, closed."""

from __future__ import annotations

from ctypes import addressof, byref, c_double, c_int64, c_uint64, sizeof
from typing import Any

from .._errors import InvalidArgument
from .arrow import collect
from .handle import Handle
from .library import MOST_THREADS, call
from .params import Names, values
from .structs import BuildParams
from .task import Progress, Task

SEED = 42  # where nobody names one
_NAMES = "metric", "kind", "keep"
_NUMBERS: dict[str, Any] = {
    "bits": c_int64, "cells": c_int64, "budget": c_int64, "seed": c_uint64, "threads": c_int64,
    "recall": c_double,
}  # fmt: skip


def build_from(
    column: Handle, ids: Names | None, options: dict[str, Any], progress: Progress = False
) -> Handle:
    """Build an index of a column.

    ``options`` are fields of rv_build_params, but ``nulls`` and ``bad``, which are "error" or
    "skip"; those that are None or absent are the library's to choose.
    """
    task = begin_build(column, ids, options)
    try:
        task.wait(progress, "build")
        return end_build(task)
    finally:
        collect()


def begin_build(column: Handle, ids: Names | None, options: dict[str, Any]) -> Task:
    """Start what `build_from` does; the column may be closed at once."""
    params = build_params(options)
    given, kept = (None, None) if ids is None else values(ids)
    if given is not None:
        params.ids = addressof(given)
    task = Task(lent=(given, kept))
    call("rv_build_start", column.value, byref(params), byref(task.cell))
    return task


def end_build(task: Task) -> Handle:
    """Return the index that a build which has ended made, or raise its error."""
    handle = Handle()
    try:
        task.result(handle.cell)
    finally:
        collect()
    return handle.adopt()


def close_index(handle: Handle) -> None:
    """Release an index's vectors and codes, and the handle; more than once is fine."""
    value = handle.value
    if value:
        call("rv_index_close", value)
        handle.close()


def build_params(options: dict[str, Any]) -> BuildParams:
    """Return options as rv_build_params, for the call that follows."""
    params = BuildParams(size=sizeof(BuildParams), seed=SEED)
    for name, value in options.items():
        if value is None:
            continue
        if name in _NAMES:
            setattr(params, name, _name(name, value))
        elif name == "threads":
            params.threads = min(_number(name, value), MOST_THREADS)
        elif name in _NUMBERS:
            setattr(params, name, _number(name, value))
        elif name in ("nulls", "bad"):
            setattr(params, "skip_" + name, _skips(name, value))
        elif name == "provenance":
            params.provenance = text = value.encode("utf-8", "replace")
            params.n_provenance = len(text)
        else:
            raise InvalidArgument(f"build: unknown option {name!r}")
    return params


def _name(option: str, value: Any) -> bytes:
    if not isinstance(value, str) or "\0" in value:  # in C it would end there
        raise InvalidArgument(f"build: {option} = {value!r} is no name")
    return value.encode("utf-8", "replace")


def _number(option: str, value: Any) -> int | float:
    try:
        number: int | float = _NUMBERS[option](value).value
    except TypeError:
        raise InvalidArgument(f"build: {option} = {value!r} is no number of its kind") from None
    if number != value:  # ctypes cuts off what does not fit
        raise InvalidArgument(f"build: {option} = {value} is out of range")
    return number


def _skips(option: str, value: Any) -> int:
    if value not in ("error", "skip"):
        raise InvalidArgument(f"build: {option} = {value}; use error or skip")
    return int(value == "skip")
