"""Ids of rows: none, whole numbers on both sides of 2**63, texts, in every container."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from .columns import objects
from .drawing import Case

KINDS = {"positions": 5, "int64": 3, "uint64": 3, "text": 3}
HALF = 2**63


class Names:
    """New ids of one kind, never the same twice, and the spellings of a list of them."""

    def __init__(self, case: Case, kind: str | None = None) -> None:
        self.case = case
        self.kind = kind or case.weigh(KINDS)
        self.used: set[Any] = set()
        case.note("ids", self.kind)

    def new(self, count: int) -> list[Any]:
        """Return ids that were never returned before."""
        out: list[Any] = []
        while len(out) < count:
            name = self._one()
            if name not in self.used:
                self.used.add(name)
                out.append(name)
        return out

    def _one(self) -> Any:
        case = self.case
        if self.kind == "text":
            return case.pick(["", "a", "ä", "ツ", "\U0001f600", "x" * 40]) + str(
                case.whole(0, 9999)
            )
        if self.kind == "uint64":
            low = case.pick([0, HALF - 500, HALF, 2**64 - 1000])
            return low + case.whole(0, 999)
        if self.kind == "positions":
            return case.whole(10**6, 2 * 10**6)
        return case.pick([0, -500, HALF - 1000, -HALF]) + case.whole(0, 999)

    def spell(self, names: list[Any]) -> Any:
        """Return ids as people hold them."""
        if not names:
            return []
        spellings = _texts if self.kind == "text" else _wholes
        table = spellings(names, self.kind == "uint64")
        how = self.case.pick(list(table))
        self.case.note("ids as", how)
        return table[how]()

    def dtype(self) -> Any:
        """Return the type of ids in answers."""
        return {"text": object, "uint64": np.uint64}.get(self.kind, np.int64)


def _wholes(names: list[int], unsigned: bool) -> dict[str, Any]:
    code, arrow = ("u8", pa.uint64()) if unsigned else ("i8", pa.int64())
    dtype = pl.UInt64 if unsigned else pl.Int64
    values = np.array(names, code)
    half = len(values) // 2
    out = {
        "numpy": lambda: values,
        "big endian": lambda: values.astype(">" + code),
        "strided": lambda: np.repeat(values, 2)[::2],
        "read-only": lambda: np.frombuffer(values.tobytes(), code),
        "list of numpy numbers": lambda: list(values),
        "pandas": lambda: pd.Series(values),
        "pandas index": lambda: pd.Index(values),
        "pandas nullable": lambda: pd.Series(values).astype("UInt64" if unsigned else "Int64"),
        "pandas arrow": lambda: pd.Series(values).astype(pd.ArrowDtype(arrow)),
        "polars": lambda: pl.Series("i", names, dtype=dtype),
        "arrow": lambda: pa.array(values),
        "arrow chunks": lambda: pa.chunked_array([values[:half], values[half:]], type=arrow),
        "array.array": lambda: array.array("Q" if unsigned else "q", names),
    }
    if not unsigned or any(name >= HALF for name in names):
        out["list"] = lambda: list(names)
        out["tuple"] = lambda: tuple(names)
        out["objects"] = lambda: objects(list(names))
        out["pandas objects"] = lambda: pd.Series(names, dtype=object)
    return out


def _texts(names: list[str], _: bool) -> dict[str, Any]:
    half = len(names) // 2
    once = {"dict keys": lambda: dict.fromkeys(names).keys()}
    return (once if len(set(names)) == len(names) else {}) | {
        "list": lambda: list(names),
        "tuple": lambda: tuple(names),
        "objects": lambda: objects(list(names)),
        "numpy U": lambda: np.array(names),
        "numpy StringDType": lambda: np.array(names, dtype=np.dtypes.StringDType()),
        "pandas": lambda: pd.Series(names),
        "pandas index": lambda: pd.Index(names),
        "pandas objects": lambda: pd.Series(names, dtype=object),
        "pandas category": lambda: pd.Series(names, dtype="category"),
        "pandas arrow": lambda: pd.Series(names, dtype=pd.ArrowDtype(pa.string())),
        "polars": lambda: pl.Series("i", names, dtype=pl.String),
        "polars categorical": lambda: pl.Series("i", names, dtype=pl.Categorical),
        "arrow": lambda: pa.array(names),
        "arrow large": lambda: pa.array(names, pa.large_string()),
        "arrow view": lambda: pa.array(names, pa.string_view()),
        "arrow dictionary": lambda: pa.array(names).dictionary_encode(),
        "arrow chunks": lambda: pa.chunked_array(
            [pa.array(names[:half], pa.string()), pa.array(names[half:], pa.string())]
        ),
    }
