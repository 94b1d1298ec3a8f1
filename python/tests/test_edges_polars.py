"""Every verb on every odd frame of polars: the rows of the plain one, as the odd one has them."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from every_verb import (
    ABOUT,
    GROUPS,
    QUERY,
    ROWS,
    TEXTS,
    VERBS,
    D,
    N,
    polars_frame,
    short_of,
    worded,
)
from every_verb import filtered as kept

import ruvector as rv

PLAIN = polars_frame()
WANTED = {name: call(PLAIN)["row"].to_list() for name, (call, _) in VERBS.items()}
MODERN = int(pl.__version__.split(".")[0]) >= 2


def beside(make: Callable[[], Any]) -> Callable[[], pl.DataFrame]:
    return lambda: PLAIN.with_columns(pl.Series("other_thing", make()))


def replaced(column: str, make: Callable[[], Any]) -> Callable[[], pl.DataFrame]:
    return lambda: PLAIN.with_columns(pl.Series(column, make()))


def chunked() -> pl.DataFrame:
    frame = pl.concat([PLAIN[:7], PLAIN[7:7], PLAIN[7:8], PLAIN[8:]], rechunk=False)
    assert frame.n_chunks() > 1
    return frame


def filtered() -> pl.DataFrame:
    others = PLAIN.with_columns(row=pl.lit(-1, pl.Int64))
    return pl.concat([PLAIN, others]).filter(pl.col("row") >= 0)


def lists(inner: Any) -> pl.Series:
    return pl.Series(ROWS.tolist(), dtype=pl.List(inner))


EDGES: dict[str, Callable[[], pl.DataFrame]] = {
    # columns beside the vectors
    "categories": beside(lambda: pl.Series(list("xyzx") * 6, dtype=pl.Categorical)),
    "an enumeration": beside(lambda: pl.Series(list("ab") * 12, dtype=pl.Enum(["b", "a"]))),
    "decimals": beside(lambda: [decimal.Decimal("1.50"), None] * 12),
    "lists": beside(lambda: [[1], None, []] * 8),
    "lists of texts": beside(lambda: [["a"], None, []] * 8),
    "structs": beside(lambda: [{"a": 1, "b": None}, None] * 12),
    "times with zones": beside(
        lambda: pl.datetime_range(
            datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, N), "1d",
            time_zone="Europe/Vienna", eager=True,
        )
    ),
    "durations": beside(lambda: [datetime.timedelta(hours=i) for i in range(N)]),
    "bytes": beside(lambda: [b"a", None] * 12),
    "nothing": beside(lambda: [None] * N),
    "Python objects": beside(lambda: pl.Series([object()] * N, dtype=pl.Object)),
    "small numbers": beside(lambda: pl.Series(range(N), dtype=pl.UInt8)),
    "wide numbers": beside(lambda: pl.Series(range(N), dtype=pl.Int128)),
    "booleans": beside(lambda: [True, None, False] * 8),
    "a name of blanks": lambda: PLAIN.with_columns(pl.lit(1).alias(" "), pl.lit(2).alias("")),
    # the columns themselves
    "lists of vectors": replaced("emb", lambda: lists(pl.Float32)),
    "float64 vectors": replaced("emb", lambda: lists(pl.Float64)),
    "arrays of float64": replaced("emb", lambda: lists(pl.Float64).list.to_array(D)),
    "objects of vectors": replaced("emb", lambda: pl.Series(list(ROWS), dtype=pl.Object)),
    "texts of categories": replaced("text", lambda: pl.Series(TEXTS, dtype=pl.Categorical)),
    "texts of an enumeration": replaced("text", lambda: pl.Series(TEXTS, dtype=pl.Enum(TEXTS))),
    "groups of texts": replaced("g", lambda: [f"g{g}" for g in GROUPS]),
    "groups of categories": replaced(
        "g", lambda: pl.Series([f"g{g}" for g in GROUPS], dtype=pl.Categorical)
    ),
    "groups with null": replaced("g", lambda: [g or None for g in GROUPS]),
    # the frame
    "a slice": lambda: pl.concat([PLAIN.tail(3), PLAIN, PLAIN.head(2)]).slice(3, N),
    "every second row of a longer frame": lambda: PLAIN[np.repeat(np.arange(N), 2)].gather_every(2),
    "a filtered frame": filtered,
    "chunks": chunked,
    "sorted": lambda: PLAIN.with_columns(pl.col("row").set_sorted()),
    "turned twice": lambda: PLAIN.reverse().reverse(),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::ruvector.RuVectorWarning")
@pytest.mark.parametrize("edge", EDGES)
def test_every_verb_keeps_the_rows_as_they_are(edge: str) -> None:
    frame = EDGES[edge]()
    schema, before = frame.schema, frame.rows()
    for name, (call, added) in VERBS.items():
        answer = call(frame)
        assert type(answer) is pl.DataFrame, name
        assert answer.columns == [*frame.columns, *added], name
        assert answer["row"].to_list() == WANTED[name], name
        own = answer.select(frame.columns)
        assert own.schema == schema, name
        for row, found in zip(WANTED[name], own.rows(), strict=True):
            for mine, theirs in zip(found, before[row], strict=True):
                np.testing.assert_array_equal(mine, theirs)
    assert frame.schema == schema


@pytest.mark.filterwarnings("ignore::ruvector.RuVectorWarning")
@pytest.mark.parametrize("edge", EDGES)
def test_answers_about_rows_are_those_of_the_plain_frame(edge: str) -> None:
    frame = EDGES[edge]()
    for name, (call, columns) in ABOUT.items():
        answer = call(frame)
        assert answer.columns == columns, name
        assert answer.equals(call(PLAIN)), name
    mask = rv.duplicated(frame, on="emb", min_similarity=0.99)
    assert mask.dtype == pl.Boolean
    assert mask.arg_true().to_list() == [9, 17]
    kept = rv.dedup(frame, on="emb", min_similarity=0.99)
    assert kept["row"].to_list() == [i for i in range(N) if i not in (9, 17)]


class Mine(pl.DataFrame):
    """A frame of the user's own."""


