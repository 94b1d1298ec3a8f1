"""Any frame, any chunking, any filter: the rows found are those of brute force."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
NAMES = {
    "cosine": "cosine_similarity",
    "dot": "dot_product",
    "l2": "l2_distance",
    "sqeuclidean": "sqeuclidean_distance",
}


class Problem:
    """Vectors on a coarse grid (so that ties happen), null rows, a filter, queries."""

    def __init__(self, draw: Any) -> None:
        self.n = draw(st.integers(1, 40))
        self.d = draw(st.integers(1, 9))
        random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.vectors = random.integers(-2, 3, (self.n, self.d)).astype(np.float32)
        self.valid = random.random(self.n) > draw(st.sampled_from([0.0, 0.3, 1.0]))
        self.mask = random.random(self.n) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
        self.filtered = draw(st.booleans())
        self.metric = draw(st.sampled_from(oracle.METRICS))
        self.k = draw(st.sampled_from([0, 1, 2, 5, self.n, self.n + 3]))
        self.queries = random.integers(-2, 3, (draw(st.integers(1, 3)), self.d)).astype(np.float32)
        self.cuts = sorted(draw(st.lists(st.integers(0, self.n), max_size=3)))
        self.number = draw(st.sampled_from(["f2", "f4", "f8"]))

    @property
    def allowed(self) -> Any:
        return self.valid & self.mask if self.filtered else self.valid

    def cells(self) -> list[Any]:
        rows = self.vectors.astype(self.number)
        return [row if there else None for row, there in zip(rows, self.valid, strict=True)]

    def answers(self) -> list[tuple[list[int], list[float]]]:
        found = []
        for query in self.queries:
            rows, scores = oracle.nearest(
                self.vectors, query, self.k, self.metric, allowed=self.allowed
            )
            found.append((rows.tolist(), scores.tolist()))
        return found

    def check(self, rows: list[int], scores: list[float], query_rows: list[int] | None) -> None:
        expected = self.answers() if query_rows is not None else self.answers()[:1]
        assert rows == [row for found, _ in expected for row in found]
        assert scores == [score for _, found in expected for score in found]
        if query_rows is not None:
            assert query_rows == [i for i, (found, _) in enumerate(expected) for _ in found]

    def arrow(self, large: bool) -> Any:
        number = {"f2": pa.float16(), "f4": pa.float32(), "f8": pa.float64()}[self.number]
        kind = pa.large_list(number) if large else pa.list_(number, self.d)
        whole = pa.array([c if c is None else c.tolist() for c in self.cells()], type=kind)
        bounds = [0, *self.cuts, self.n]
        parts = [whole.slice(a, b - a) for a, b in itertools.pairwise(bounds)]
        return pa.chunked_array(parts, type=kind)


@st.composite
def problems(draw: Any) -> Problem:
    return Problem(draw)


def _arguments(problem: Problem, batch: bool) -> dict[str, Any]:
    query = problem.queries if batch else problem.queries[0]
    return {"query": query, "k": problem.k, "metric": problem.metric, "on": "emb"}


@QUICK
@given(problems(), st.booleans(), st.sampled_from(["range", "repeated", "multi", "dates"]))
def test_pandas_answers_are_those_of_brute_force(p: Problem, batch: bool, index: str) -> None:
    labels = {
        "range": None,
        "repeated": [f"label {i % 3}" for i in range(p.n)],
        "multi": pd.MultiIndex.from_arrays([[i % 2 for i in range(p.n)], ["x"] * p.n]),
        "dates": pd.date_range("2026-03-29", periods=p.n, freq="h", tz="Europe/Berlin"),
    }[index]
    cells = pd.Series(p.cells(), index=labels, dtype=object)
    frame = pd.DataFrame({"row": np.arange(p.n), "emb": cells.array}, index=cells.index)
    where = pd.Series(p.mask, index=frame.index) if p.filtered else None
    hits = frame.ruvector.search(where=where, **_arguments(p, batch))
    queries = hits["query_row"].tolist() if batch else None
    p.check(hits["row"].tolist(), hits[NAMES[p.metric]].tolist(), queries)
    assert hits.index.equals(frame.index.take(hits["row"].to_numpy()))
    assert hits.index.names == frame.index.names


@QUICK
@given(problems(), st.booleans(), st.booleans())
def test_polars_answers_are_those_of_brute_force(p: Problem, batch: bool, fixed: bool) -> None:
    number = {"f2": pl.Float32, "f4": pl.Float32, "f8": pl.Float64}[p.number]
    kind = pl.Array(number, p.d) if fixed else pl.List(number)
    cells = [c if c is None else c.tolist() for c in p.cells()]
    bounds = [0, *p.cuts, p.n]
    parts = [
        pl.DataFrame(
            {"row": range(a, b), "ok": p.mask[a:b], "emb": pl.Series(cells[a:b], dtype=kind)}
        )
        for a, b in itertools.pairwise(bounds)
    ]
    frame = pl.concat(parts, rechunk=False)
    where = pl.col("ok") if p.filtered else None
    hits = frame.ruvector.search(where=where, **_arguments(p, batch))
    queries = hits["query_row"].to_list() if batch else None
    p.check(hits["row"].to_list(), hits[NAMES[p.metric]].to_list(), queries)


@QUICK
@given(problems(), st.booleans(), st.booleans())
def test_arrow_answers_are_those_of_brute_force(p: Problem, batch: bool, large: bool) -> None:
    table = pa.table({"row": pa.array(range(p.n)), "emb": p.arrow(large)})
    where = pa.array(p.mask) if p.filtered else None
    hits = rv.search(table, where=where, **_arguments(p, batch))
    queries = hits["query_row"].to_pylist() if batch else None
    p.check(hits["row"].to_pylist(), hits[NAMES[p.metric]].to_pylist(), queries)


@QUICK
@given(problems(), st.integers(0, 5), st.integers(0, 5))
def test_slices_of_frames_are_searched_as_frames_of_their_own(
    p: Problem, front: int, back: int
) -> None:
    padded = np.concatenate([np.full((front, p.d), 2), p.vectors, np.full((back, p.d), 2)])
    kind = pa.list_(pa.float32(), p.d)
    column = pa.array(padded.astype(np.float32).tolist(), type=kind)
    p.valid[:] = True
    table = pa.table({"row": pa.array(np.arange(len(padded)) - front), "emb": column})
    for frame in (
        table.slice(front, p.n),
        pl.from_arrow(table)[front : front + p.n],
        pd.DataFrame({"row": np.arange(len(padded)) - front, "emb": list(padded)}).iloc[
            front : front + p.n
        ],
    ):
        where = p.mask if p.filtered else None
        if isinstance(frame, pl.DataFrame) and where is not None:
            where = pl.Series(where)
        hits = rv.search(frame, where=where, **_arguments(p, batch=False))
        p.check(list(map(int, hits["row"].to_numpy())), hits[NAMES[p.metric]].to_numpy().tolist(),
                None)  # fmt: skip


@QUICK
@given(problems(), st.sampled_from(["exact", "flat"]), st.integers(1, 9))
def test_indexes_of_any_kind_and_bits_answer_as_brute_force(
    p: Problem, kind: str, bits: int
) -> None:
    column = p.arrow(large=False)
    options = {} if kind == "exact" else {"bits": bits}
    with rv.Index.build(column, metric=p.metric, kind=kind, nulls="skip", **options) as index:
        found = index.search(p.queries, p.k, recall=1.0, where=p.mask if p.filtered else None)
        for i, (rows, scores) in enumerate(p.answers()):
            count = int(found.counts[i])
            assert found.ids[i, :count].tolist() == rows
            assert found.scores[i, :count].tolist() == scores
            assert (found.ids[i, count:] == -1).all()
            assert np.isnan(found.scores[i, count:]).all()
