"""by=: the k best rows of every group, as a frame library's own grouping would pick them."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._frames import groups as _groups
from ruvector._metric import SCORE_NAMES

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RNG = np.random.default_rng(900)


class Problem:
    """Rows with two columns of groups, some of them null, ties among scores."""

    def __init__(self, n: int, texts: int, numbers: int, nulls: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.matrix = rng.integers(-2, 3, (n, 3)).astype(np.float32)
        self.queries = rng.integers(-2, 3, (3, 3)).astype(np.float32) + np.float32(0.25)
        holes = rng.random((2, n)) < nulls
        self.text = [
            None if hole else f"group {g}"
            for g, hole in zip(rng.integers(0, texts, n), holes[0], strict=True)
        ]
        self.number = [
            None if hole else int(g)
            for g, hole in zip(rng.integers(0, numbers, n), holes[1], strict=True)
        ]
        self.allowed = rng.random(n) < 0.7

    def frame(self, library: str) -> Any:
        data = {"row": np.arange(len(self.matrix)), "text": self.text, "number": self.number}
        if library == "pandas":
            numbers = pd.array(self.number, dtype="Int64")
            index = np.arange(len(self.matrix))[::-1] * 10
            return pd.DataFrame(
                {**data, "number": numbers, "v": list(self.matrix)}, index=index
            ).astype({"text": "object"})
        if library == "polars":
            schema = {"row": pl.Int64, "text": pl.String, "number": pl.Int64}
            vectors = pl.Series("v", self.matrix, dtype=pl.Array(pl.Float32, 3))
            return pl.DataFrame(data, schema=schema).with_columns(vectors)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(self.matrix.ravel()), 3)
        return pa.table({
            "row": data["row"], "text": pa.array(self.text, pa.string()),
            "number": pa.array(self.number, pa.int64()), "v": vectors,
        })  # fmt: skip


PROBLEMS = st.builds(
    Problem,
    n=st.integers(1, 80),
    texts=st.integers(1, 8),
    numbers=st.integers(1, 3),
    nulls=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)


def members(problem: Problem, by: list[str], library: str) -> list[list[int]]:
    """Return the rows of every group, as the library's own grouping makes them."""
    frame = problem.frame(library)
    if library == "pandas":
        rows = frame.reset_index(drop=True).groupby(by if len(by) > 1 else by[0], sort=False)
        return [group["row"].tolist() for _, group in rows]
    if library == "polars":
        return frame.group_by(by, maintain_order=True).agg("row")["row"].to_list()
    return frame.group_by(by).aggregate([("row", "list")])["row_list"].to_pylist()


def expected(
    problem: Problem,
    query: np.ndarray,
    groups: list[list[int]],
    k: int,
    metric: str,
    filtered: bool,
) -> tuple[list[int], list[float], list[int]]:
    """Return rows, scores and ranks by brute force over each group."""
    parts = []
    for group in groups:
        allowed = np.zeros(len(problem.matrix), bool)
        allowed[group] = True
        if filtered:
            allowed &= problem.allowed
        rows, scores = oracle.nearest(problem.matrix, query, k, metric, allowed)
        if len(rows):
            best = -scores[0] if metric in oracle.LARGER else scores[0]
            parts.append((best, rows[0], rows.tolist(), scores.tolist()))
    parts.sort(key=lambda part: part[:2])
    return (
        [row for part in parts for row in part[2]],
        [score for part in parts for score in part[3]],
        [rank for part in parts for rank in range(1, len(part[2]) + 1)],
    )


def column(frame: Any, name: str) -> list[Any]:
    return frame[name].to_pylist() if isinstance(frame, pa.Table) else frame[name].to_list()


