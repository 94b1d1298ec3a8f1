"""Lazy polars frames: part of the plan, a schema without collecting, errors at once."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable
from typing import Any

import narwhals
import narwhals.stable.v1
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv

N, D = 60, 4
MATRIX = np.random.default_rng(6).standard_normal((N, D), dtype=np.float32)
QUERY = MATRIX[17] + np.float32(0.01)
FRAME = pl.DataFrame(
    {
        "id": range(N),
        "word": (["refund", "late", None, "size", ""] * N)[:N],
        "emb": pl.Series(MATRIX, dtype=pl.Array(pl.Float32, D)),
    }
)
LISTS = FRAME.with_columns(pl.col("emb").arr.to_list())


class Counted:
    """An embedder of letters that counts the texts it was asked for."""

    def __init__(self) -> None:
        self.texts = 0

    def __call__(self, texts: list[str]) -> Any:
        self.texts += len(texts)
        return np.array([[len(t), t.count("e"), t.count("r"), 1] for t in texts], np.float32)


def lengths(query: str, texts: list[str]) -> list[float]:
    """Score texts by how unlike the query's their length is."""
    return [abs(len(text) - len(query)) for text in texts]


LETTERS = Counted()
Verb = Callable[[Any], Any]
GIVEN = rv.build_index(FRAME, "emb", metric="l2")
BY_ID = rv.build_index(FRAME, "emb", ids="id")
VERBS: dict[str, Verb] = {
    "search": lambda f: rv.search(f, QUERY, k=5),
    "batch": lambda f: rv.search(f, MATRIX[:3], k=2, metric="l2"),
    "empty batch": lambda f: rv.search(f, MATRIX[:0], k=2),
    "columns": lambda f: rv.search(f, QUERY, columns=["word"]),
    "no columns": lambda f: rv.search(f, QUERY, columns=[]),
    "on": lambda f: rv.search(f, QUERY, on="emb", k=70),
    "where": lambda f: rv.search(f, QUERY, where=pl.col("id") > 30),
    "where sql": lambda f: rv.search(f, QUERY, where="id > 30 AND word = 'late'"),
    "where mask": lambda f: rv.search(f, QUERY, where=np.arange(N) > 30),
    "where series": lambda f: rv.search(f, QUERY, where=FRAME["id"] > 30),
    "where call": lambda f: rv.search(f, QUERY, where=lambda d: d["id"] > d["id"].min() + 3),
    "where nothing": lambda f: rv.search(f, QUERY, where=pl.col("id") < 0),
    "by": lambda f: rv.search(f, QUERY, k=2, by="word"),
    "by, batch": lambda f: rv.search(f, MATRIX[:2], k=1, by=["word", "id"]),
    "threshold": lambda f: rv.search(f, QUERY, min_similarity=0.99),
    "diverse": lambda f: rv.search(f, QUERY, diversity=0.4),
    "index": lambda f: rv.search(f, MATRIX[:2], k=2, index=GIVEN),
    "index of ids": lambda f: rv.search(f, QUERY, k=2, index=BY_ID),
    "ids_on": lambda f: rv.search(f, QUERY, k=2, index=BY_ID, ids_on="id"),
    "text": lambda f: rv.search(f, "refund", k=3, text="word", embedder=LETTERS),
    "texts": lambda f: rv.search(f, ["refund", "x"], k=3, text="word", embedder=LETTERS),
    "no texts": lambda f: rv.search(f, np.zeros((0, 4)), k=3, text="word", embedder=LETTERS),
    "frame": lambda f: rv.search(f, FRAME[:2], k=1),
    "rerank": lambda f: rv.search(f, "x", k=2, text="word", embedder=LETTERS, reranker=lengths),
    "rerank, where": lambda f: rv.search(
        f, ["x", "size"], k=2, on="emb", embedder=LETTERS, reranker=lengths, where=np.arange(N) > 9
    ),
    "hybrid": lambda f: rv.hybrid(f, "refund", k=3, text="word", embedder=LETTERS),
    "hybrid, batch": lambda f: rv.hybrid(f, ["late", "x"], text="word", on="emb", embedder=LETTERS),
    "hybrid, index": lambda f: rv.hybrid(f, "size", text="word", index=BY_ID, embedder=LETTERS),
    "within": lambda f: rv.within(f, QUERY, min_similarity=0.5),
    "within, batch": lambda f: rv.within(f, MATRIX[:2], max_distance=1.5, metric="l2", limit=3),
    "within, index": lambda f: rv.within(f, QUERY, max_distance=1.5, index=GIVEN),
    "dedup": lambda f: rv.dedup(f, min_similarity=0.7),
    "dedup, last": lambda f: rv.dedup(f, max_distance=1.5, metric="l2", keep="last", by="word"),
    "groups": lambda f: rv.duplicate_groups(f, min_similarity=0.7),
    "groups, columns": lambda f: rv.duplicate_groups(f, min_similarity=0.7, columns=["id"]),
    "hybrid, four": lambda f: rv.hybrid(f, "late", text="word", embedder=LETTERS, k=4),
    "hybrid, vectors": lambda f: rv.hybrid(f, "late", text="word", on="emb", embedder=LETTERS),
    "hybrid, texts": lambda f: rv.hybrid(f, ["late", "size"], text="word", embedder=LETTERS),
    "hybrid, where": lambda f: rv.hybrid(f, "late", text="word", embedder=LETTERS, where="id > 9"),
    "neighbors": lambda f: rv.neighbors(f, 3),
    "neighbors, column": lambda f: rv.neighbors(f, 3, metric="l2", out="column"),
    "similar": lambda f: rv.similar_to(f, 7, k=4),
    "similar, last": lambda f: rv.similar_to(f, -1, k=4, where=pl.col("id") > 9),
    "similar, text": lambda f: rv.similar_to(f, 1, k=4, text="word", embedder=LETTERS),
    "similar, index": lambda f: rv.similar_to(f, 3, k=4, index=BY_ID),
    "join index": lambda f: rv.sim_join(f, GIVEN, k=2),
    "join index, left": lambda f: rv.sim_join(f, BY_ID, how="left", min_similarity=0.999),
    "join": lambda f: rv.sim_join(f, FRAME.head(9), on="emb", k=2),
    "join, left": lambda f: rv.sim_join(f, FRAME.head(9), how="left", max_distance=1, metric="l2"),
    "join, by": lambda f: rv.sim_join(f, FRAME, by="word", k=2),
    "join, text": lambda f: rv.sim_join(f, FRAME.head(9), on="word", embedder=LETTERS),
    "join, where": lambda f: rv.sim_join(f, FRAME, where_right=pl.col("id") > 50),
    "embed": lambda f: rv.embed(f, "word", embedder=LETTERS),
    "embed into": lambda f: rv.embed(f, "word", into="vectors", embedder=LETTERS),
}


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@pytest.mark.parametrize("frame", [FRAME, LISTS], ids=["array", "list"])
def test_a_lazy_answer_is_the_eager_one_and_its_schema_is_known(
    name: str, engine: Any, frame: pl.DataFrame
) -> None:
    verb = VERBS[name]
    planned = verb(frame.lazy())
    assert isinstance(planned, pl.LazyFrame)
    want = verb(frame)
    assert planned.collect_schema() == want.schema
    got = planned.collect(engine=engine)
    assert got.equals(want)
    assert got.schema == want.schema


