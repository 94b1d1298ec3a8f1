"""Verbs of the library with Python's types. Every function raises the exceptions of `_errors`.

Functions may be called from any thread; the interpreter lock is free while the library works. A
`Handle` may be closed while others use it: they finish first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from ctypes import byref, c_uint64, sizeof
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .._input.masks import read_ids
from .._input.numbers import FloatMatrix
from . import arrow
from . import library as _library
from .arrow import ArrowArray, ArrowSchema, address, collect, export_stream
from .files import decode, encode, load, save
from .handle import Handle, info
from .library import EmbedParams, Plan, call, call_for_bytes, configure
from .nearest import search
from .task import Progress, Task, aside
from .update import of_type, room

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Tokens pooled in one call; between calls Ctrl-C is seen.
EMBED_TOKENS = 200_000
# Numbers of a column that is hashed in one call, which takes some milliseconds.
HASH_NUMBERS = 1 << 24


# ---- columns ----


def column_from_matrix(
    matrix: npt.NDArray[Any], validity: npt.NDArray[np.bool_] | None = None
) -> Handle:
    """Borrow a 2-D C-contiguous array of float32, 64 or 16, int8 or uint8 as a column.

    ``validity`` is False where a row is null. The array is kept until the library lets go of it.
    """
    if matrix.ndim != 2 or not matrix.flags.c_contiguous:
        raise InvalidArgument(f"{matrix.ndim}-d {matrix.dtype} is not a C-contiguous matrix")
    if not matrix.dtype.isnative or matrix.dtype.char not in arrow.VECTOR_NUMBERS:
        raise InvalidArgument(f"numbers of type {matrix.dtype} cannot be borrowed")
    if matrix.shape[1] < 1:
        raise InvalidArgument("vectors of no dimensions")
    if validity is not None and validity.shape != (len(matrix),):
        raise InvalidArgument(f"validity {validity.shape} for {len(matrix)} rows")
    handle = Handle()
    array, schema = ArrowArray(), ArrowSchema()
    try:
        arrow.wrap_matrix(matrix, validity, array, schema)
        call("rv_column_import", byref(array), byref(schema), byref(handle.cell))
    finally:
        arrow.drop(array, schema)
        collect()
    return handle.adopt()


def column_from_capsule(obj: Any) -> Handle:
    """Borrow a column from anything with ``__arrow_c_array__`` or ``__arrow_c_stream__``."""
    handle = Handle()
    arrow.import_column(obj, handle.cell)
    return handle.adopt()


def column_info(column: Handle) -> dict[str, Any]:
    """Return rows, dim, nulls, type, chunks and address of a column."""
    if not column.value:
        raise InvalidArgument("the column is closed")
    return info(column)


def column_matrix(column: Handle) -> Floats:
    """Return all rows as a fresh (rows, dim) array; null rows are zero."""
    shape = column_info(column)
    out = np.empty((shape["rows"], shape["dim"]), np.float32)
    call("rv_column_copy", column.value, address(out), None)
    return out


def column_hash(column: Handle) -> bytes:
    """Return 16 bytes that equal columns share."""
    out = (c_uint64 * 2)()
    shape = column_info(column)
    if shape["rows"] * shape["dim"] <= HASH_NUMBERS:
        call("rv_column_hash", column.value, out)
        return bytes(out)
    task = Task(lent=out)
    call("rv_column_hash_start", column.value, out, byref(task.cell))
    task.wait()
    task.result()
    return bytes(out)


def pca(column: Handle, dims: int = 2) -> Floats:
    """Return (rows, dims) coordinates along the principal components; null rows are NaN."""
    rows = column_info(column)["rows"]
    if dims < 1:
        raise InvalidArgument(f"dims={dims} must be 1 or more")
    out = np.empty((rows, dims), np.float32)
    task = Task(lent=out)
    call("rv_pca_start", column.value, dims, address(out), byref(task.cell))
    task.wait()
    task.result()
    return out


# ---- indexes ----


def build(
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
            arrow.wrap_ids(ids, array, schema)
            names = (byref(array), byref(schema))
        call("rv_build_start", column.value, *names, text, len(text), byref(task.cell))
        task.wait(progress, "build")
        task.result(handle.cell)
    finally:
        arrow.drop(array, schema)
        collect()
    return handle.adopt()


def lookup(handle: Handle, ids: npt.NDArray[Any] | Sequence[Any]) -> Ints:
    """Return the row of every id, -1 for ids of no row."""
    ids = read_ids(ids)
    rows = np.empty(len(ids), np.int64)
    if not len(ids):
        info(handle)  # raises when closed
        return rows
    array, schema = ArrowArray(), ArrowSchema()
    try:
        arrow.wrap_ids(ids, array, schema)
        call("rv_index_lookup", handle.value, byref(array), byref(schema), address(rows))
    finally:
        arrow.drop(array, schema)
        collect()
    return rows


def ids(handle: Handle) -> npt.NDArray[Any] | list[str]:
    """Return all ids in row order: int64 or uint64, or a list of text."""
    array, schema = ArrowArray(), ArrowSchema()
    try:
        call("rv_index_ids", handle.value, byref(array), byref(schema))
        if schema.format == b"U":
            return arrow.texts_of(array)
        return arrow.numbers_of(array, np.uint64 if schema.format == b"L" else np.int64)
    finally:
        arrow.drop(array, schema)


def vectors(handle: Handle, rows: npt.NDArray[np.integer[Any]] | Sequence[int]) -> npt.NDArray[Any]:
    """Return the vectors of rows as a fresh (n, dim) array, of bits (n, dim / 8)."""
    wanted = np.ascontiguousarray(rows, np.int64)
    out = room(info(handle), len(wanted))
    call(of_type("rv_index_vectors", out), handle.value, address(wanted), len(wanted), address(out))
    return out


def attach(handle: Handle, column: Handle | None) -> None:
    """Give an index a column to measure against; None takes it away."""
    attached = 0
    if column is not None:
        attached = column.value
        if not attached:
            raise InvalidArgument("the column to attach is closed")
    try:
        call("rv_index_attach", handle.value, attached)
    finally:
        handle.outdate()  # recall targets are in reach, or no more


def close_index(handle: Handle) -> None:
    """Release an index's vectors and codes, and the handle; more than once is fine."""
    value = handle.value
    if value:
        call("rv_index_close", value)
        handle.close()