@QUIET
@given(
    problem=PROBLEMS,
    library=st.sampled_from(["pandas", "polars", "pyarrow"]),
    by=st.sampled_from([["text"], ["number"], ["text", "number"], ["number", "text", "number"]]),
    k=st.integers(0, 12),
    metric=st.sampled_from(oracle.METRICS),
    filtered=st.booleans(),
    batch=st.booleans(),
)
def test_the_best_rows_of_every_group_are_those_of_the_librarys_own_groups(
    problem: Problem, library: str, by: list[str], k: int, metric: str, filtered: bool, batch: bool
) -> None:
    groups = members(problem, list(dict.fromkeys(by)), library)
    queries = problem.queries if batch else problem.queries[:1]
    hits = rv.search(
        problem.frame(library), queries if batch else queries[0], k=k, on="v", metric=metric,
        by=by if len(by) > 1 else by[0], where=problem.allowed if filtered else None,
    )  # fmt: skip
    wanted = [expected(problem, query, groups, k, metric, filtered) for query in queries]
    assert column(hits, "row") == [row for rows, _, _ in wanted for row in rows]
    assert column(hits, SCORE_NAMES[metric]) == [
        score for _, scores, _ in wanted for score in scores
    ]
    if batch:
        assert column(hits, "rank") == [rank for _, _, ranks in wanted for rank in ranks]
        owners = [i for i, (rows, _, _) in enumerate(wanted) for _ in rows]
        assert column(hits, "query_row") == owners


def frame_of(n: int, groups: int, d: int = 16) -> pd.DataFrame:
    return pd.DataFrame({
        "group": RNG.integers(0, groups, n), "v": list(RNG.standard_normal((n, d), np.float32)),
    })  # fmt: skip


def test_groups_of_many_rows_are_found_through_codes() -> None:
    df = frame_of(12_000, 9)
    query = RNG.standard_normal(16).astype(np.float32)
    hits = df.ruvector.search(query, k=3, by="group")
    plan = rv.last_plan()
    assert plan is not None
    assert plan.kind == "flat"
    assert len(hits) == 27
    exact = df.ruvector.search(query, k=3, by="group", recall=1.0)
    found = set(zip(hits["group"], hits.index, strict=True))
    truth = set(zip(exact["group"], exact.index, strict=True))
    assert len(found & truth) >= 26
    scores = oracle.scores(np.stack(df["v"]), query, "cosine").astype(np.float32)
    best = df.assign(score=scores).sort_values("score", ascending=False, kind="stable")
    best = best.groupby("group").head(3)
    assert truth == set(zip(best["group"], best.index, strict=True))


def test_thresholds_cut_groups_short_or_leave_them_out() -> None:
    df = frame_of(400, 30)
    query = RNG.standard_normal(16).astype(np.float32)
    every = df.ruvector.search(query, k=5, by="group")
    some = df.ruvector.search(query, k=5, by="group", min_similarity=0.45)
    pd.testing.assert_frame_equal(some, every[every["cosine_similarity"] >= 0.45])
    assert 0 < some["group"].nunique() < 30
    batch = df.ruvector.search(np.stack([query] * 2), k=5, by="group", min_similarity=0.45)
    assert batch["rank"].tolist() == 2 * [
        rank for size in some.groupby("group", sort=False).size() for rank in range(1, size + 1)
    ]


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
@pytest.mark.parametrize("ids", ["positions", "numbers", "texts"])
def test_a_given_index_answers_in_groups_whatever_its_ids(kind: str, ids: str) -> None:
    df = frame_of(900, 4)
    names = {
        "positions": None,
        "numbers": range(5000, 5900),
        "texts": [f"t{i}" for i in range(900)],
    }
    index = df.ruvector.build_index("v", ids=names[ids], kind=kind)
    query = RNG.standard_normal(16).astype(np.float32)
    plain = df.ruvector.search(query, k=2, by="group", recall=1.0)
    if ids == "positions":
        hits = df.ruvector.search(query, k=2, on="v", by="group", index=index, recall=1.0)
        return pd.testing.assert_frame_equal(hits, plain)
    mixed = df.assign(name=names[ids]).sample(frac=1, random_state=3)
    hits = mixed.ruvector.search(
        query, k=2, on="v", by="group", index=index, ids_on="name", recall=1.0
    )
    pd.testing.assert_frame_equal(hits.drop(columns="name"), plain)


