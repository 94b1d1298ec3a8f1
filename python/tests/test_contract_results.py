"""Laws of SearchResult and Plan: shapes, absent cells, frames, and numbers that add up."""

from __future__ import annotations

import contextvars
import copy
import dataclasses
import io
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

N, D = 50, 7
MATRIX = np.random.default_rng(13).standard_normal((N, D), dtype=np.float32)
QUERIES = MATRIX[[4, 8, 15]] + np.float32(0.05)
IDS = {
    "positions": (None, np.int64, -1),
    "int64": (np.arange(N) - 10, np.int64, -1),
    "uint64": (np.arange(N, dtype=np.uint64) + 2**63, np.uint64, 2**64 - 1),
    "text": ([f"é{i}" for i in range(N)], object, None),
}


def _index(ids: str = "positions", **options: Any) -> rv.Index:
    return rv.Index.build(MATRIX, ids=IDS[ids][0], **options)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    ids=st.sampled_from(sorted(IDS)),
    metric=st.sampled_from(oracle.METRICS),
    k=st.integers(0, N + 5),
    chosen=st.sets(st.integers(0, N - 1), max_size=N),
    batch=st.booleans(),
    rerank=st.sampled_from([None, 0, 1, 1000]),
    kind=st.sampled_from(["exact", "flat"]),
)
def test_shapes_counts_and_absent_cells_obey_their_laws(
    ids: str, metric: str, k: int, chosen: set[int], batch: bool, rerank: int | None, kind: str
) -> None:
    names, dtype, absent = IDS[ids]
    mask = np.isin(np.arange(N), list(chosen))
    query = QUERIES if batch else QUERIES[0]
    with _index(ids, metric=metric, kind=kind) as index:
        result = index.search(query, k, where=mask, rerank=rerank)
    count = min(k, len(chosen))
    assert result.ids.dtype == dtype
    assert result.scores.dtype == np.float32
    assert result.ids.shape == result.scores.shape
    assert result.counts.tolist() == [count] * (len(QUERIES) if batch else 1)
    if not batch:
        assert result.ids.shape == (count,)
    allowed = set(chosen) if names is None else {names[i] for i in chosen}
    for found, scores in zip(np.atleast_2d(result.ids), np.atleast_2d(result.scores), strict=True):
        assert len(set(found[:count])) == count
        assert set(found[:count]) <= allowed
        assert all(cell == absent for cell in found[count:])
        assert np.isnan(scores[count:]).all()
        ordered = np.diff(scores[:count]) * (1 if metric in oracle.LARGER else -1)
        assert (ordered <= 0).all()
    assert result.score_name.split("_")[0] == metric


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("batch", [False, True])
def test_all_views_of_a_result_say_the_same(ids: str, batch: bool) -> None:
    index = _index(ids)
    result = index.search(QUERIES if batch else QUERIES[0], 4)
    flat_ids, flat_scores = result.ids.ravel().tolist(), result.scores.ravel().tolist()
    assert result.arrays()[0] is result.ids
    assert result.arrays()[1] is result.scores
    rows = result.hits() if batch else [result.hits()]
    assert [hit.id for row in rows for hit in row] == flat_ids
    assert [hit.score for row in rows for hit in row] == flat_scores
    hit_id, score = rows[0][0]
    assert (hit_id, score) == (rows[0][0].id, rows[0][0].score)
    assert type(score) is float
    assert isinstance(hit_id, str if ids == "text" else int)
    name = result.score_name
    for frame in (result.to_pandas(), result.to_polars().to_pandas(), result.to_arrow().to_pandas(),
                  pa.table(result).to_pandas(), pl.DataFrame(result).to_pandas(),
                  duckdb.from_arrow(pa.table(result)).df()):  # fmt: skip
        assert frame["id"].tolist() == flat_ids
        assert frame[name].tolist() == flat_scores
        if batch:
            assert frame["query_row"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
            assert frame["rank"].tolist() == [1, 2, 3, 4] * 3
        assert frame.columns.tolist()[-1] == name


def test_a_result_can_be_copied_pickled_and_shown_without_changing() -> None:
    result = _index("text").search(QUERIES, 3, where=np.arange(N) < 2)
    for other in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert other.ids.tolist() == result.ids.tolist()
        assert other.scores.tobytes() == result.scores.tobytes()
        assert other.counts.tolist() == [2, 2, 2]
        assert other.score_name == result.score_name
        assert str(other.plan) == str(result.plan)
    text, html = repr(result), result._repr_html_()
    assert "cosine_similarity" in text
    assert "<script" not in html
    assert "<table" in html
    assert len(text) < 2000


def test_ids_of_text_are_escaped_where_a_browser_reads_them() -> None:
    evil = [f"<script>alert({i})</script>&\"'" for i in range(N)]
    result = rv.Index.build(MATRIX, ids=evil).search(QUERIES[0], 3)
    assert "<script" not in result._repr_html_()
    assert "&lt;script" in result._repr_html_()
    assert result.ids[0].startswith("<script>")


def test_a_result_is_no_sequence() -> None:
    result = _index().search(QUERIES[0], 2)
    with pytest.raises(TypeError, match="arrays"):
        _ids, _scores = result
    with pytest.raises(TypeError):
        iter(result)
    with pytest.raises(TypeError):
        result[0]


def test_rows_gathers_from_every_library_and_refuses_another_frame() -> None:
    frame = pd.DataFrame({"n": np.arange(N)}, index=pd.Index(range(100, 100 + N), name="key"))
    result = _index().search(QUERIES, 2)
    numbers = result.ids.ravel().tolist()
    hits = result.rows(frame)
    assert hits["n"].tolist() == numbers
    assert hits.index.tolist() == [n + 100 for n in numbers]
    assert result.rows(pl.from_pandas(frame))["n"].to_list() == numbers
    assert result.rows(pa.Table.from_pandas(frame))["n"].to_pylist() == numbers
    for wrong in (frame.iloc[:-1], pl.from_pandas(frame)[:-1], pd.concat([frame, frame])):
        with pytest.raises(rv.ColumnError, match=f"{len(wrong)}.*{N}|{N}.*{len(wrong)}"):
            result.rows(wrong)
    with pytest.raises(rv.ColumnError, match="cosine_similarity"):
        result.rows(frame.rename(columns={"n": "cosine_similarity"}))
    with pytest.raises(rv.RuVectorError):
        result.rows([1, 2, 3])


def test_a_result_has_answers_of_its_own_after_the_next_search() -> None:
    index = _index(kind="flat")
    first = index.search(QUERIES, 5)
    ids, scores = first.ids.copy(), first.scores.copy()
    for _ in range(20):
        index.search(QUERIES[::-1], 5)
    assert first.ids.tolist() == ids.tolist()
    assert first.scores.tobytes() == scores.tobytes()


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    n=st.integers(0, 300),
    nulls=st.sampled_from([0.0, 0.2, 1.0]),
    share=st.sampled_from([None, 0.0, 0.1, 0.9]),
    k=st.integers(0, 20),
    nq=st.integers(0, 4),
    kind=st.sampled_from(["exact", "flat"]),
    rerank=st.sampled_from([None, 0, 5]),
)
def test_numbers_of_a_plan_add_up(
    n: int, nulls: float, share: float | None, k: int, nq: int, kind: str, rerank: int | None
) -> None:
    random = np.random.default_rng(n + k)
    valid = random.random(n) >= nulls
    rows = random.standard_normal((n, D))
    cells = [list(row) if ok else None for row, ok in zip(rows, valid, strict=True)]
    column = pa.array(cells, pa.list_(pa.float32(), D))
    mask = None if share is None else random.random(n) < share
    with rv.Index.build(column, kind=kind, nulls="skip") as index:
        plan = index.search(random.standard_normal((nq, D)), k, where=mask, rerank=rerank).plan
    eligible = int((valid if mask is None else valid & mask).sum())
    assert (plan.rows, plan.queries, plan.kind, plan.index) == (n, nq, kind, "given")
    assert plan.null_rows == n - int(valid.sum())
    if nq and k and eligible:
        assert plan.rows_eligible == eligible
        assert plan.rows_reranked <= plan.queries * eligible
        assert min(k, eligible) * nq <= max(plan.rows_reranked, plan.rows_coded, plan.rows_scanned)
    assert 0 <= plan.certified <= 1
    assert plan.scores == ("estimated" if kind == "flat" and rerank == 0 else "exact") or not n
    assert plan.total_milliseconds >= 0
    assert all(ms >= 0 for ms in plan.milliseconds.values())
    assert sum(plan.milliseconds.values()) <= plan.total_milliseconds * 1.01 + 0.01
    assert plan.calibrated is False
    assert "\n" not in str(plan)
    assert "not calibrated" in str(plan) or plan.recall_target is None or kind == "exact"


