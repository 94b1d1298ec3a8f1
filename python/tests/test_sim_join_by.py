"""`sim_join(by=...)`: only rows with equal values are a match, k of them each."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from test_sim_join import FRAMES, every_library, frame, lists, names

import ruvector as rv

RNG = np.random.default_rng(21)
LEFT = RNG.standard_normal((30, 8)).astype("f4")
RIGHT = RNG.standard_normal((200, 8)).astype("f4")


def matches(library: str, mine: Any, theirs: Any) -> list[tuple[Any, Any]]:
    """Join rows that are equally near by a column; return the pairs of rows."""
    left = frame(library, np.ones((len(mine), 8)), g=mine, n=list(range(len(mine))))
    right = frame(library, np.ones((len(theirs), 8)), g=theirs, m=list(range(len(theirs))))
    joined = rv.sim_join(left, right, on="v", by="g", k=100)
    return list(zip(lists(joined, "n"), lists(joined, "m"), strict=True))


@every_library
def test_k_rows_of_the_same_value_when_there_are_so_many(library: str) -> None:
    mine, theirs = [i % 7 for i in range(30)], [i % 5 for i in range(200)]
    left = frame(library, LEFT, g=mine, n=list(range(30)))
    right = frame(library, RIGHT, g=theirs, m=list(range(200)))
    joined = rv.sim_join(left, right, by="g", k=4)
    assert names(joined) == ["v", "g", "n", "v_right", "m", "rank", "cosine_similarity"]
    wanted = []
    for row, query in enumerate(LEFT):
        scores = RIGHT @ query / np.linalg.norm(RIGHT, axis=1)
        rows = np.flatnonzero(np.array(theirs) == mine[row])
        wanted += [(row, m) for m in rows[np.argsort(-scores[rows], kind="stable")][:4].tolist()]
    assert list(zip(lists(joined, "n"), lists(joined, "m"), strict=True)) == wanted


@every_library
def test_null_and_nan_equal_nothing(library: str) -> None:
    assert matches(library, ["a", None, "b"], [None, "a", None]) == [(0, 1)]
    assert matches(library, [1.0, float("nan"), None], [float("nan"), 1.0, None]) == [(0, 1)]


@every_library
@pytest.mark.parametrize(
    "values",
    [
        ["a", "", "ü", "a"], [True, False, True], [1, -(2**62), 2**62 + 1], [0.5, -0.0, 1e300],
        [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)],
        [datetime.datetime(2020, 1, 1, 1), datetime.datetime(2021, 1, 1)],
        [datetime.timedelta(1), datetime.timedelta(2)], [b"a", b"", b"a"],
        [decimal.Decimal("1.50"), decimal.Decimal("2.00")],
    ],
)  # fmt: skip
def test_values_of_every_kind(library: str, values: list[Any]) -> None:
    wanted = [(i, j) for i, x in enumerate(values) for j, y in enumerate(values[::-1]) if x == y]
    assert matches(library, values, values[::-1]) == wanted


def test_types_that_differ_are_equal_where_their_values_are() -> None:
    big = 2**63 + 1
    assert matches("pandas", np.array([1, 2], "i1"), np.array([2.0, 1.5])) == [(1, 0)]
    assert matches("pandas", np.array([5, 2**53 + 1]), np.array([2.0**53, 5])) == [(0, 1)]
    assert matches("pandas", np.array([-1, 1]), np.array([big, 1], "u8")) == [(1, 1)]
    category = pd.Categorical(["b", "a"])
    assert matches("pandas", ["a", "c"], category) == [(0, 1)]
    assert matches("pandas", category, pd.array(["a", "z"], "string[pyarrow]")) == [(1, 0)]
    assert matches("polars", pl.Series([1, 2], dtype=pl.Int8), pl.Series([2.0, 1.5])) == [(1, 0)]
    mine, theirs = pl.Series([-1, 1]), pl.Series([big, 1], dtype=pl.UInt64)
    assert matches("polars", mine, theirs) == [(1, 1)]
    enum = pl.Series(["b", "a"], dtype=pl.Enum(["a", "b"]))
    assert matches("polars", enum, pl.Series(["a"], dtype=pl.Categorical)) == [(1, 0)]
    assert matches("pyarrow", pa.array([1, 2], pa.int8()), pa.array([2.0, 1.5])) == [(1, 0)]
    coded = pa.array(["b", "a"]).dictionary_encode()
    assert matches("pyarrow", coded, pa.array(["a"], pa.large_string())) == [(1, 0)]


@every_library
def test_values_that_can_never_be_equal_are_an_error(library: str) -> None:
    pairs: list[tuple[Any, Any, str]] = [
        ([1, 2], ["1", "2"], "numbers in the left frame and texts in the right"),
        ([True], [1], "booleans in the left frame and numbers"),
        ([datetime.datetime(2020, 1, 1)], ["2020-01-01"], "times in the left frame and texts"),
    ]
    for mine, theirs, message in pairs:
        with pytest.raises(rv.ColumnError, match=f"by='g' holds {message}"):
            matches(library, mine, theirs)
    assert matches(library, [1, 2], [3, 4]) == []


@every_library
def test_columns_that_are_missing_name_their_side(library: str) -> None:
    left, right = frame(library, LEFT, g=[1] * 30), frame(library, RIGHT, h=[1] * 200)
    with pytest.raises(rv.ColumnError, match=r"by='h', left frame: there is no column 'h'"):
        rv.sim_join(left, right, by="h")
    with pytest.raises(rv.ColumnError, match=r"by='g', right frame: there is no column 'g'"):
        rv.sim_join(left, right, by="g")
    with pytest.raises(rv.InvalidArgument, match="pass the frame as right="):
        rv.sim_join(left, rv.Index.build(RIGHT), by="g")


@every_library
def test_several_columns_must_all_be_equal(library: str) -> None:
    left = frame(library, np.ones((3, 8)), g=[1, 1, 2], h=["a", "b", "a"], n=[0, 1, 2])
    right = frame(library, np.ones((4, 8)), g=[1, 2, 1, 2], h=["b", "b", "a", None], m=[0, 1, 2, 3])
    joined = rv.sim_join(left, right, by=["g", "h"], k=9, how="left")
    assert list(zip(lists(joined, "n"), lists(joined, "m"), strict=True)) == [
        (0, 2), (1, 0), (2, None)
    ]  # fmt: skip
    assert "h_right" not in names(joined)
    again = rv.sim_join(left, right, by=["g", "h", "g"], k=9, how="left")
    assert lists(again, "m") == lists(joined, "m")


@every_library
@pytest.mark.parametrize("ids", [False, True])
def test_with_an_index_that_was_given(library: str, ids: bool) -> None:
    theirs = [i % 5 for i in range(200)]
    right = frame(library, RIGHT, g=theirs, m=[(i * 37) % 200 for i in range(200)])
    left = frame(library, LEFT, g=[i % 7 for i in range(30)], n=list(range(30)))
    index = rv.build_index(right, ids="m" if ids else None)
    joined = rv.sim_join(left, right, by="g", k=3, index=index)
    assert lists(joined, "m") == lists(rv.sim_join(left, right, by="g", k=3), "m")
    where = np.arange(200) % 3 == 0
    joined = rv.sim_join(left, right, by="g", k=3, index=index, where_right=where)
    assert lists(joined, "m") == lists(
        rv.sim_join(left, right, by="g", k=3, where_right=where), "m"
    )


@pytest.mark.parametrize("groups", [1, 3, 40, 5000])
def test_groups_of_every_size_are_searched_exactly(groups: int) -> None:
    rows = RNG.standard_normal((12_000, 8)).astype("f4")
    theirs, mine = RNG.integers(0, groups, 12_000), RNG.integers(0, groups, 300)
    queries = RNG.standard_normal((300, 8)).astype("f4")
    right = pd.DataFrame({"v": list(rows), "g": theirs, "m": range(12_000)})
    left = pd.DataFrame({"v": list(queries), "g": mine, "n": range(300)})
    joined = rv.sim_join(left, right, by="g", k=5, recall=1.0)
    scores = queries @ rows.T / np.linalg.norm(rows, axis=1)
    scores[mine[:, None] != theirs] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    wanted = [(q, m) for q in range(300) for m in best[q] if np.isfinite(scores[q, m])]
    assert list(zip(joined["n"], joined["m"], strict=True)) == wanted


@pytest.mark.parametrize("metric", ["cosine", "hamming"])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_small_groups_asked_together_answer_as_one_by_one(kind: str, metric: Any) -> None:
    """Groups of one to a hundred rows, with bad vectors skipped and right rows left out."""
    bits = metric == "hamming"
    rows = RNG.standard_normal((20_000, 8)).astype(kind)
    rows[::50] = rows[1::50]
    if not bits:
        rows[5::97, 3] = np.nan
    cells = list(RNG.integers(0, 4, (20_000, 2)).astype(np.uint8)) if bits else list(rows)
    of = (RNG.random(20_000) ** 3 * 2000).astype(int)
    right = pd.DataFrame({"v": cells, "g": of, "m": range(20_000)})
    left = right[::3].reset_index(drop=True)
    where = RNG.random(20_000) < 0.8
    with rv.config(bad_vectors="skip"):
        named = {"on": "v", "metric": metric, "recall": 1.0, "where_right": where}
        joined = rv.sim_join(left, right, by="g", k=3, **named)
        for group in (0, 1, 17, 400, 1500, 1999):
            mine, theirs = left[left["g"] == group], right[right["g"] == group]
            named["where_right"] = where[theirs.index]
            alone = rv.sim_join(mine, theirs, k=3, **named)
            part = joined[joined["g"] == group]
            pd.testing.assert_frame_equal(
                part.drop(columns="v_right"), alone.drop(columns=["v_right", "g_right"])
            )


def test_many_groups_take_no_pass_over_all_rows_each() -> None:
    n = 40_000
    rows = RNG.standard_normal((n, 8)).astype("f4")
    right = FRAMES["polars"]({"v": pl.Series(rows, dtype=pl.Array(pl.Float32, 8)), "g": range(n)})
    left = right.head(20_000)
    joined = rv.sim_join(left, right, by="g")
    assert len(joined) == 20_000
    assert (joined["cosine_similarity"] > 0.999).all()
    plan = rv.last_plan()
    assert plan is not None and plan.rows_scanned <= 20 * n
