"""pandas: the user's rows, labels, columns and type come back, with a score that has a name."""

from __future__ import annotations

import numpy as np
import oracle
import pandas as pd
import pyarrow as pa
import pytest

import ruvector as rv

N, D = 60, 8
MATRIX = np.random.default_rng(21).standard_normal((N, D), dtype=np.float32)
QUERY = MATRIX[17] + np.float32(0.01)
MINIMUM = 30  # looked up by the text filters below, as a user's own global would be


def _frame(**columns: object) -> object:
    data = {"price": np.arange(N), "emb": list(MATRIX), **columns}
    return pd.DataFrame(data, index=[f"row {i}" for i in range(N)])


def _labels(rows: np.ndarray) -> list[str]:
    return [f"row {i}" for i in rows]


@pytest.mark.parametrize("metric", oracle.METRICS)
def test_search_returns_the_users_rows_best_first_with_the_score_named(metric: str) -> None:
    frame = _frame()
    hits = frame.ruvector.search(QUERY, k=5, metric=metric)
    rows, scores = oracle.nearest(MATRIX, QUERY, 5, metric)
    assert isinstance(hits, pd.DataFrame)
    assert hits.index.tolist() == _labels(rows)
    name = {
        "cosine": "cosine_similarity",
        "dot": "dot_product",
        "l2": "l2_distance",
        "sqeuclidean": "sqeuclidean_distance",
    }[metric]
    assert list(hits.columns) == ["price", "emb", name]
    assert hits[name].dtype == np.float32
    assert hits[name].tolist() == scores.tolist()
    assert frame.loc[hits.index, "price"].tolist() == hits["price"].tolist()


def test_the_users_frame_is_not_changed() -> None:
    frame = _frame()
    before = frame.copy(deep=True)
    hits = frame.ruvector.search(QUERY, k=3)
    hits["price"] = -1
    assert list(frame.columns) == ["price", "emb"]
    pd.testing.assert_frame_equal(frame.drop(columns="emb"), before.drop(columns="emb"))
    assert frame.attrs == {}


def test_the_function_and_the_accessor_are_one() -> None:
    frame = _frame()
    pd.testing.assert_frame_equal(rv.search(frame, QUERY, k=3), frame.ruvector.search(QUERY, k=3))


def test_k_zero_k_above_n_and_empty_frames_keep_the_full_schema() -> None:
    frame = _frame()
    for hits in (
        frame.ruvector.search(QUERY, k=0),
        frame.iloc[:0].ruvector.search(QUERY, on="emb"),
        frame.ruvector.search(QUERY, where=np.zeros(N, bool)),
        frame.ruvector.search(-QUERY, min_similarity=1.0),
    ):
        assert len(hits) == 0
        assert list(hits.columns) == ["price", "emb", "cosine_similarity"]
        assert hits["cosine_similarity"].dtype == np.float32
        assert hits["price"].dtype == frame["price"].dtype
    assert len(frame.ruvector.search(QUERY, k=10**9)) == N
    batch = frame.ruvector.search(MATRIX[:2], k=0)
    assert list(batch.columns) == ["price", "emb", "query_row", "rank", "cosine_similarity"]


def test_columns_chooses_what_comes_back() -> None:
    hits = _frame().ruvector.search(QUERY, k=2, columns=["price"])
    assert list(hits.columns) == ["price", "cosine_similarity"]
    assert list(_frame().ruvector.search(QUERY, k=2, columns=[]).columns) == ["cosine_similarity"]
    with pytest.raises(rv.ColumnError, match="cost"):
        _frame().ruvector.search(QUERY, columns=["cost"])


# ---- batches ----