def test_a_plan_is_frozen_copied_whole_and_one_line() -> None:
    plan = _index(kind="flat").search(QUERIES, 3, recall=0.9).plan
    fields = [name for name in dir(plan) if not name.startswith("_")]
    for name in fields:
        with pytest.raises((AttributeError, TypeError, dataclasses.FrozenInstanceError)):
            setattr(plan, name, 1)
    with pytest.raises((AttributeError, TypeError)):
        plan.brand_new = 1
    with pytest.raises(TypeError):
        plan.milliseconds["scan"] = 0
    assert str(plan) == str(copy.deepcopy(plan)) == str(pickle.loads(pickle.dumps(plan)))
    assert plan.recall_target == 0.9
    assert plan.epsilon0 == pytest.approx(1.6)
    assert "flat" in repr(plan)
    assert "<table" in plan._repr_html_()
    buffer = io.StringIO()
    print(plan, file=buffer)
    assert buffer.getvalue().count("\n") == 1


@pytest.mark.parametrize(("recall", "epsilon0"), [(0.9, 1.6), (0.95, 1.9), (0.99, 2.4)])
def test_recall_of_a_build_is_the_default_of_its_searches(recall: float, epsilon0: float) -> None:
    index = _index(kind="flat", recall=recall)
    assert index.search(QUERIES, 3).plan.epsilon0 == pytest.approx(epsilon0)
    assert index.search(QUERIES, 3, recall=0.95).plan.epsilon0 == pytest.approx(1.9)
    assert index.search(QUERIES, 3).plan.epsilon0 == pytest.approx(epsilon0)


