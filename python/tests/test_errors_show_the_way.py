"""What an error says is for those who read it: Python's way in Python, and the nearest way out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

ROWS = np.random.default_rng(3).standard_normal((12, 4)).astype(np.float32)
FRAME = pd.DataFrame({"name": [f"row {i}" for i in range(12)], "team": [*"ab"] * 6})
FRAME["emb"] = list(ROWS)
LISTS = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))


def said(error, call, *arguments, **named) -> str:
    with pytest.raises(error) as caught:
        call(*arguments, **named)
    return str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_rows_are_skipped_in_the_way_of_python_alone(bad):
    rows = ROWS.copy()
    rows[3] = bad
    told = said(rv.InvalidVector, rv.Index.build, rows)
    assert "rv.config(bad_vectors='skip')" in told and " Go" not in told


def test_null_rows_are_skipped_in_the_way_of_python_alone():
    told = said(rv.InvalidVector, rv.Index.build, LISTS)
    assert told.endswith("Index.build(..., nulls='skip')")
    bits = pa.array([b"ab", None], pa.binary(2))
    assert " Go" not in said(rv.InvalidVector, rv.Index.build, bits, metric="hamming")


def test_an_index_without_vectors_is_told_how_they_come_back(tmp_path):
    with rv.Index.build(ROWS, keep="none", kind="flat") as index:
        told = said(rv.InvalidArgument, index.save, tmp_path / "x.rvx", vectors=True)
    assert "vectors=column" in told and " Go" not in told


@pytest.mark.parametrize("out", ["long", "column", "csr"])
@pytest.mark.parametrize("make", [lambda: FRAME, lambda: pl.from_pandas(FRAME)])
def test_no_neighbours_are_asked_for_and_none_come_as_from_search(out, make):
    frame = make()
    none = rv.neighbors(frame, 0, out=out)
    if out == "long":
        assert len(none) == 0
    elif out == "column":
        assert all(cell is None for cell in none["neighbors"])  # as of rows without vectors
    else:
        assert none.shape == (12, 12) and none.nnz == 0
    assert len(rv.search(frame, ROWS[0], k=0)) == len(rv.similar_to(frame, 0, k=0)) == 0
    assert "0 or more" in said(rv.InvalidArgument, rv.neighbors, frame, -1)


@pytest.mark.parametrize("vector", [ROWS[3], ROWS[3].tolist()], ids=["array", "list"])
@pytest.mark.parametrize("make", [lambda: FRAME, lambda: pl.from_pandas(FRAME)])
def test_similar_to_a_vector_is_a_search(make, vector):
    told = said(rv.InvalidArgument, rv.similar_to, make(), vector)
    assert "rv.search(frame, vector)" in told and len(told) < 150


@pytest.mark.parametrize("keys", [["team"], ["team", "name"]], ids=["index", "level"])
def test_a_name_in_the_index_is_told_how_it_becomes_a_column(keys):
    frame = FRAME.set_index(keys)
    for call in (
        lambda f: rv.search(f, ROWS[0], by="team"),
        lambda f: rv.dedup(f, min_similarity=0.5, by="team"),
        lambda f: rv.sim_join(f, FRAME, by="team"),
        lambda f: rv.search(f, ROWS[0], columns=["team"]),
        lambda f: rv.search(f, "x", text="team"),
    ):
        told = said(rv.ColumnError, call, frame)
        assert told.endswith("'team' is in the index: frame.reset_index('team') makes it a column")
    grouped = rv.search(frame.reset_index("team"), ROWS[0], k=1, by="team")
    assert sorted(grouped["team"]) == ["a", "b"]
    assert "reset_index" not in said(rv.ColumnError, rv.search, frame, ROWS[0], by="absent")


@pytest.mark.parametrize("query", [None, float("nan"), pd.NA], ids=repr)
def test_a_null_query_is_called_null(query):
    told = said(rv.InvalidVector, rv.search, FRAME, query, text="name")
    assert told.startswith("query is null, ")


def test_nulls_among_queries_are_to_be_left_out():
    with rv.Index.build(ROWS) as index:
        told = said(rv.InvalidVector, index.search, pa.array([[1.0] * 4, None]))
    assert "1 of 2 rows are null; leave nulls out" in told
    told = said(rv.InvalidVector, rv.search, FRAME, ["a", None], text="name")
    assert told == "query: row 1 is null, not text; leave nulls out"


def test_the_name_of_a_file_is_told_who_reads_it():
    told = said(rv.InvalidArgument, rv.Index.build, "folder/rows.parquet")
    assert "rv.Index.build_parquet(path, column)" in told
    assert "numpy.load(path)" in said(rv.InvalidVector, rv.Index.build, "rows.npy")


def test_a_closed_index_says_so_wherever_it_is_shown():
    index = rv.Index.build(ROWS)
    assert repr(index) == "Index(12 x 4, cosine, exact)"
    index.close()
    assert repr(index) == "Index(closed)"
    assert "closed" in index._repr_html_()
