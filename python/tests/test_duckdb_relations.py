"""DuckDB relations: answered on the user's own connection, as values of DuckDB's own types."""

from __future__ import annotations

import gc
import pathlib
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv

ROWS = np.random.default_rng(10).standard_normal((30, 3), dtype=np.float32)
QUERY = ROWS[7] + np.float32(0.01)


@pytest.fixture
def con() -> Iterator[Any]:
    """Return a connection with a table of rows."""
    made = duckdb.connect()
    made.execute("CREATE TABLE docs (id INTEGER, word VARCHAR, emb FLOAT[3])")
    words = ["refund", "late", None]
    rows = [(i, words[i % 3], row.tolist()) for i, row in enumerate(ROWS)]
    made.executemany("INSERT INTO docs VALUES (?, ?, ?)", rows)
    yield made
    made.close()


def test_the_answer_is_a_relation_of_the_users_connection(con: Any) -> None:
    found = rv.search(con.table("docs"), QUERY, k=5)
    assert isinstance(found, duckdb.DuckDBPyRelation)
    want = rv.search(con.table("docs").to_arrow_table(), QUERY, k=5)
    assert [row[0] for row in found.fetchall()] == want["id"].to_pylist()
    assert [str(kind) for kind in found.types] == ["INTEGER", "VARCHAR", "FLOAT[3]", "FLOAT"]
    near = found.filter("cosine_similarity > 0.9 AND word IS NOT NULL").order("id")
    assert isinstance(near.df(), pd.DataFrame)
    assert set(near.df()["id"]) <= set(want["id"].to_pylist())
    con.execute("CREATE TABLE kept AS SELECT * FROM found")
    assert con.sql("SELECT count(*) FROM kept").fetchall() == [(5,)]
    joined = con.sql("SELECT d.id FROM found f JOIN docs d USING (id) ORDER BY d.id")
    assert len(joined.fetchall()) == 5


def test_the_answer_outlives_what_made_it(con: Any) -> None:
    found = rv.search(con.table("docs"), QUERY, k=2)
    want = found.fetchall()
    con.execute("DROP TABLE docs")
    gc.collect()
    assert found.fetchall() == want
    assert found.filter("id >= 0").fetchall() == want


def test_a_connection_that_nobody_else_holds_is_enough() -> None:
    def made() -> Any:
        con = duckdb.connect()
        con.execute("CREATE TABLE t AS SELECT i AS id, [i, 1.0, 0.0]::FLOAT[3] AS v "
                    "FROM range(9) s(i)")  # fmt: skip
        return rv.search(con.table("t"), [8.0, 1.0, 0.0], k=1)

    found = made()
    gc.collect()
    assert found.fetchall()[0][0] == 8


def test_inside_a_transaction_its_rows_are_seen(con: Any) -> None:
    con.execute("BEGIN")
    con.execute("INSERT INTO docs VALUES (99, 'new', [9, 9, -9])")
    found = rv.search(con.table("docs"), [9, 9, -9], k=1)
    assert found.fetchall()[0][0] == 99
    con.execute("ROLLBACK")
    assert found.fetchall()[0][0] == 99  # it is a value
    assert rv.search(con.table("docs"), [9, 9, -9], k=1).fetchall()[0][0] != 99
    con.execute("BEGIN")  # our queries left none open
    con.execute("COMMIT")