def calibrate(handle: Handle, queries: FloatMatrix, threads: int = 0) -> None:
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


# ---- text ----


def embed(
    table: npt.NDArray[Any],
    token_ids: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    normalize: bool = True,
    threads: int | None = 0,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the mean of the token rows of every text, (n, d), and which texts have tokens.

    ``table`` is (tokens, d) of float16 or float32; text i owns token_ids[offsets[i]:offsets[i+1]].
    """
    if table.ndim != 2 or table.dtype not in (np.float16, np.float32):
        raise InvalidArgument(f"the table is {table.ndim}-d {table.dtype}")
    table = np.ascontiguousarray(table)
    tokens = np.ascontiguousarray(token_ids, np.uint32)
    cuts = np.ascontiguousarray(offsets, np.int64)
    texts = len(cuts) - 1
    out = np.empty((max(texts, 0), table.shape[1]), np.float32)
    valid = np.empty(max(texts, 0), np.bool_)
    params = EmbedParams(
        size=sizeof(EmbedParams), threads=threads or 0, table=address(table),
        format=arrow.FORMATS[table.dtype.name], rows=len(table), dim=table.shape[1],
        ids=address(tokens), n_ids=len(tokens), normalize=normalize,
    )  # fmt: skip
    start = 0
    while start < texts:
        end = int(np.searchsorted(cuts, cuts[start] + EMBED_TOKENS, "right")) - 1
        end = min(max(end, start + 1), texts)
        params.offsets = address(cuts) + 8 * start
        params.texts = end - start
        params.out, params.valid = address(out[start:]), address(valid[start:])
        if cuts[end] - cuts[start] > 2 * EMBED_TOKENS:  # one very long text
            aside(partial(_embed_part, params, (table, tokens, cuts, out, valid)))
        else:
            _embed_part(params, None)
        start = end
    return out, valid


def _embed_part(params: EmbedParams, used: object, _: object = None) -> None:
    """Pool some texts; `used` is the memory that a call which nobody waits for any more needs."""
    call("rv_embed", byref(params))


# ---- the library ----


def library_info() -> dict[str, Any]:
    """Return version, kernels, threads and what is alive in the library."""
    answer: dict[str, Any] = json.loads(call_for_bytes("rv_info", 0))
    return answer


def cpu_features() -> dict[str, Any]:
    """Return the kernels in use, all that could be, and the processor's features."""
    about = library_info()
    return {name: about[name] for name in ("tier", "available", "features")}


def live_structs() -> int:
    """Return the number of imported Arrow arrays that are not released."""
    return int(_library.library().rv_live())


__all__ = [
    "Handle", "Plan", "attach", "build", "calibrate", "close_index", "column_from_capsule",
    "column_from_matrix", "column_hash", "column_info", "column_matrix", "configure",
    "cpu_features", "decode", "embed", "encode", "export_stream", "ids", "info", "library_info",
    "live_structs", "load", "lookup", "measure_recall", "pca", "save", "search", "vectors",
]  # fmt: skip