def test_a_batch_is_long_form_with_query_row_and_rank_from_one() -> None:
    hits = _frame().ruvector.search(MATRIX[[3, 9]], k=2)
    assert list(hits.columns) == ["price", "emb", "query_row", "rank", "cosine_similarity"]
    assert hits["query_row"].tolist() == [0, 0, 1, 1]
    assert hits["rank"].tolist() == [1, 2, 1, 2]
    assert hits["query_row"].dtype == hits["rank"].dtype == np.int64
    assert hits.index[[0, 2]].tolist() == ["row 3", "row 9"]


def test_a_batch_is_a_matrix_a_series_or_a_frame() -> None:
    frame = _frame()
    want = frame.ruvector.search(MATRIX[:3], k=2)
    others = frame.iloc[:3]
    for query in (
        MATRIX[:3].tolist(),
        others["emb"],
        others,
        others.rename(columns={"emb": "vector"}),
        pa.array(MATRIX[:3].tolist(), pa.list_(pa.float32(), D)),
    ):
        got = frame.ruvector.search(query, k=2)
        assert got.index.tolist() == want.index.tolist()
        assert got["rank"].tolist() == want["rank"].tolist()


def test_thresholds_leave_each_query_its_own_rows() -> None:
    hits = _frame().ruvector.search(MATRIX[[3, 9, 4]], k=4, min_similarity=0.9)
    assert hits["query_row"].tolist() == [0, 1, 2]
    assert hits["rank"].tolist() == [1, 1, 1]
    far = _frame().ruvector.search(MATRIX[[3, 9]], k=4, metric="l2", max_distance=1e-3)
    assert far.index.tolist() == ["row 3", "row 9"]


def test_a_batch_of_no_queries_gives_no_rows() -> None:
    hits = _frame().ruvector.search(np.empty((0, D), np.float32))
    assert len(hits) == 0
    assert "query_row" in hits.columns


# ---- filters ----


@pytest.mark.parametrize(
    "where",
    [
        lambda frame: frame["price"] >= 30,
        lambda frame: (frame["price"] >= 30).to_numpy(),
        lambda frame: "price >= 30",
        lambda frame: "price >= @MINIMUM",
        lambda frame: lambda f: f["price"] >= 30,
        lambda frame: lambda f: (f["price"] >= 30).tolist(),
        lambda frame: (frame["price"] >= 30).astype("boolean"),
        lambda frame: (frame["price"] >= 30).astype(pd.ArrowDtype(pa.bool_())),
        lambda frame: pa.array(frame["price"] >= 30),
    ],
)
def test_a_filter_decides_who_may_be_found(where: object) -> None:
    frame = _frame()
    hits = frame.ruvector.search(QUERY, k=5, where=where(frame))  # type: ignore[operator]
    rows, _ = oracle.nearest(MATRIX, QUERY, 5, "cosine", np.arange(N) >= 30)
    assert hits.index.tolist() == _labels(rows)


def test_a_text_filter_sees_the_names_where_the_caller_stands() -> None:
    frame = _frame()
    least = 55

    def inner() -> object:
        most = 57
        assert most > least
        return frame.ruvector.search(QUERY, where="@least <= price <= @most")

    assert sorted(inner()["price"].tolist()) == [55, 56, 57]  # type: ignore[index]
    assert sorted(rv.search(frame, QUERY, where="price > @least")["price"]) == [56, 57, 58, 59]
    plan = frame.ruvector.explain(QUERY, where="price > @least")
    assert plan.rows_eligible == 4
    with pytest.raises(rv.InvalidArgument, match="nowhere"):
        frame.ruvector.search(QUERY, where="price > @nowhere")
    with pytest.raises(rv.InvalidArgument, match="price >>"):
        frame.ruvector.search(QUERY, where="price >> >")


@pytest.mark.skipif(not hasattr(pd, "col"), reason="pandas.col is new in pandas 3")
def test_pandas_col_expressions_are_filters_although_they_are_callable() -> None:
    frame = _frame()
    hits = frame.ruvector.search(QUERY, where=(pd.col("price") > 50) & (pd.col("price") < 53))
    assert sorted(hits["price"]) == [51, 52]