@pytest.mark.parametrize(
    "where",
    [
        "id > 9 AND word = 'late'",
        "word = 'late' AND id BETWEEN 10 AND 29",
        duckdb.SQLExpression("id > 9 AND word = 'late'"),
        (duckdb.ColumnExpression("word") == duckdb.ConstantExpression("late"))
        & (duckdb.ColumnExpression("id") > duckdb.ConstantExpression(9)),
        np.array([i > 9 and i % 3 == 1 for i in range(30)]),
        lambda rel: np.array([i > 9 and i % 3 == 1 for i in range(30)]),
        lambda rel: rel.select("id > 9 AND coalesce(word = 'late', false)"),
    ],
)
def test_a_condition_is_evaluated_by_duckdb(con: Any, where: Any) -> None:
    found = rv.search(con.table("docs"), QUERY, k=50, where=where)
    assert sorted(row[0] for row in found.fetchall()) == list(range(10, 30, 3))


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ("cost > 3", "cost"),
        ("id >", "syntax error"),
        ("id", "INTEGER.*condition"),
        ("id > avg(id)", "evaluated"),
        ("emb", "condition"),
        ({"id": 3}, "where="),
        ([1, 2], "ids="),
        (np.ones(3, bool), "3 values"),
    ],
)
def test_conditions_that_are_none_are_refused(con: Any, where: Any, match: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=f"(?s){match}"):
        rv.search(con.table("docs"), QUERY, where=where)


def test_null_is_false_and_a_null_condition_lets_nobody_in(con: Any) -> None:
    assert len(rv.search(con.table("docs"), QUERY, k=50, where="word <> 'x'").fetchall()) == 20
    assert rv.search(con.table("docs"), QUERY, where="NULL").fetchall() == []


def test_types_of_other_columns_stay_whatever_they_are(con: Any) -> None:
    relation = con.sql("""
        SELECT id, emb, 170141183460469231731687303715884105727::HUGEINT AS huge, uuid() AS u,
            DATE '2026-11-29' AS d, TIMESTAMPTZ '2026-11-29 12:00:00+00' AS at,
            INTERVAL 3 MONTH AS i, MAP {'a': 1} AS m, {'x': 1, 'y': 'b'} AS s, [[1], [2, 3]] AS l,
            'x'::ENUM ('x', 'y') AS e, '0101'::BIT AS bits, 1.5::DECIMAL(18, 3) AS n,
            TIME '12:30:00' AS t, NULL AS nothing, '{"a": 1}'::VARCHAR AS "with ""quotes"" in"
        FROM docs
    """)
    found = rv.search(relation, QUERY, k=4, on="emb")
    assert found.columns[:-1] == relation.columns
    assert found.types[:-1] == relation.types
    held = {row[0]: row for row in relation.select("* EXCLUDE (u)").fetchall()}
    for row in found.select("* EXCLUDE (u, cosine_similarity)").fetchall():
        assert row == held[row[0]]


@pytest.mark.parametrize(
    "kind",
    ["FLOAT[3]", "DOUBLE[3]", "FLOAT[]", "DOUBLE[]", "INTEGER[3]", "BIGINT[]", "TINYINT[3]",
     "UTINYINT[]", "DECIMAL(9,3)[3]", "HUGEINT[]", "SMALLINT[3]", "UINTEGER[]"],
)  # fmt: skip
def test_vectors_of_every_type_of_number_are_searched(con: Any, kind: str) -> None:
    whole = np.abs(ROWS * 20).astype(int)
    con.register("source", pa.table({"id": range(30), "cells": whole.tolist()}))
    relation = con.sql(f"SELECT id, cells::{kind} AS v FROM source")
    about = rv.describe(relation).fetchall()
    assert [(row[0], row[1], row[2], row[3]) for row in about] == [("v", "vector", kind, 3)]
    got = rv.search(relation, whole[4], k=5, metric="l2")
    want = rv.search(pa.table({"id": range(30), "v": whole.tolist()}), whole[4], k=5, metric="l2")
    assert [(row[0], row[-1]) for row in got.fetchall()] == list(
        zip(want["id"].to_pylist(), want["l2_distance"].to_pylist(), strict=True)
    )


def test_integers_that_float32_does_not_hold_are_read_as_double(con: Any) -> None:
    relation = con.sql("SELECT [16777217, 0] AS v UNION ALL SELECT [16777216, 0]")
    found = rv.search(relation, [16777217.0, 0.0], k=1, metric="l2").fetchall()
    assert found[0][-1] == 0.0


