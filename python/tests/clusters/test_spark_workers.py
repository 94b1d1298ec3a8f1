"""Spark alone: its daemon, its workers, its types, and its own join as the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import ruvector as rv

LIST = pa.list_(pa.float32())


def table_of(rows: int, name: str, seed: int) -> Any:
    made = np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)
    return pa.table({name: pa.array(range(rows)), "v": pa.array(list(made), LIST)})


def looking() -> Any:
    """Return what says of a worker, its siblings and the daemon whether they have the library.

    It is made here, so that Spark sends its code and not the name of this file.
    """

    def seen(batches: Iterator[Any]) -> Iterator[Any]:
        """Say of this worker, its siblings and the daemon whether they have the library."""
        import os
        import pathlib
        import sys
        import time

        def has(pid: int) -> bool:
            try:
                return "libruvector" in pathlib.Path(f"/proc/{pid}/maps").read_text()
            except OSError:
                return False

        for _ in batches:
            time.sleep(0.5)  # so that the other worker gets the other partition
            module = sys.modules.get("ruvector._clusters.opened")
            loads = 0 if module is None else module.loads
            daemon = os.getppid()
            with open(f"/proc/{daemon}/cmdline") as file:
                named = "pyspark.daemon" in file.read()
            yield pa.RecordBatch.from_pydict({
                "pid": pa.array([os.getpid()], pa.int64()),
                "worker": pa.array([has(os.getpid())]), "daemon": pa.array([has(daemon)]),
                "named": pa.array([named]), "loads": pa.array([loads], pa.int64()),
            })  # fmt: skip

    return seen


def test_the_daemon_never_loads_the_library_and_a_worker_loads_an_index_once(
    engine: Any, tmp_path: Any
) -> None:
    path = tmp_path / "ix.rvx"
    rv.Index.build(table_of(500, "name", 2)["v"], keep="copy").save(path)
    look = "pid long, worker boolean, daemon boolean, named boolean, loads long"
    before = engine.session.range(0, 2, 1, 2).mapInArrow(looking(), look).collect()
    engine.table(engine.rv.score(engine.frame(table_of(600, "ask", 1), 6), path))
    rows = engine.session.range(0, 8, 1, 8).mapInArrow(looking(), look).collect()
    assert all(row.named for row in rows)
    assert not any(row.daemon for row in rows)
    assert any(row.worker for row in rows)
    known = {row.pid: row.loads for row in before}
    more = {row.pid: row.loads - known.get(row.pid, 0) for row in rows if row.worker}
    assert all(count <= 1 for count in more.values()), more
    assert any(count == 1 for count in more.values()), more


def test_importing_on_the_driver_loads_nothing_of_the_library() -> None:
    import subprocess
    import sys

    code = (
        "import ruvector.spark, sys\n"
        "from ruvector._native import library\n"
        "assert not library.is_loaded()\n"
        "assert 'pyspark' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("plan", "how"), [("index", "inner"), ("queries", "left"), ("routed", "left")]
)
def test_spark_s_own_nearest_by_join_finds_the_same(engine: Any, plan: str, how: str) -> None:
    from pyspark.sql import functions as sf

    left = engine.frame(table_of(40, "ask", 1))
    right = engine.frame(table_of(300, "name", 2))
    named = right.withColumnRenamed("v", "w")
    distance = sf.aggregate(
        sf.zip_with(left.v, named.w, lambda a, b: (a - b) * (a - b)), sf.lit(0.0),
        lambda total, x: total + x,
    )  # fmt: skip
    joined = left.nearestByJoin(
        named, distance, 3, "exact", "distance",
        joinType={"inner": "inner", "left": "leftouter"}[how],
    )  # fmt: skip
    oracle = {(row.ask, row.name) for row in joined.select("ask", "name").collect()}
    mine = engine.rv.sim_join(
        left, right, on="v", k=3, how=how, metric="sqeuclidean", recall=1.0, plan=plan
    )
    found = [(row.ask, row.name) for row in mine.select("ask", "name").collect()]
    assert len(found) == len(oracle) == 120
    assert set(found) == oracle


def test_the_schema_is_known_before_anything_runs(engine: Any) -> None:
    from pyspark.sql import types as t

    left = engine.frame(table_of(5, "ask", 1))
    for ids, kind in (
        (None, t.LongType()), (["a", "b"], t.StringType()),
        (np.array([1, 2**63], np.uint64), t.DecimalType(20, 0)),
    ):  # fmt: skip
        index = rv.Index.build(np.eye(2, 4, dtype="f4"), ids=ids, keep="copy")
        scored = engine.rv.score(left, index, k=2)
        assert scored.schema["id"].dataType == kind
        assert scored.schema["rank"].dataType == t.LongType()
        assert scored.schema["cosine_similarity"].dataType == t.FloatType()
        found = {
            int(x) if kind != t.StringType() else x for x in engine.table(scored)["id"].to_pylist()
        }
        assert found == set([0, 1] if ids is None else list(ids))
    joined = engine.rv.sim_join(left, left, on="v", how="left", plan="index")
    assert joined.schema["v_right"].dataType == left.schema["v"].dataType
    assert joined.schema["v_right"].nullable
    assert joined.columns == ["ask", "v", "ask_right", "v_right", "rank", "cosine_similarity"]


def test_every_type_of_column_passes_through(engine: Any) -> None:
    left = engine.session.sql(
        "select 1L as ask, array(1.0D, 2.0D) as v, timestamp'2024-01-02 03:04:05' as at, "
        "date'2024-01-02' as day, map('a', 1) as m, struct(1 as x, 'y' as y) as s, "
        "cast(1.5 as decimal(10, 2)) as price, binary('xyz') as raw, true as yes, "
        "cast(null as string) as nothing"
    )
    for plan in ("index", "queries", "routed"):
        joined = engine.rv.sim_join(left, left, on="v", plan=plan, recall=1.0)
        row = joined.collect()[0].asDict()
        original = left.collect()[0].asDict()
        assert {name: row[name] for name in original} == original, plan
        assert {name: row[f"{name}_right"] for name in original} == original, plan


def test_large_types_of_lists_and_text_are_taken(engine: Any) -> None:
    left, right = table_of(40, "ask", 1), table_of(60, "name", 2)
    wanted = rv.sim_join(left, right, on="v", k=2, recall=1.0)
    engine.session.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "true")
    try:
        for plan in ("index", "queries"):
            joined = engine.rv.sim_join(
                engine.frame(left), engine.frame(right), on="v", k=2, recall=1.0, plan=plan
            )
            found = engine.table(joined).sort_by([("ask", "ascending"), ("rank", "ascending")])
            assert found["name"].to_pylist() == wanted["name"].to_pylist(), plan
    finally:
        engine.session.conf.unset("spark.sql.execution.arrow.useLargeVarTypes")


def test_where_right_is_spark_s_own_filter(engine: Any) -> None:
    left, right = table_of(20, "ask", 1), table_of(60, "name", 2)
    kept = right.filter(pa.compute.less(right["name"], 30))
    wanted = rv.sim_join(left, kept, on="v", k=2, recall=1.0)
    for where in ("name < 30", engine.frame(right)["name"] < 30):
        if not isinstance(where, str):
            frame = engine.frame(right)
            where = frame["name"] < 30
        else:
            frame = engine.frame(right)
        joined = engine.rv.sim_join(
            engine.frame(left), frame, on="v", k=2, recall=1.0, where_right=where
        )
        found = engine.table(joined).sort_by([("ask", "ascending"), ("rank", "ascending")])
        assert found["name"].to_pylist() == wanted["name"].to_pylist()
    index = rv.Index.build(right["v"], keep="copy")
    mask = [i < 30 for i in range(60)]
    joined = engine.rv.sim_join(engine.frame(left), index, on="v", k=2, where_right=mask)
    found = engine.table(joined).sort_by([("ask", "ascending"), ("rank", "ascending")])
    assert found["id"].to_pylist() == wanted["name"].to_pylist()


def test_errors_that_are_not_ours_are_not_taken_for_ours(engine: Any) -> None:
    assert engine.rv.error_of(ValueError("ruvector said nothing")) is None
    text = "Traceback\nruvector._errors.DuplicateId: partition 3, row 9: twice\n"
    found = engine.rv.error_of(RuntimeError(text))
    assert isinstance(found, rv.DuplicateId)
    assert (str(found), found.row) == ("partition 3, row 9: twice", 9)


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "zstd", "lz4", "lz4_raw"])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int8()], ids=str)
def test_vectors_are_read_out_of_the_files_that_spark_writes(
    engine: Any, tmp_path: Any, codec: str, kind: Any
) -> None:
    made = np.random.default_rng(3).normal(size=(2000, 12)) * 40
    rows = made.astype(kind.to_pandas_dtype())
    cells: list[Any] = list(rows)
    cells[5] = cells[1999] = None
    table = pa.table({"n": pa.array(range(2000)), "v": pa.array(cells, pa.list_(kind))})
    written = engine.frame(table).coalesce(1).sortWithinPartitions("n").write
    written.option("compression", codec).parquet(str(tmp_path / "out"))
    read = rv.read_vectors(tmp_path / "out", "v")
    assert (len(read), read.dim, read.null_count) == (2000, 12, 2)
    back = pa.chunked_array(read).to_pylist()
    assert back == [None if cell is None else cell.tolist() for cell in cells]
