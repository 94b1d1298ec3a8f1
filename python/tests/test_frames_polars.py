"""polars, eager: a polars frame in, a polars frame out, filters by expression, Series or SQL."""

from __future__ import annotations

import numpy as np
import oracle
import polars as pl
import pytest

import ruvector as rv

N, D = 60, 8
MATRIX = np.random.default_rng(31).standard_normal((N, D), dtype=np.float32)
QUERY = MATRIX[17] + np.float32(0.01)


def _frame(**columns: object) -> object:
    vectors = pl.Series(MATRIX, dtype=pl.Array(pl.Float32, D))
    return pl.DataFrame({"price": range(N), "emb": vectors, **columns})


@pytest.mark.parametrize("metric", oracle.METRICS)
@pytest.mark.parametrize("lists", [False, True])
def test_search_returns_a_polars_frame_best_first(metric: str, lists: bool) -> None:
    frame = _frame()
    if lists:
        frame = frame.with_columns(pl.col("emb").cast(pl.List(pl.Float32)))
    hits = frame.ruvector.search(QUERY, k=5, metric=metric)
    rows, scores = oracle.nearest(MATRIX, QUERY, 5, metric)
    assert isinstance(hits, pl.DataFrame)
    assert hits["price"].to_list() == rows.tolist()
    assert hits.to_series(2).to_list() == scores.tolist()
    assert hits.schema == {**frame.schema, hits.columns[2]: pl.Float32}


def test_a_batch_has_query_row_and_rank_as_uint32() -> None:
    hits = _frame().ruvector.search(MATRIX[[3, 9]], k=2)
    assert hits.columns == ["price", "emb", "query_row", "rank", "cosine_similarity"]
    assert hits.schema["query_row"] == hits.schema["rank"] == pl.UInt32
    assert hits["query_row"].to_list() == [0, 0, 1, 1]
    assert hits["rank"].to_list() == [1, 2, 1, 2]


def test_a_batch_is_a_matrix_a_series_or_a_frame() -> None:
    frame = _frame()
    want = frame.ruvector.search(MATRIX[:3], k=2)
    for query in (frame["emb"][:3], frame[:3], MATRIX[:3].tolist()):
        assert frame.ruvector.search(query, k=2).equals(want)


def test_empty_answers_keep_the_full_schema() -> None:
    frame = _frame()
    want = frame.ruvector.search(QUERY).schema
    for hits in (
        frame.ruvector.search(QUERY, k=0),
        frame.clear().ruvector.search(QUERY),
        frame.ruvector.search(QUERY, where=pl.lit(False)),
        frame.ruvector.search(-QUERY, min_similarity=1.0),
    ):
        assert hits.height == 0
        assert hits.schema == want


@pytest.mark.parametrize(
    "where",
    [
        lambda frame: pl.col("price") >= 30,
        lambda frame: [pl.col("price") >= 30, pl.col("price") >= 10],
        lambda frame: frame["price"] >= 30,
        lambda frame: "price >= 30",
        lambda frame: "price BETWEEN 30 AND 1000 AND price IS NOT NULL",
        lambda frame: (frame["price"] >= 30).to_numpy(),
        lambda frame: lambda f: f["price"] >= 30,
        lambda frame: lambda f: pl.col("price") >= 30,
    ],
)
def test_a_filter_decides_who_may_be_found(where: object) -> None:
    frame = _frame()
    hits = frame.ruvector.search(QUERY, k=5, where=where(frame))  # type: ignore[operator]
    rows, _ = oracle.nearest(MATRIX, QUERY, 5, "cosine", np.arange(N) >= 30)
    assert hits["price"].to_list() == rows.tolist()


def test_null_in_a_filter_is_false() -> None:
    frame = _frame(flag=[True, None, False] * 20)
    for where in (pl.col("flag"), frame["flag"], "flag"):
        hits = frame.ruvector.search(QUERY, k=99, where=where)
        assert hits.height == 20
        assert all(price % 3 == 0 for price in hits["price"])


@pytest.mark.parametrize(
    ("where", "match"),
    [
        (pl.col("price"), "ids="),
        (pl.col("cost") > 1, "cost"),
        ("price >", "SQL"),
        (pl.Series([True]), "1 values"),
        (pl.col("price") * 1.5, "float64"),
        (np.arange(4), "ids="),
    ],
)
def test_filters_that_are_none_are_refused(where: object, match: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=match):
        _frame().ruvector.search(QUERY, where=where)


def test_null_rows_are_never_found_and_counted() -> None:
    frame = _frame().with_columns(pl.when(pl.col("price") != 17).then(pl.col("emb")))
    for lists in (False, True):
        if lists:
            frame = frame.with_columns(pl.col("emb").cast(pl.List(pl.Float32)))
        hits = frame.ruvector.search(QUERY, k=N)
        assert hits.height == N - 1
        assert 17 not in hits["price"].to_list()
        plan = rv.last_plan()
        assert plan is not None
        assert plan.null_rows == 1