def test_each_thread_and_each_context_has_its_own_last_plan() -> None:
    index, other = _index(kind="flat"), rv.Index.build(MATRIX[:9])
    frame = pd.DataFrame({"emb": list(MATRIX[:20])})
    mine = index.search(QUERIES, 3).plan
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(rv.last_plan).result() is None
        theirs = pool.submit(lambda: (other.search(QUERIES, 3), rv.last_plan())[1]).result()
        assert theirs.rows == 9
    assert rv.last_plan() == mine
    contextvars.copy_context().run(frame.ruvector.search, QUERIES, k=1)
    assert rv.last_plan() == mine
    frame.ruvector.search(QUERIES, k=1)
    assert rv.last_plan().rows == 20
    with pytest.raises(rv.DimensionMismatch):
        index.search(np.ones(3), 1)
    assert rv.last_plan().rows == 20


def test_explain_takes_what_search_takes_and_fails_as_it_does() -> None:
    frame = pd.DataFrame({"n": np.arange(N), "emb": list(MATRIX)})
    arguments = {"k": 3, "metric": "l2", "where": frame["n"] > 4, "max_distance": 9.0}
    plan = frame.ruvector.explain(QUERIES[0], **arguments)
    assert isinstance(plan, rv.Plan)
    assert (plan.rows, plan.rows_eligible, plan.queries) == (N, N - 5, 1)
    assert plan.index == "built"
    assert pl.from_pandas(frame).ruvector.explain(QUERIES[0], k=1).rows == N
    assert rv.explain(pa.Table.from_pandas(frame), QUERIES[0]).rows == N
    with pytest.raises(rv.MetricError):
        frame.ruvector.explain(QUERIES[0], metric="l2", min_similarity=0.1)
    with pytest.raises(TypeError):
        frame.ruvector.explain(QUERIES[0], neighbours=3)
