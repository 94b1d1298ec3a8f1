"""Answers of a cluster are those of this machine: the same rows, the same scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import ruvector as rv

ROWS, ASKING, DIM = 20_000, 1_500, 16
LIST = pa.list_(pa.float32())


def vectors(rows: int, seed: int) -> Any:
    """Random vectors as a column, in twenty clouds."""
    random = np.random.default_rng(seed)
    clouds = np.random.default_rng(5).normal(size=(20, DIM)) * 2
    made = clouds[random.integers(0, 20, rows)] + random.normal(size=(rows, DIM))
    return pa.array(list(made.astype(np.float32)), LIST)


@pytest.fixture(scope="module")
def left() -> Any:
    v = vectors(ASKING, 1).to_pylist()
    v[7] = v[900] = None
    return pa.table({"ask": pa.array(range(ASKING)), "v": pa.array(v, LIST)})


@pytest.fixture(scope="module")
def right() -> Any:
    v = vectors(ROWS, 2).to_pylist()
    v[11] = None
    return pa.table({"v": pa.array(v, LIST), "name": [f"n{i:05d}" for i in range(ROWS)]})


def in_order(table: Any) -> Any:
    return table.sort_by([("ask", "ascending"), ("rank", "ascending")])


def same(got: Any, wanted: Any) -> None:
    """Rows, ranks and scores are equal, whatever the order of rows."""
    got = in_order(got)
    assert got.column_names == wanted.column_names
    for name in wanted.column_names:
        assert got[name].to_pylist() == wanted[name].to_pylist(), name


@pytest.mark.parametrize("plan", ["index", "queries", "routed"])
def test_every_plan_joins_as_local_where_it_is_exact(
    engine: Any, left: Any, right: Any, plan: str
) -> None:
    wanted = rv.sim_join(left, right, on="v", k=3, how="left", recall=1.0, metric="l2")
    joined = engine.rv.sim_join(
        engine.frame(left), engine.frame(right, 4), on="v", k=3, how="left", recall=1.0,
        metric="l2", plan=plan,
    )  # fmt: skip
    same(engine.table(joined), in_order(wanted))
    assert engine.rv.last_plan().plan == plan


def test_routed_rows_reach_the_recall_that_was_asked_for(
    engine: Any, left: Any, right: Any
) -> None:
    exact = rv.sim_join(left, right, on="v", k=3, recall=1.0)
    joined = engine.rv.sim_join(
        engine.frame(left), engine.frame(right, 4), on="v", k=3, recall=0.9, plan="routed",
        cells=24,
    )  # fmt: skip
    found = engine.table(joined)
    plan = engine.rv.last_plan()
    assert plan.cells == 24
    assert plan.probes < 24
    wanted = set(zip(exact["ask"].to_pylist(), exact["name"].to_pylist(), strict=True))
    got = set(zip(found["ask"].to_pylist(), found["name"].to_pylist(), strict=True))
    assert len(found) == len(got), "a pair came twice"
    assert len(wanted & got) / len(wanted) >= 0.9


def test_score_answers_as_sim_join_with_the_index(
    engine: Any, left: Any, right: Any, tmp_path: Any
) -> None:
    index = rv.build_index(right, on="v", ids="name", keep="copy")
    wanted = rv.sim_join(left, index, on="v", k=4, min_similarity=0.2)
    path = tmp_path / "right.rvx"
    index.save(path)
    for given in (index, str(path)):
        scored = engine.table(engine.rv.score(engine.frame(left), given, k=4, min_similarity=0.2))
        assert scored.column_names == ["ask", "rank", "id", "cosine_similarity"]
        same(scored, in_order(wanted).select(scored.column_names))


def test_shards_answer_as_one_index(engine: Any, left: Any, right: Any, tmp_path: Any) -> None:
    shards = engine.rv.build(
        engine.frame(right, 4), "v", tmp_path / "shards", ids="name", metric="l2"
    )
    assert len(shards.files) == 4
    assert shards.rows == ROWS - 1  # one has no vector
    index = rv.build_index(right, on="v", ids="name", keep="copy", metric="l2")
    asked = left.drop_null()["v"].to_pylist()[:50]
    wanted = index.search(np.array(asked, np.float32), k=5, recall=1.0)
    found = engine.rv.search_shards(shards.folder, asked, k=5, recall=1.0)
    assert found.ids.tolist() == wanted.ids.tolist()
    assert found.scores.tolist() == wanted.scores.tolist()
    one = engine.rv.search_shards(shards, asked[0], k=5, recall=1.0)
    assert one.ids.tolist() == wanted.ids[0].tolist()
    exact = in_order(rv.sim_join(left, index, on="v", k=2, how="left", recall=1.0))
    for plan in ("index", "queries"):
        joined = engine.rv.sim_join(
            engine.frame(left), shards, on="v", k=2, how="left", recall=1.0, plan=plan
        )
        same(engine.table(joined), exact)


def test_search_is_that_of_the_frame(engine: Any, right: Any) -> None:
    asked = np.array(right["v"].to_pylist()[20:23], np.float32)
    frame = engine.frame(right, 4)
    wanted = rv.search(right, asked, on="v", k=3, recall=1.0)
    found = engine.table(engine.rv.search(frame, asked, k=3, recall=1.0))
    assert found.column_names == wanted.column_names
    assert found.to_pylist() == wanted.to_pylist()
    one = engine.table(engine.rv.search(frame, asked[0], k=3, recall=1.0))
    assert one.to_pylist() == rv.search(right, asked[0], on="v", k=3, recall=1.0).to_pylist()
