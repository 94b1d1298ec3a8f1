"""Who may be found: masks of every type, null is False."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from .columns import objects
from .drawing import Case


def draw_mask(case: Case, n: int) -> np.ndarray:
    """Return n truths: none, few, half, most or all of them."""
    return case.np.random(n) < case.pick([0.0, 0.1, 0.5, 0.9, 1.0])


def spell_mask(case: Case, mask: np.ndarray) -> Any:
    """Return a mask as people hold it; some of its False become null where there are nulls."""
    n, half = len(mask), len(mask) // 2
    null = ~mask & (case.np.random(n) < 0.5)
    cells = [None if gone else bool(value) for value, gone in zip(mask, null, strict=True)]
    padded = pa.array([True, *cells, True], pa.bool_())
    table = {
        "numpy": lambda: mask,
        "strided": lambda: np.repeat(mask, 3)[::3],
        "from the end": lambda: np.ascontiguousarray(mask[::-1])[::-1],
        "read-only": lambda: np.frombuffer(mask.tobytes(), bool),
        "list": lambda: mask.tolist(),
        "pandas": lambda: pd.Series(mask),
        "pandas nullable": lambda: pd.array(cells, dtype="boolean"),
        "pandas arrow": lambda: pd.Series(cells, dtype=pd.ArrowDtype(pa.bool_())),
        "objects": lambda: objects(mask.tolist()),
        "polars": lambda: pl.Series("m", cells, dtype=pl.Boolean),
        "polars sliced": lambda: pl.Series("m", [True, *cells], dtype=pl.Boolean).slice(1),
        "arrow": lambda: pa.array(cells, pa.bool_()),
        "arrow sliced": lambda: padded.slice(1, n),
        "arrow chunks": lambda: pa.chunked_array(
            [padded.slice(1, half), padded.slice(1 + half, n - half)]
        ),
    }
    how = case.pick([name for name in table if n or name not in ("list", "objects")])
    case.note("where as", how)
    return table[how]()