@pytest.mark.parametrize(
    "name", [n for n in VERBS if n not in ("where mask", "where series", "rerank, where")]
)
def test_empty_frames_have_the_schema_that_was_told(name: str) -> None:
    if (
        "index" in name.replace("join index", "")
        or name in ("ids_on", "where call")
        or "similar" in name
    ):
        return  # an index is of the frame's rows; no row is the least
    planned = VERBS[name](FRAME.clear().lazy())
    assert planned.collect().schema == planned.collect_schema()
    assert planned.collect().height == 0


def test_columns_without_a_text_embed_to_null_vectors_of_the_schema() -> None:
    frame = pl.DataFrame({"t": [None, None]}, schema={"t": pl.String})
    planned = rv.embed(frame.lazy(), "t", embedder=LETTERS)
    assert planned.collect_schema()["embedding"] == pl.Array(pl.Float32, 4)
    assert planned.collect()["embedding"].null_count() == 2


@pytest.mark.parametrize(
    ("verb", "error", "match"),
    [
        (lambda f: rv.search(f, QUERY, on="nothing"), rv.ColumnError, "nothing"),
        (lambda f: rv.search(f, QUERY, on="word", text="word"), rv.InvalidArgument, "give one"),
        (lambda f: rv.search(f, QUERY[:3]), rv.DimensionMismatch, "3"),
        (lambda f: rv.search(f, QUERY[:3], index=GIVEN), rv.DimensionMismatch, "3"),
        (lambda f: rv.search(f, QUERY, k=-1), rv.InvalidArgument, "k=-1"),
        (lambda f: rv.search(f, QUERY, metric="ip"), rv.MetricError, "dot"),
        (lambda f: rv.search(f, QUERY, metric="l2", index=BY_ID), rv.MetricError, "cosine"),
        (lambda f: rv.search(f, QUERY, max_distance=1), rv.MetricError, "min_similarity"),
        (lambda f: rv.search(f, QUERY, where=pl.col("cost") > 1), rv.InvalidArgument, "cost"),
        (lambda f: rv.search(f, QUERY, where="cost > 1"), rv.InvalidArgument, "cost"),
        (lambda f: rv.search(f, QUERY, where="id >"), rv.InvalidArgument, "SQL"),
        (lambda f: rv.search(f, QUERY, by="nothing"), rv.ColumnError, "nothing"),
        (lambda f: rv.search(f, QUERY, columns=["nothing"]), rv.ColumnError, "nothing"),
        (lambda f: rv.search(f, QUERY, columns=["id", "id"]), rv.InvalidArgument, "twice"),
        (lambda f: rv.search(f, QUERY, top_k=3), TypeError, "k=3"),
        (lambda f: rv.search(f, QUERY, ids_on="nothing", index=BY_ID), rv.ColumnError, "nothing"),
        (lambda f: rv.search(f, [[1.0], [1.0, 2.0]]), rv.InvalidVector, "row 1"),
        (lambda f: rv.within(f, QUERY), rv.InvalidArgument, "threshold"),
        (lambda f: rv.sim_join(f, FRAME, on="nothing"), rv.ColumnError, "nothing"),
        (lambda f: rv.sim_join(f, FRAME, right_on="nothing"), rv.ColumnError, "nothing"),
        (lambda f: rv.sim_join(f, GIVEN, min_similarity=1), rv.MetricError, "max_distance"),
        (lambda f: rv.sim_join(f, FRAME, by="nothing"), rv.ColumnError, "nothing"),
        (lambda f: rv.sim_join(f, FRAME.to_pandas()), rv.InvalidArgument, "convert"),
        (lambda f: rv.sim_join(f, rv.Index.build(np.eye(3))), rv.DimensionMismatch, "3"),
        (lambda f: rv.similar_to(f, "a"), rv.UnknownId, "row number"),
        (lambda f: rv.neighbors(f, -1), rv.InvalidArgument, "k=-1"),
        (lambda f: rv.neighbors(f, out="csr"), rv.InvalidArgument, r"cannot be lazy; collect"),
        (lambda f: rv.dedup(f, min_similarity=2), rv.InvalidArgument, "min_similarity"),
        (lambda f: rv.hybrid(f, "a", text="emb"), rv.ColumnError, "not of text"),
        (lambda f: rv.embed(f, "emb"), rv.ColumnError, "not of text"),
        (lambda f: rv.embed(f, "word", into="id"), rv.ColumnError, "already"),
        (lambda f: rv.search(f.with_columns(rank=1), MATRIX[:2]), rv.ColumnError, "rank"),
        (lambda f: rv.search(f.drop("emb"), QUERY), rv.ColumnError, "text='word'"),
        (lambda f: rv.search(f.with_columns(b=pl.col("emb")), QUERY), rv.ColumnError, "'b'"),
        (lambda f: rv.search(f.select("nope"), QUERY), pl.exceptions.ColumnNotFoundError, "nope"),
    ],
)  # fmt: skip
def test_wrong_arguments_fail_at_once(verb: Verb, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        verb(FRAME.lazy())


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_errors_of_the_rows_keep_type_message_and_place(engine: Any) -> None:
    bad = MATRIX.copy()
    bad[5, 2] = np.nan
    frame = FRAME.with_columns(emb=pl.Series(bad, dtype=pl.Array(pl.Float32, D)))
    with pytest.raises(rv.InvalidVector) as eager:
        rv.search(frame, QUERY)
    with pytest.raises(rv.InvalidVector) as lazy:
        rv.search(frame.lazy(), QUERY).collect(engine=engine)
    assert str(lazy.value) == str(eager.value)
    assert (lazy.value.row, lazy.value.column) == (5, 2)
    with pytest.raises(rv.InvalidArgument, match="3 values, there are 60 rows"):
        rv.search(FRAME.lazy(), QUERY, where=np.ones(3, bool)).collect(engine=engine)
    with pytest.raises(rv.VectorsChanged):
        rv.search(FRAME.reverse().lazy(), QUERY, index=GIVEN).collect(engine=engine)


def test_rows_of_streamed_errors_are_said_to_be_counted_in_their_batch() -> None:
    bad = MATRIX.copy()
    bad[5, 2] = np.nan
    frame = pl.DataFrame({"emb": pl.Series(bad, dtype=pl.Array(pl.Float32, D))})
    with pytest.raises(rv.InvalidVector, match="row") as caught:
        rv.sim_join(frame.lazy(), GIVEN).collect(engine="streaming")
    assert "counted in its batch" in caught.value.__notes__[0]


def test_what_follows_is_not_pushed_below_the_search() -> None:
    planned = rv.search(FRAME.lazy(), QUERY, k=3)
    found = rv.search(FRAME, QUERY, k=3)
    assert planned.filter(pl.col("id") > 1000).collect().height == 0
    assert planned.filter(pl.col("id") == found["id"][2]).collect().equals(found[2:])
    assert planned.select("id").head(2).collect().equals(found.select("id")[:2])
    assert planned.tail(1).collect().equals(found[2:])
    assert planned.select(pl.len()).collect().item() == 3
    before = rv.search(FRAME.lazy().filter(pl.col("id") > 30).select("id", "emb"), QUERY, k=2)
    assert before.collect().equals(rv.search(FRAME[31:].select("id", "emb"), QUERY, k=2))
    twice = rv.search(planned.drop("cosine_similarity"), QUERY, k=1).collect()
    assert twice.equals(found[:1])


def test_files_are_scanned_and_answers_sunk(tmp_path: pathlib.Path) -> None:
    FRAME.write_parquet(tmp_path / "in.parquet")
    planned = rv.search(pl.scan_parquet(tmp_path / "in.parquet"), QUERY, k=3)
    planned.sink_parquet(tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").equals(rv.search(FRAME, QUERY, k=3))


def test_embed_streams_batch_by_batch(tmp_path: pathlib.Path) -> None:
    frame = pl.concat([pl.DataFrame({"t": [f"text {i % 7}"] * 20_000}) for i in range(9)])
    planned = rv.embed(frame.lazy(), "t", embedder=LETTERS)
    planned.sink_parquet(tmp_path / "out.parquet")
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found.equals(rv.embed(frame, "t", embedder=LETTERS))
    if hasattr(pl.LazyFrame, "collect_batches"):
        batches = list(planned.collect_batches())
        assert len(batches) > 1
        assert pl.concat(batches).sort("t").equals(found.sort("t"))


@pytest.mark.parametrize("right", [GIVEN, FRAME.head(20)], ids=["index", "frame"])
@pytest.mark.parametrize("how", ["inner", "left"])
def test_joins_stream_batch_by_batch(tmp_path: pathlib.Path, right: Any, how: Any) -> None:
    rows = np.random.default_rng(8).standard_normal((300_000, D), dtype=np.float32)
    left = pl.DataFrame({"n": range(len(rows)), "emb": rows})
    left.write_parquet(tmp_path / "left.parquet", row_group_size=50_000)
    scanned = pl.scan_parquet(tmp_path / "left.parquet")
    planned = rv.sim_join(scanned, right, k=2, how=how, metric="l2", max_distance=0.5)
    want = rv.sim_join(left, right, k=2, how=how, metric="l2", max_distance=0.5)
    planned.sink_parquet(tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").equals(want)
    assert planned.select(pl.len()).collect(engine="streaming").item() == want.height
    if hasattr(pl.LazyFrame, "collect_batches"):
        batches = list(planned.collect_batches(maintain_order=True))
        assert len(batches) > 1
        assert pl.concat(batches).equals(want)


def test_a_lazy_frame_is_joined_with_a_lazy_frame() -> None:
    want = rv.sim_join(FRAME, FRAME.head(9), on="emb", k=2)
    planned = rv.sim_join(FRAME.lazy(), FRAME.lazy().head(9), on="emb", k=2)
    assert planned.collect_schema() == want.schema
    assert planned.collect().equals(want)
    with pytest.raises(rv.ColumnError, match=r"right frame.*nothing"):
        rv.sim_join(FRAME.lazy(), FRAME.lazy(), right_on="nothing")
    with pytest.raises(rv.ColumnError, match=r"left frame.*nothing"):
        rv.sim_join(FRAME.lazy(), FRAME.lazy(), left_on="nothing")
    with pytest.raises(rv.InvalidArgument, match=r"right side.*collect\(\)"):
        rv.sim_join(FRAME, FRAME.lazy())


def test_a_lazy_frame_is_asked_with_a_lazy_frame() -> None:
    planned = rv.search(FRAME.lazy(), FRAME.lazy().head(2), k=2)
    want = rv.search(FRAME, FRAME.head(2), k=2)
    assert planned.collect_schema() == want.schema
    assert planned.collect().equals(want)


def test_no_text_is_embedded_before_the_frame_is_collected() -> None:
    letters = Counted()
    planned = rv.search(FRAME.lazy(), "refund", text="word", embedder=letters)
    assert letters.texts == 0
    planned.collect()
    assert letters.texts > 0


def test_a_score_column_is_called_as_it_was_set_when_the_search_was_planned() -> None:
    with rv.config(score_column="closeness"):
        planned = rv.search(FRAME.lazy(), QUERY, k=2)
    assert planned.collect_schema().names()[-1] == "closeness"
    assert planned.collect().columns[-1] == "closeness"


def test_objects_must_be_named() -> None:
    cells = pl.Series("o", list(MATRIX), dtype=pl.Object)
    frame = pl.DataFrame({"id": range(N)}).with_columns(cells)
    with pytest.raises(rv.ColumnError, match=r"'o' holds Python objects.*on="):
        rv.search(frame.lazy(), QUERY)
    planned = rv.search(frame.lazy(), QUERY, on="o", k=3, columns=["id"])
    assert planned.collect().equals(rv.search(frame, QUERY, on="o", k=3, columns=["id"]))


def test_verbs_that_need_the_rows_say_to_collect() -> None:
    lazy: Any = FRAME.lazy()
    verbs: list[Verb] = [rv.describe, rv.build_index, lambda f: rv.explain(f, QUERY)]
    for verb in [*verbs, lambda f: f.ruvector.describe(), lambda f: f.ruvector.build_index()]:
        with pytest.raises(rv.InvalidArgument, match=r"LazyFrame.*collect\(\) it first"):
            verb(lazy)


def test_the_accessor_of_lazy_frames_lists_what_is_lazy() -> None:
    lazy: Any = FRAME.lazy()
    assert lazy.ruvector.search(QUERY, k=2).collect().equals(rv.search(FRAME, QUERY, k=2))
    told = repr(lazy.ruvector)
    for name in ("search", "within", "embed"):
        assert f"\n  .{name} " in told
        assert name in dir(lazy.ruvector)
    assert ".describe" not in told and "describe" not in dir(lazy.ruvector)
    with pytest.raises(AttributeError, match="search"):
        lazy.ruvector.knn()


@pytest.mark.parametrize("home", [narwhals, narwhals.stable.v1])
def test_lazy_frames_of_narwhals_over_polars_stay_lazy(home: Any) -> None:
    lazy = home.from_native(FRAME.lazy())
    planned = rv.search(lazy, QUERY, k=2)
    assert isinstance(planned, home.LazyFrame)
    assert planned.collect().to_native().equals(rv.search(FRAME, QUERY, k=2))


def test_a_plan_is_told_of_the_thread_that_collected() -> None:
    rv.search(FRAME.lazy(), MATRIX[:3], k=2).collect(engine="in-memory")
    plan = rv.last_plan()
    assert plan is not None and plan.queries == 3


@settings(deadline=None)
@given(
    st.lists(st.none() | st.lists(st.integers(-3, 3), min_size=2, max_size=2), max_size=9),
    st.integers(0, 5),
    st.sampled_from(["cosine", "dot", "l2", "sqeuclidean"]),
    st.sampled_from([pl.Array(pl.Float32, 2), pl.List(pl.Float64), pl.List(pl.Int64)]),
    st.booleans(),
)
def test_random_frames_have_the_eager_answer(
    cells: list[Any], k: int, metric: Any, dtype: Any, batch: bool
) -> None:
    frame = pl.DataFrame({"emb": cells}, schema={"emb": dtype}).with_row_index("id")
    query: Any = [[1.0, 2.0], [0.5, -1.0]] if batch else [1.0, 2.0]
    want = rv.search(frame, query, k=k, metric=metric, on="emb")
    planned = rv.search(frame.lazy(), query, k=k, metric=metric)
    assert planned.collect_schema() == want.schema
    assert planned.collect().equals(want)


def test_the_accessor_lists_its_verbs() -> None:
    eager: Any = FRAME
    told, page = repr(eager.ruvector), eager.ruvector._repr_html_()
    for name, text in itertools.product(("search", "describe", "build_index"), (told, page)):
        assert f".{name}" in text
    assert "Find the rows of a frame nearest to a text or a vector." in told
    assert max(map(len, told.splitlines())) < 120
