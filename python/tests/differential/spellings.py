"""A query and a batch of queries as people spell them."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from .columns import GROUPS, LAYOUTS, Capsule, Tensor, draw_column, objects
from .drawing import Case
from .matrices import Rows


def spell_query(case: Case, query: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return one query and the float64 numbers that it holds: some spellings round."""
    typed = _typed(case, query)
    table = {
        "array": lambda: typed,
        "list": lambda: typed.tolist(),
        "tuple": lambda: tuple(typed.tolist()),
        "array.array": lambda: array.array("d", typed.astype("f8").tolist()),
        "memoryview": lambda: memoryview(typed),
        "from the end": lambda: typed[::-1].copy()[::-1],
        "strided": lambda: np.repeat(typed, 2)[::2],
        "big endian": lambda: typed.astype(typed.dtype.newbyteorder(">")),
        "read-only": lambda: np.frombuffer(typed.tobytes(), typed.dtype),
        "list of numpy numbers": lambda: list(typed),
        "objects": lambda: objects(typed.tolist()),
        "pandas": lambda: pd.Series(typed),
        "pandas labelled": lambda: pd.Series(typed, index=[f"e{i}" for i in range(len(typed))]),
        "pandas objects": lambda: pd.Series(typed.tolist(), dtype=object),
        "pandas arrow": lambda: pd.Series(
            pa.array(typed), dtype=pd.ArrowDtype(pa.array(typed).type)
        ),
        "polars": lambda: pl.Series("q", typed.astype("f8")),
        "arrow": lambda: pa.array(typed),
        "arrow sliced": lambda: pa.array(np.concatenate([typed, typed])).slice(len(typed)),
        "arrow chunked": lambda: pa.chunked_array([pa.array(typed[:1]), pa.array(typed[1:])]),
        "masked without a mask": lambda: np.ma.masked_array(typed),
        "tensor": lambda: Tensor(typed),
        "capsule": lambda: Capsule(typed),
        "pandas nullable": lambda: pd.Series(typed.astype("f8"), dtype="Float64"),
        "pandas array": lambda: pd.array(typed.astype("f8"), dtype="Float64"),
        "list of Arrow scalars": lambda: list(pa.array(typed)),
        "Arrow list scalar": lambda: pa.array([typed.astype("f8").tolist()])[0],
    }
    how = case.pick(list(table))
    case.note("query", typed.dtype.str[1:], "as", how)
    return table[how](), typed.astype(np.float64)


def _typed(case: Case, query: np.ndarray) -> np.ndarray:
    whole = bool((query == np.round(query)).all()) and bool((np.abs(query) < 100).all())
    code = case.weigh({"f4": 4, "f8": 4, "f2": 1 if whole else 0, "i8": 1 if whole else 0})
    with np.errstate(over="ignore", under="ignore"):
        typed = query.astype(code)
    return typed if np.isfinite(typed).all() else query


def spell_batch(case: Case, queries: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return a batch of queries and the float64 numbers that it holds."""
    code = case.pick(["f4", "f8"])
    typed = queries.astype(code)
    rows = Rows(typed, np.zeros(len(typed), bool))
    case.note("batch", code)
    if not len(typed):
        return LAYOUTS[case.pick(["C", "Fortran"])](typed), typed.astype(np.float64)
    groups = tuple(group for group in GROUPS if group != "buffer")
    return draw_column(case, rows, groups), typed.astype(np.float64)
