"""`dedup`, `duplicated` and `duplicate_groups` are greedy in the order of rows, and exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from dedup_model import BITS, greedy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

QUIET = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
METRICS = ("cosine", "dot", "l2", "sqeuclidean", *BITS)
FRAMES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}
every_library = pytest.mark.parametrize("library", FRAMES)
EYE = np.float32([[1, 0], [0.9, 0.1], [0, 1], [0, 1], [1, 0]])


def column(library: str, rows: np.ndarray, valid: np.ndarray | None = None) -> Any:
    """Return a column of vectors, or of rows of bits."""
    cells = [
        None if valid is not None and not valid[i] else row.tobytes() if row.dtype == "u1" else row
        for i, row in enumerate(rows)
    ]
    if library == "pandas":
        return pd.Series(cells, dtype=object)
    bits = rows.dtype == np.uint8
    if library == "polars":
        kind: Any = pl.Binary if bits else pl.Array(pl.Float32, rows.shape[1])
        return pl.Series([c if c is None or bits else c.tolist() for c in cells], dtype=kind)
    width = rows.shape[1]
    return pa.array(cells, pa.binary(width) if bits else pa.list_(pa.float32(), width))


def frame(library: str, rows: np.ndarray, valid: np.ndarray | None = None, **more: Any) -> Any:
    return FRAMES[library](
        {"row": list(range(len(rows))), "v": column(library, rows, valid), **more}
    )


def lists(answer: Any, name: str) -> list[Any]:
    values = answer[name]
    return list(values.to_pylist() if isinstance(values, pa.ChunkedArray) else values.to_list())


def bound_of(metric: str, value: float) -> dict[str, float]:
    return {"min_similarity" if metric in ("cosine", "dot") else "max_distance": value}


class Problem:
    """Rows of small whole numbers, or of bits, many of them equal, and a threshold."""

    def __init__(self, n: int, d: int, metric: str, spread: int, nulls: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.metric = metric
        if metric in BITS:
            self.rows = rng.integers(0, 4 * spread, (n, d), np.uint8)
            self.bound = [0.0, 3.0, 8.0 * d][seed % 3] if metric == "hamming" else (seed % 5) / 4
        else:
            self.rows = rng.integers(-spread, spread + 1, (n, d)).astype(np.float32)
            choices = {"cosine": [1.0, 0.9, 0.5, -1.0], "dot": [-1.0, 0.0, 3.0, 9.0]}
            self.bound = choices.get(metric, [0.0, 1.0, 1.5, 9.0])[seed % 4]
        self.valid = rng.random(n) >= nulls
        self.by: list[Any] = rng.integers(0, 3, n).tolist()
        self.by = [None if rng.random() < 0.2 else value for value in self.by]


PROBLEMS = st.builds(
    Problem,
    n=st.integers(0, 40),
    d=st.integers(1, 9),
    metric=st.sampled_from(METRICS),
    spread=st.integers(1, 3),
    nulls=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)


@QUIET
@given(
    problem=PROBLEMS,
    library=st.sampled_from(sorted(FRAMES)),
    keep=st.sampled_from(["first", "last"]),
    grouped=st.booleans(),
)
def test_the_verbs_are_what_the_model_says(
    problem: Problem, library: str, keep: str, grouped: bool
) -> None:
    metric, alone = problem.metric, -1 if library == "pandas" else 3
    groups = np.array([alone if g is None else g for g in problem.by], np.int64)
    valid = problem.valid
    want, scores = greedy(
        problem.rows, valid, metric, problem.bound, keep, groups if grouped else None
    )
    by = pd.array(problem.by, "Int64") if library == "pandas" else problem.by
    data = frame(library, problem.rows, valid, by=by)
    if library == "pyarrow":
        data = data.set_column(2, "by", pa.array(problem.by, pa.int64()))
    asked: dict[str, Any] = {
        "on": "v", "metric": metric, "keep": keep, **bound_of(metric, problem.bound)
    }  # fmt: skip
    if grouped:
        asked["by"] = "by"
    assert lists(rv.dedup(data, **asked), "row") == np.flatnonzero(want < 0).tolist()
    flags = rv.duplicated(data, **asked)
    assert (flags.to_pylist() if library == "pyarrow" else flags.to_list()) == (want >= 0).tolist()
    found = rv.duplicate_groups(data, columns=["row"], **asked)
    dropped = np.lexsort((np.arange(len(want)), want))[np.count_nonzero(want < 0) :]
    assert lists(found, "dropped_row") == lists(found, "row") == dropped.tolist()
    assert lists(found, "kept_row") == lists(found, "row_kept") == want[dropped].tolist()
    name = (found.column_names if library == "pyarrow" else list(found.columns))[-1]
    assert np.array(lists(found, name), np.float32).tolist() == scores[dropped].tolist()


def clusters(n: int, d: int, seed: int) -> np.ndarray:
    """Return n rows in clusters of all sizes, some of them equal."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n // 20, d))
    rows = centres[(n // 20 * rng.random(n) ** 2).astype(int)] + 0.25 * rng.standard_normal((n, d))
    rows[rng.integers(0, n, n // 10)] = rows[rng.integers(0, n, n // 10)]
    return rows.astype(np.float32)


@pytest.mark.sample(3)
@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize(("metric", "bound"), [("cosine", 0.93), ("l2", 1.6)])
def test_twenty_thousand_rows_keep_the_promise_by_brute_force(
    metric: str, bound: float, keep: Any
) -> None:
    """Compared with a float32 product, whose rounding leaves a little room at the threshold."""
    rows = clusters(20_000, 24, 1)
    data = pl.DataFrame({"row": np.arange(20_000), "v": rows})
    asked = {"metric": metric, "keep": keep, **bound_of(metric, bound)}
    groups = rv.duplicate_groups(data, **asked)
    kept = rv.dedup(data, **asked)["row"].to_numpy()
    dropped = groups["dropped_row"].to_numpy()
    assert sorted([*kept, *dropped]) == list(range(20_000))
    assert 2_000 < len(dropped) < 18_000
    if metric == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for start in range(0, len(kept), 2_000):
        part = rows[kept[start : start + 2_000]]
        product = part @ rows[kept].T
        if metric == "l2":
            product = 2 * product - (part**2).sum(1)[:, None] - (rows[kept] ** 2).sum(1)
        product[np.arange(len(part)), np.arange(start, start + len(part))] = -np.inf
        assert product.max() < (bound if metric == "cosine" else -(bound**2)) + 1e-4
    keeper = groups["kept_row"].to_numpy().astype(np.int64)
    assert np.isin(keeper, kept).all()
    order = keeper < dropped if keep == "first" else keeper > dropped
    assert order.all()
    scores = groups[groups.columns[-1]].to_numpy()
    assert (scores >= np.float32(bound)).all() if metric == "cosine" else (scores <= bound).all()
    asked_for = np.random.default_rng(0).choice(len(dropped), 100)
    for i in asked_for:  # the nearest of those kept before it, with the score of a search
        before = np.zeros(20_000, bool)
        before[kept[kept < dropped[i] if keep == "first" else kept > dropped[i]]] = True
        query = data["v"].to_numpy()[dropped[i]]
        best = rv.search(data, query, k=1, where=before, metric=metric, recall=1.0)
        assert best["row"].item() == keeper[i]
        assert best[best.columns[-1]].item() == scores[i]


@pytest.mark.parametrize("height", [999, 1001, 30_000])
def test_rows_that_are_all_alike_leave_one(height: int) -> None:
    data = pl.DataFrame({"row": np.arange(height), "v": np.ones((height, 3), np.float32)})
    assert rv.dedup(data, min_similarity=1.0)["row"].to_list() == [0]
    assert rv.dedup(data, max_distance=0.0, metric="l2", keep="last")["row"].to_list() == [
        height - 1
    ]
    groups = rv.duplicate_groups(data, min_similarity=1.0)
    assert groups["kept_row"].n_unique() == 1


@every_library
@pytest.mark.parametrize("height", [0, 1])
def test_few_rows_come_back_as_they_are(library: str, height: int) -> None:
    data = frame(library, EYE[:height])
    for answer in (
        rv.dedup(data, on="v", min_similarity=0.5),
        rv.dedup(data, on="v", min_similarity=0.5, keep="last"),
    ):
        assert type(answer) is type(data)
        assert lists(answer, "row") == list(range(height))
    assert len(rv.duplicated(data, on="v", min_similarity=0.5)) == height
    groups = rv.duplicate_groups(data, on="v", min_similarity=0.5)
    assert groups.shape == (0, 3)


def test_pandas_keeps_labels_class_and_column_names() -> None:
    class Mine(pd.DataFrame):
        @property
        def _constructor(self) -> type[Mine]:
            return Mine

    index = pd.MultiIndex.from_tuples([("x", i % 2) for i in range(5)], names=["a", "b"])
    data = Mine({"v": list(EYE), "n": range(5)}, index=index)
    data.columns = pd.Index(["v", "v2"])
    data.insert(2, "v2", "c", allow_duplicates=True)
    kept = data.ruvector.dedup(on="v", min_similarity=0.95)
    assert isinstance(kept, Mine)
    assert list(kept.columns) == ["v", "v2", "v2"]
    assert kept.index.equals(index[[0, 2]])
    flags = data.ruvector.duplicated(on="v", min_similarity=0.95)
    assert flags.index.equals(index)
    assert data[~flags].index.equals(kept.index)
    groups = data.ruvector.duplicate_groups(on="v", min_similarity=0.95)
    assert isinstance(groups, Mine)
    assert groups.index.equals(index[[1, 4, 3]])
    assert index[groups["kept_row"]].tolist() == index[[0, 0, 2]].tolist()
    assert groups["kept_row"].dtype == groups["dropped_row"].dtype == np.int64
    assert groups["cosine_similarity"].dtype == np.float32


@every_library
def test_flags_filter_the_frame_as_its_library_does(library: str) -> None:
    data = frame(library, EYE)
    flags = rv.duplicated(data, on="v", min_similarity=0.95)
    if library == "pandas":
        left = data[~flags]
    elif library == "polars":
        left = data.filter(~flags)
    else:
        left = data.filter(pa.compute.invert(flags))
    assert lists(left, "row") == lists(rv.dedup(data, on="v", min_similarity=0.95), "row")


@every_library
def test_texts_are_embedded_once_and_shown_beside_each_other(
    library: str, embedder: Callable[[list[str]], Any]
) -> None:
    texts = ["a cat", "a cat", "", "the dog barks", None, "the dog barks", "a  cat"]
    data = FRAMES[library]({"row": list(range(7)), "body": texts})
    asked = {"text": "body", "min_similarity": 0.999, "embedder": embedder}
    assert lists(rv.dedup(data, **asked), "row") == [0, 2, 3, 4]
    groups = rv.duplicate_groups(data, **asked)
    assert lists(groups, "body") == ["a cat", "a  cat", "the dog barks"]
    assert lists(groups, "body_kept") == ["a cat", "a cat", "the dog barks"]
    shown = groups.column_names if library == "pyarrow" else list(groups.columns)
    assert shown == ["body", "body_kept", "kept_row", "dropped_row", "cosine_similarity"]


@pytest.fixture
def embedder() -> Callable[[list[str]], Any]:
    seen: set[str] = set()

    def embed(texts: list[str]) -> Any:
        assert not seen.intersection(texts)  # each text once: what is known is cached
        seen.update(texts)
        return [[t.count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for t in texts]

    return embed


def test_columns_of_numbers_are_compared_as_one_vector() -> None:
    data = pd.DataFrame({"x1": [1.0, 1.0, 5.0, None], "x2": [2.0, 2.1, 5.0, 1.0]})
    kept = rv.dedup(data, on=["x*"], metric="l2", max_distance=0.2)
    assert kept.index.tolist() == [0, 2, 3]
    groups = rv.duplicate_groups(data, on=["x*"], metric="l2", max_distance=0.2, columns="x1")
    assert list(groups.columns) == ["x1", "x1_kept", "kept_row", "dropped_row", "l2_distance"]


def test_a_missing_threshold_names_the_way_to_one() -> None:
    data = pd.DataFrame({"v": list(EYE)})
    with pytest.raises(
        rv.InvalidArgument, match=r"min_similarity=.*similarity_quantiles\(on='v'\)"
    ):
        data.ruvector.dedup(on="v")
    with pytest.raises(rv.InvalidArgument, match=r"max_distance=.*metric='l2'\).*duplicate_groups"):
        rv.duplicated(data, metric="l2")


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"max_distance": 1.0}, rv.MetricError, "min_similarity="),
        ({"min_similarity": 1.0, "metric": "l2"}, rv.MetricError, "max_distance="),
        ({"min_similarity": 95}, rv.InvalidArgument, "0.95"),
        ({"min_similarity": float("nan")}, rv.InvalidArgument, "NaN"),
        ({"min_similarity": 0.9, "keep": False}, rv.InvalidArgument, "'first' or 'last'"),
        ({"min_similarity": 0.9, "keep": "longest"}, rv.InvalidArgument, "'longest'"),
        ({"min_similarity": 0.9, "by": "no"}, rv.ColumnError, "'no'"),
        ({"min_similarity": 0.9, "on": "no"}, rv.ColumnError, "'no'"),
        ({"min_similarity": 0.9, "on": "v", "text": "v"}, rv.InvalidArgument, "both"),
        ({"max_distance": 17.0, "metric": "hamming", "on": "b"}, rv.InvalidArgument, "16"),
    ],
)
def test_what_cannot_be_is_refused(asked: Any, error: type[Exception], says: str) -> None:
    data = pd.DataFrame({"v": list(EYE), "b": [b"ab"] * 5})
    for verb in (rv.dedup, rv.duplicated, rv.duplicate_groups):
        with pytest.raises(error, match=says):
            verb(data, **{"on": None if "text" in asked else "v", **asked})


def test_bad_vectors_are_named() -> None:
    rows = EYE.copy()
    rows[3, 1] = np.nan
    data = pd.DataFrame({"v": list(rows)})
    with pytest.raises(rv.InvalidVector, match=r"'v'.*row 3, column 1") as caught:
        rv.dedup(data, min_similarity=0.9)
    assert (caught.value.row, caught.value.column) == (3, 1)
    with rv.config(bad_vectors="skip"):
        assert rv.dedup(data, min_similarity=0.9).index.tolist() == [0, 2, 3]


def test_names_that_clash_are_refused_and_the_score_can_be_renamed() -> None:
    data = pd.DataFrame({"v": list(EYE), "kept_row": range(5)})
    assert len(rv.duplicate_groups(data, min_similarity=0.95)) == 3
    with pytest.raises(rv.ColumnError, match="'kept_row'"):
        rv.duplicate_groups(data, min_similarity=0.95, columns=["kept_row"])
    with rv.config(score_column="likeness"):
        groups = rv.duplicate_groups(data, min_similarity=0.95)
    assert list(groups.columns)[-1] == "likeness"


def test_the_plan_and_the_progress_tell_what_was_done() -> None:
    data = pl.DataFrame({"v": clusters(3_000, 8, 2)})
    told: list[tuple[int, int]] = []
    rv.dedup(data, min_similarity=0.9, progress=lambda done, total: told.append((done, total)))
    plan = rv.last_plan()
    assert plan is not None
    assert (plan.scores, plan.kind) == ("exact", "flat")
    assert all(0 <= done <= total for done, total in told)


def test_the_answer_does_not_depend_on_threads_or_the_cache() -> None:
    rows = clusters(6_000, 16, 3)
    answers = []
    for threads in (1, 2, 2):
        with rv.config(threads=threads):
            answers.append(rv.duplicate_groups(pl.DataFrame({"v": rows}), min_similarity=0.9))
    assert answers[0].equals(answers[1])
    assert answers[0].equals(answers[2])
    plan = rv.last_plan()
    assert plan is not None
    assert plan.index == "cached"
