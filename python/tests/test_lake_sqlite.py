"""Tables of SQLite are a store, and no commit is missed."""

from __future__ import annotations

import json
import os
import pathlib
import sqlite3
import subprocess
import sys
from typing import Any

import lake_conformance as conformance
import numpy as np
import pytest
from lake_conformance import IDS, ROWS, Known, Native, changes

from ruvector import _errors as errors
from ruvector._lake.adapters.sqlite import SQLiteBackend


def _sqlite(path: Any, journal: str = "DELETE", text: bool = False) -> sqlite3.Connection:
    base = sqlite3.connect(path, check_same_thread=False)
    base.execute(f"PRAGMA journal_mode={journal}")
    base.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, v, other)")
    base.execute("CREATE TABLE others (x)")
    _sqlite_write(base, IDS, ROWS, text)
    return base


def _sqlite_write(
    base: sqlite3.Connection, ids: Any, rows: Any, text: bool = False, table: str = "docs"
) -> None:
    with base:
        base.execute(f"DELETE FROM {table}")
        base.executemany(
            f"INSERT INTO {table} (id, v) VALUES (?, ?)",
            [
                (name, json.dumps(row.tolist()) if text else row.astype("<f4").tobytes())
                for name, row in zip(ids, rows, strict=True)
            ],
        )


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
@pytest.mark.parametrize("text", [False, True])
def test_sqlite(tmp_path: pathlib.Path, journal: str, text: bool) -> None:
    base = _sqlite(tmp_path / "a.db", journal, text)

    def add(name: str) -> None:
        base.execute(f"CREATE TABLE {name} AS SELECT * FROM docs")
        base.commit()

    conformance.check_store(
        Known(
            SQLiteBackend("lite", tmp_path / "a.db", ids="id", column="v"),
            "docs", IDS, ROWS, changes(lambda i, r: _sqlite_write(base, i, r, text)),
            add=add, drop=lambda name: base.execute(f"DROP TABLE {name}"),
        )
    )  # fmt: skip


def test_sqlite_in_memory(tmp_path: pathlib.Path) -> None:
    base = _sqlite(":memory:")
    conformance.check_store(
        Known(
            SQLiteBackend("lite", base, ids="id", column="v"),
            "docs", IDS, ROWS, changes(lambda i, r: _sqlite_write(base, i, r)),
        )
    )  # fmt: skip
    # What is not committed can be taken back, and is then not what was hashed.
    told = Native(SQLiteBackend("lite", base, ids="id", column="v"))
    before = told.generation("docs")
    base.execute("DELETE FROM docs")
    during = told.generation("docs")
    base.rollback()
    assert told.generation("docs") == before != during


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_sqlite_sees_every_commit_of_anybody(tmp_path: pathlib.Path, journal: str) -> None:
    path = tmp_path / "a.db"
    base = _sqlite(path, journal)
    told = Native(SQLiteBackend("lite", path, ids="id", column="v"))
    seen = {told.generation("docs")}
    code = (
        "import sqlite3, sys, struct\n"
        "b = sqlite3.connect(sys.argv[1])\n"
        "b.execute('UPDATE docs SET v = ? WHERE id = 1', (struct.pack('<2f', 8, 9),))\n"
        "b.commit()"
    )
    for step in range(20):
        if step == 10:
            subprocess.run([sys.executable, "-c", code, str(path)], check=True)
        else:
            other = base if step % 2 else sqlite3.connect(path)
            row = np.float32([step, 100]).tobytes()
            other.execute("UPDATE docs SET v = ? WHERE id = 2", (row,))
            assert told.generation("docs") in seen, "what is not committed is not seen"
            other.commit()
        now = told.generation("docs")
        assert now not in seen
        seen.add(now)
        assert told.pull("docs").generation == now
    # A commit elsewhere changes nothing here, and the same content is the same generation.
    base.execute("INSERT INTO others VALUES (1)")
    base.commit()
    assert told.generation("docs") == now
    assert Native(SQLiteBackend("again", path, ids="id", column="v")).generation("docs") == now


def test_sqlite_sees_a_file_that_was_replaced(tmp_path: pathlib.Path) -> None:
    _sqlite(tmp_path / "a.db").close()
    told = Native(SQLiteBackend("lite", tmp_path / "a.db", ids="id", column="v"))
    before = told.generation("docs")
    other = _sqlite(tmp_path / "b.db")
    _sqlite_write(other, [5], ROWS[:1])
    other.close()
    os.replace(tmp_path / "b.db", tmp_path / "a.db")
    assert told.generation("docs") != before
    assert told.pull("docs").ids == [5]
    os.remove(tmp_path / "a.db")
    with pytest.raises(errors.BackendError, match="no file"):
        told.generation("docs")


