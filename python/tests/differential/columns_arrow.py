"""Rows as Arrow and polars columns: sliced, chunked, null rows over garbage."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from .drawing import Case
from .matrices import Rows

NUMBERS = {
    "f2": pa.float16(),
    "f4": pa.float32(),
    "f8": pa.float64(),
    "i1": pa.int8(),
    "u1": pa.uint8(),
    "i2": pa.int16(),
    "u2": pa.uint16(),
    "i4": pa.int32(),
    "u4": pa.uint32(),
    "i8": pa.int64(),
    "u8": pa.uint64(),
}
POLARS_NUMBERS = {
    "f2": pl.Float32,
    "f4": pl.Float32,
    "f8": pl.Float64,
    "i1": pl.Int8,
    "u1": pl.UInt8,
    "i2": pl.Int16,
    "u2": pl.UInt16,
    "i4": pl.Int32,
    "u4": pl.UInt32,
    "i8": pl.Int64,
    "u8": pl.UInt64,
}


def _values(rows: Rows) -> Any:
    values = rows.values.copy()
    if rows.null.any() and rows.code[0] == "f":
        values[rows.null] = np.nan  # what lies under a null is nobody's business
    return pa.array(values.reshape(-1), NUMBERS[rows.code])


def _mask(rows: Rows) -> Any:
    return pa.array(rows.null) if rows.null.any() else None


def fixed(case: Case, rows: Rows) -> Any:
    """Return a FixedSizeListArray; null rows lie over NaN."""
    return pa.FixedSizeListArray.from_arrays(_values(rows), rows.dim, mask=_mask(rows))


def _offsets(rows: Rows, empty: bool) -> np.ndarray:
    sizes = np.where(rows.null & empty, 0, rows.dim)
    return np.concatenate([[0], np.cumsum(sizes)])


def _listed(rows: Rows, make: Any, code: Any, empty: bool) -> Any:
    kept = rows.take(~rows.null) if empty else rows
    offsets = pa.array(_offsets(rows, empty), code)
    return make.from_arrays(offsets, _values(kept), mask=_mask(rows))


def lists(case: Case, rows: Rows) -> Any:
    """Return a ListArray; null rows are empty, or lie over garbage."""
    return _listed(rows, pa.ListArray, pa.int32(), case.chance(0.5))


def large_lists(case: Case, rows: Rows) -> Any:
    """Return a LargeListArray."""
    return _listed(rows, pa.LargeListArray, pa.int64(), case.chance(0.5))


def _padded(rows: Rows) -> Rows:
    ends = Rows(rows.values[:1].copy(), np.zeros(len(rows.values[:1]), bool))
    values = np.concatenate([ends.values, rows.values, ends.values])
    return Rows(values, np.concatenate([ends.null, rows.null, ends.null]))


def _sliced(build: Callable[[Case, Rows], Any]) -> Callable[[Case, Rows], Any]:
    def make(case: Case, rows: Rows) -> Any:
        return build(case, _padded(rows)).slice(min(1, len(rows)), len(rows))

    return make


def _cuts(case: Case, n: int) -> list[int]:
    return [0, *sorted(case.whole(0, n) for _ in range(case.whole(0, 3))), n]


def _chunked(build: Callable[[Case, Rows], Any]) -> Callable[[Case, Rows], Any]:
    def make(case: Case, rows: Rows) -> Any:
        cuts = _cuts(case, len(rows))
        whole = build(case, rows)
        parts = [whole.slice(a, b - a) for a, b in itertools.pairwise(cuts)]
        return pa.chunked_array(parts, type=whole.type)

    return make


def _tensor(case: Case, rows: Rows) -> Any:
    storage = fixed(case, rows)
    kind = pa.fixed_shape_tensor(NUMBERS[rows.code], [rows.dim])
    return pa.ExtensionArray.from_storage(kind, storage)


def _cells(rows: Rows) -> list[Any]:
    return [
        None if gone else row.tolist() for row, gone in zip(rows.values, rows.null, strict=True)
    ]


def _polars(kind: Callable[[Any, int], Any]) -> Callable[[Case, Rows], Any]:
    def make(case: Case, rows: Rows) -> Any:
        dtype = kind(POLARS_NUMBERS[rows.code], rows.dim)
        items = _cells(rows)
        how = case.pick(["whole", "chunked", "sliced"])
        if how == "sliced" and len(rows):
            return pl.Series("v", [items[0], *items, items[0]], dtype=dtype).slice(1, len(rows))
        if how == "chunked" and len(rows):
            cut = case.whole(0, len(rows))
            parts = [pl.Series("v", part, dtype=dtype) for part in (items[:cut], items[cut:])]
            return pl.concat(parts, rechunk=False)
        return pl.Series("v", items, dtype=dtype)

    return make


def _polars_objects(case: Case, rows: Rows) -> Any:
    items = [None if gone else row for row, gone in zip(rows.values, rows.null, strict=True)]
    return pl.Series("v", items, dtype=pl.Object)


ARROW: dict[str, Callable[[Case, Rows], Any]] = {
    "arrow fixed": fixed,
    "arrow fixed sliced": _sliced(fixed),
    "arrow fixed chunked": _chunked(fixed),
    "arrow fixed sliced and chunked": _chunked(_sliced(fixed)),
    "arrow list": lists,
    "arrow list sliced": _sliced(lists),
    "arrow list chunked": _chunked(_sliced(lists)),
    "arrow large list": large_lists,
    "arrow large list chunked": _chunked(_sliced(large_lists)),
    "arrow tensor": _tensor,
}
POLARS: dict[str, Callable[[Case, Rows], Any]] = {
    "polars array": _polars(pl.Array),
    "polars list": _polars(lambda number, d: pl.List(number)),
    "polars object": _polars_objects,
}