def test_null_in_a_filter_is_false() -> None:
    frame = _frame(flag=pd.array([True, None, False] * 20, dtype="boolean"))
    hits = frame.ruvector.search(QUERY, k=99, where="flag")
    assert (hits["price"] % 3 == 0).all()
    assert len(hits) == 20
    objects = _frame(flag=pd.Series([True, None, False] * 20, dtype=object).to_numpy())
    assert len(objects.ruvector.search(QUERY, k=99, where=objects["flag"])) == 20


def test_a_mask_with_another_index_is_refused() -> None:
    frame = _frame()
    mask = pd.Series(np.ones(N, bool))
    with pytest.raises(rv.InvalidArgument, match="another index"):
        frame.ruvector.search(QUERY, where=mask)
    assert len(frame.ruvector.search(QUERY, where=mask.to_numpy())) == 10


@pytest.mark.parametrize(
    ("where", "match"),
    [
        (np.arange(3), "ids="),
        ("price", "ids="),
        (np.ones(N - 1, bool), "59"),
        (np.ones(N), "float64"),
        (lambda frame: frame["price"] * 1.5, "float64"),
    ],
)
def test_filters_of_the_wrong_type_or_length_are_refused(where: object, match: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=match):
        _frame().ruvector.search(QUERY, where=where)


# ---- labels, names, types ----


