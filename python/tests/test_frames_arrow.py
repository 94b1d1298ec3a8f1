"""pyarrow tables: a table in, a table out."""

from __future__ import annotations

import numpy as np
import oracle
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import ruvector as rv

N, D = 60, 8
MATRIX = np.random.default_rng(41).standard_normal((N, D), dtype=np.float32)
QUERY = MATRIX[17] + np.float32(0.01)


def _table(**columns: object) -> object:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(MATRIX.reshape(-1)), D)
    return pa.table({"price": range(N), "emb": vectors, **columns})


@pytest.mark.parametrize("metric", oracle.METRICS)
def test_search_returns_a_table_best_first(metric: str) -> None:
    hits = rv.search(_table(), QUERY, k=5, metric=metric)
    rows, scores = oracle.nearest(MATRIX, QUERY, 5, metric)
    assert isinstance(hits, pa.Table)
    assert hits["price"].to_pylist() == rows.tolist()
    assert hits.column(2).to_pylist() == scores.tolist()
    assert hits.schema.field(2).type == pa.float32()


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float64())])
def test_lists_of_any_width_of_offsets_are_searched(kind: object) -> None:
    table = pa.table({"price": range(N), "emb": pa.array(MATRIX.tolist(), kind)})
    rows, _ = oracle.nearest(MATRIX, QUERY, 5, "cosine")
    assert rv.search(table, QUERY, k=5)["price"].to_pylist() == rows.tolist()


def test_chunked_tables_are_searched_as_one() -> None:
    table = pa.concat_tables([_table().slice(0, 20), _table().slice(20)])
    rows, _ = oracle.nearest(MATRIX, QUERY, 5, "cosine")
    assert rv.search(table, QUERY, k=5)["price"].to_pylist() == rows.tolist()


def test_a_batch_has_query_row_and_rank_as_int64() -> None:
    hits = rv.search(_table(), MATRIX[[3, 9]], k=2)
    assert hits.column_names == ["price", "emb", "query_row", "rank", "cosine_similarity"]
    assert hits.schema.field("rank").type == hits.schema.field("query_row").type == pa.int64()
    assert hits["rank"].to_pylist() == [1, 2, 1, 2]


@pytest.mark.parametrize(
    "where",
    [
        pc.field("price") >= 30,
        np.arange(N) >= 30,
        pa.array(np.arange(N) >= 30),
        pa.chunked_array([[False] * 30, [True] * 30]),
        lambda table: pc.greater_equal(table["price"], 30),
    ],
)
def test_a_filter_decides_who_may_be_found(where: object) -> None:
    hits = rv.search(_table(), QUERY, k=5, where=where)
    rows, _ = oracle.nearest(MATRIX, QUERY, 5, "cosine", np.arange(N) >= 30)
    assert hits["price"].to_pylist() == rows.tolist()


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ("price > 3", "expression"),
        (pc.field("cost") > 3, "cost"),
        (pa.array([1, 2]), "ids="),
        (pa.array([True]), "1 values"),
    ],
)
def test_filters_that_are_none_are_refused(where: object, match: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=match):
        rv.search(_table(), QUERY, where=where)


def test_null_rows_are_never_found() -> None:
    cells = MATRIX.tolist()
    cells[17] = None
    table = pa.table({"price": range(N), "emb": pa.array(cells, pa.list_(pa.float32(), D))})
    hits = rv.search(table, QUERY, k=N)
    assert hits.num_rows == N - 1
    assert 17 not in hits["price"].to_pylist()


def test_empty_answers_keep_the_full_schema() -> None:
    want = rv.search(_table(), QUERY).schema
    assert rv.search(_table(), QUERY, k=0).schema == want
    assert rv.search(_table().slice(0, 0), QUERY).schema == want


def test_text_and_dictionaries_of_text_are_known_as_text() -> None:
    table = _table(name=pa.array(["a", "b", None] * 20).dictionary_encode(), note=["x"] * N)
    about = rv.describe(table)
    assert isinstance(about, pa.Table)
    assert about["column"].to_pylist() == ["emb", "name", "note"]
    assert about["kind"].to_pylist() == ["vector", "text", "text"]
    assert about["nulls"].to_pylist() == [0, 20, 0]


def test_a_built_index_answers_for_the_table() -> None:
    index = rv.build_index(_table(), "emb", ids="price", metric="l2")
    hits = rv.search(_table(), QUERY, k=3, index=index)
    rows, _ = oracle.nearest(MATRIX, QUERY, 3, "l2")
    assert hits["price"].to_pylist() == rows.tolist()
    assert rv.explain(_table(), QUERY, index=index).index == "given"
    again = _table().take(pa.array(range(N)[::-1]))
    assert rv.search(again, QUERY, k=3, index=index).equals(hits)
    with pytest.raises(rv.VectorsChanged):
        rv.search(again, QUERY, index=rv.build_index(_table(), "emb"))


def test_clashes_and_unknown_columns_are_refused() -> None:
    hits = rv.search(_table(), QUERY)
    with pytest.raises(rv.ColumnError, match="cosine_similarity"):
        rv.search(hits, QUERY)
    with pytest.raises(rv.ColumnError, match="there is no column"):
        rv.search(_table(), QUERY, on="nothing")
    assert rv.search(_table(), QUERY, k=3, columns=[]).shape == (3, 1)
    assert rv.search(_table(), QUERY, columns=["price"]).column_names == [
        "price",
        "cosine_similarity",
    ]


def test_tables_with_imported_chunks_of_no_rows_are_searched() -> None:
    emb = _table()["emb"].chunk(0)
    pieces = [emb.slice(*piece) for piece in ((0, 2), (2, 6), (8, 0), (8, N - 8))]
    table = _table().set_column(1, "emb", pa.chunked_array(pieces))
    imported = pa.RecordBatchReader.from_stream(table).read_all()
    assert rv.search(imported, QUERY, k=5).equals(rv.search(_table(), QUERY, k=5))
