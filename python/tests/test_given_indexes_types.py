"""A given index is compared with the frame's column in the column's own type, bits included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

N, W = 9, 3
BITS = np.random.default_rng(5).integers(0, 256, (N, W), np.uint8)
CELLS = [row.tobytes() for row in BITS]
QUERY = BITS[4]

FRAMES: dict[str, Any] = {
    "pandas packed rows": lambda order: pd.DataFrame({"v": list(BITS[order])}),
    "pandas arrow": lambda order: pd.DataFrame(
        {"v": pd.Series([CELLS[i] for i in order], dtype=pd.ArrowDtype(pa.binary()))}
    ),
    "polars array": lambda order: pl.DataFrame(
        {"v": pl.Series(BITS[order], dtype=pl.Array(pl.UInt8, W))}
    ),
    "arrow binary": lambda order: pa.table({"v": pa.array([CELLS[i] for i in order])}),
    "arrow fixed size binary": lambda order: pa.table(
        {"v": pa.array([CELLS[i] for i in order], pa.binary(W))}
    ),
}
SAME = list(range(N))


@pytest.mark.sample(3)
@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
@pytest.mark.parametrize("shape", FRAMES)
def test_rows_of_bits_in_another_order_are_refused_by_row(shape: str, metric: str) -> None:
    frame = FRAMES[shape](SAME)
    index = rv.build_index(frame, "v", metric=metric)
    same = FRAMES[shape](SAME)
    found = rv.search(same, QUERY, k=2, on="v", index=index)
    assert len(found) == 2
    for order, row in ((SAME[::-1], 0), ([*SAME[:-2], 8, 7], 7)):
        with pytest.raises(rv.VectorsChanged, match=f"row {row}") as caught:
            rv.search(FRAMES[shape](order), QUERY, k=2, on="v", index=index)
        assert caught.value.row == row


def test_bits_of_another_width_are_refused() -> None:
    index = rv.build_index(FRAMES["arrow binary"](SAME), "v", metric="hamming")
    other = pa.table({"v": pa.array([cell + b"x" for cell in CELLS])})
    with pytest.raises(rv.VectorsChanged):
        rv.search(other, QUERY, k=2, on="v", index=index)


@pytest.mark.parametrize("null", [None, np.nan, pd.NA], ids=repr)
def test_null_cells_of_any_spelling_are_compared_as_nulls(null: Any) -> None:
    cells = [np.float32([1, 2]), null, np.float32([3, 4]), np.float32([5, 6])]
    frame = pd.DataFrame({"v": pd.Series(cells, dtype=object)})
    index = rv.build_index(frame, "v", metric="l2")
    assert rv.search(frame, [3, 4], k=1, on="v", index=index).index.tolist() == [2]
    for order, row in (([1, 0, 2, 3], 0), ([0, 2, 1, 3], 1), ([0, 1, 3, 2], 2)):
        other = frame.iloc[order].reset_index(drop=True)
        with pytest.raises(rv.VectorsChanged) as caught:
            rv.search(other, [3, 4], k=1, on="v", index=index)
        assert caught.value.row == row