def test_duplicate_labels_and_multi_indexes_are_kept() -> None:
    frame = _frame()
    frame.index = ["same"] * N
    assert frame.ruvector.search(QUERY, k=1)["price"].tolist() == [17]
    mask = frame["price"] > 30
    assert (frame.ruvector.search(QUERY, where=mask)["price"] > 30).all()
    frame.index = pd.MultiIndex.from_product([range(N // 2), ["a", "b"]], names=["x", "y"])
    hits = frame.ruvector.search(QUERY, k=1)
    assert hits.index.tolist() == [(8, "b")]
    assert hits.index.names == ["x", "y"]


def test_duplicate_column_names_survive_and_are_ambiguous_only_as_the_target() -> None:
    frame = _frame()
    frame.columns = ["v", "emb"]
    double = pd.concat([frame, frame[["v"]]], axis=1)
    hits = double.ruvector.search(QUERY, k=1)
    assert list(hits.columns) == ["v", "emb", "v", "cosine_similarity"]
    twice = pd.concat([frame, frame[["emb"]]], axis=1)
    with pytest.raises(rv.ColumnError, match="2 columns are called 'emb'"):
        twice.ruvector.search(QUERY, on="emb")


def test_subclasses_stay_what_they_are() -> None:
    class Mine(pd.DataFrame):
        @property
        def _constructor(self) -> type:
            return Mine

    assert isinstance(Mine(_frame()).ruvector.search(QUERY, k=2), Mine)


def test_columns_may_have_several_levels() -> None:
    frame = pd.DataFrame({("a", "price"): range(N), ("b", "emb"): list(MATRIX)})
    hits = frame.ruvector.search(QUERY, k=1, on=("b", "emb"))
    assert hits[("a", "price")].tolist() == [17]
    assert hits["cosine_similarity"].iloc[0] > 0.99


def test_column_labels_may_be_anything_hashable() -> None:
    frame = pd.DataFrame({0: range(N), ("a", 1): list(MATRIX)})
    assert frame.ruvector.search(QUERY, k=1)[0].tolist() == [17]
    frame = pd.DataFrame({0: range(N), 1: list(MATRIX), 2: list(MATRIX)})
    assert frame.ruvector.search(QUERY, k=1, on=2)[0].tolist() == [17]


@pytest.mark.parametrize("kind", ["list", "fixed"])
def test_arrow_typed_columns_are_searched_and_come_back_as_they_were(kind: str) -> None:
    arrow = pa.list_(pa.float32(), D if kind == "fixed" else -1)
    column = pd.Series(MATRIX.tolist(), dtype=pd.ArrowDtype(arrow))
    frame = pd.DataFrame({"price": range(N), "emb": column})
    hits = frame.ruvector.search(QUERY, k=3)
    rows, _ = oracle.nearest(MATRIX, QUERY, 3, "cosine")
    assert hits["price"].tolist() == rows.tolist()
    assert hits["emb"].dtype == column.dtype


# ---- which column ----


def test_the_only_vector_column_is_found_and_several_are_listed() -> None:
    frame = _frame(name="x", other=list(MATRIX[:, :3]))
    with pytest.raises(rv.ColumnError, match=r"'emb' \(8 dimensions\), 'other' \(3 dimensions\)"):
        frame.ruvector.search(QUERY)
    assert len(frame.ruvector.search(QUERY, on="emb")) == 10
    none = frame.drop(columns=["emb", "other"])
    with pytest.raises(rv.ColumnError, match="text='name'"):
        none.ruvector.search(QUERY)
    with pytest.raises(rv.ColumnError, match="'price'"):
        none[["price"]].ruvector.search(QUERY)
    with pytest.raises(rv.ColumnError, match="there is no column 'embd'"):
        frame.ruvector.search(QUERY, on="embd")
    with pytest.raises(rv.ColumnError, match="int64"):
        frame.ruvector.search(QUERY, on="price")
    with pytest.raises(rv.InvalidArgument, match="both"):
        frame.ruvector.search(QUERY, on="emb", text="name")


def test_patterns_gather_columns_of_numbers() -> None:
    frame = pd.DataFrame(MATRIX.copy(), columns=[f"emb_{i}" for i in range(D)])
    frame["price"] = range(N)
    hits = frame.ruvector.search(QUERY, k=4, on=["emb_*"], metric="l2")
    rows, scores = oracle.nearest(MATRIX, QUERY, 4, "l2")
    assert hits["price"].tolist() == rows.tolist()
    assert hits["l2_distance"].tolist() == scores.tolist()
    frame.loc[rows[0], "emb_3"] = np.nan
    assert frame.ruvector.search(QUERY, on=["emb_*"]).index[0] != rows[0]
    assert rv.last_plan().null_rows == 1  # type: ignore[union-attr]
    with pytest.raises(rv.ColumnError, match="no column"):
        frame.ruvector.search(QUERY, on=["vec_*"])
    batch = frame.ruvector.search(frame.iloc[[2, 3]], on=["emb_*"], k=1)
    assert batch["price"].tolist() == [2, 3]
    frame["emb_name"] = "x"
    with pytest.raises(rv.ColumnError, match="emb_name"):
        frame.ruvector.search(QUERY, on=["emb_*"])


# ---- nulls and bad vectors ----


def test_null_rows_are_never_found_and_counted_in_the_plan() -> None:
    cells: list[object] = list(MATRIX)
    cells[17] = None
    cells[18] = float("nan")
    hits = _frame(emb=cells).ruvector.search(QUERY, k=N)
    assert len(hits) == N - 2
    assert not {"row 17", "row 18"} & set(hits.index)
    plan = rv.last_plan()
    assert plan is not None
    assert (plan.null_rows, plan.rows_eligible, plan.rows) == (2, N - 2, N)


def test_a_column_of_nulls_finds_nothing() -> None:
    frame = _frame(emb=pd.Series([None] * N, dtype=object).to_numpy())
    hits = frame.ruvector.search(QUERY, on="emb")
    assert len(hits) == 0
    assert list(hits.columns) == ["price", "emb", "cosine_similarity"]
    plan = rv.last_plan()
    assert plan is not None
    assert (plan.rows, plan.null_rows, plan.rows_eligible) == (N, N, 0)


def test_bad_vectors_name_the_column_and_the_row_or_are_skipped() -> None:
    matrix = MATRIX.copy()
    matrix[5, 2] = np.nan
    frame = _frame(emb=list(matrix))
    with pytest.raises(rv.InvalidVector, match="'emb'") as caught:
        frame.ruvector.search(QUERY)
    assert (caught.value.row, caught.value.column) == (5, 2)
    with rv.config(bad_vectors="skip"):
        assert "row 5" not in frame.ruvector.search(QUERY, k=N).index
    with pytest.raises(rv.InvalidVector):
        frame.ruvector.search(QUERY)
    ragged = _frame(emb=[*MATRIX[:-1], MATRIX[0, :3]])
    with pytest.raises(rv.InvalidVector, match=r"'emb'.*59"):
        ragged.ruvector.search(QUERY)
    text = _frame(emb=["[0.1, 0.2]"] * N)
    with pytest.raises(rv.InvalidVector, match=r"parse the column once: df"):
        text.ruvector.search("question", text="emb", embedder=lambda texts: MATRIX[: len(texts)])
    with pytest.raises(rv.InvalidVector, match=r"parse the column once: df"):
        text.ruvector.search(QUERY, on="emb", embedder=lambda texts: MATRIX[: len(texts)])


def test_a_query_of_other_dimensions_names_both() -> None:
    with pytest.raises(rv.DimensionMismatch, match=r"3.*8"):
        _frame().ruvector.search([1.0, 2.0, 3.0])


# ---- scores, thresholds, clashes ----


def test_the_wrong_threshold_for_a_metric_is_refused() -> None:
    frame = _frame()
    for metric in ("cosine", "dot"):
        with pytest.raises(rv.MetricError, match="min_similarity"):
            frame.ruvector.search(QUERY, metric=metric, max_distance=1)
    for metric in ("l2", "sqeuclidean"):
        with pytest.raises(rv.MetricError, match="max_distance"):
            frame.ruvector.search(QUERY, metric=metric, min_similarity=1)
    with pytest.raises(rv.MetricError, match="not squared"):
        frame.ruvector.search(QUERY, metric="manhattan")


@pytest.mark.parametrize("bound", ["high", float("nan"), [1]])
def test_a_threshold_must_be_a_number(bound: object) -> None:
    with pytest.raises(rv.InvalidArgument, match="min_similarity"):
        _frame().ruvector.search(QUERY, min_similarity=bound)


def test_a_score_column_of_the_users_is_never_overwritten() -> None:
    frame = _frame()
    hits = frame.ruvector.search(QUERY, k=20)
    with pytest.raises(rv.ColumnError, match=r"'cosine_similarity'.*score_column"):
        hits.ruvector.search(QUERY, k=2)
    again = hits.drop(columns="cosine_similarity").ruvector.search(QUERY, k=2)
    assert again.index.tolist() == hits.index[:2].tolist()
    with rv.config(score_column="how_close"):
        assert list(hits.ruvector.search(QUERY, k=2).columns)[-1] == "how_close"
    assert list(hits.ruvector.search(QUERY, k=2, columns=["price"]).columns) == [
        "price",
        "cosine_similarity",
    ]
    with pytest.raises(rv.ColumnError, match="rank"):
        _frame(rank=0).ruvector.search(MATRIX[:2])
    assert "rank" in _frame(rank=0).ruvector.search(QUERY).columns


# ---- an index of one's own ----


def test_a_built_index_answers_for_the_frame() -> None:
    frame = _frame()
    for index in (
        frame.ruvector.build_index(metric="l2"),
        frame.ruvector.build_index("emb", metric="l2", ids="price"),
        frame.ruvector.build_index("emb", metric="l2", ids=frame["price"]),
    ):
        hits = frame.ruvector.search(QUERY, k=4, index=index)
        rows, _ = oracle.nearest(MATRIX, QUERY, 4, "l2")
        assert hits.index.tolist() == _labels(rows)
        assert list(hits.columns)[-1] == "l2_distance"
        plan = rv.last_plan()
        assert plan is not None
        assert plan.index == "given"
        filtered = frame.ruvector.search(QUERY, k=4, index=index, where="price > 40")
        assert (filtered["price"] > 40).all()
    with pytest.raises(rv.MetricError, match="'l2'"):
        frame.ruvector.search(QUERY, index=index, metric="cosine")
    with pytest.raises(rv.UnknownId, match="the id 17, which column 'price'"):
        frame.iloc[:10].ruvector.search(QUERY, index=index)
    with pytest.raises(rv.InvalidArgument, match="60 rows, the frame has 10"):
        frame.iloc[:10].ruvector.search(QUERY, index=rv.Index.build(MATRIX))


def test_an_index_of_rows_that_were_sorted_since_is_refused() -> None:
    frame = _frame()
    index = frame.ruvector.build_index()
    with pytest.raises(rv.VectorsChanged, match="Build it again"):
        frame.iloc[::-1].ruvector.search(QUERY, index=index)


def test_an_index_of_another_column_than_the_only_one_of_vectors_is_used_as_given() -> None:
    frame = _frame()
    other = rv.Index.build(MATRIX[:, :3])
    hits = frame.ruvector.search(MATRIX[5, :3], k=1, index=other)
    assert hits["price"].tolist() == [5]
    with pytest.raises(rv.InvalidArgument, match="not an Index"):
        frame.ruvector.search(QUERY, index=MATRIX)
    with pytest.raises(rv.VectorsChanged):
        frame.ruvector.search(MATRIX[5, :3], k=1, index=other, on="emb")


def test_a_filter_that_fails_does_so_before_anything_is_embedded() -> None:
    def never(texts: list[str]) -> None:
        raise AssertionError("embedded")

    frame = pd.DataFrame({"body": ["a", "b"]})
    with pytest.raises(rv.InvalidArgument, match="where"):
        frame.ruvector.search("a", text="body", where=[True], embedder=never)
    with pytest.raises(rv.MetricError):
        frame.ruvector.search("a", text="body", max_distance=1, embedder=never)


def test_explain_returns_the_plan_of_the_same_search() -> None:
    frame = _frame()
    plan = frame.ruvector.explain(QUERY, k=3)
    assert isinstance(plan, rv.Plan)
    assert (plan.kind, plan.rows, plan.index) == ("exact", N, "built")
    assert "build" in plan.milliseconds


# ---- describe ----


def test_describe_shows_what_can_be_searched() -> None:
    unit = MATRIX / np.linalg.norm(MATRIX, axis=1, keepdims=True)
    bad = [row.copy() for row in MATRIX]
    bad[3][1] = np.inf
    bad[4][:] = 0
    frame = _frame(unit=list(unit), bad=bad, name=["a", "", None] * 20, ragged=[[1.0], []] * 30)
    about = frame.ruvector.describe().set_index("column")
    assert about.index.tolist() == ["emb", "unit", "bad", "name", "ragged"]
    assert about["kind"].tolist() == ["vector", "vector", "vector", "text", "vector"]
    assert about.loc["emb", "dim"] == D
    assert about["unit_length"].tolist()[:3] == [False, True, False]
    assert about.loc["bad", ["bad", "zero"]].tolist() == [1, 1]
    assert "NaN" in about.loc["bad", "problem"]
    assert about.loc["name", ["nulls", "zero"]].tolist() == [20, 20]
    assert "row 1" in about.loc["ragged", "problem"]
    assert about["borrowed"].tolist()[:3] == [True, True, False]


def test_a_series_describes_itself_and_becomes_a_matrix() -> None:
    series = _frame()["emb"]
    np.testing.assert_array_equal(series.ruvector.to_matrix(), MATRIX)
    about = series.ruvector.describe()
    assert about["column"].tolist() == ["emb"]
    assert about["rows"].tolist() == [N]
    assert pd.Series(list(MATRIX)).ruvector.describe()["column"].tolist() == ["column"]
