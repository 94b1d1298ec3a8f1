"""The same rows as people hold them: NumPy memory of any layout, sequences, cells, frames."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from .columns_arrow import ARROW, POLARS, fixed, lists
from .drawing import Case
from .matrices import Rows

Make = Callable[[Case, Rows], Any]


def _columns_apart(m: np.ndarray) -> np.ndarray:
    wide = np.zeros((len(m), 2 * m.shape[1] + 1), m.dtype)
    wide[:, 1::2] = m
    return wide[:, 1::2]


def _unaligned(m: np.ndarray) -> np.ndarray:
    raw = np.zeros(m.nbytes + 1, np.uint8)
    view = raw[1:].view(m.dtype).reshape(m.shape)
    view[...] = m
    return view


def _read_only(m: np.ndarray) -> np.ndarray:
    return np.frombuffer(m.tobytes(), m.dtype).reshape(m.shape)


class Subclass(np.ndarray):
    """An array that is more than an array."""


class Tensor:
    """What other libraries hold: numbers that NumPy gets by ``__array__`` alone."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.values)


class Capsule:
    """What other libraries hold: numbers that are handed over by DLPack alone."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.ascontiguousarray(values)

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.values.__dlpack_device__()


LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "C": lambda m: m,
    "Fortran": np.asfortranarray,
    "rows apart": lambda m: np.repeat(m, 3, axis=0)[::3],
    "columns apart": _columns_apart,
    "rows from the end": lambda m: np.ascontiguousarray(m[::-1])[::-1],
    "columns from the end": lambda m: np.ascontiguousarray(m[:, ::-1])[:, ::-1],
    "big endian": lambda m: m.astype(m.dtype.newbyteorder(">")),
    "big endian Fortran": lambda m: np.asfortranarray(m.astype(m.dtype.newbyteorder(">"))),
    "read-only": _read_only,
    "unaligned": _unaligned,
    "slice": lambda m: np.concatenate([m[:1], m, m[:1]])[1:-1],
    "subclass": lambda m: m.view(Subclass),
    "memoryview": memoryview,
    "masked without a mask": lambda m: np.ma.masked_array(m),
    "masked by False": lambda m: np.ma.masked_array(m, np.zeros(m.shape, bool)),
    "tensor": Tensor,
    "capsule": Capsule,
}


def _numpy(layout: str) -> Make:
    return lambda case, rows: LAYOUTS[layout](rows.values)


def cells(rows: Rows, shape: Callable[[np.ndarray], Any], null: Any = None) -> list[Any]:
    """Return the rows as a list; null ones are `null`."""
    return [null if gone else shape(row) for row, gone in zip(rows.values, rows.null, strict=True)]


def objects(items: list[Any]) -> np.ndarray:
    """Return a 1-D array of objects."""
    out = np.empty(len(items), object)
    out[:] = items
    return out


def _apart(row: np.ndarray) -> np.ndarray:
    return np.repeat(row, 2)[::2]


def _mixed(case: Case, rows: Rows) -> list[Any]:
    shapes = [lambda r: r, lambda r: r.tolist(), lambda r: tuple(r.tolist()), _apart]
    return cells(rows, lambda row: case.pick(shapes)(row))


def _object_series(shape: Callable[[np.ndarray], Any], null: Any = None) -> Make:
    def make(case: Case, rows: Rows) -> Any:
        labels = case.pick([None, list(range(len(rows), 0, -1)), ["same"] * len(rows)])
        return pd.Series(objects(cells(rows, shape, null)), index=labels, dtype=object)

    return make


def _arrow_series(build: Callable[[Case, Rows], Any]) -> Make:
    def make(case: Case, rows: Rows) -> Any:
        column = build(case, rows)
        return pd.Series(column, dtype=pd.ArrowDtype(column.type))

    return make


SEQUENCES: dict[str, Make] = {
    "list of lists": lambda case, rows: cells(rows, np.ndarray.tolist),
    "tuple of tuples": lambda case, rows: tuple(cells(rows, lambda r: tuple(r.tolist()))),
    "list of arrays": lambda case, rows: cells(rows, lambda r: r),
    "list of copies": lambda case, rows: cells(rows, np.copy),
    "list of strided arrays": lambda case, rows: cells(rows, _apart),
    "list of anything": _mixed,
    "array of objects": lambda case, rows: objects(cells(rows, lambda r: r)),
    "list of big endian arrays": lambda case, rows: cells(
        rows, lambda r: r.astype(r.dtype.newbyteorder(">"))
    ),
    "list of masked arrays": lambda case, rows: cells(rows, np.ma.masked_array),
    "list of tensors": lambda case, rows: cells(rows, Tensor),
    "list of capsules": lambda case, rows: cells(rows, Capsule),
    "list of memoryviews": lambda case, rows: cells(rows, lambda r: memoryview(r.copy())),
    "list of rows of one": lambda case, rows: cells(rows, lambda r: r[None, :]),
    "list of Arrow scalars": lambda case, rows: list(lists(case, rows)),
    "list of polars": lambda case, rows: cells(rows, lambda r: pl.Series(r.astype("f8"))),
    "list of pandas": lambda case, rows: cells(rows, pd.Series),
}
PANDAS: dict[str, Make] = {
    "pandas views": _object_series(lambda r: r),
    "pandas arrays": _object_series(np.copy),
    "pandas lists": _object_series(np.ndarray.tolist),
    "pandas tuples, nan": _object_series(lambda r: tuple(r.tolist()), np.nan),
    "pandas arrays, NA": _object_series(np.copy, pd.NA),
    "pandas fixed size lists": _arrow_series(fixed),
    "pandas list_": _arrow_series(lists),
}
BUFFERS: dict[str, Make] = {
    "list of array.array": lambda case, rows: cells(rows, lambda r: array.array("d", r.tolist())),
}
NUMPY: dict[str, Make] = {name: _numpy(name) for name in LAYOUTS}
GROUPS: dict[str, dict[str, Make]] = {
    "numpy": NUMPY,
    "sequence": SEQUENCES,
    "buffer": BUFFERS,
    "pandas": PANDAS,
    "polars": POLARS,
    "arrow": ARROW,
}
WEIGHTS = {"numpy": 6, "sequence": 3, "buffer": 0.3, "pandas": 3, "polars": 3, "arrow": 3}


def draw_column(case: Case, rows: Rows, groups: tuple[str, ...] = tuple(GROUPS)) -> Any:
    """Return the rows in some physical shape."""
    if not len(rows):  # no row tells the dimension: its type must
        name = case.pick(["C", "Fortran", "read-only", "arrow fixed", "polars array"])
        group = next(group for group, shapes in GROUPS.items() if name in shapes)
    else:
        fit = {group: WEIGHTS[group] for group in groups}
        if rows.null.any():
            fit.pop("numpy", None)
        if rows.null.any() or rows.code[0] in "iu":
            fit.pop("buffer", None)
        group = case.weigh(fit)
        name = case.pick(list(GROUPS[group]))
    case.note("as", name)
    return GROUPS[group][name](case, rows)
