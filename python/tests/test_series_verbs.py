"""`similarity` and `distance` of columns: the numbers of a search, in the row's own place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._frames import target
from ruvector._frames.series import kinds
from ruvector._input.vectors import read_vectors

N, D = 60, 9
RNG = np.random.default_rng(1300)
ROWS = RNG.standard_normal((N, D), dtype=np.float32)
OTHERS = RNG.standard_normal((N, D), dtype=np.float32)
QUERY = RNG.standard_normal(D, dtype=np.float32)
LABELS = [f"row {i // 2}" for i in range(N)]  # each twice
KINDS = ("pandas object", "pandas Arrow", "polars Array", "polars List", "Array", "ChunkedArray")
SCORES = {
    ("similarity", "cosine"): "cosine_similarity",
    ("similarity", "dot"): "dot_product",
    ("distance", "cosine"): "cosine_distance",
    ("distance", "l2"): "l2_distance",
    ("distance", "euclidean"): "l2_distance",
    ("distance", "sqeuclidean"): "sqeuclidean_distance",
}
TALLIES: list[list[str]] = []


def fixed(rows: npt.NDArray[Any], null: list[int]) -> Any:
    mask = np.zeros(len(rows), bool)
    mask[null] = True
    return pa.FixedSizeListArray.from_arrays(
        pa.array(rows.reshape(-1)), rows.shape[1], mask=pa.array(mask) if null else None
    )


def column(kind: str, rows: npt.NDArray[Any], null: list[int]) -> Any:
    """Return rows as a column, some of them null."""
    if kind == "pandas object":
        cells = [None if i in null else row for i, row in enumerate(rows)]
        return pd.Series(cells, index=LABELS[: len(rows)], name="emb", dtype=object)
    if kind == "pandas Arrow":
        dtype = pd.ArrowDtype(pa.list_(pa.from_numpy_dtype(rows.dtype), rows.shape[1]))
        values = pd.array(fixed(rows, null), dtype=dtype)
        return pd.Series(values, index=LABELS[: len(rows)], name="emb")
    if kind.startswith("polars"):
        cells = [None if i in null else row.tolist() for i, row in enumerate(rows)]
        inner = pl.Float64 if rows.dtype == np.float64 else pl.Float32
        dtype = pl.Array(inner, rows.shape[1]) if kind == "polars Array" else pl.List(inner)
        return pl.Series("emb", cells, dtype=dtype)
    array = fixed(rows, null)
    if kind == "Array":
        return array
    return pa.chunked_array([array[:7], array[7:7], array[7:]])


def values(answer: Any) -> npt.NDArray[np.float32]:
    """Return an answer as NumPy, null as NaN, having looked at its type."""
    if isinstance(answer, pd.Series):
        assert answer.dtype == np.float32
        return answer.to_numpy()
    if isinstance(answer, pl.Series):
        assert answer.dtype == pl.Float32
        assert answer.is_nan().sum() == 0
        return answer.fill_null(float("nan")).to_numpy()
    assert answer.type == pa.float32()
    assert not any(v is not None and np.isnan(v) for v in answer.to_pylist())
    return np.array([np.nan if v is None else v for v in answer.to_pylist()], np.float32)


def searched(rows: npt.NDArray[Any], query: Any, metric: str) -> npt.NDArray[np.float32]:
    """Return the score that a search gives each row."""
    found = rv.Index.build(rows, metric=metric).search(query, len(rows))  # type: ignore[arg-type]
    scores = np.empty(len(rows), np.float32)
    scores[found.ids.astype(int)] = found.scores
    return scores


def expected(verb: str, metric: str, rows: npt.NDArray[Any], query: Any) -> npt.NDArray[Any]:
    scores = searched(rows, query, metric)
    return np.float32(1) - scores if (verb, metric) == ("distance", "cosine") else scores


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("verb", "metric"), SCORES)
def test_scores_of_a_column_are_those_of_a_search(kind: str, verb: str, metric: str) -> None:
    null = [0, 5, N - 1]
    there = np.setdiff1d(np.arange(N), null)
    for dtype in (np.float32, np.float64):
        held = column(kind, ROWS.astype(dtype), null)
        answer = getattr(rv, verb)(held, QUERY, metric=metric)
        series = pd.Series, pl.Series, pa.ChunkedArray, pa.Array
        assert [isinstance(answer, t) for t in series] == [isinstance(held, t) for t in series]
        found = values(answer)
        assert np.isnan(found[null]).all()
        np.testing.assert_array_equal(found[there], expected(verb, metric, ROWS[there], QUERY))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_compared_with_the_rows_beside_them(kind: str) -> None:
    mine, theirs = column(kind, ROWS, [1, 4]), column(kind, OTHERS, [4, 9])
    for (verb, metric), _ in SCORES.items():
        found = values(getattr(rv, verb)(mine, theirs, metric=metric))
        assert np.flatnonzero(np.isnan(found)).tolist() == [1, 4, 9]
        for row in (0, 2, 30, N - 1):
            alone = getattr(rv, verb)(ROWS, OTHERS[row], metric=metric)
            assert found[row] == alone[row]


@pytest.mark.parametrize("kind", KINDS[:2])
def test_pandas_keeps_the_index_and_the_name_says_the_score(kind: str) -> None:
    held = column(kind, ROWS, [3])
    for (verb, metric), name in SCORES.items():
        answer = getattr(held.ruvector, verb)(QUERY, metric=metric)
        assert answer.name == name
        pd.testing.assert_index_equal(answer.index, held.index)
    with rv.config(score_column="score"):
        assert held.ruvector.similarity(QUERY).name == "score"
        assert held.ruvector.distance(QUERY).name == "score"


def test_a_multiindex_stays() -> None:
    index = pd.MultiIndex.from_product([["a", "b"], range(N // 2)], names=["x", "y"])
    held = pd.Series(list(ROWS), index=index)
    pd.testing.assert_index_equal(held.ruvector.similarity(QUERY).index, index)


def test_a_subclass_of_series_stays() -> None:
    class Mine(pd.Series):  # type: ignore[misc,unused-ignore]
        @property
        def _constructor(self) -> Any:
            return Mine

    assert type(rv.similarity(Mine(list(ROWS)), QUERY)) is Mine


def test_polars_names_the_score() -> None:
    held: Any = column("polars Array", ROWS, [3])
    for (verb, metric), name in SCORES.items():
        assert getattr(held.ruvector, verb)(QUERY, metric=metric).name == name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [0, 1])
def test_columns_of_no_row_and_of_one(kind: str, rows: int) -> None:
    held = column(kind, ROWS[:rows], [])
    assert values(rv.similarity(held, QUERY)).shape == (rows,)
    assert values(rv.similarity(held, column(kind, OTHERS[:rows], []))).shape == (rows,)
    if rows:
        empty = column(kind, ROWS[:1], [0])
        assert np.isnan(values(rv.distance(empty, QUERY, metric="l2"))).all()
        assert np.isnan(values(rv.similarity(empty, empty))).all()


@pytest.mark.parametrize(
    "query",
    [QUERY.tolist(), QUERY.astype(np.float64), QUERY[None, :], pd.Series(QUERY), pl.Series(QUERY),
     pa.array(QUERY), tuple(QUERY.tolist()), QUERY.astype(object)],
    ids=lambda q: type(q).__name__,
)  # fmt: skip
def test_any_shape_of_a_query_is_one_vector(query: Any) -> None:
    for kind in KINDS:
        found = values(rv.similarity(column(kind, ROWS, []), query))
        np.testing.assert_array_equal(found, searched(ROWS, QUERY, "cosine"))


def test_a_cell_of_the_column_is_a_query() -> None:
    frame = pd.DataFrame({"emb": list(ROWS)})
    assert frame.emb.ruvector.similarity(frame.emb[3])[3] == 1.0
    assert frame.emb.ruvector.distance(frame.emb.iloc[3], metric="l2")[3] == 0.0


def test_matrices_and_lists_get_an_array() -> None:
    for held in (ROWS, ROWS.tolist(), list(ROWS)):
        answer: Any = rv.similarity(held, QUERY)
        assert isinstance(answer, np.ndarray)
        np.testing.assert_array_equal(answer, searched(ROWS, QUERY, "cosine"))
    np.testing.assert_array_equal(rv.distance(ROWS, OTHERS), rv.distance(OTHERS, ROWS))


def test_float64_is_not_rounded() -> None:
    rows = 1e6 + RNG.standard_normal((40, 3))
    query = rows[7] + 1e-4
    for kind in KINDS:
        found = values(rv.distance(column(kind, rows, []), query, metric="l2"))
        np.testing.assert_array_equal(found, searched(rows, query, "l2"))
        assert found.argmin() == 7


def test_a_column_of_numbers_of_any_type_is_compared_as_it_is_searched() -> None:
    whole = RNG.integers(-9, 9, (N, D))
    for dtype in (np.int8, np.int16, np.int64, np.uint8, np.float16):
        rows = np.abs(whole).astype(dtype)
        for make in (lambda r: pd.Series(list(r)), lambda r: pl.Series(r.tolist()), lambda r: r):
            found = np.asarray(rv.similarity(make(rows), QUERY))
            np.testing.assert_array_equal(found, searched(rows, QUERY, "cosine"))


# ---- text ----


def embed(texts: list[str]) -> npt.NDArray[np.float32]:
    TALLIES.append(list(texts))
    return np.array([[len(t), t.count("a"), 1.0] for t in texts], np.float32)


@pytest.mark.parametrize("library", [pd, pl])
def test_text_is_compared_with_text(library: Any) -> None:
    texts = library.Series("body", ["aa", "b", None]) if library is pl else None
    texts = pd.Series(["aa", "b", None], name="body") if texts is None else texts
    found = values(rv.similarity(texts, "aa", embedder=embed))
    assert found[0] == pytest.approx(1)
    assert found[1] < 1
    assert np.isnan(found[2])
    beside = values(rv.similarity(texts, texts, embedder=embed))
    np.testing.assert_allclose(beside, [1, 1, np.nan], rtol=1e-6)


def test_text_needs_an_embedder_where_the_column_is_vectors() -> None:
    held = pd.Series(list(ROWS[:, :3]), name="emb")
    for other in ("some text", pd.Series(["a"] * N), ["a"] * N):
        with pytest.raises(rv.EmbedError, match=r"'emb'.*embedder="):
            held.ruvector.similarity(other)
        assert len(held.ruvector.similarity(other, embedder=embed)) == N


# ---- errors ----


@pytest.mark.parametrize(
    ("verb", "metric", "way"),
    [
        ("similarity", "l2", r"distance\(..., metric='l2'\)"),
        ("similarity", "euclidean", r"distance\(..., metric='l2'\)"),
        ("similarity", "sqeuclidean", r"distance\(..., metric='sqeuclidean'\)"),
        ("distance", "dot", r"similarity\(..., metric='dot'\)"),
        ("similarity", "hamming", "search or within"),
        ("distance", "jaccard", "search or within"),
        ("distance", "ip", "is not a metric"),
        ("similarity", None, "is not a metric"),
    ],
)
def test_a_metric_of_the_other_kind_names_the_verb_that_has_it(
    verb: str, metric: Any, way: str
) -> None:
    for held in (ROWS, column("polars Array", ROWS, []), ROWS[:0]):
        with pytest.raises(rv.MetricError, match=way):
            getattr(rv, verb)(held, QUERY, metric=metric)


@pytest.mark.sample(3)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_rows_are_named_or_left_out(kind: str, bad: float) -> None:
    rows = ROWS.copy()
    rows[11, 2] = bad
    held = column(kind, rows, [3])
    with pytest.raises(rv.InvalidVector, match=r"column '(emb|column)'.*row 11.*column 2") as told:
        rv.similarity(held, QUERY)
    assert (told.value.row, told.value.column) == (11, 2)
    with rv.config(bad_vectors="skip"):
        found = values(rv.similarity(held, QUERY))
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 11]
    with pytest.raises(rv.InvalidVector, match=r"other column.*row 11"):
        rv.distance(column(kind, ROWS, []), held)


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_a_bad_query_is_an_error_whatever_is_skipped(bad: float) -> None:
    query = QUERY.copy()
    query[4] = bad
    for skip in ("error", "skip"):
        with (
            rv.config(bad_vectors=skip),  # type: ignore[arg-type]
            pytest.raises(rv.InvalidVector, match=r"^query: column 4 holds .*drop the query"),
        ):
            rv.similarity(column("polars List", ROWS, []), query)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_that_do_not_fit_are_named(kind: str) -> None:
    held = column(kind, ROWS, [])
    with pytest.raises(rv.DimensionMismatch, match=r"3.*9|9.*3"):
        rv.similarity(held, [1.0, 2.0, 3.0])
    with pytest.raises(rv.DimensionMismatch, match=r"9.*5"):
        rv.similarity(held, column(kind, OTHERS[:, :5], []))
    with pytest.raises(rv.InvalidVector, match="60 rows, and 2 vectors"):
        rv.similarity(held, OTHERS[:2])
    for other in (OTHERS[:59], [*OTHERS.tolist(), QUERY.tolist()]):
        with pytest.raises(rv.InvalidVector, match="one vector for all rows"):
            rv.distance(held, other)


def test_a_series_of_another_index_is_refused() -> None:
    held = pd.Series(list(ROWS))
    other = pd.Series(list(OTHERS)).sort_index(ascending=False)
    with pytest.raises(rv.InvalidArgument, match=r"another index.*to_numpy"):
        held.ruvector.similarity(other)
    np.testing.assert_array_equal(
        held.ruvector.similarity(other.to_numpy()), rv.similarity(ROWS, OTHERS[::-1])
    )


@pytest.mark.parametrize("verb", ["similarity", "distance"])
def test_a_whole_frame_is_refused_and_the_way_named(verb: str) -> None:
    frame = pd.DataFrame({"emb": list(ROWS)})
    table = pa.table({"emb": fixed(ROWS, [])})
    for held in (frame, pl.DataFrame({"emb": ROWS}), table, table.to_batches()[0]):
        with pytest.raises(rv.ColumnError, match=rf"rv\.{verb}\(frame\["):
            getattr(rv, verb)(held, QUERY)
    for lazy in (pl.DataFrame({"emb": ROWS}).lazy(), pl.col("emb")):
        with pytest.raises(rv.ColumnError, match=rf"pl\.col\('emb'\)\.ruvector\.{verb}"):
            getattr(rv, verb)(lazy, QUERY)


def test_a_column_of_something_else_is_refused() -> None:
    for held in (pd.Series([1.0, 2.0]), pl.Series([1, 2]), pa.array([True]), pd.Series([b"ab"])):
        with pytest.raises((rv.ColumnError, rv.InvalidVector)):
            rv.similarity(held, QUERY)


# ---- the whole of it ----


def test_arrow_memory_is_read_where_it_lies() -> None:
    array = column("Array", ROWS, [])
    assert read_vectors(array).address() == array.values.buffers()[1].address
    series = column("polars Array", ROWS, [])
    assert read_vectors(series).address() == series.to_numpy(allow_copy=False).ctypes.data
    frame, label = kinds.framed(series) or (None, None)
    assert frame is not None
    opened = target.open_target(frame, label, None, None, target.Stages()).vectors
    assert opened is not None
    assert opened.address() == series.to_numpy(allow_copy=False).ctypes.data


def test_long_columns_are_scored_by_a_task() -> None:
    rows = np.tile(ROWS, (12_000, 1))
    found = rv.similarity(rows, QUERY)
    np.testing.assert_array_equal(found, np.tile(rv.similarity(ROWS, QUERY), 12_000))


numbers = st.floats(-1e3, 1e3, width=32) | st.just(0.0)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    rows=st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=8),
    query=st.lists(numbers, min_size=3, max_size=3),
    nulls=st.sets(st.integers(0, 7)),
    scored=st.sampled_from(list(SCORES)),
)
def test_any_column_against_numpy(
    kind: str, rows: Any, query: Any, nulls: set[int], scored: tuple[str, str]
) -> None:
    verb, metric = scored
    matrix = np.array(rows, np.float32)
    null = sorted(i for i in nulls if i < len(rows))
    found = values(getattr(rv, verb)(column(kind, matrix, null), query, metric=metric))
    wide, q = matrix.astype(np.float64), np.array(query)
    if metric == "cosine":
        norms = np.linalg.norm(wide, axis=1) * np.linalg.norm(q)
        cosines = np.divide(wide @ q, norms, out=np.zeros(len(wide)), where=norms > 0)
        model = cosines if verb == "similarity" else 1 - cosines
    elif metric == "dot":
        model = wide @ q
    else:
        model = np.linalg.norm(wide - q, axis=1)
        model = model**2 if metric == "sqeuclidean" else model
    model[null] = np.nan
    np.testing.assert_allclose(found, model, rtol=3e-6, atol=3e-6)
