"""Stores behind adapters, each the real thing: DuckDB, LanceDB, data frames."""

from __future__ import annotations

import pathlib
import threading
from typing import Any

import duckdb
import lake_conformance as conformance
import lancedb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.fs
import pytest
from lake_conformance import IDS, ROWS, Known, Native, changes

from ruvector import _errors as errors
from ruvector._lake.adapters.duckdb import DuckDBBackend
from ruvector._lake.adapters.frames import FrameBackend
from ruvector._lake.adapters.lancedb import LanceDBBackend


def _duck_write(base: Any, ids: Any, rows: Any, table: str = "docs") -> None:
    frame = pa.table({"id": pa.array(ids), "v": pa.array(rows.tolist(), pa.list_(pa.float32()))})
    base.execute("BEGIN")
    base.execute(f"DELETE FROM {table}")
    base.register("frame", frame)
    base.execute(f"INSERT INTO {table} SELECT id, v FROM frame")
    base.unregister("frame")
    base.execute("COMMIT")


@pytest.mark.parametrize("kind", ["FLOAT[2]", "FLOAT[]", "DOUBLE[]"])
@pytest.mark.parametrize("file", [False, True])
def test_duckdb(tmp_path: pathlib.Path, kind: str, file: bool) -> None:
    base = duckdb.connect(str(tmp_path / "a.duckdb") if file else ":memory:")
    base.execute(f"CREATE TABLE docs (id BIGINT, v {kind})")
    base.execute("CREATE TABLE unlike (id BIGINT)")
    _duck_write(base, IDS, ROWS)
    store = DuckDBBackend("duck", base, ids="id", column="v")
    conformance.check_store(
        Known(
            store, "docs", IDS, ROWS, changes(lambda i, r: _duck_write(base, i, r)),
            add=lambda name: base.execute(f"CREATE TABLE {name} AS FROM docs"),
            drop=lambda name: base.execute(f"DROP TABLE {name}"),
        )
    )  # fmt: skip
    base.execute("BEGIN")
    before = Native(store).generation("docs")
    base.execute("DELETE FROM docs")
    assert Native(store).generation("docs") == before, "what is not committed is not seen"
    base.execute("COMMIT")
    assert Native(store).generation("docs") != before
    assert Native(store).pull("docs").ids == []


def test_duckdb_rows_and_generation_are_of_one_transaction() -> None:
    base = duckdb.connect()
    base.execute("CREATE TABLE docs (id BIGINT, v FLOAT[2])")
    _duck_write(base, [1], ROWS[:1])
    told = Native(DuckDBBackend("duck", base, ids="id", column="v"))
    over = threading.Event()

    def change() -> None:
        cursor, step = base.cursor(), 0
        while not over.is_set():
            step += 1
            cursor.execute("UPDATE docs SET v = [?, ?]::FLOAT[2], id = ?", [step, step, step])

    thread = threading.Thread(target=change)
    thread.start()
    try:
        states: dict[Any, Any] = {}
        for _ in range(60):
            pulled = told.pull("docs")
            assert pulled.vectors.tolist() == [[pulled.ids[0]] * 2] or pulled.ids == [1]
            assert states.setdefault(pulled.generation, pulled.ids) == pulled.ids
    finally:
        over.set()
        thread.join()


def test_duckdb_takes_a_query_of_the_version() -> None:
    base = duckdb.connect()
    base.execute("CREATE TABLE docs (id VARCHAR, v FLOAT[2])")
    base.execute("INSERT INTO docs VALUES ('a', [1, 2]), ('b', NULL)")
    base.execute("CREATE TABLE versions AS SELECT 'docs' AS name, 5 AS n")
    query = "SELECT n FROM versions WHERE name = $collection"
    told = Native(DuckDBBackend("duck", base, ids="id", column="v", generation=query))
    assert told.generation("docs") == 5
    pulled = told.pull("docs")
    assert (pulled.generation, pulled.ids) == (5, ["a"])
    plain = Native(DuckDBBackend("duck", base, ids="id", column="v", generation="SELECT 'x'"))
    assert plain.generation("docs") == "x"
    base.execute("DELETE FROM versions")
    with pytest.raises(errors.BackendError, match="not one value"):
        told.generation("docs")
    broken = Native(DuckDBBackend("duck", base, ids="id", column="v", generation="SELEC"))
    with pytest.raises(errors.BackendError, match="ParserException") as caught:
        broken.generation("docs")
    assert isinstance(caught.value.__cause__, duckdb.Error)
    base.execute("UPDATE docs SET id = NULL")
    with pytest.raises(errors.BackendError, match="null"):
        Native(DuckDBBackend("duck", base, ids="id", column="v")).pull("docs")
    with pytest.raises(errors.InvalidArgument, match="connection"):
        DuckDBBackend("duck", "a.duckdb", ids="id", column="v")


