"""polars as people have it: every dtype beside the vectors, every chunk, nothing changed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import oracle
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import ruvector as rv

N, D = 24, 6
MATRIX = np.random.default_rng(78).standard_normal((N, D), dtype=np.float32)
QUERY = MATRIX[5] + np.float32(0.02)
ROWS = oracle.nearest(MATRIX, QUERY, 4, "cosine")[0].tolist()
WHEN = dt.datetime(2026, 10, 25, 1, 30)


def _frame(**columns: Any) -> Any:
    vectors = pl.Series(MATRIX, dtype=pl.Array(pl.Float32, D))
    return pl.DataFrame({"n": range(N), "emb": vectors, **columns})


MATES = {
    "category": pl.Series(["a", "b", None] * (N // 3), dtype=pl.Categorical),
    "enum": pl.Series(["x", "y"] * (N // 2), dtype=pl.Enum(["y", "x"])),
    "zoned": pl.Series([WHEN + dt.timedelta(hours=i) for i in range(N)]).dt.replace_time_zone(
        "UTC"
    ).dt.convert_time_zone("Europe/Berlin"),
    "date": pl.Series([WHEN.date()] * N),
    "duration": pl.Series([dt.timedelta(seconds=i) for i in range(N)]),
    "time": pl.Series([dt.time(i % 24) for i in range(N)]),
    "decimal": pl.Series([Decimal(i) / 4 for i in range(N)], dtype=pl.Decimal(10, 2)),
    "struct": pl.Series([{"a": i, "b": None} for i in range(N)]),
    "lists of text": pl.Series([["a"] * (i % 3) for i in range(N)]),
    "bytes": pl.Series([b"\x00\xff"] * N),
    "nothing": pl.Series([None] * N),
    "object": pl.Series([object() for _ in range(N)], dtype=pl.Object),
    "small": pl.Series(range(N), dtype=pl.UInt8),
    "truth": pl.Series([True, None, False] * (N // 3)),
}  # fmt: skip


@pytest.mark.parametrize("mate", MATES)
def test_columns_beside_the_vectors_come_back_with_their_type_and_values(mate: str) -> None:
    frame = _frame(mate=MATES[mate])
    hits = frame.ruvector.search(QUERY, k=4)
    assert hits.schema["mate"] == frame.schema["mate"]
    assert hits["mate"].to_list() == [frame["mate"].to_list()[row] for row in ROWS]
    empty = frame.ruvector.search(QUERY, k=0)
    assert empty.schema == hits.schema
    none = frame.clear().ruvector.search(QUERY, on="emb", k=3)
    assert none.schema == hits.schema
    assert none.height == empty.height == 0


def test_no_search_changes_the_frame_or_the_query_or_the_chunks() -> None:
    half = _frame()
    frame = pl.concat([half[:9], half[9:]], rechunk=False)
    query, before, chunks = QUERY.copy(), frame.clone(), frame.n_chunks()
    frame.ruvector.search(query, k=3, where=pl.col("n") > 2)
    frame.ruvector.describe()
    with pytest.raises(rv.RuVectorError):
        frame.ruvector.search(query, k=-1)
    assert_frame_equal(frame, before)
    assert frame.n_chunks() == chunks == 2
    assert query.tobytes() == QUERY.tobytes()


@pytest.mark.parametrize("number", [pl.Float32, pl.Float64])
@pytest.mark.parametrize("shape", ["array", "list"])
@pytest.mark.parametrize(
    "cut", ["whole", "chunks", "slice", "filter", "sorted", "gathered", "null"]
)
def test_frames_after_any_polars_operation_are_searched(number: Any, shape: str, cut: str) -> None:
    kind = pl.Array(number, D) if shape == "array" else pl.List(number)
    frame = _frame().with_columns(pl.col("emb").cast(kind))
    frame = {
        "whole": lambda: frame,
        "chunks": lambda: pl.concat([frame[:1], frame[1:1], frame[1:20], frame[20:]],
                                    rechunk=False),
        "slice": lambda: pl.concat([frame[:3], frame, frame[:2]]).slice(3, N),
        "filter": lambda: pl.concat([frame, frame]).filter(pl.int_range(2 * N) < N),
        "sorted": lambda: frame.sort("n", descending=True).sort("n"),
        "gathered": lambda: frame[list(range(N))[::-1]],
        "null": lambda: frame.with_columns(
            pl.when(pl.col("n") == ROWS[0]).then(None).otherwise(pl.col("emb")).alias("emb")),
    }[cut]()  # fmt: skip
    hits = frame.ruvector.search(QUERY, k=3)
    assert hits["n"].to_list() == (ROWS[1:4] if cut == "null" else ROWS[:3])
    assert rv.last_plan().null_rows == (cut == "null")
    assert hits["emb"].to_list() == [MATRIX[n].tolist() for n in hits["n"]]


def test_scores_and_ranks_join_group_and_sort_as_columns_of_polars_do() -> None:
    frame = _frame()
    batch = frame.ruvector.search(MATRIX[:6], k=3, columns=["n"])
    assert batch.schema == {"n": pl.Int64, "query_row": pl.UInt32, "rank": pl.UInt32,
                            "cosine_similarity": pl.Float32}  # fmt: skip
    best = batch.filter(pl.col("rank") == 1)
    assert best["n"].to_list() == best["query_row"].to_list() == list(range(6))
    assert (best["cosine_similarity"] > 0.9999).all()
    per_query = batch.group_by("query_row", maintain_order=True).agg(pl.len())
    assert per_query["len"].to_list() == [3] * 6
    again = batch.sort("query_row", "cosine_similarity", descending=[False, True])
    assert again["rank"].to_list() == [1, 2, 3] * 6
    assert batch.join(frame, on="n", how="left").height == batch.height


NO_FILTER = {
    "unknown": (pl.col("nobody") > 1, "nobody"),
    "number": (pl.col("n") + 1, "boolean"),
    "short": (pl.Series([True] * (N - 1)), str(N - 1)),
    "numbers": (pl.Series(range(N)), "boolean"),
    "sum": ("n + 1", "boolean"),
    "unknown text": ("nobody > 1", "nobody"),
    "other SQL": ("DROP TABLE x", "SQL|cannot be evaluated"),
    "mixed": ([pl.col("n") > 1, pl.col("n")], "bool"),
}


@pytest.mark.parametrize("name", NO_FILTER)
def test_a_filter_that_is_none_says_where_and_why(name: str) -> None:
    where, said = NO_FILTER[name]
    with pytest.raises(rv.InvalidArgument, match=said) as caught:
        _frame().ruvector.search(QUERY, k=N, where=where)
    assert "where=" in str(caught.value)


def test_filters_of_one_truth_functions_and_memberships_mean_what_polars_means() -> None:
    for where, count in ((pl.col("n").sum() > 3, N), (pl.lit(True), N), (pl.lit(False), 0),
                         (pl.col("n").is_in([1, 2]), 2), (lambda f: f["n"] > 3, N - 4),
                         (lambda f: pl.col("n") > 3, N - 4), (pl.lit(None), 0)):  # fmt: skip
        assert _frame().ruvector.search(QUERY, k=N, where=where).height == count


def test_a_series_of_vectors_has_its_verbs_whatever_it_is_called() -> None:
    for name in ("", "emb", "a b", "漢"):
        series = pl.Series(name, MATRIX, dtype=pl.Array(pl.Float32, D))
        assert (series.ruvector.to_matrix() == MATRIX).all()
        assert series.ruvector.describe()["dim"].to_list() == [D]
    for wrong in (pl.Series([1, 2]), pl.Series(["a"]), pl.Series([[1.0], [1.0, 2.0]])):
        with pytest.raises((rv.ColumnError, rv.InvalidVector)):
            wrong.ruvector.to_matrix()


def test_nulls_inside_vectors_are_named_and_not_read_as_numbers() -> None:
    rows: list[Any] = MATRIX.tolist()
    rows[9][2] = None
    for kind in (pl.Array(pl.Float32, D), pl.List(pl.Float32), pl.List(pl.Float64)):
        frame = pl.DataFrame({"emb": pl.Series(rows, dtype=kind)})
        with pytest.raises(rv.InvalidVector) as caught:
            frame.ruvector.search(QUERY, on="emb", k=3)
        assert "row 9" in str(caught.value)
        assert "emb" in str(caught.value)


def test_frames_of_no_columns_or_only_text_say_what_is_missing() -> None:
    for frame in (pl.DataFrame(), pl.DataFrame({"a": [1.0]}), pl.DataFrame({"t": ["x"]})):
        with pytest.raises(rv.ColumnError) as caught:
            frame.ruvector.search(QUERY)
        assert len(str(caught.value)) > 30
    with pytest.raises(rv.RuVectorError, match="collect"):
        rv.describe(_frame().lazy())


def test_zero_width_and_zero_vectors_have_defined_answers() -> None:
    zeros = pl.DataFrame({"n": range(4), "emb": pl.Series(np.zeros((4, 3), np.float32))})
    hits = zeros.ruvector.search([1.0, 0, 0], k=4)
    assert hits["n"].to_list() == [0, 1, 2, 3]
    assert hits["cosine_similarity"].to_list() == [0.0] * 4
    hits = _frame().ruvector.search(np.zeros(D), k=3)
    assert hits["n"].to_list() == [0, 1, 2]
    assert hits["cosine_similarity"].to_list() == [0.0] * 3
    empty = pl.DataFrame({"emb": pl.Series([[], []], dtype=pl.List(pl.Float32))})
    with pytest.raises(rv.RuVectorError):
        empty.ruvector.search(np.zeros(0), on="emb")
