"""Independent readers accept the Arrow stream of a result, as often as they ask."""

from __future__ import annotations

import duckdb
import nanoarrow
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

VECTORS = np.random.default_rng(5).standard_normal((40, 6), dtype=np.float32)
IDS = {
    "positions": None,
    "int64": np.arange(40, dtype=np.int64) + 1000,
    "uint64": np.arange(40, dtype=np.uint64) + np.uint64(2**63),
    "text": [f"näme {i}" for i in range(40)],
}


def _read_duckdb(result: rv.SearchResult) -> dict[str, list[object]]:
    found = duckdb.connect().sql("select * from result").fetchnumpy()
    return {name: values.tolist() for name, values in found.items()}


READERS = {
    "pyarrow": lambda result: pa.table(result).to_pydict(),
    "polars": lambda result: pl.DataFrame(result).to_dict(as_series=False),
    "duckdb": _read_duckdb,
    "nanoarrow": lambda result: {
        name: nanoarrow.Array(result).child(i).to_pylist()
        for i, name in enumerate(f.name for f in nanoarrow.ArrayStream(result).schema.fields)
    },
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("k", [0, 5, 50])
def test_a_reader_sees_the_rows_found_twice(reader: str, kind: str, batch: bool, k: int) -> None:
    index = rv.Index.build(VECTORS, ids=IDS[kind], metric="l2")
    result = index.search(VECTORS[:3] if batch else VECTORS[0], k)
    want = {name: values.tolist() for name, values in result._columns().items()}
    assert list(want) == (
        ["query_row", "rank", "id", "l2_distance"] if batch else ["id", "l2_distance"]
    )
    for _ in range(2):
        assert READERS[reader](result) == want


def test_results_become_frames_of_every_library() -> None:
    import pandas as pd

    index = rv.Index.build(VECTORS)
    one, many = index.search(VECTORS[0], 4), index.search(VECTORS[:2], 4)
    assert isinstance(one.to_pandas(), pd.DataFrame)
    assert list(one.to_pandas().columns) == ["id", "cosine_similarity"]
    assert many.to_pandas()["rank"].dtype == np.int64
    assert many.to_polars().schema["rank"] == pl.UInt32
    assert many.to_polars().schema["query_row"] == pl.UInt32
    assert many.to_arrow().schema.field("rank").type == pa.int64()
    assert many.to_arrow().schema.field("cosine_similarity").type == pa.float32()
    for frame in (one.to_polars()["id"].to_list(), one.to_arrow()["id"].to_pylist()):
        assert frame == one.ids.tolist()


def test_absent_cells_do_not_reach_a_frame() -> None:
    index = rv.Index.build(VECTORS[:3], ids=["a", "b", "c"])
    result = index.search(VECTORS[:2], 5)
    assert len(result.to_pandas()) == 6
    assert result.to_polars()["id"].null_count() == 0
    assert result.to_pandas()["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert result.to_pandas()["query_row"].tolist() == [0, 0, 0, 1, 1, 1]


def test_hits_arrays_and_rows_are_views_of_the_same_answer() -> None:
    index = rv.Index.build(VECTORS)
    one, many = index.search(VECTORS[0], 3), index.search(VECTORS[:2], 3)
    ids, scores = one.arrays()
    assert ids is one.ids
    assert scores is one.scores
    assert [hit.id for hit in one.hits()] == ids.tolist()
    assert one.hits()[0].score == pytest.approx(1.0)
    assert [len(hits) for hits in many.hits()] == [3, 3]
    assert many.hits()[1][0].id == 1


def test_rows_gathers_the_users_rows_in_the_users_frame() -> None:
    import pandas as pd

    named = rv.Index.build(VECTORS, ids=[f"n{i}" for i in range(40)])
    plain = rv.Index.build(VECTORS)
    frame = pd.DataFrame({"x": range(40)}, index=[f"label {i}" for i in range(40)])
    names = frame.assign(name=[f"n{i}" for i in range(40)])[::-1]
    for got in (
        named.search(VECTORS[6], 2).rows(names, ids_on="name").drop(columns="name"),
        plain.search(VECTORS[6], 2).rows(frame),
    ):
        assert got.index[0] == "label 6"
        assert list(got.columns) == ["x", "cosine_similarity"]
    batch = plain.search(VECTORS[:2], 2).rows(pl.DataFrame({"x": range(40)}))
    assert batch.columns == ["x", "query_row", "rank", "cosine_similarity"]
    assert plain.search(VECTORS[6], 1).rows(pa.table({"x": range(40)}))["x"].to_pylist() == [6]
    with rv.config(score_column="how_close"):
        assert plain.search(VECTORS[6], 2).rows(frame).columns[-1] == "how_close"
    with pytest.raises(rv.ColumnError, match="already has"):
        plain.search(VECTORS[6], 2).rows(frame.assign(cosine_similarity=0))
    with pytest.raises(rv.ColumnError, match="39 rows"):
        plain.search(VECTORS[6], 2).rows(frame.iloc[1:])


def test_a_result_is_not_iterable_and_says_what_to_use() -> None:
    index = rv.Index.build(VECTORS)
    with pytest.raises(TypeError, match=r"arrays\(\)"):
        _ids, _scores = index.search(VECTORS[0], 2)


def test_a_result_shows_itself() -> None:
    index = rv.Index.build(VECTORS)
    assert repr(index.search(VECTORS[0], 2)).startswith("SearchResult(2 rows, cosine_similarity")
    assert repr(index.search(VECTORS[:3], 2)).startswith("SearchResult(3 queries, k=2, 6 rows")
    html = index.search(VECTORS[0], 2)._repr_html_()
    assert "<table" in html
    assert "script" not in html