def test_bits_are_searched(con: Any) -> None:
    con.execute("CREATE TABLE codes AS SELECT i AS id, chr(65 + i::INTEGER)::BLOB AS b "
                "FROM range(9) s(i)")  # fmt: skip
    found = rv.search(con.table("codes"), b"C", k=1, metric="hamming").fetchall()
    assert (found[0][0], found[0][-1]) == (2, 0.0)
    flags = con.sql("SELECT i AS id, [i > 3, true, false, i < 2, true, true, true, i = 5] AS b "
                    "FROM range(9) s(i)")  # fmt: skip
    query = [True, True, False, False, True, True, True, True]
    assert rv.search(flags, query, k=1, metric="hamming").fetchall()[0][0] == 5


def test_groups_are_those_of_sql_null_is_one(con: Any) -> None:
    found = rv.search(con.table("docs"), QUERY, k=1, by="word").fetchall()
    assert {row[1] for row in found} == {"refund", "late", None}
    two = rv.search(con.table("docs"), QUERY, k=1, by=["word", "id"])
    assert len(two.fetchall()) == 30


def test_capitals_do_not_make_two_names(con: Any) -> None:
    relation = con.sql('SELECT *, 1 AS "Rank" FROM docs')
    with pytest.raises(rv.ColumnError, match=r"'Rank' and 'rank'.*one name to DuckDB"):
        rv.search(relation, ROWS[:2])
    assert "Rank" in rv.search(relation, QUERY).columns


def test_relations_with_columns_of_our_names_are_searched(con: Any) -> None:
    relation = con.sql('SELECT emb, id AS "row", word AS "row 1", id AS place FROM docs')
    found = rv.search(relation, QUERY, k=2)
    assert found.columns == ["emb", "row", "row 1", "place", "cosine_similarity"]
    want = rv.search(con.table("docs"), QUERY, k=2).fetchall()
    assert [row[1] for row in found.fetchall()] == [row[0] for row in want]


@pytest.mark.parametrize("name", ["ruvector_found", "ruvector_held", "found", "held", "rows"])
def test_tables_of_any_name_are_left_alone(con: Any, name: str) -> None:
    want = rv.search(con.table("docs"), QUERY, k=3).fetchall()
    if name.startswith("ruvector"):
        assert rv.search(con.table("docs").set_alias(name), QUERY, k=3).fetchall() == want
        return
    con.execute(f"ALTER TABLE docs RENAME TO {name}")
    assert rv.search(con.table(name), QUERY, k=3).fetchall() == want
    con.execute(f"CREATE TABLE docs AS SELECT * FROM {name}")
    assert rv.search(con.table("docs"), QUERY, k=3).fetchall() == want


def test_a_relation_that_gives_other_rows_each_time_is_read_once(con: Any) -> None:
    relation = con.sql("SELECT id, [id, random(), 1]::FLOAT[3] AS v, random() AS r FROM docs")
    found = rv.search(relation, [3.0, 0.5, 1.0], k=30, metric="l2").fetchall()
    for row in found:
        distance = np.linalg.norm(np.array(row[1]) - [3.0, 0.5, 1.0])
        assert abs(distance - row[-1]) < 1e-5


def test_rows_keep_their_places_where_duckdb_keeps_no_order(con: Any) -> None:
    con.execute("SET preserve_insertion_order = false")
    con.execute("CREATE TABLE many AS SELECT i AS id, [i, i * i % 977]::FLOAT[2] AS v "
                "FROM range(300000) s(i)")  # fmt: skip
    found = rv.search(con.table("many"), [123456.0, float(123456**2 % 977)], k=1, metric="l2")
    assert found.fetchall()[0][0] == 123456
    chosen = rv.search(con.table("many"), [7.0, 49.0], k=2, metric="l2", where="id % 2 = 0")
    assert {row[0] % 2 for row in chosen.fetchall()} == {0}