@pytest.mark.parametrize("name", VERBS)
def test_a_subclass_stays_one(name: str) -> None:
    call, _ = VERBS[name]
    answer = call(Mine(PLAIN))
    assert type(answer) is Mine
    assert pl.DataFrame(answer).equals(call(PLAIN))


@pytest.mark.parametrize("edge", ["chunks", "categories", "lists of vectors"])
@pytest.mark.parametrize("name", VERBS)
def test_lazy_frames_give_the_same(name: str, edge: str) -> None:
    frame, (call, _) = EDGES[edge](), VERBS[name]
    try:
        planned = call(frame.lazy())
    except (rv.RuVectorError, TypeError) as error:
        assert "collect" in str(error)
        return
    assert isinstance(planned, pl.LazyFrame)
    eager = call(frame)
    assert planned.collect_schema() == eager.schema
    assert planned.collect().equals(eager)


@pytest.mark.parametrize("name", VERBS)
def test_no_rows_give_the_whole_schema(name: str) -> None:
    call, _ = VERBS[name]
    for kind in (pl.Array(pl.Float32, D), pl.List(pl.Float32)):
        frame = PLAIN.with_columns(pl.col("emb").cast(kind))
        assert call(frame[:0]).schema == call(frame).schema
        assert call(frame[:0]).height == 0


@pytest.mark.parametrize("name", VERBS)
def test_scores_are_float32_and_ranks_are_uint32_from_one(name: str) -> None:
    call, added = VERBS[name]
    answer = call(PLAIN)
    for column in added:
        if column in ("cosine_similarity", "l2_distance", "bm25_score", "fused_score"):
            assert answer.schema[column] == pl.Float32, column
        if column in ("rank", "query_row"):
            assert answer.schema[column] == pl.UInt32, column
            assert answer[column].drop_nulls().min() == (1 if column == "rank" else 0)


@pytest.mark.parametrize("taken", sorted({c for _, added in VERBS.values() for c in added}))
def test_a_column_that_the_answer_would_add_is_never_overwritten(taken: str) -> None:
    frame = PLAIN.with_columns(pl.lit("mine").alias(taken))
    for name, (call, added) in VERBS.items():
        if taken not in added:
            assert set(call(frame)[taken]) == {"mine"}, name
        elif name.startswith("sim_join") and taken in ("other", "vec"):
            answer = call(frame)  # of two frames: the right one's gets the suffix
            assert set(answer[taken]) == {"mine"}
            assert f"{taken}_right" in answer.columns
        else:
            with pytest.raises(rv.ColumnError, match=taken):
                call(frame)


# ---- null and bad rows ----

