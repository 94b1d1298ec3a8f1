"""Whatever the layout of a column (chunks, slices, nulls), the answer is that of brute force."""

from __future__ import annotations

import itertools

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

QUIET = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TYPES = {"float32": pa.float32(), "float64": pa.float64()}
if hasattr(pl, "Float16"):  # older versions of polars cannot hold half precision
    TYPES["float16"] = pa.float16()
SHAPES = ("fixed", "list", "large")


class Problem:
    """A column with what it holds written down twice: as Arrow, and as a matrix."""

    def __init__(
        self,
        n: int,
        d: int,
        dtype: str,
        shape: str,
        nulls: float,
        cuts: list[float],
        trim: tuple[float, float],
        seed: int,
    ) -> None:
        rng = np.random.default_rng(seed)
        low, high = sorted(int(share * n) for share in trim)
        values = rng.integers(-3, 4, (n, d)).astype(dtype)
        valid = rng.random(n) >= nulls
        cells = [row.tolist() if ok else None for row, ok in zip(values, valid, strict=True)]
        kind = {
            "fixed": pa.list_(TYPES[dtype], d),
            "list": pa.list_(TYPES[dtype]),
            "large": pa.large_list(TYPES[dtype]),
        }[shape]
        if dtype == "float16":
            cells = [None if cell is None else [np.float16(x) for x in cell] for cell in cells]
        whole = pa.array(cells, kind)
        ends = [0, *sorted({int(cut * n) for cut in cuts}), n]
        spans = [(a, b - a) for a, b in itertools.pairwise(ends)]
        pieces = [whole.slice(*span) for span in spans]
        self.column = pa.chunked_array(pieces, kind).slice(low, high - low)
        series = pl.Series(whole)  # polars refuses sliced lists of pyarrow that hold nulls
        pieces = [series.slice(*span) for span in spans]
        self.polars = pl.concat(pieces, rechunk=False).slice(low, high - low)
        self.matrix = values[low:high].astype(np.float32)
        self.valid = valid[low:high]
        self.query = rng.standard_normal(d).astype(np.float32)
        self.allowed = rng.random(len(self.matrix)) < 0.7


PROBLEMS = st.builds(
    Problem,
    n=st.integers(1, 60),
    d=st.integers(1, 20),
    dtype=st.sampled_from(sorted(TYPES)),
    shape=st.sampled_from(SHAPES),
    nulls=st.sampled_from([0.0, 0.0, 0.3, 1.0]),
    cuts=st.lists(st.floats(0, 1), max_size=3),
    trim=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 2**32 - 1),
)


def _want(problem: Problem, k: int, metric: str, filtered: bool) -> tuple[list[int], list[float]]:
    allowed = problem.valid & problem.allowed if filtered else problem.valid
    rows, scores = oracle.nearest(problem.matrix, problem.query, k, metric, allowed)
    return rows.tolist(), scores.tolist()


@QUIET
@given(
    problem=PROBLEMS,
    k=st.integers(0, 70),
    metric=st.sampled_from(oracle.METRICS),
    filtered=st.booleans(),
    library=st.sampled_from(["pyarrow", "polars", "pandas"]),
)
def test_arrow_columns_of_every_layout_give_the_answer_of_brute_force(
    problem: Problem, k: int, metric: str, filtered: bool, library: str
) -> None:
    table = pa.table({"row": np.arange(len(problem.matrix)), "v": problem.column})
    frame = {
        "pyarrow": lambda: table,
        "polars": lambda: pl.DataFrame({"row": table["row"].to_numpy(), "v": problem.polars}),
        "pandas": lambda: table.to_pandas(types_mapper=pd.ArrowDtype),
    }[library]()
    where = problem.allowed if filtered else None
    hits = rv.search(frame, problem.query, k=k, on="v", metric=metric, where=where)
    rows, scores = _want(problem, k, metric, filtered)
    assert [int(row) for row in np.asarray(hits["row"]).tolist()] == rows
    name = list(hits.columns if library != "pyarrow" else hits.column_names)[-1]
    assert np.asarray(hits[name]).tolist() == scores
    plan = rv.last_plan()
    assert plan is not None
    assert plan.null_rows == np.count_nonzero(~problem.valid)