def test_the_order_of_a_relation_is_that_of_its_rows(con: Any) -> None:
    same = con.sql("SELECT id, [1, 1]::FLOAT[2] AS v FROM docs ORDER BY id DESC")
    found = rv.search(same, [1.0, 1.0], k=4).fetchall()  # ties go to the first row
    assert [row[0] for row in found] == [29, 28, 27, 26]
    assert rv.dedup(same, min_similarity=0.9).fetchall()[0][0] == 29
    assert [row[0] for row in rv.dedup(same, min_similarity=0.9, keep="last").fetchall()] == [0]


def test_duplicates_are_a_relation_of_one_column(con: Any) -> None:
    twice = con.sql("SELECT * FROM docs UNION ALL SELECT * FROM docs")
    said = rv.duplicated(twice, min_similarity=0.99999)
    assert [str(kind) for kind in said.types] == ["BOOLEAN"]
    assert [row[0] for row in said.fetchall()] == [False] * 30 + [True] * 30


def test_neighbors_are_lists_in_structs(con: Any) -> None:
    some = con.sql("SELECT id, CASE WHEN id <> 3 THEN emb END AS emb FROM docs WHERE id < 6")
    found = rv.neighbors(some, 2, out="column")
    assert str(found.types[-1]) == "STRUCT(ids BIGINT[], distances FLOAT[])"
    cells = [row[-1] for row in found.fetchall()]
    assert cells[3] is None
    assert all(len(cell["ids"]) == 2 and 3 not in cell["ids"] for cell in cells if cell)
    want = rv.neighbors(some.to_arrow_table(), 2, out="column")["neighbors"].to_pylist()
    assert cells == want


def test_relations_that_cannot_be_read_say_why(con: Any) -> None:
    relation = con.table("docs")
    con.execute("DROP TABLE docs")
    with pytest.raises(rv.InvalidArgument, match="docs does not exist"):
        rv.search(relation, QUERY)
    broken = con.sql("SELECT [1.0]::FLOAT[1] AS v, x::INTEGER AS n FROM (VALUES ('a')) s(x)")
    with pytest.raises(rv.InvalidArgument, match="Could not convert"):
        rv.search(broken, [1.0])
    open_one = con.sql("SELECT [1.0]::FLOAT[1] AS v")
    con.close()
    with pytest.raises(rv.InvalidArgument, match=r"(?i)connection.*closed"):
        rv.search(open_one, [1.0])


def test_a_connection_that_ignores_python_variables_is_told_what_to_set(con: Any) -> None:
    con.execute("SET python_enable_replacements = false")
    with pytest.raises(rv.InvalidArgument, match="SET python_enable_replacements = true"):
        rv.search(con.table("docs"), QUERY)
    con.execute("SET python_enable_replacements = true")
    assert len(rv.search(con.table("docs"), QUERY).fetchall()) == 10


def test_an_index_of_a_relation_answers_for_it(con: Any) -> None:
    index = rv.build_index(con.table("docs"), "emb", ids="id")
    again = con.table("docs").order("id DESC")
    got = rv.search(again, QUERY, k=3, index=index)
    assert got.fetchall() == rv.search(con.table("docs"), QUERY, k=3).fetchall()
    by_word = rv.build_index(con.sql("SELECT 'w' || id AS name, emb FROM docs"), ids="name")
    assert by_word.search(ROWS[3], 1).ids.tolist() == ["w3"]
    with pytest.raises(rv.VectorsChanged):
        rv.search(again, QUERY, index=rv.build_index(con.table("docs")))


def test_texts_are_embedded_and_the_vectors_stay_in_duckdb(con: Any) -> None:
    def letters(texts: list[str]) -> Any:
        return np.array([[len(t), t.count("e")] for t in texts], np.float32)

    relation = con.sql("SELECT id, word::ENUM ('refund', 'late') AS word FROM docs")
    made = rv.embed(relation, "word", embedder=letters)
    assert [str(kind) for kind in made.types][-1] == "FLOAT[2]"
    assert made.fetchall()[:3] == [
        (0, "refund", (6.0, 1.0)), (1, "late", (4.0, 1.0)), (2, None, None),
    ]  # fmt: skip
    found = rv.search(made, "late", k=1).fetchall()
    assert found[0][1] == "late"
    with pytest.raises(rv.ColumnError, match="relation"):
        rv.to_column(ROWS, like=con.table("docs"))