# ---- LanceDB ----


def _lance_table(ids: Any, rows: Any) -> pa.Table:
    vectors = pa.array(np.asarray(rows, np.float32).tolist(), pa.list_(pa.float32(), 2))
    return pa.table({"id": pa.array(ids, pa.int64()), "v": vectors})


def test_lancedb(tmp_path: pathlib.Path) -> None:
    base = lancedb.connect(tmp_path)
    base.create_table("docs", _lance_table(IDS, ROWS))
    base.create_table("unlike", pa.table({"x": [1]}))
    store = LanceDBBackend("lance", base, ids="id", column="v")
    conformance.check_store(
        Known(
            store, "docs", IDS, ROWS,
            changes(
                lambda i, r: base.create_table("docs", _lance_table(i, r), mode="overwrite")
            ),
            add=lambda name: base.create_table(name, _lance_table(IDS, ROWS)),
            drop=base.drop_table,
        )
    )  # fmt: skip
    told = Native(store)
    seen = [told.generation("docs")]
    for change in (
        lambda: base.open_table("docs").add(_lance_table([70], [[1, 2]])),
        lambda: base.open_table("docs").delete("id = 70"),
        lambda: base.open_table("docs").update("id = 100", {"v": [5.0, 5.0]}),
        lambda: base.create_table("docs", _lance_table(IDS, ROWS), mode="overwrite"),
    ):  # fmt: skip
        change()
        seen.append(told.generation("docs"))
    base.drop_table("docs")
    base.create_table("docs", _lance_table(IDS, ROWS))
    seen.append(told.generation("docs"))
    assert len(set(seen)) == len(seen), "a table that was made again is another"
    assert told.pull("docs").ids == IDS
    base.create_table("many", _lance_table(range(5000), np.ones((5000, 2))))
    assert len(told.pull("many").ids) == 5000
    with pytest.raises(errors.UnknownCollection, match="no column"):
        told.generation("unlike")


# ---- frames ----


def _frame(kind: str, ids: Any, rows: Any) -> Any:
    if kind == "pandas":
        return pd.DataFrame({"id": ids, "v": list(np.asarray(rows, np.float32))})
    if kind == "polars":
        return pl.DataFrame({"id": ids, "v": np.asarray(rows, np.float32)})
    return _lance_table(ids, rows)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_frames(kind: str) -> None:
    store = FrameBackend("frames", {"docs": _frame(kind, IDS, ROWS)}, ids="id", column="v")
    conformance.check_store(
        Known(
            store, "docs", IDS, ROWS,
            changes(lambda i, r: store.put("docs", _frame(kind, i, r))),
            add=lambda name: store.put(name, _frame(kind, IDS, ROWS)),
            drop=store.drop,
        )
    )  # fmt: skip
    store.put("docs", _frame(kind, IDS, ROWS))
    first = Native(store).generation("docs")
    store.put("docs", _frame(kind, IDS[::-1], ROWS))
    assert Native(store).generation("docs") != first
    store.put("docs", _frame(kind, IDS, ROWS))
    assert Native(store).generation("docs") == first, "the same content is the same generation"


def test_a_frame_of_pandas_that_is_changed_in_place_is_seen() -> None:
    frame = _frame("pandas", IDS, ROWS)
    told = Native(FrameBackend("frames", {"docs": frame}, ids="id", column="v"))
    seen = [told.generation("docs")]
    frame.loc[0, "id"] = 99
    seen.append(told.generation("docs"))
    frame.at[1, "v"] = np.float32([9, 9])
    seen.append(told.generation("docs"))
    assert len(set(seen)) == 3
    pulled = told.pull("docs")
    assert pulled.ids == [99, 1, 2]
    assert pulled.vectors[1].tolist() == [9, 9]


def test_frames_that_cannot_be_are_named() -> None:
    with pytest.raises(errors.InvalidArgument, match="mapping"):
        FrameBackend("frames", [1], ids="id", column="v")  # type: ignore[arg-type]
    with pytest.raises(errors.RuVectorError):
        FrameBackend("frames", {"docs": 5}, ids="id", column="v")
    with pytest.raises(errors.ColumnError, match="nope"):
        FrameBackend("frames", {"docs": _frame("polars", IDS, ROWS)}, ids="nope", column="v")
    store = FrameBackend("frames", {}, ids="id", column="v")
    with pytest.raises(errors.UnknownCollection, match="no frame 'docs'"):
        store.drop("docs")
    store.put("docs", pd.DataFrame({"id": [1, 2], "v": [[1.0], None]}))
    with pytest.raises(errors.BackendError, match="null"):
        Native(store).pull("docs")
    store.put("docs", pd.DataFrame({"id": [1, 1], "v": [[1.0], [2.0]]}))
    with pytest.raises(errors.BackendError, match="used before"):
        Native(store).pull("docs")
