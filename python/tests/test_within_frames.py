"""Range search of frames: the rows that `search` finds, cut at the threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

RNG = np.random.default_rng(21)
ROWS = RNG.standard_normal((300, 6), dtype=np.float32)
FLAT = pa.FixedSizeListArray.from_arrays(pa.array(ROWS.ravel()), 6)
TABLE = pa.table({"n": np.arange(300), "v": FLAT})
FRAMES: dict[str, Any] = {
    "pandas": pd.DataFrame({"n": np.arange(300), "v": list(ROWS)}),
    "polars": pl.from_arrow(TABLE),
    "pyarrow": TABLE,
}


def numbers(frame: Any) -> list[int]:
    column = frame["n"]
    return list(column.to_pylist() if isinstance(column, pa.ChunkedArray) else column.to_list())


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("metric", ["cosine", "dot", "l2", "sqeuclidean"])
def test_a_range_of_a_frame_is_its_search_cut_at_the_threshold(name: str, metric: str) -> None:
    frame = FRAMES[name]
    bound = {"min_similarity": 0.4} if metric in ("cosine", "dot") else {"max_distance": 2.5}
    for query in (ROWS[3], ROWS[:4]):
        want = rv.search(frame, query, k=300, metric=metric, recall=1.0, **bound)
        got = rv.within(frame, query, metric=metric, **bound)
        assert type(got) is type(frame)
        assert numbers(got) == numbers(want)
        assert list(got.columns if name != "pyarrow" else got.column_names) == list(
            want.columns if name != "pyarrow" else want.column_names
        )
        plan = rv.last_plan()
        assert plan is not None
        assert plan.scores == "exact"
    few = rv.within(frame, ROWS[3], metric=metric, limit=2, columns=["n"], **bound)
    assert numbers(few) == numbers(want)[:0] + numbers(
        rv.search(frame, ROWS[3], k=2, metric=metric, recall=1.0, **bound)
    )


def test_accessors_filters_and_given_indexes_answer_alike() -> None:
    frame = FRAMES["pandas"]
    want = numbers(rv.within(frame, ROWS[0], min_similarity=0.2, where=frame["n"] % 2 == 0))
    assert len(want) > 1
    assert all(n % 2 == 0 for n in want)
    assert numbers(frame.ruvector.within(ROWS[0], min_similarity=0.2, where="n % 2 == 0")) == want
    assert (
        numbers(
            FRAMES["polars"].ruvector.within(
                ROWS[0], min_similarity=0.2, where=pl.col("n") % 2 == 0
            )
        )
        == want
    )
    for ids in (None, np.arange(300) + 7, [f"row {i}" for i in range(300)]):
        ix = rv.Index.build(ROWS, ids=ids)
        named, ids_on = (frame, None) if ids is None else (frame.assign(id=ids)[::-1], "id")
        given = rv.within(
            named, ROWS[0], min_similarity=0.2, index=ix, ids_on=ids_on, where="n % 2 == 0"
        )
        assert numbers(given) == want


def test_a_large_frame_is_indexed_once_and_its_ranges_are_exact() -> None:
    rows = np.random.default_rng(22).standard_normal((12_000, 8), dtype=np.float32)
    frame = pl.DataFrame({"n": np.arange(12_000), "v": rows})
    for _ in range(2):
        found = frame.ruvector.within(rows[5], max_distance=1.5, metric="l2")
        distances = np.linalg.norm(rows.astype(np.float64) - rows[5], axis=1)
        assert set(found["n"].to_list()) == set(np.flatnonzero(distances <= 1.5).tolist())
    plan = rv.last_plan()
    assert plan is not None
    assert (plan.index, plan.scores, plan.kind) == ("cached", "exact", "flat")


def test_text_is_embedded_and_nulls_are_never_within() -> None:
    def letters(texts: list[str]) -> Any:
        return np.array([[t.count(c) for c in "abc"] for t in texts], np.float32)

    frame = pd.DataFrame({"t": ["aa", "ab", None, "c"]})
    found = rv.within(frame, "a", text="t", embedder=letters, min_similarity=0.5)
    assert found["t"].tolist() == ["aa", "ab"]
    empty = pd.DataFrame({"v": pd.Series([None, None], dtype=object)})
    with pytest.raises(rv.RuVectorError):
        rv.within(empty, [1.0], min_similarity=0.5)


def test_thresholds_are_asked_for() -> None:
    frame = FRAMES["polars"]
    with pytest.raises(rv.InvalidArgument, match="give min_similarity="):
        rv.within(frame, ROWS[0])
    with pytest.raises(rv.MetricError, match="use max_distance="):
        rv.within(frame, ROWS[0], min_similarity=1, metric="l2")
    with pytest.raises(rv.InvalidArgument, match="limit"):
        rv.within(frame, ROWS[0], min_similarity=1, limit=0)
    with pytest.raises(rv.ColumnError, match="cosine_similarity"):
        rv.within(frame.rename({"n": "cosine_similarity"}), ROWS[0], min_similarity=1)