NULL = [3, 9, 20]
VECTOR_VERBS = [n for n in VERBS if n not in ("embed", "search texts")]
EVERY_ROW = ("neighbors", "dedup", "dedup by", "sim_join left")


@pytest.mark.parametrize("kind", [pl.Array(pl.Float32, D), pl.List(pl.Float32), pl.Object])
@pytest.mark.parametrize("name", VECTOR_VERBS)
def test_null_rows_are_never_candidates(name: str, kind: Any) -> None:
    cells = [None if i in NULL else row for i, row in enumerate(ROWS)]
    if kind != pl.Object:
        cells = [None if row is None else row.tolist() for row in cells]
    answer = VERBS[name][0](PLAIN.with_columns(pl.Series("emb", cells, dtype=kind)))
    rows = set(answer["row"])
    if name in EVERY_ROW:
        assert set(NULL) <= rows, "every row has an answer, of nothing"
    elif name != "hybrid":  # words find a row without a vector
        assert not rows & set(NULL)
    if name == "sim_join left":
        left = answer.filter(pl.col("row").is_in(NULL))
        assert left.height == len(NULL)
        assert left["other"].null_count() == left["cosine_similarity"].null_count() == 3
    if name.startswith("search"):
        plan = rv.last_plan()
        assert plan is not None
        assert plan.null_rows == len(NULL)


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", VECTOR_VERBS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_rows_are_named_or_count_as_null(name: str, bad: float) -> None:
    rows = ROWS.copy()
    rows[6, 2] = bad
    frame = PLAIN.with_columns(emb=pl.Series(rows, dtype=pl.Array(pl.Float32, D)))
    with pytest.raises(rv.InvalidVector, match=r"'emb'.*row 6\b.*column 2"):
        VERBS[name][0](frame)
    with rv.config(bad_vectors="skip"):
        found = set(VERBS[name][0](frame)["row"])
    assert (6 in found) == (name in EVERY_ROW) or name == "hybrid"


@pytest.mark.parametrize("name", VECTOR_VERBS)
def test_ragged_rows_are_named(name: str) -> None:
    cells = [row.tolist()[: 2 if i == 5 else D] for i, row in enumerate(ROWS)]
    with pytest.raises(rv.InvalidVector, match=r"'emb'.*5"):
        VERBS[name][0](PLAIN.with_columns(emb=pl.Series(cells)))


def test_which_column_is_meant_is_asked_when_it_is_not_clear() -> None:
    two = PLAIN.with_columns(also=pl.Series(ROWS[:, :3].tolist()))
    none = PLAIN.drop("emb")
    calls: list[Callable[[Any], Any]] = [
        lambda f: rv.search(f, QUERY), lambda f: rv.within(f, QUERY, min_similarity=0.1),
        lambda f: rv.dedup(f, min_similarity=0.9), lambda f: rv.neighbors(f),
        lambda f: rv.duplicated(f, min_similarity=0.9), lambda f: rv.build_index(f),
        lambda f: rv.similarity_quantiles(f), lambda f: rv.recall(f),
        lambda f: rv.similar_to(f, 3), lambda f: rv.sim_join(f, f),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(rv.ColumnError, match=r"'emb' \(5 dim.*'also' \(3 dim.*on="):
            call(two)
        with pytest.raises(rv.ColumnError, match=r"no column holds vectors.*(text|on)='text'"):
            call(none)


@pytest.mark.parametrize("call", short_of(PLAIN).values(), ids=list(short_of(PLAIN)))
def test_a_query_of_other_dimensions_is_told_both(call: Callable[[], Any]) -> None:
    with pytest.raises(rv.DimensionMismatch, match=r"\b3\b.*\b5\b|\b5\b.*\b3\b"):
        call()


@pytest.mark.parametrize("call", worded(PLAIN).values(), ids=list(worded(PLAIN)))
def test_a_text_needs_what_made_the_vectors(call: Callable[[], Any]) -> None:
    with pytest.raises(rv.EmbedError, match=r"'emb'.*embedder=|embedder=.*'emb'"):
        call()


@pytest.mark.parametrize("name", kept(PLAIN))
def test_nobody_left_gives_the_whole_schema(name: str) -> None:
    call = kept(PLAIN)[name]
    none, everybody = call(pl.lit(False)), call(np.ones(N, bool))
    assert none.height == 0
    assert everybody.height > 0
    assert none.schema == everybody.schema
    assert call(pl.col("row") == 4)["row"].to_list() == [4], "k where so many may be found"
