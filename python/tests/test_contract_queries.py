"""One query or a batch, spelled as people spell them; k, thresholds and names of scores."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

N, D = 40, 6
RANDOM = np.random.default_rng(9)
MATRIX = RANDOM.integers(-3, 4, (N, D)).astype(np.float32)
MATRIX[:, 0] += 0.5
QUERY = MATRIX[3] + np.float32(0.25)
BATCH = MATRIX[[3, 9, 3]] + np.float32(0.25)


def _pandas(**columns: Any) -> Any:
    return pd.DataFrame({"row": np.arange(N), "emb": list(MATRIX), **columns})


def _polars() -> Any:
    return pl.DataFrame({"row": range(N), "emb": pl.Series(MATRIX, dtype=pl.Array(pl.Float32, D))})


def _frames() -> list[Any]:
    return [_pandas(), _polars(), _polars().to_arrow()]


def _names(hits: Any) -> list[Any]:
    return hits.column_names if isinstance(hits, pa.Table) else list(hits.columns)


def _rows(hits: Any) -> list[int]:
    return [int(row) for row in hits["row"].to_numpy()]


ROWS = oracle.nearest(MATRIX, QUERY, 5, "cosine")[0].tolist()
BATCH_ROWS = [oracle.nearest(MATRIX, q, 5, "cosine")[0].tolist() for q in BATCH]

ONE = {
    "float32": QUERY,
    "float64": QUERY.astype(float),
    "list": QUERY.tolist(),
    "tuple": tuple(QUERY.tolist()),
    "array.array": array.array("d", QUERY.tolist()),
    "memoryview": memoryview(QUERY),
    "reversed view": QUERY[::-1].copy()[::-1],
    "big endian": QUERY.astype(">f8"),
    "list of numpy numbers": list(QUERY),
    "pandas series": pd.Series(QUERY, index=list("fedcba")),
    "pandas float64 series": pd.Series(QUERY, dtype="Float64"),
    "polars series": pl.Series(QUERY),
    "arrow array": pa.array(QUERY),
    "read-only": np.frombuffer(QUERY.tobytes(), dtype=np.float32),
}


@pytest.mark.parametrize("spelling", ONE)
def test_one_query_is_one_query_however_it_is_spelled(spelling: str) -> None:
    for frame in _frames():
        hits = rv.search(frame, ONE[spelling], k=5)
        assert _rows(hits) == ROWS
        assert _names(hits) == ["row", "emb", "cosine_similarity"]
    found = rv.Index.build(MATRIX).search(ONE[spelling], 5)
    assert found.ids.tolist() == ROWS
    assert found.ids.ndim == found.scores.ndim == 1


MANY = {
    "matrix": BATCH,
    "fortran": np.asfortranarray(BATCH),
    "strided": np.repeat(BATCH, 2, axis=0)[::2],
    "transposed": np.ascontiguousarray(BATCH.T).T,
    "float64": BATCH.astype(float),
    "lists": BATCH.tolist(),
    "list of arrays": list(BATCH),
    "tuple of arrays": tuple(BATCH),
    "object array": np.array([*BATCH, None], dtype=object)[:-1],
    "pandas series": pd.Series(list(BATCH)),
    "pandas frame": pd.DataFrame({"emb": list(BATCH)}),
    "polars series": pl.Series(BATCH, dtype=pl.Array(pl.Float32, D)),
    "polars lists": pl.Series(BATCH.tolist(), dtype=pl.List(pl.Float64)),
    "polars frame": pl.DataFrame({"emb": BATCH.tolist()}),
    "arrow": pa.array(BATCH.tolist()),
    "arrow chunks": pa.chunked_array([pa.array(BATCH[:1].tolist()), pa.array(BATCH[1:].tolist())]),
    "arrow table": pa.table({"emb": pa.array(BATCH.tolist())}),
}


@pytest.mark.parametrize("spelling", MANY)
def test_a_batch_is_a_batch_however_it_is_spelled(spelling: str) -> None:
    for frame in _frames():
        hits = rv.search(frame, MANY[spelling], k=5)
        assert _rows(hits) == [row for rows in BATCH_ROWS for row in rows]
        assert [int(i) for i in hits["query_row"].to_numpy()] == [0] * 5 + [1] * 5 + [2] * 5
        assert [int(i) for i in hits["rank"].to_numpy()] == [1, 2, 3, 4, 5] * 3


def test_a_batch_of_one_is_still_a_batch() -> None:
    for frame in _frames():
        hits = rv.search(frame, QUERY[None, :], k=2)
        assert [int(i) for i in hits["query_row"].to_numpy()] == [0, 0]
    found = rv.Index.build(MATRIX).search(QUERY[None, :], 2)
    assert found.ids.shape == found.scores.shape == (1, 2)


NO_QUERY = {
    "zero axes": np.float32(3),
    "a number": 3,
    "three axes": np.zeros((2, 2, D), np.float32),
    "nothing": None,
    "short": QUERY[:-1],
    "long": np.append(QUERY, 1),
    "nan": np.where(np.arange(D) == 2, np.nan, QUERY),
    "infinite": np.where(np.arange(D) == 2, np.inf, QUERY),
    "words": ["a", "b"],
    "complex": QUERY * 1j,
    "a set": set(QUERY.tolist()),
    "a dictionary": {"emb": QUERY},
    "ragged": [QUERY.tolist(), QUERY[:2].tolist()],
    "deep": [[[1.0] * D]],
    "dates": np.array(["2026-01-01"] * D, dtype="M8[D]"),
    "text of numbers": str(QUERY.tolist()),
    "a null inside": [None, *QUERY[1:].tolist()],
    "a batch with a null row": [QUERY.tolist(), None],
}
TOO_GREAT = {
    "too great": np.full(D, 1e300),
    "overflowing norm": np.full(D, 3e38, np.float32),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", NO_QUERY | TOO_GREAT)
def test_what_is_no_query_is_a_named_error_everywhere(name: str) -> None:
    # Under cosine a query of any length is a direction.
    metric = "l2" if name in TOO_GREAT else "cosine"
    query = (NO_QUERY | TOO_GREAT)[name]
    index = rv.Index.build(MATRIX, metric=metric)
    searches = [lambda f=f: rv.search(f, query, k=3, metric=metric) for f in _frames()]
    for search in [*searches, lambda: index.search(query, 3)]:
        with pytest.raises(rv.RuVectorError) as caught:
            search()
        assert isinstance(caught.value, (ValueError, rv.EmbedError, LookupError))
        assert len(str(caught.value)) > 20, caught.value


@pytest.mark.parametrize("k", [-1, 2.5, "3", None, np.nan, [3], np.float64(3)])
def test_k_that_is_no_count_is_refused_by_frames_as_by_indexes(k: Any) -> None:
    for frame in _frames():
        with pytest.raises(rv.RuVectorError, match="k"):
            rv.search(frame, QUERY, k=k)
    with pytest.raises(rv.RuVectorError, match="k"):
        rv.Index.build(MATRIX).search(QUERY, k)


@pytest.mark.parametrize("k", [np.int64(3), np.uint8(3), np.int32(3)])
def test_whole_numbers_of_numpy_are_counts(k: Any) -> None:
    for frame in _frames():
        assert _rows(rv.search(frame, QUERY, k=k)) == ROWS[:3]


@pytest.mark.parametrize("k", [N, N + 1, 2**31, 2**40, 2**63 - 1, 2**70])
def test_a_great_k_finds_every_row_once(k: int) -> None:
    for frame in _frames():
        assert sorted(_rows(rv.search(frame, QUERY, k=k))) == list(range(N))
    assert sorted(rv.Index.build(MATRIX).search(QUERY, k).ids.tolist()) == list(range(N))


@pytest.mark.parametrize("metric", oracle.METRICS)
def test_a_threshold_is_inclusive_and_keeps_the_best_rows_within_it(metric: str) -> None:
    rows, scores = oracle.nearest(MATRIX, QUERY, N, metric)
    bound = float(scores[6])
    within = rows[scores >= bound] if metric in oracle.LARGER else rows[scores <= bound]
    name = "min_similarity" if metric in oracle.LARGER else "max_distance"
    for frame in _frames():
        hits = rv.search(frame, QUERY, k=N, metric=metric, **{name: bound})
        assert _rows(hits) == within.tolist()
        few = rv.search(frame, QUERY, k=2, metric=metric, **{name: bound})
        assert _rows(few) == within[:2].tolist()


@pytest.mark.parametrize("metric", [*oracle.METRICS, "euclidean"])
def test_a_threshold_of_the_other_kind_names_the_right_one(metric: str) -> None:
    wrong, right = ("max_distance", "min_similarity")
    if metric not in oracle.LARGER:
        wrong, right = right, wrong
    for frame in _frames():
        with pytest.raises(rv.MetricError, match=right):
            rv.search(frame, QUERY, metric=metric, **{wrong: 0.5})


def test_an_unknown_metric_lists_the_known_ones() -> None:
    for metric in ("cosin", "L2 ", "", None, 3, "manhattan", ["cosine"]):
        with pytest.raises(rv.RuVectorError) as caught:
            rv.Index.build(MATRIX, metric=metric)
        assert "cosine" in str(caught.value)
        assert "sqeuclidean" in str(caught.value)
        if metric is not None:
            with pytest.raises(rv.RuVectorError, match="sqeuclidean"):
                rv.search(_pandas(), QUERY, metric=metric)


@pytest.mark.parametrize("name", ["cosine_similarity", "rank", "query_row"])
def test_a_users_column_of_the_name_of_ours_is_an_error_that_names_the_way_out(name: str) -> None:
    pandas = _pandas(**{name: np.arange(N)})
    polars = _polars().with_columns(pl.lit(1).alias(name))
    for frame in (pandas, polars, polars.to_arrow()):
        with pytest.raises(rv.ColumnError, match=name) as caught:
            rv.search(frame, BATCH, k=1)
        assert "columns=" in str(caught.value) or "score_column" in str(caught.value)
        chosen = rv.search(frame, BATCH, k=1, columns=["row"])
        assert _rows(chosen) == [rows[0] for rows in BATCH_ROWS]
    assert len(pandas.columns) == 3


def test_a_score_column_of_the_users_choice_replaces_the_name_only() -> None:
    for frame in _frames():
        with rv.config(score_column="how close"):
            hits = rv.search(frame, QUERY, k=5)
        assert _names(hits) == ["row", "emb", "how close"]
        assert _rows(hits) == ROWS
        with rv.config(score_column="row"), pytest.raises(rv.ColumnError, match="row"):
            rv.search(frame, QUERY, k=5)


def test_columns_choose_what_comes_back_in_their_order() -> None:
    for frame in _frames():
        hits = rv.search(frame, QUERY, k=3, columns=["emb", "row"])
        assert _names(hits) == ["emb", "row", "cosine_similarity"]
        assert _rows(hits) == ROWS[:3]
        only = rv.search(frame, QUERY, k=3, columns=[])
        assert _names(only) == ["cosine_similarity"]
        assert len(only) == 3
        with pytest.raises(rv.ColumnError, match="nobody"):
            rv.search(frame, QUERY, k=3, columns=["nobody"])
        assert _names(rv.search(frame, QUERY, k=3, columns="row")) == ["row", "cosine_similarity"]