def test_texts_are_asked_for_in_groups_too() -> None:
    words = ["cat", "dog", "fish", "cow"] * 3
    vectors = {word: np.eye(4, dtype=np.float32)[i] for i, word in enumerate(words[:4])}

    def embed(texts: list[str]) -> np.ndarray:
        return np.stack([vectors[text] for text in texts])

    df = pd.DataFrame({"body": words, "year": np.repeat([2023, 2024, 2025], 4)})
    hits = df.ruvector.search(["cow", "dog"], text="body", k=1, by="year", embedder=embed)
    assert hits["query"].tolist() == ["cow"] * 3 + ["dog"] * 3
    assert hits["body"].tolist() == ["cow"] * 3 + ["dog"] * 3
    assert hits["year"].tolist() == [2023, 2024, 2025] * 2
    assert hits["rank"].tolist() == [1] * 6


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
def test_rows_of_packed_bits_are_found_in_groups(metric: str) -> None:
    bits = RNG.integers(0, 256, (60, 4), dtype=np.uint8)
    vectors = pa.array([row.tobytes() for row in bits], pa.binary(4))
    table = pa.table({"g": np.arange(60) % 3, "row": np.arange(60), "v": vectors})
    hits = rv.search(table, bits[:2], k=2, on="v", metric=metric, by="g")
    parts = []
    for query in range(2):
        for group in range(3):
            where = np.arange(60) % 3 == group
            one = rv.search(table, bits[query], k=2, on="v", metric=metric, where=where)
            parts.append((query, one[f"{metric}_distance"][0].as_py(), one["row"].to_pylist()))
    parts.sort(key=lambda part: (part[0], part[1], part[2][0]))
    assert hits["row"].to_pylist() == [row for part in parts for row in part[2]]
    assert hits["rank"].to_pylist() == [1, 2] * 6


def test_null_groups_are_what_they_are_to_the_library() -> None:
    vectors = RNG.standard_normal((4, 3)).astype(np.float32)
    text = ["a", None, "a", None]
    frames = {
        "pandas": pd.DataFrame({"g": text, "v": list(vectors)}),
        "polars": pl.DataFrame({"g": text, "v": vectors}),
        "pyarrow": pa.table({"g": text, "v": list(vectors)}),
    }
    found = {name: column(rv.search(f, vectors[1], k=1, by="g"), "g") for name, f in frames.items()}
    assert found["pandas"] == ["a"]
    assert found["polars"] == found["pyarrow"] == [None, "a"]


@pytest.mark.parametrize(
    "values",
    [
        pd.Categorical(["x", "y", "x", None, "y"], categories=["unused", "y", "x"]),
        pd.array([True, False, True, None, False], dtype="boolean"),
        pd.to_datetime(["2024-01-01", "2025-01-01", "2024-01-01", None, "2025-01-01"], utc=True),
        [1.5, -0.0, 1.5, float("nan"), 0.0],
        pd.array(["p", "q", "p", None, "q"], dtype=pd.ArrowDtype(pa.string())),
        [("a", 1), ("b", 1), ("a", 1), None, ("b", 1)],
    ],
    ids=["categorical", "boolean", "datetime", "float", "arrow", "tuples"],
)
def test_columns_of_every_comparable_type_make_groups(values: Any) -> None:
    df = pd.DataFrame({"v": list(np.eye(5, dtype=np.float32)), "g": values})
    hits = df.ruvector.search(np.arange(5, 0, -1, dtype=np.float32), k=5, by="g")
    assert hits.index.tolist() == [0, 2, 1, 4]


