"""`pl.col("v").ruvector`: row by row in every context and engine, with a type known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv

N, D = 40, 6
RNG = np.random.default_rng(1301)
ROWS = RNG.standard_normal((N, D), dtype=np.float32)
OTHERS = RNG.standard_normal((N, D), dtype=np.float32)
QUERY = RNG.standard_normal(D, dtype=np.float32)
NULL = [2, 11, N - 1]
TYPES = {
    "Array": pl.Array(pl.Float32, D),
    "List": pl.List(pl.Float32),
    "Array64": pl.Array(pl.Float64, D),
    "List64": pl.List(pl.Float64),
}
IX = rv.Index.build(OTHERS)
BY_NAME = rv.Index.build(OTHERS, ids=[f"doc {i}" for i in range(N)], metric="l2")
BY_UINT = rv.Index.build(OTHERS, ids=np.arange(N, dtype=np.uint64) + 2**63, metric="dot")
MODERN = int(pl.__version__.split(".")[0]) >= 2


def cells(matrix: Any, null: list[int]) -> list[Any]:
    return [None if i in null else row for i, row in enumerate(matrix.tolist())]


def frame(kind: str = "Array") -> pl.DataFrame:
    """Return rows of vectors, some null in `v`, others in `w`, in four groups."""
    return pl.DataFrame(
        {
            "v": pl.Series(cells(ROWS, NULL), dtype=TYPES[kind]),
            "w": pl.Series(cells(OTHERS, [0, 11]), dtype=TYPES[kind]),
            "g": [i % 4 for i in range(N)],
        }
    )


def v() -> Any:
    return pl.col("v").ruvector


def w() -> pl.Expr:
    return pl.col("w")


# Every verb, and the name and type of its answer; None is the type of the column.
VERBS: dict[str, tuple[Callable[[], pl.Expr], str, Any]] = {
    "cosine": (lambda: v().similarity(QUERY), "cosine_similarity", pl.Float32()),
    "dot": (lambda: v().similarity(QUERY, metric="dot"), "dot_product", pl.Float32()),
    "beside": (lambda: v().similarity(w()), "cosine_similarity", pl.Float32()),
    "cosine distance": (lambda: v().distance(QUERY), "cosine_distance", pl.Float32()),
    "l2": (lambda: v().distance(QUERY, metric="l2"), "l2_distance", pl.Float32()),
    "squared beside": (
        lambda: v().distance(w(), metric="sqeuclidean"), "sqeuclidean_distance", pl.Float32(),
    ),
    "near": (lambda: v().is_near(QUERY, min_similarity=0.1), "is_near", pl.Boolean()),
    "near beside": (lambda: v().is_near(w(), max_distance=3), "is_near", pl.Boolean()),
    "norm": (lambda: v().norm(), "norm", pl.Float32()),
    "normalize": (lambda: v().normalize(), "v", None),
    "knn": (
        lambda: v().knn(IX, k=3), "knn",
        pl.Struct({"id": pl.List(pl.Int64), "cosine_similarity": pl.List(pl.Float32)}),
    ),
    "knn names": (
        lambda: v().knn(BY_NAME, k=2), "knn",
        pl.Struct({"id": pl.List(pl.String), "l2_distance": pl.List(pl.Float32)}),
    ),
    "knn uint64": (
        lambda: v().knn(BY_UINT), "knn",
        pl.Struct({"id": pl.List(pl.UInt64), "dot_product": pl.List(pl.Float32)}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("verb", VERBS)
def test_the_type_is_known_before_anything_is_read(verb: str, kind: str) -> None:
    make, name, dtype = VERBS[verb]
    rows = frame(kind)
    dtype = TYPES[kind] if dtype is None else dtype
    planned = rows.lazy().select(make())
    if verb != "normalize" or hasattr(pl, "self_dtype"):  # before it is as polars tells it
        assert planned.collect_schema() == {name: dtype}
    assert planned.collect().schema == {name: dtype}
    assert rows[:0].select(make()).schema == {name: dtype}
    nothing = rows.with_columns(v=pl.lit(None, TYPES[kind]))
    answer = nothing.select(make())
    assert answer.schema == {name: dtype}
    assert answer.to_series().null_count() == N


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("verb", VERBS)
def test_every_context_and_engine_gives_the_same(verb: str, kind: str) -> None:
    make, name, _ = VERBS[verb]
    rows = frame(kind)
    want = rows.select(make()).to_series()
    null = {*NULL, 0} if "beside" in verb else set(NULL)
    assert set(want.is_null().arg_true()) == null
    lazy = rows.lazy()
    for found in (
        rows.with_columns(make().alias("x"))["x"],
        lazy.select(make()).collect().to_series(),
        lazy.select(make()).collect(engine="streaming").to_series(),
        lazy.with_columns(make().alias("x")).filter(pl.col("g") >= 0).collect()["x"],
    ):
        assert found.dtype == want.dtype
        assert found.to_list() == want.to_list()
    sliced = rows.slice(5, 30).select(make()).to_series()
    assert sliced.to_list() == want.slice(5, 30).to_list()
    chunked = pl.concat([rows[:7], rows[7:8], rows[8:]], rechunk=False)
    assert chunked.n_chunks() == 3
    assert chunked.select(make()).to_series().to_list() == want.to_list()
    assert lazy.filter(pl.col("g") == 1).select(make()).collect().to_series().to_list() == (
        want.gather(range(1, N, 4)).to_list()
    )
    assert lazy.select(make()).filter(pl.col(name).is_not_null()).collect().height == N - len(null)


@pytest.mark.parametrize("verb", ["cosine", "near", "norm", "normalize", "beside"])
def test_a_window_is_the_whole_column(verb: str) -> None:
    make, _, _ = VERBS[verb]
    rows = frame()
    assert rows.select(make().over("g")).equals(rows.select(make()))


def test_scores_are_those_of_the_function() -> None:
    rows = frame()
    mine: Any = rows["v"].ruvector  # type: ignore[attr-defined,unused-ignore]
    for metric in ("cosine", "dot"):
        found = rows.select(v().similarity(QUERY, metric=metric)).to_series()
        assert found.equals(mine.similarity(QUERY, metric=metric))
        found = rows.select(v().similarity(w(), metric=metric)).to_series()
        assert found.equals(mine.similarity(rows["w"], metric=metric))
    for metric in ("cosine", "l2", "sqeuclidean"):
        found = rows.select(v().distance(QUERY.tolist(), metric=metric)).to_series()
        assert found.equals(mine.distance(QUERY, metric=metric))


def test_a_computed_expression_is_compared_too() -> None:
    rows = frame("List")
    twice = rows.select(v().distance(pl.col("v"), metric="l2")).to_series().drop_nulls()
    assert (twice == 0).all()
    same = rows.select(v().similarity(v().normalize())).to_series().drop_nulls()
    np.testing.assert_allclose(same.to_numpy(), 1, rtol=1e-6)
    other_way = rows.select(v().similarity(w().reverse())).to_series()
    assert other_way[5] == rv.similarity(rows["v"][5:6], OTHERS[N - 6])[0]
    literal: Any = pl.lit(QUERY.tolist(), dtype=TYPES["List"])
    one = rows.select(v().similarity(literal)).to_series()
    assert one.equals(rv.similarity(rows["v"], QUERY))
    turned = rows.select(literal.ruvector.similarity(pl.col("v"))).to_series()
    assert turned.to_list() == one.to_list()
    none = rows.select(v().similarity(pl.lit(None, dtype=TYPES["List"]))).to_series()
    assert none.null_count() == N
    assert rows[:0].select(v().similarity(literal)).height == 0


def test_near_is_within_the_threshold_that_search_has() -> None:
    rows = frame().with_row_index("i")
    scores = rv.similarity(rows["v"], QUERY)
    bound = scores.drop_nulls().sort()[7]
    near = rows.filter(v().is_near(QUERY, min_similarity=bound))
    assert near["i"].to_list() == (scores >= bound).arg_true().to_list()
    within = rv.within(rows, QUERY, on="v", min_similarity=bound)
    assert sorted(within["i"]) == near["i"].to_list()
    far = rv.distance(rows["v"], QUERY, metric="l2")
    bound = far.drop_nulls().sort()[5]
    assert rows.filter(v().is_near(QUERY, max_distance=bound)).height == 6
    squared = v().is_near(QUERY, max_distance=bound**2 * 1.00001, metric="sqeuclidean")
    assert rows.filter(squared).height == 6
    assert rows.filter(~v().is_near(QUERY, min_similarity=-1)).height == 0


def test_knn_is_the_search_of_every_row() -> None:
    for index, score in ((IX, "cosine_similarity"), (BY_NAME, "l2_distance")):
        found = frame().select(v().knn(index, k=4)).unnest("knn")
        for i in range(N):
            if i in NULL:
                assert found.row(i) == (None, None)
                continue
            alone = index.search(ROWS[i], 4)
            assert found["id"][i].to_list() == alone.ids.tolist()
            assert found[score][i].to_list() == alone.scores.tolist()


def test_knn_of_a_small_index_is_shorter() -> None:
    few = rv.Index.build(OTHERS[:2])
    found = frame().select(v().knn(few, k=9)).unnest("knn")
    assert set(found["id"].list.len().drop_nulls()) == {2}
    some = rv.Index.build(np.array([[1, 0], [0, 1]], np.float32), metric="dot")
    none = pl.DataFrame({"v": [[1.0, 2.0]]}).select(v().knn(some, k=1, recall=1.0))
    assert none.to_series().to_list() == [{"id": [1], "dot_product": [2.0]}]
    empty = rv.Index.build(np.empty((0, D), np.float32))
    assert frame().select(v().knn(empty)).unnest("knn")["id"][0].to_list() == []


@pytest.mark.parametrize("kind", TYPES)
def test_normalized_vectors_keep_their_type_and_have_length_one(kind: str) -> None:
    rows = frame(kind)
    found = rows.select(v().normalize()).to_series()
    assert (found.name, found.dtype) == ("v", TYPES[kind])
    tight = 1e-15 if "64" in kind else 1e-7
    want = ROWS.astype(np.float64) / np.linalg.norm(ROWS.astype(np.float64), axis=1)[:, None]
    for i, row in enumerate(found.to_list()):
        if i not in NULL:
            np.testing.assert_allclose(row, want[i], rtol=2 * tight, atol=tight)
    direct: Any = rows["v"]
    assert direct.ruvector.normalize().equals(found)
    assert direct.ruvector.norm().equals(rows.select(v().norm()).to_series())


def test_lengths_are_exact_however_far_from_one() -> None:
    tiny = pl.DataFrame(
        {"v": pl.Series([[3e-300, 4e-300], [3e300, 4e300]], dtype=pl.List(pl.Float64))}
    )
    found = tiny.select(v().normalize()).to_series().to_list()
    np.testing.assert_allclose(found, [[0.6, 0.8]] * 2, rtol=1e-15)
    for power in (-140, -120, -99, 0, 60, 120):
        far = np.array([[3, 4], [5, 12]], np.float32) * np.float32(2.0) ** power
        held = pl.DataFrame({"v": pl.Series(far, dtype=pl.Array(pl.Float32, 2))})
        unit = held.select(v().normalize()).to_series().to_list()
        np.testing.assert_allclose(unit, [[0.6, 0.8], [5 / 13, 12 / 13]], rtol=2e-7)
    small = pl.DataFrame({"v": [[3.0, 4.0], [0.0, 0.0], None]})
    assert small.select(v().norm()).to_series().to_list() == [5.0, 0.0, None]


@pytest.mark.parametrize("kind", TYPES)
def test_a_zero_vector_has_no_direction(kind: str) -> None:
    rows = ROWS.copy()
    rows[4] = 0
    held = pl.DataFrame({"v": pl.Series(cells(rows, NULL), dtype=TYPES[kind])})
    found = held.select(v().normalize()).to_series()
    assert sorted(found.is_null().arg_true()) == sorted([*NULL, 4])


def test_whole_numbers_are_not_normalized_but_compared() -> None:
    held = pl.DataFrame({"v": [[3, 4], [1, 0]]})
    assert held.select(v().norm()).to_series().to_list() == [5, 1]
    assert held.select(v().similarity([1, 0])).to_series()[1] == 1
    with pytest.raises(rv.ColumnError, match=r"List\(Int64\).*cast.*Float32"):
        held.select(v().normalize())


def test_names_do_not_overwrite_the_vectors() -> None:
    rows = frame()
    wide = rows.with_columns(
        v().similarity(QUERY), v().norm(), v().is_near(QUERY, min_similarity=0)
    )
    assert wide.columns == ["v", "w", "g", "cosine_similarity", "norm", "is_near"]
    assert wide["v"].equals(rows["v"])
    named = rows.select(v().similarity(QUERY).alias("how like"))
    assert named.columns == ["how like"]
    both: Any = pl.col("v", "w")
    many = rows.select(both.ruvector.similarity(QUERY).name.suffix(" like"))
    assert many.columns == ["v like", "w like"]
    with rv.config(score_column="score"):
        assert rows.select(v().similarity(QUERY)).columns == ["score"]
        assert rows.select(v().knn(IX)).unnest("knn").columns == ["id", "score"]


def test_a_query_that_changes_before_the_plan_runs_is_not_seen() -> None:
    query = QUERY.copy()
    planned = frame().lazy().select(v().similarity(query))
    query[:] = 0
    assert planned.collect().to_series().equals(rv.similarity(frame()["v"], QUERY))


# ---- text ----


def embed(texts: list[str]) -> Any:
    return np.array([[len(t), t.count("a"), 1.0] for t in texts], np.float32)


def test_text_is_embedded() -> None:
    rows = pl.DataFrame({"t": ["aa", "b", None], "v": [[2.0, 2.0, 1.0], [1.0, 0.0, 1.0], None]})
    text: Any = pl.col("t")
    found = rows.select(text.ruvector.similarity("aa", embedder=embed)).to_series()
    assert found.to_list()[0] == pytest.approx(1)
    assert found[2] is None
    assert rows.select(v().similarity("aa", embedder=embed)).to_series()[0] == pytest.approx(1)
    beside = rows.select(v().similarity(pl.col("t"), embedder=embed)).to_series()
    np.testing.assert_allclose(beside.to_list()[:2], 1, rtol=1e-6)
    with pytest.raises(rv.EmbedError, match=r"embedder=.*pl\.col\('t'\)"):
        rows.select(v().similarity("t"))


# ---- errors ----


def test_what_is_wrong_beforehand_is_said_beforehand() -> None:
    for call, error, says in (
        (lambda: v().similarity(QUERY, metric="l2"), rv.MetricError, r"distance\(..., metric='l2'"),
        (lambda: v().distance(QUERY, metric="dot"), rv.MetricError, "similarity"),
        (lambda: v().similarity(OTHERS), rv.InvalidVector, r"pl\.col"),
        (lambda: v().similarity(frame()["w"]), rv.InvalidVector, r"pl\.col"),
        (lambda: v().similarity([[1.0], [2.0]]), rv.InvalidVector, "not one vector"),
        (lambda: v().similarity(frame()), rv.ColumnError, "query is a whole polars DataFrame"),
        (lambda: v().distance([0, np.nan]), rv.InvalidVector, "query: column 1 holds NaN; repair"),
        (lambda: v().is_near(QUERY), rv.InvalidArgument, "min_similarity=.*max_distance="),
        (
            lambda: v().is_near(QUERY, min_similarity=0.1, max_distance=1),
            rv.InvalidArgument, "one threshold",
        ),
        (lambda: v().is_near(QUERY, min_similarity=80), rv.InvalidArgument, "80 % is 0.8"),
        (lambda: v().is_near(QUERY, max_distance=1, metric="cosine"), rv.MetricError, "min_sim"),
        (lambda: v().is_near(QUERY, min_similarity=1, metric="l2"), rv.MetricError, "max_dist"),
        (lambda: v().is_near(QUERY, max_distance=1, metric="hamming"), rv.MetricError, "bits"),
        (lambda: v().knn(OTHERS), rv.InvalidArgument, r"Index\.build"),
        (lambda: v().knn(IX, k=0), rv.InvalidArgument, "k=0"),
        (lambda: v().knn(IX, recall=2), rv.InvalidArgument, "recall=2"),
        (lambda: v().cosine(QUERY), AttributeError, r"\.similarity\(other\)"),
        (lambda: v().search(QUERY), AttributeError, r"\.knn\(index, k=5\)"),
    ):  # fmt: skip
        with pytest.raises(error, match=says):
            call()


BAD = ROWS.copy()
BAD[23, 1] = np.nan


@pytest.mark.sample(3)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@pytest.mark.parametrize("verb", VERBS)
def test_errors_inside_keep_type_and_message(verb: str, engine: Any) -> None:
    make, _, _ = VERBS[verb]
    rows = frame().with_columns(v=pl.Series(cells(BAD, NULL), dtype=TYPES["Array"]))
    kinds = rv.InvalidVector if MODERN else (rv.InvalidVector, pl.exceptions.ComputeError)
    with pytest.raises(kinds, match=r"(row|query) \d+, column 1 holds NaN.*handed over"):
        rows.lazy().select(make()).collect(engine=engine)
    with rv.config(bad_vectors="skip"):
        found = rows.lazy().select(make()).collect(engine=engine).to_series()
    good = frame().select(make()).to_series()
    assert found[23] is None and good[23] is not None
    assert found.to_list()[24:] == good.to_list()[24:]


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("norm", "normalize")])
def test_another_number_of_dimensions_is_said(verb: str) -> None:
    make, _, _ = VERBS[verb]
    rows = frame().with_columns(v=pl.Series(cells(ROWS[:, :4], NULL), dtype=pl.List(pl.Float32)))
    kinds = rv.DimensionMismatch if MODERN else (rv.DimensionMismatch, pl.exceptions.ComputeError)
    with pytest.raises(kinds, match=r"4.*6|6.*4"):
        rows.select(make())


@pytest.mark.parametrize("verb", VERBS)
def test_a_column_of_something_else_is_refused(verb: str) -> None:
    make, _, _ = VERBS[verb]
    for values in ([1.5] * N, [True] * N):
        with pytest.raises((rv.RuVectorError, pl.exceptions.PolarsError)):
            frame().with_columns(v=pl.Series(values)).select(make())


# ---- any frame ----

numbers = st.floats(-1e3, 1e3, width=32, allow_subnormal=False) | st.just(0.0)
vectors = st.none() | st.lists(numbers, min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(vectors, vectors), min_size=1, max_size=9),
    kind=st.sampled_from([pl.List(pl.Float32), pl.Array(pl.Float32, 3)]),
    engine=st.sampled_from(["in-memory", "streaming"]),
    metric=st.sampled_from(["cosine", "dot", "l2", "sqeuclidean"]),
)
def test_any_frame_against_numpy(rows: Any, kind: Any, engine: Any, metric: str) -> None:
    held = pl.DataFrame(
        {"v": [a for a, _ in rows], "w": [b for _, b in rows]}, schema={"v": kind, "w": kind}
    )
    make = v().similarity if metric in ("cosine", "dot") else v().distance
    found = (
        held.lazy()
        .select(s=make(w(), metric=metric), n=v().norm(), u=v().normalize())
        .collect(engine=engine)
    )
    for i, (a, b) in enumerate(rows):
        if a is None:
            assert found.row(i) == (None, None, None)
            continue
        length = np.linalg.norm(a)
        np.testing.assert_allclose(found["n"][i], length, rtol=1e-6, atol=1e-30)
        if length:
            np.testing.assert_allclose(found["u"][i], np.array(a) / length, rtol=1e-6, atol=1e-7)
        assert (found["u"][i] is None) == (length == 0)
        if b is None:
            assert found["s"][i] is None
            continue
        x, y = np.array(a), np.array(b)
        product = length * np.linalg.norm(b)
        want = {
            "cosine": x @ y / product if product else 0.0, "dot": x @ y,
            "l2": np.linalg.norm(x - y), "sqeuclidean": ((x - y) ** 2).sum(),
        }[metric]  # fmt: skip
        np.testing.assert_allclose(found["s"][i], want, rtol=3e-6, atol=3e-6)
