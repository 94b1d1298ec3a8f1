"""`similarity_quantiles` measures how near rows are to their nearest and to any row."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

SHARES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
ROWS = np.random.default_rng(8).integers(-4, 5, (60, 6)).astype(np.float32)


def scores(metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of every row with its nearest other one, and of all pairs."""
    all_scores = np.array([oracle.scores(ROWS, row, metric) for row in ROWS]).astype(np.float32)
    apart = all_scores[~np.eye(len(ROWS), dtype=bool)].reshape(len(ROWS), -1)
    return apart.max(1) if metric in oracle.LARGER else apart.min(1), apart.ravel()


@pytest.mark.parametrize("metric", oracle.METRICS)
def test_of_few_rows_all_are_measured(metric: Any) -> None:
    table = rv.similarity_quantiles(pl.DataFrame({"v": ROWS}), metric=metric)
    near, anyhow = scores(metric)
    called = table.columns[1].removeprefix("nearest_")
    assert table.columns == ["quantile", f"nearest_{called}", f"random_{called}"]
    assert table["quantile"].to_list() == SHARES
    for name, values in ((f"nearest_{called}", near), (f"random_{called}", anyhow)):
        want = np.quantile(values.astype(np.float64), SHARES, method="inverted_cdf")
        assert table[name].to_list() == want.tolist()


def test_a_quantile_is_a_threshold_that_keeps_its_share() -> None:
    frame = pl.DataFrame({"v": ROWS})
    table = rv.similarity_quantiles(frame)
    row = table.filter(pl.col("quantile") == 0.75).row(0, named=True)
    near = scores("cosine")[0]
    with_duplicate = np.mean(near >= np.float32(row["nearest_cosine_similarity"]))
    assert 0.25 <= with_duplicate < 0.5
    assert rv.dedup(frame, min_similarity=row["nearest_cosine_similarity"]).height < 60


def frames(rows: Any) -> dict[str, Any]:
    cells = [None if row is None else [float(x) for x in row] for row in rows]
    return {
        "pandas": pd.DataFrame({"v": pd.Series(list(rows), dtype=object)}),
        "polars": pl.DataFrame({"v": pl.Series(cells, dtype=pl.Array(pl.Float32, 6))}),
        "pyarrow": pa.table({"v": pa.array(cells, pa.list_(pa.float32(), 6))}),
    }


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("height", [0, 1, 2])
def test_without_pairs_there_are_no_scores(library: str, height: int) -> None:
    frame = frames([*ROWS[:height], None])[library]
    table = rv.similarity_quantiles(frame, on="v")
    assert type(table) is type(frame)
    values = table["nearest_cosine_similarity"]
    if library == "pandas":
        assert values.dtype == np.float64
        assert values.isna().all() == (height < 2)
    else:
        assert (
            values.null_count == (0 if height == 2 else 9)
            if library == "pyarrow"
            else (values.null_count() == (0 if height == 2 else 9))
        )


def test_null_rows_are_not_drawn() -> None:
    some = [row if i % 3 else None for i, row in enumerate(ROWS)]
    alive = np.array([row for row in some if row is not None])
    for name, frame in frames(some).items():
        table = rv.similarity_quantiles(frame)
        want = rv.similarity_quantiles(frames(alive)[name])
        assert (table.equals(want)) is True


def test_bits_texts_and_columns_of_numbers_are_measured() -> None:
    data = pd.DataFrame(
        {"b": [b"\x00", b"\x01", b"\xff"], "t": ["aa", "ab", "bb"], "x": [1.0, 2.0, 4.0]}
    )
    table = rv.similarity_quantiles(data, on="b", metric="hamming")
    assert table["nearest_hamming_distance"].tolist() == [1.0] * 5 + [7.0] * 4
    letters = lambda texts: [[t.count("a"), t.count("b")] for t in texts]  # noqa: E731
    table = rv.similarity_quantiles(data, text="t", embedder=letters)
    assert table["nearest_cosine_similarity"].tolist()[0] == pytest.approx(0.5**0.5)
    table = rv.similarity_quantiles(data, on=["x"], metric="l2")
    assert set(table["nearest_l2_distance"]) == {1.0, 2.0}


def test_the_same_seed_draws_the_same_rows() -> None:
    rows = np.random.default_rng(9).standard_normal((12_000, 16), np.float32)
    frame = pl.DataFrame({"v": rows})
    with rv.config(threads=1):
        one = rv.similarity_quantiles(frame, sample=300, seed=1)
    assert one.equals(rv.similarity_quantiles(frame, sample=300, seed=1))
    assert not one.equals(rv.similarity_quantiles(frame, sample=300, seed=2))
    near = one["nearest_cosine_similarity"].to_numpy()
    assert (np.diff(near) >= 0).all()
    assert near[4] > one["random_cosine_similarity"][4]


@pytest.mark.parametrize("asked", [{"sample": 0}, {"sample": 1.5}, {"seed": -1}, {"metric": "no"}])
def test_what_cannot_be_is_refused(asked: Any) -> None:
    with pytest.raises((rv.InvalidArgument, rv.MetricError)):
        rv.similarity_quantiles(pl.DataFrame({"v": ROWS}), **asked)
    with pytest.raises(rv.ColumnError):
        rv.similarity_quantiles(pl.DataFrame({"x": [1.0]}))