def test_chunks_slices_and_other_number_types_are_searched() -> None:
    frame = _frame()
    rows, _ = oracle.nearest(MATRIX, QUERY, 5, "cosine")
    chunked = pl.concat([frame[:20], frame[20:]], rechunk=False)
    assert chunked.ruvector.search(QUERY, k=5)["price"].to_list() == rows.tolist()
    sliced = frame[10:50]
    want, _ = oracle.nearest(MATRIX[10:50], QUERY, 5, "cosine")
    assert sliced.ruvector.search(QUERY, k=5)["price"].to_list() == (want + 10).tolist()
    wide = frame.with_columns(pl.col("emb").cast(pl.Array(pl.Float64, D)))
    assert wide.ruvector.search(QUERY, k=5)["price"].to_list() == rows.tolist()
    whole = pl.DataFrame({"x": [0, 1], "v": [[1, 0], [0, 1]]})
    assert whole.ruvector.search([0.1, 1], k=1)["x"].to_list() == [1]


def test_the_only_vector_column_is_found_and_several_are_listed() -> None:
    frame = _frame(name=["x"] * N, other=MATRIX[:, :3])
    with pytest.raises(rv.ColumnError, match=r"'emb' \(8 dimensions\), 'other' \(3 dimensions\)"):
        frame.ruvector.search(QUERY)
    assert frame.ruvector.search(QUERY, on="emb").height == 10
    with pytest.raises(rv.ColumnError, match="text='name'"):
        frame.drop("emb", "other").ruvector.search(QUERY)
    with pytest.raises(rv.ColumnError, match="there is no column 'embd'"):
        frame.ruvector.search(QUERY, on="embd")


def test_patterns_gather_columns_of_numbers() -> None:
    frame = pl.DataFrame(MATRIX, schema=[f"emb_{i}" for i in range(D)]).with_row_index("price")
    hits = frame.ruvector.search(QUERY, k=4, on=["emb_*"], metric="l2")
    rows, _ = oracle.nearest(MATRIX, QUERY, 4, "l2")
    assert hits["price"].to_list() == rows.tolist()


def test_clashes_thresholds_and_columns_are_as_in_pandas() -> None:
    hits = _frame().ruvector.search(QUERY)
    with pytest.raises(rv.ColumnError, match="score_column"):
        hits.ruvector.search(QUERY)
    with pytest.raises(rv.MetricError, match="min_similarity"):
        _frame().ruvector.search(QUERY, max_distance=1.0)
    only = _frame().ruvector.search(QUERY, k=1, columns=["price"])
    assert only.columns == ["price", "cosine_similarity"]
    assert _frame().ruvector.search(QUERY, k=3, columns=[]).shape == (3, 1)
    with pytest.raises(rv.InvalidArgument, match="'price' twice"):
        _frame().ruvector.search(QUERY, k=1, columns=["price", "price"])
    near = _frame().ruvector.search(QUERY, metric="l2", max_distance=0.1)
    assert near["price"].to_list() == [17]


def test_a_built_index_answers_for_the_frame() -> None:
    frame = _frame()
    index = frame.ruvector.build_index(metric="l2", ids="price")
    hits = frame.ruvector.search(QUERY, k=4, index=index, where=pl.col("price") != 17)
    rows, _ = oracle.nearest(MATRIX, QUERY, 4, "l2", np.arange(N) != 17)
    assert hits["price"].to_list() == rows.tolist()
    assert index.search(QUERY, 1).ids.tolist() == [17]
    again = frame.reverse().ruvector.search(QUERY, k=4, index=index, where=pl.col("price") != 17)
    assert again.equals(hits)
    with pytest.raises(rv.VectorsChanged):
        frame.reverse().ruvector.search(QUERY, index=frame.ruvector.build_index())


def test_describe_shows_what_can_be_searched() -> None:
    frame = _frame(name=["a", "", None] * 20, nothing=[None] * N)
    about = frame.ruvector.describe()
    assert isinstance(about, pl.DataFrame)
    assert about["column"].to_list() == ["emb", "name"]
    assert about["dim"].to_list() == [D, None]
    assert about["borrowed"].to_list() == [True, None]
    assert about["zero"].to_list() == [0, 20]
    assert about.schema["problem"] == pl.String
    assert frame["emb"].ruvector.describe()["rows"].to_list() == [N]
    np.testing.assert_array_equal(frame["emb"].ruvector.to_matrix(), MATRIX)


def test_explain_returns_the_plan() -> None:
    plan = _frame().ruvector.explain(QUERY, k=3)
    assert isinstance(plan, rv.Plan)
    assert plan.kind == "exact"
