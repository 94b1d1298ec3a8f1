"""Verbs that measure a frame, on frames of any rows, against plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv

LIBRARIES = ["pandas", "polars", "pyarrow"]
D = 3
WHOLE = ["dot", "sqeuclidean"]  # scores of whole numbers are whole
whole = st.integers(-3, 3).map(float)
rows = st.lists(
    st.none()
    | st.lists(whole, min_size=D, max_size=D)
    | st.sampled_from([[0.0] * D, [1.0, 0.0, 0.0], [0.6, 0.8, 0.0]]),
    min_size=1, max_size=12,
)  # fmt: skip


def frame(library: str, cells: list[Any]) -> Any:
    """Return rows, None for null, as the only column of vectors."""
    if library == "pandas":
        arrays = [None if row is None else np.array(row, np.float32) for row in cells]
        return pd.DataFrame({"v": pd.Series(arrays, dtype=object)})
    if library == "polars":
        return pl.DataFrame({"v": pl.Series(cells, dtype=pl.Array(pl.Float32, D))})
    return pa.table({"v": pa.array(cells, pa.list_(pa.float32(), D))})


def cell(table: Any, name: str) -> Any:
    """Return a cell of the first row as Python has it."""
    column = table[name]
    value = column.to_pylist()[0] if isinstance(table, pa.Table) else column.to_list()[0]
    return None if value is pd.NA else value


@settings(max_examples=80, deadline=None)
@given(library=st.sampled_from(LIBRARIES), cells=rows, spoilt=st.sets(st.integers(0, 11)))
def test_describe_counts_what_is_there(library: str, cells: list[Any], spoilt: set[int]) -> None:
    cells = [
        [np.nan, *row[1:]] if i in spoilt and row is not None else row
        for i, row in enumerate(cells)
    ]
    present = np.array([row for row in cells if row is not None], np.float64).reshape(-1, D)
    told = rv.describe(frame(library, cells))
    if len(present) == 0 and library == "pandas":
        return  # a column of nothing but None holds no vectors that could be told of
    lengths = np.linalg.norm(present, axis=1)
    good = np.isfinite(lengths)
    assert cell(told, "column") == "v"
    assert cell(told, "rows") == len(cells)
    assert cell(told, "nulls") == len(cells) - len(present)
    assert cell(told, "dim") == D
    assert cell(told, "bad") == (~good).sum()
    assert cell(told, "zero") == (lengths == 0).sum()
    unit = len(present) > 0 and bool((np.abs(lengths**2 - 1) < 1e-3).all())
    assert cell(told, "unit_length") == unit
    assert (cell(told, "problem") is None) == bool(good.all())


@settings(max_examples=60, deadline=None)
@given(
    library=st.sampled_from(LIBRARIES), cells=rows, metric=st.sampled_from(["dot", "sqeuclidean"])
)
def test_quantiles_are_those_of_all_pairs(library: str, cells: list[Any], metric: Any) -> None:
    held = frame(library, cells)
    if all(row is None for row in cells) and library == "pandas":
        return
    table = rv.similarity_quantiles(held, "v", metric=metric)
    x = np.array([row for row in cells if row is not None], np.float64).reshape(-1, D)
    names = list(table.column_names if library == "pyarrow" else table.columns)
    found = {n: table[n].to_pylist() if library == "pyarrow" else table[n].to_list() for n in names}
    if len(x) < 2:
        assert all(v is None or v != v for n in names[1:] for v in found[n])
        return
    scores = x @ x.T if metric == "dot" else ((x[:, None] - x) ** 2).sum(axis=2)  # whole numbers
    apart = scores[~np.eye(len(x), dtype=bool)].reshape(len(x), -1)
    near = apart.max(axis=1) if metric == "dot" else apart.min(axis=1)
    for name, values in ((names[1], near), (names[2], apart.ravel())):
        want = np.quantile(values, found["quantile"], method="inverted_cdf")
        np.testing.assert_allclose(found[name], want, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(library=st.sampled_from(LIBRARIES), cells=rows)
def test_a_small_frame_has_recall_one(library: str, cells: list[Any]) -> None:
    if any(row is not None for row in cells):
        assert rv.recall(frame(library, cells), "v", k=2)[:3] == (1.0, 1.0, 1.0)


def test_recall_is_the_share_of_neighbours_that_searches_find() -> None:
    x = np.random.default_rng(5).standard_normal((10_200, 8), dtype=np.float32)
    held = pl.DataFrame({"row": range(len(x)), "v": x})
    asked = x[::170]
    truth = rv.search(held, asked, k=4, recall=1.0).filter(pl.col("rank") > 1)
    found = rv.search(held, asked, k=4, recall=0.5)
    both = truth.join(found, on=["query_row", "row"])
    report = rv.recall(held, k=3, sample=1000, recall=0.5)
    assert abs(both.height / truth.height - report.mean) < 0.1
