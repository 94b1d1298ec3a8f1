"""What goes wrong on a cluster is said as on this machine: typed, with partition and row."""

from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import ruvector as rv

LIST = pa.list_(pa.float32())


def table_of(rows: int, name: str = "ask", bad: int | None = None) -> Any:
    made = np.random.default_rng(1).normal(size=(rows, 4)).astype(np.float32)
    if bad is not None:
        made[bad, 2] = np.nan
    return pa.table({name: pa.array(range(rows)), "v": pa.array(list(made), LIST)})


def failure(engine: Any, frame: Any) -> Any:
    """Run a data set that fails and return our error."""
    with pytest.raises(Exception) as caught:
        engine.table(frame)
    found = engine.failure(caught.value)
    assert isinstance(found, rv.RuVectorError), caught.value
    return found


def test_a_bad_left_row_is_named_with_its_partition(engine: Any) -> None:
    index = rv.Index.build(table_of(50)["v"], keep="copy")
    left = engine.frame(table_of(30, bad=25), 2)
    error = failure(engine, engine.rv.score(left, index))
    assert isinstance(error, rv.InvalidVector)
    assert "partition 1, row 10: left column 'v': row 10, column 2 holds NaN" in str(error)
    assert error.row == 10


def test_a_bad_right_row_is_named_with_its_side(engine: Any) -> None:
    right = engine.frame(table_of(30, "name", bad=3), 2)
    joined = engine.rv.sim_join(engine.frame(table_of(5)), right, on="v", plan="queries")
    error = failure(engine, joined)
    assert isinstance(error, rv.InvalidVector)
    assert "partition 0, row 3" in str(error)
    assert "right" in str(error)


def test_an_index_that_is_gone_is_named(engine: Any, tmp_path: Any) -> None:
    path = tmp_path / "soon-gone.rvx"
    rv.Index.build(table_of(50)["v"], keep="copy").save(path)
    scored = engine.rv.score(engine.frame(table_of(9)), path)
    path.unlink()
    error = failure(engine, scored)
    assert isinstance(error, rv.FileMissing)
    assert "soon-gone.rvx" in str(error)


@pytest.mark.parametrize("fault", ["nan", "twice", "ragged"])
def test_a_build_that_fails_is_typed_and_leaves_nothing(
    engine: Any, tmp_path: Any, fault: str
) -> None:
    table = table_of(40, "name", bad=27 if fault == "nan" else None)
    wanted: type[Exception] = rv.InvalidVector
    if fault == "twice":
        names = list(range(40))
        names[21] = 20
        table, wanted = table.set_column(0, "name", pa.array(names)), rv.DuplicateId
    if fault == "ragged":
        cells = table["v"].to_pylist()
        cells[30] = [1.0]
        table = table.set_column(1, "v", pa.array(cells, LIST))
    out = tmp_path / "shards"
    with pytest.raises(wanted) as caught:
        engine.rv.build(engine.frame(table, 2), "v", out, ids="name")
    error = getattr(caught.value, "cause", None) or caught.value
    if fault == "nan":
        assert "partition 1, row 7" in str(caught.value)
        assert error.row == 7
    assert type(pickle.loads(pickle.dumps(error))) is type(error)
    assert not out.exists()


def test_a_folder_is_never_built_twice(engine: Any, tmp_path: Any) -> None:
    frame = engine.frame(table_of(20, "name"), 2)
    shards = engine.rv.build(frame, "v", tmp_path / "out", ids="name", shards=3)
    assert len(shards.files) == 3
    there = sorted(os.listdir(tmp_path / "out"))
    with pytest.raises(rv.InvalidArgument, match="holds shards already"):
        engine.rv.build(frame, "v", tmp_path / "out", ids="name")
    assert sorted(os.listdir(tmp_path / "out")) == there


def test_what_cannot_be_is_refused_before_anything_runs(engine: Any) -> None:
    left, index = engine.frame(table_of(9)), rv.Index.build(table_of(9)["v"])
    other = engine.frame(table_of(9, "rank"))
    for call, error in (
        (lambda: engine.rv.score(left, index, on="gone"), rv.ColumnError),
        (lambda: engine.rv.score(left, index, k=0), rv.InvalidArgument),
        (lambda: engine.rv.score(left, index, max_distance=1), rv.MetricError),
        (lambda: engine.rv.score(left, left), rv.InvalidArgument),
        (lambda: engine.rv.score(table_of(9), index), rv.InvalidArgument),
        (lambda: engine.rv.score(left, "/no/such/index.rvx"), rv.FileMissing),
        (lambda: engine.rv.sim_join(left, other, on="v"), rv.ColumnError),
        (lambda: engine.rv.sim_join(left, left, on="v", how="outer"), rv.InvalidArgument),
        (lambda: engine.rv.sim_join(left, left, on="v", plan="best"), rv.InvalidArgument),
        (lambda: engine.rv.sim_join(left, left, on="v", memory="much"), rv.InvalidArgument),
        (lambda: engine.rv.sim_join(left, left, left_on="ask"), rv.ColumnError),
        (lambda: engine.rv.sim_join(left, index, plan="routed"), rv.InvalidArgument),
        (lambda: engine.rv.search(left, [[1.0], [1.0, 2.0]]), rv.InvalidVector),
        (lambda: engine.rv.search_shards("/no/such/folder", [1.0]), rv.FileMissing),
        (lambda: engine.rv.build(left, "v", "/tmp/never", ids="gone"), rv.ColumnError),
    ):
        with pytest.raises(error):
            call()
    assert not os.path.exists("/tmp/never")


def test_left_rows_that_are_none_give_the_schema_alone(engine: Any) -> None:
    index = rv.Index.build(table_of(9)["v"], keep="copy")
    none = engine.frame(table_of(9).set_column(1, "v", pa.array([None] * 9, LIST)))
    scored = engine.table(engine.rv.score(none, index))
    assert scored.column_names == ["ask", "rank", "id", "cosine_similarity"]
    assert len(scored) == 0


def test_a_plan_is_explained_without_a_join(engine: Any) -> None:
    left, right = engine.frame(table_of(9)), engine.frame(table_of(20, "name"))
    assert engine.rv.explain(left, right, on="v").plan == "index"
    small = engine.rv.explain(left, right, on="v", memory=100)
    assert small.plan == "queries"
    assert "320 bytes, above memory=100 bytes" in small.why
    assert "9 left rows" in small.why
    assert engine.rv.explain(left, right, on="v", plan="routed").why == "asked for"
    assert small.workers == 2
    assert small.threads == 1
