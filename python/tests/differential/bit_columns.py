"""Rows of bits as people hold them: packed bytes, booleans, binary columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from .columns import LAYOUTS, objects
from .drawing import Case

Make = Callable[[Case, np.ndarray], Any]


def draw_bits(case: Case, n: int, w: int) -> np.ndarray:
    """Return n rows of 8 w bits, packed: sparse, dense, repeated, zero."""
    bits = case.np.random((n, 8 * w)) < case.pick([0.1, 0.5, 0.9])
    rows = np.packbits(bits, axis=1)
    if n and case.chance(0.5):
        rows[case.np.integers(0, n, max(1, n // 2))] = rows[case.whole(0, n - 1)]
    if n and case.chance(0.3):
        rows[case.whole(0, n - 1)] = 0
    return rows


def _truths(m: np.ndarray) -> np.ndarray:
    return np.unpackbits(m, axis=1).astype(bool)


def _bytes(m: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in m]


def _sliced(make: Callable[[np.ndarray], Any]) -> Make:
    return lambda case, m: make(np.concatenate([m[:1], m])).slice(min(1, len(m)), len(m))


def _lists(m: np.ndarray) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(m.reshape(-1)), m.shape[1])


def _packed_layout(case: Case, m: np.ndarray) -> Any:
    return LAYOUTS[case.pick(["C", "Fortran", "rows apart", "columns apart", "read-only"])](m)


def _truth_layout(case: Case, m: np.ndarray) -> Any:
    return LAYOUTS[case.pick(["C", "Fortran", "columns apart", "rows from the end"])](_truths(m))


SHAPES: dict[str, Make] = {
    "packed": _packed_layout,
    "truths": _truth_layout,
    "pandas arrow binary": lambda case, m: pd.Series(
        pa.array(_bytes(m), pa.binary()), dtype=pd.ArrowDtype(pa.binary())
    ),
    "pandas packed rows": lambda case, m: pd.Series(objects(list(m)), dtype=object),
    "pandas truths": lambda case, m: pd.Series(objects(list(_truths(m))), dtype=object),
    "polars array": lambda case, m: pl.Series("v", m, dtype=pl.Array(pl.UInt8, m.shape[1])),
    "polars binary": lambda case, m: pl.Series("v", _bytes(m), dtype=pl.Binary),
    "arrow fixed binary": lambda case, m: pa.array(_bytes(m), pa.binary(m.shape[1])),
    "arrow fixed binary sliced": _sliced(lambda m: pa.array(_bytes(m), pa.binary(m.shape[1]))),
    "arrow binary": lambda case, m: pa.array(_bytes(m), pa.binary()),
    "arrow binary sliced": _sliced(lambda m: pa.array(_bytes(m), pa.binary())),
    "arrow large binary": lambda case, m: pa.array(_bytes(m), pa.large_binary()),
    "arrow lists": lambda case, m: _lists(m),
    "list of bytes": lambda case, m: _bytes(m),
}


def draw_bit_column(case: Case, rows: np.ndarray) -> Any:
    """Return packed rows in some physical shape."""
    names = list(SHAPES) if len(rows) else ["packed", "truths"]
    name = case.pick(names)
    case.note("as", name)
    return SHAPES[name](case, rows)


def spell_bits(case: Case, query: np.ndarray) -> Any:
    """Return one packed query as people spell it."""
    how = case.pick(["packed", "truths", "bytes", "read-only"])
    if how == "truths":
        return np.unpackbits(query).astype(bool)
    if how == "bytes":
        return query.tobytes()
    if how == "read-only":
        return np.frombuffer(query.tobytes(), np.uint8)
    return query


def spell_bit_batch(case: Case, queries: np.ndarray) -> Any:
    """Return packed queries, shape (nq, w), as people spell them."""
    if case.chance(0.3):
        return np.unpackbits(queries, axis=1).astype(bool)
    return LAYOUTS[case.pick(["C", "Fortran", "read-only"])](queries)