@QUIET
@given(
    problem=PROBLEMS,
    metric=st.sampled_from(oracle.METRICS),
    lists=st.booleans(),
    views=st.booleans(),
)
@pytest.mark.filterwarnings("ignore::ruvector.RuVectorWarning")
def test_object_columns_of_arrays_and_lists_give_the_answer_of_brute_force(
    problem: Problem, metric: str, lists: bool, views: bool
) -> None:
    cells: list[object] = list(problem.matrix if views else problem.matrix.astype(np.float64))
    cells = [cell if ok else None for cell, ok in zip(cells, problem.valid, strict=True)]
    if lists:
        cells = [None if cell is None else np.asarray(cell).tolist() for cell in cells]
    column = np.fromiter(cells, object, len(cells))
    frame = pd.DataFrame({"row": np.arange(len(cells)), "v": pd.Series(column, dtype=object)})
    hits = rv.search(frame, problem.query, k=7, on="v", metric=metric)
    rows, scores = _want(problem, 7, metric, False)
    assert hits["row"].tolist() == rows
    assert hits.iloc[:, -1].tolist() == scores


@QUIET
@given(problem=PROBLEMS, metric=st.sampled_from(oracle.METRICS), nq=st.integers(0, 5))
def test_a_batch_is_its_queries_one_after_the_other(problem: Problem, metric: str, nq: int) -> None:
    frame = pl.DataFrame({"row": range(len(problem.matrix)), "v": problem.polars})
    queries = np.random.default_rng(nq).standard_normal((nq, len(problem.query)), dtype=np.float32)
    batch = rv.search(frame, queries, k=3, on="v", metric=metric)
    for i, query in enumerate(queries):
        alone = rv.search(frame, query, k=3, on="v", metric=metric)
        mine = batch.filter(pl.col("query_row") == i)
        assert mine["row"].to_list() == alone["row"].to_list()
        assert mine.to_series(-1).to_list() == alone.to_series(-1).to_list()
        assert mine["rank"].to_list() == list(range(1, len(alone) + 1))


@QUIET
@given(problem=PROBLEMS, bound=st.floats(-10, 10), metric=st.sampled_from(oracle.METRICS))
def test_a_threshold_keeps_exactly_the_rows_within_it(
    problem: Problem, bound: float, metric: str
) -> None:
    table = pa.table({"row": np.arange(len(problem.matrix)), "v": problem.column})
    name = "min_similarity" if metric in oracle.LARGER else "max_distance"
    bound = bound / 10 if metric == "cosine" else bound if metric == "dot" else abs(bound)
    hits = rv.search(table, problem.query, k=99, on="v", metric=metric, **{name: bound})
    rows, scores = _want(problem, 99, metric, False)
    limit = np.float32(bound)
    within = [s >= limit if metric in oracle.LARGER else s <= limit for s in scores]
    assert hits["row"].to_pylist() == [row for row, ok in zip(rows, within, strict=True) if ok]


@QUIET
@given(problem=PROBLEMS)
def test_to_matrix_reads_every_layout_and_to_column_writes_it_back(problem: Problem) -> None:
    want = problem.matrix.copy()
    want[~problem.valid] = np.nan
    if not problem.valid.any():
        assert rv.to_matrix(problem.column).shape[0] == len(want)
        return
    for column in (problem.column, problem.polars):
        np.testing.assert_array_equal(rv.to_matrix(column), want)
    for like in (pa.table({"x": [1]}), pl.DataFrame(), pd.DataFrame(index=range(len(want)))):
        again = rv.to_column(want, like=like)
        assert len(again) == len(want)
        np.testing.assert_array_equal(rv.to_matrix(again), want)