def test_arrow_dictionaries_whose_values_repeat_are_one_group() -> None:
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3]), pa.array(["a", "a", "b", None]))
    table = pa.table({"g": pa.chunked_array([codes, codes.slice(1, 2)]), "v": list(np.eye(6))})
    hits = rv.search(table, [6.0, 5, 4, 3, 2, 1], k=6, by="g")
    assert hits["g"].to_pylist() == ["a", "a", "a", "b", "b", None]
    plain = table.set_column(0, "g", pa.chunked_array([["a", "a"], ["b", None], ["a", "b"]]))
    again = rv.search(plain, [6.0, 5, 4, 3, 2, 1], k=6, by="g")
    assert again.drop(["g"]).equals(hits.drop(["g"]))


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_without_rows_or_vectors_have_no_groups(library: str) -> None:
    problem = Problem(6, 2, 2, 0.0, 901)
    frame = problem.frame(library)
    empty = frame.slice(0, 0) if library != "pandas" else frame.iloc[:0]
    assert len(column(rv.search(empty, problem.queries[0], on="v", by="text"), "row")) == 0
    nothing = np.zeros(6, bool)
    assert column(rv.search(frame, problem.queries, on="v", by="text", where=nothing), "row") == []


def test_queries_are_asked_in_parts_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    df = frame_of(300, 10)
    queries = RNG.standard_normal((23, 16)).astype(np.float32)
    whole = df.ruvector.search(queries, k=2, by="group")
    plan = rv.last_plan()
    monkeypatch.setattr(_groups, "_PART_PLACES", 100)
    parts = df.ruvector.search(queries, k=2, by="group")
    again = rv.last_plan()
    pd.testing.assert_frame_equal(parts, whole)
    assert plan is not None
    assert again is not None
    assert (again.queries, again.rows_scanned) == (plan.queries, plan.rows_scanned)
    assert again.certified == plan.certified == 1.0


def test_more_answers_than_memory_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_groups, "MOST_PLACES", 1000)
    df = frame_of(2000, 60)
    with pytest.raises(rv.LimitExceeded, match="60 groups"):
        df.ruvector.search(RNG.standard_normal(16), k=500, by="group")


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize(
    ("by", "kind", "says"),
    [
        ("txet", rv.ColumnError, "there is no column 'txet'; the frame has 'row', 'text'"),
        (["text", "no"], rv.ColumnError, "there is no column 'no'"),
        ([], rv.InvalidArgument, "names no column"),
        (pl.col("text"), rv.InvalidArgument, "Expr is not the name of a column"),
        (pd.Series(["a"]), rv.InvalidArgument, "Series is not the name of a column"),
        (np.zeros(3), rv.InvalidArgument, "ndarray is not the name of a column"),
    ],
    ids=["missing", "one missing", "none", "expression", "series", "array"],
)
def test_what_is_no_column_is_refused(library: str, by: Any, kind: type, says: str) -> None:
    problem = Problem(5, 2, 2, 0.0, 902)
    with pytest.raises(kind, match=says):
        rv.search(problem.frame(library), problem.queries[0], on="v", by=by)


def test_values_that_cannot_be_compared_are_refused() -> None:
    problem = Problem(5, 2, 2, 0.0, 903)
    with pytest.raises(rv.ColumnError, match="by='v' is a column of object"):
        problem.frame("pandas").ruvector.search(problem.queries[0], on="v", by="v")
    with pytest.raises(rv.ColumnError, match="by='v' is a column of fixed_size_list"):
        rv.search(problem.frame("pyarrow"), problem.queries[0], on="v", by="v")
    objects = pl.DataFrame({"v": np.eye(2), "g": pl.Series([object(), object()], dtype=pl.Object)})
    with pytest.raises(rv.ColumnError, match="by='g' is a column of Object"):
        objects.ruvector.search([1.0, 0], on="v", by="g")


def test_rank_clashes_are_told_before_rows_are_taken() -> None:
    df = frame_of(20, 2).assign(rank=1)
    with pytest.raises(rv.ColumnError, match="already has a column 'rank'"):
        df.ruvector.search(RNG.standard_normal((2, 16)), by="group")
    assert len(df.ruvector.search(RNG.standard_normal(16), k=1, by="group")) == 2
