"""`Index.build` takes a column from wherever columns are, and names those it cannot choose from."""

from __future__ import annotations

from typing import Any

import duckdb
import nanoarrow
import narwhals
import narwhals.stable.v1
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from kinds_of_frames import KINDS, Exporter, Kind, rows_of

import ruvector as rv

ROWS = np.random.default_rng(12).standard_normal((20, 3), dtype=np.float32)
CELLS = pa.array(ROWS.tolist(), pa.list_(pa.float32(), 3))
ONE = pa.table({"emb": CELLS})
WITH_MORE = pa.table({"id": range(20), "word": ["x"] * 20, "emb": CELLS})
TWO = WITH_MORE.append_column("more", CELLS)
FLAGS = np.random.default_rng(13).random((20, 16)) > 0.5


def check(index: rv.Index) -> None:
    """Check that an index is that of the rows."""
    assert (len(index), index.dim) == (20, 3)
    np.testing.assert_array_equal(np.asarray(index), ROWS)
    assert index.search(ROWS[7], 1).ids.tolist() == [7]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("table", [ONE, WITH_MORE], ids=["one column", "more columns"])
def test_every_kind_of_frame_with_one_column_of_vectors_is_taken(kind: Kind, table: Any) -> None:
    check(rv.Index.build(kind.make(table)))
    check(rv.Index.build(kind.make(table), kind="flat", recall=1.0))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_several_columns_of_vectors_are_named(kind: Kind) -> None:
    with pytest.raises(rv.ColumnError, match=r"several columns of vectors: 'emb' \(3 dim.*'more'"):
        rv.Index.build(kind.make(TWO))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(list(ROWS)),
        pd.Series(list(ROWS), index=range(20, 0, -1)),
        pl.Series(ROWS),
        CELLS,
        pa.chunked_array([CELLS.slice(0, 5), CELLS.slice(5)]),
        nanoarrow.Array(CELLS),
        Exporter(pa.chunked_array([CELLS])),
        narwhals.from_native(pl.Series(ROWS), series_only=True),
        narwhals.stable.v1.from_native(pd.Series(list(ROWS)), series_only=True),
        ROWS,
        ROWS.tolist(),
        memoryview(ROWS),
    ],
    ids=lambda column: f"{type(column).__module__.split('.')[0]} {type(column).__name__}",
)
def test_columns_are_taken(column: Any) -> None:
    check(rv.Index.build(column))


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        (pl.col("emb"), rv.InvalidArgument, r"select\(expression\)"),
        (pl.DataFrame(ONE).lazy(), rv.InvalidArgument, r"collect\(\)"),
        (WITH_MORE.drop(["emb"]), rv.ColumnError, r"build_index\(frame, text='word'\)"),
        (pd.DataFrame(ROWS), rv.ColumnError, r"3 of them.*to_numpy\(\)"),
        (pl.DataFrame({"a": [True]}), rv.ColumnError, "polars column of Boolean"),
        (pa.table({"a": [True], "b": [None]}), rv.ColumnError, r"'a' \(bool\)"),
        (pd.DataFrame(), rv.ColumnError, "no columns"),
        (WITH_MORE.drop(["emb"]).to_reader(), rv.ColumnError, "text='word'"),
        (duckdb.sql("SELECT 1 AS a, 2.5 AS b"), rv.ColumnError, "2 of them"),
        ("docs.parquet", rv.InvalidArgument, r"use rv\.Index\.build_parquet\(path, column\)"),
        ("docs.txt", rv.InvalidVector, "text"),
    ],
)
def test_what_has_no_column_of_vectors_is_refused(data: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=f"(?s){match}"):
        rv.Index.build(data)


def test_memory_is_borrowed_from_a_frame_as_from_its_column() -> None:
    index = rv.Index.build(ONE, keep="borrow")
    assert index.info()["vectors"] == rv.Index.build(CELLS, keep="borrow").info()["vectors"]
    check(index)


def test_columns_of_bits_are_chosen_where_bits_are_compared() -> None:
    packed = np.packbits(FLAGS, axis=1)
    frame = pd.DataFrame({"emb": list(ROWS), "bits": list(packed)})
    index = rv.Index.build(frame.drop(columns="emb"), metric="hamming")
    assert index.search(FLAGS[3], 1).ids.tolist() == [3]
    blobs = pa.table({"emb": CELLS, "code": pa.array([row.tobytes() for row in packed])})
    index = rv.Index.build(blobs, metric="hamming")
    assert index.search(FLAGS[3], 1).ids.tolist() == [3]
    check(rv.Index.build(blobs))


def test_an_index_of_a_frame_is_checked_against_it() -> None:
    index = rv.Index.build(WITH_MORE)
    assert rv.search(WITH_MORE, ROWS[3], k=1, index=index)["id"].to_pylist() == [3]
    with pytest.raises(rv.VectorsChanged):
        rv.search(WITH_MORE.take(list(range(20))[::-1]), ROWS[3], index=index)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_index_is_recommended_for_every_kind(kind: Kind) -> None:
    advice = rv.recommend(kind.make(WITH_MORE), sample=100)
    check(advice.build(kind.make(WITH_MORE)))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_an_index_found_is_gathered_from_every_kind(kind: Kind) -> None:
    found = rv.Index.build(WITH_MORE).search(ROWS[[7, 3]], 1).rows(kind.make(WITH_MORE))
    assert [row["id"] for row in rows_of(kind, found)] == [7, 3]