def test_relations_are_joined(con: Any) -> None:
    few = con.sql("SELECT id AS ask, emb AS mine FROM docs WHERE id < 4")
    found = rv.sim_join(few, con.table("docs"), k=1, where_right="id >= 2", how="left",
                        min_similarity=0.99)  # fmt: skip
    assert found.columns == ["ask", "mine", "id", "word", "emb", "rank", "cosine_similarity"]
    assert [row[2] for row in found.fetchall()] == [None, None, 2, 3]
    assert [row[5] for row in found.fetchall()] == [None, None, 1, 1]
    index = rv.build_index(con.table("docs"), "emb", ids="id")
    assert [row[2] for row in rv.sim_join(few, index).fetchall()] == [0, 1, 2, 3]
    other = duckdb.connect().sql("SELECT [1.0, 2, 3]::FLOAT[3] AS v")
    with pytest.raises(rv.InvalidArgument, match="of two databases"):
        rv.sim_join(few, other)
    with pytest.raises(rv.InvalidArgument, match=r"duckdb\.from_arrow\(right\)"):
        rv.sim_join(few, pa.table({"v": ROWS.tolist()}))


def test_a_database_on_disk_is_searched(tmp_path: pathlib.Path) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as con:
        con.execute("CREATE TABLE t AS SELECT i AS id, [i, 1]::DOUBLE[] AS v FROM range(9) s(i)")
        con.table("t").write_parquet(str(tmp_path / "a.parquet"))
    with duckdb.connect(str(tmp_path / "a.duckdb"), read_only=True) as con:
        assert rv.search(con.table("t"), [8.0, 1.0], k=1).fetchall()[0][0] == 8
        scanned = con.read_parquet(str(tmp_path / "a.parquet"))
        assert rv.search(scanned, [8.0, 1.0], k=1).fetchall()[0][0] == 8


def test_several_threads_search_with_connections_of_their_own(con: Any) -> None:
    want = rv.search(con.table("docs"), QUERY, k=3).fetchall()
    wrong: list[Any] = []

    def work() -> None:
        mine = con.cursor()
        for _ in range(10):
            if rv.search(mine.table("docs"), QUERY, k=3).fetchall() != want:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_else_is_imported_for_a_relation() -> None:
    code = """
        import sys, duckdb, numpy as np, ruvector as rv
        for name in ("pandas", "polars", "pyarrow"):
            assert name not in sys.modules
            sys.modules[name] = None
        rel = duckdb.sql("SELECT i AS id, 'w' || i AS w, [i, 1]::FLOAT[2] AS v FROM range(9) s(i)")
        assert rv.search(rel, [8.0, 1.0], k=1, where="id < 9", by="w").fetchall()[0][0] == 8
        rv.describe(rel)
        rv.sim_join(rel, rel, k=2, how="left")
        rv.embed(rel, "w", embedder=lambda texts: np.ones((len(texts), 2)))
        print("works")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "works", done.stderr


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.lists(st.integers(-3, 3), min_size=2, max_size=2),
                       st.sampled_from(["a", "b", None])), max_size=9),
    st.integers(0, 4),
    st.sampled_from(["cosine", "dot", "l2"]),
    st.booleans(),
)  # fmt: skip
def test_random_relations_have_the_answer_of_a_table(
    cells: list[Any], k: int, metric: Any, grouped: bool
) -> None:
    made = pa.table(
        {
            "id": range(len(cells)),
            "w": pa.array([word for _, word in cells], pa.string()),
            "v": pa.array([cell for cell, _ in cells], pa.list_(pa.float32(), 2)),
        }
    )
    by = "w" if grouped else None
    want = rv.search(made, [1.0, 2.0], k=k, metric=metric, by=by)
    got = rv.search(duckdb.from_arrow(made), [1.0, 2.0], k=k, metric=metric, by=by)
    assert pa.table(got).to_pylist() == want.to_pylist()