def test_sqlite_takes_connections_uris_and_queries(tmp_path: pathlib.Path) -> None:
    base = _sqlite(tmp_path / "a.db")
    base.execute("CREATE TABLE versions (name, n)")
    base.execute("INSERT INTO versions VALUES ('docs', 7)")
    base.commit()
    query = "SELECT n FROM versions WHERE name = :collection"
    told = Native(SQLiteBackend("lite", base, ids="id", column="v", generation=query))
    assert told.generation("docs") == 7
    assert told.pull("docs").generation == 7
    uri = f"file:{tmp_path / 'a.db'}?mode=ro"
    assert Native(SQLiteBackend("lite", uri, ids="id", column="v")).pull("docs").ids == [1, 2, 3]
    base.execute("UPDATE versions SET n = 2.5")
    base.commit()
    with pytest.raises(errors.BackendError, match=r"2\.5"):
        told.generation("docs")
    with pytest.raises(errors.InvalidArgument, match="empty database"):
        SQLiteBackend("lite", ":memory:", ids="id", column="v")
    with pytest.raises(errors.InvalidArgument, match="dtype"):
        SQLiteBackend("lite", base, ids="id", column="v", dtype="complex64")


def test_sqlite_memory_of_another_thread_is_named() -> None:
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE docs (id, v)")
    told = Native(SQLiteBackend("lite", base, ids="id", column="v"))
    with pytest.raises(errors.BackendError, match="thread") as caught:
        told.generation("docs")
    assert isinstance(caught.value.__cause__, sqlite3.ProgrammingError)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([(1, b"12345678"), (2, b"1234")], "row 1, id 2: a vector of 4 bytes"),
        ([(1, b"123")], "3 bytes are no vectors"),
        ([(1, "[1, 2]"), (2, b"12345678")], "blobs and texts"),
        ([(1, "[1, 2")], "no JSON"),
        ([(1, "{}")], "no list"),
        ([(1, "[1, 2]"), (2, "[1]")], "row 1"),
        ([(1, "[1, null]")], "null"),
        ([(1, '["a"]')], "vectors"),
        ([(1, 5)], "neither a blob nor"),
        ([(1, b"12345678"), (1, b"12345678")], "used before"),
        ([(None, b"12345678")], "null"),
        ([(1.5, b"12345678")], "ids"),
        ([(1, np.float32([1, np.nan]).tobytes())], "row 0"),
    ],
)
def test_sqlite_rows_that_cannot_be_are_named(rows: Any, why: str) -> None:
    base = sqlite3.connect(":memory:", check_same_thread=False)
    base.execute("CREATE TABLE docs (id, v)")
    base.executemany("INSERT INTO docs VALUES (?, ?)", rows)
    base.commit()
    told = Native(SQLiteBackend("lite", base, ids="id", column="v"))
    with pytest.raises(errors.BackendError, match=f"(?s)lite.*docs.*{why}"):
        told.pull("docs")


def test_sqlite_leaves_null_vectors_out_and_reads_other_numbers() -> None:
    base = sqlite3.connect(":memory:", check_same_thread=False)
    base.execute("CREATE TABLE docs (id, v)")
    base.execute("CREATE TABLE empty (id, v)")
    base.execute('CREATE TABLE "odd ""name" (id, v)')
    rows = [("a", np.float64([1, 2]).tobytes()), ("b", None), ("c", np.float64([3, 4]).tobytes())]
    base.executemany("INSERT INTO docs VALUES (?, ?)", rows)
    base.executemany('INSERT INTO "odd ""name" VALUES (?, ?)', rows)
    base.commit()
    told = Native(SQLiteBackend("lite", base, ids="id", column="v", dtype="float64"))
    pulled = told.pull("docs")
    assert pulled.ids == ["a", "c"]
    assert pulled.vectors.tolist() == [[1, 2], [3, 4]]
    assert told.pull("empty").ids == []
    assert told.pull('odd "name').ids == ["a", "c"]
    assert told.generation("docs") == told.generation('odd "name')
    few = Native(SQLiteBackend("lite", base, ids="id", column="v", table="empty"))
    assert few.collections() == ["empty"]
    with pytest.raises(errors.UnknownCollection, match="was not given"):
        few.generation("docs")
    with pytest.raises(errors.UnknownCollection, match="no column 'nope'"):
        Native(SQLiteBackend("lite", base, ids="id", column="nope")).generation("docs")
