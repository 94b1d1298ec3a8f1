"""A user's program with DuckDB and narwhals, as type checkers read it; it runs, too."""

from typing import Any, assert_type

import duckdb
import narwhals as nw
import numpy as np
import polars as pl

import ruvector as rv

con = duckdb.connect()
con.execute("CREATE TABLE t AS SELECT i AS id, 'w' || i AS w, [i, 1]::FLOAT[2] AS v "
            "FROM range(9) s(i)")  # fmt: skip
rel = con.table("t")
query = [8.0, 1.0]

assert_type(rv.search(rel, query, k=2, where="id < 8"), duckdb.DuckDBPyRelation)
assert_type(rv.within(rel, query, min_similarity=0.9), duckdb.DuckDBPyRelation)
assert_type(rv.sim_join(rel, rel), duckdb.DuckDBPyRelation)
assert_type(rv.dedup(rel, min_similarity=0.99), duckdb.DuckDBPyRelation)
assert_type(rv.describe(rel), duckdb.DuckDBPyRelation)
assert_type(rv.build_index(rel), rv.Index)
assert_type(rv.Index.build(rel), rv.Index)
assert rv.search(rel, query, k=1).filter("id > 7").fetchall()[0][0] == 8

frame: nw.DataFrame[pl.DataFrame] = nw.from_native(pl.DataFrame({"v": np.eye(2)}), eager_only=True)
assert_type(rv.search(frame, [1.0, 0.0], k=1), nw.DataFrame[pl.DataFrame])


class Rows:
    """Arrow data of a library that is not known."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return pl.DataFrame({"v": np.eye(2)}).__arrow_c_stream__()


found: object = rv.search(Rows(), [1.0, 0.0], k=1)
assert hasattr(found, "__arrow_c_stream__")
