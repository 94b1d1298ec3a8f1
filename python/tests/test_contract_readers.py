"""Four Arrow libraries: what they hand over is searched, what we hand over they read."""

from __future__ import annotations

import gc
import itertools
from decimal import Decimal
from typing import Any

import duckdb
import nanoarrow as na
import numpy as np
import oracle
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._native import arrow as _arrow
from ruvector._native import library as _library

N, D = 30, 4
MATRIX = np.random.default_rng(51).standard_normal((N, D), dtype=np.float32)
QUERY = MATRIX[11] + np.float32(0.1)
ROWS = oracle.nearest(MATRIX, QUERY, 5, "l2")[0].tolist()
FIXED = pa.array(MATRIX.tolist(), pa.list_(pa.float32(), D))


class Array:
    """Anybody's object with one array capsule."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self.array.__arrow_c_array__(requested_schema)


class Stream:
    """Anybody's object with a stream capsule that can be asked for once."""

    def __init__(self, column: Any) -> None:
        self.column = column
        self.asked = 0

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        self.asked += 1
        if self.asked > 1:
            raise RuntimeError("this stream was read already")
        return self.column.__arrow_c_stream__(requested_schema)


PRODUCERS = {
    "pyarrow": lambda: FIXED,
    "pyarrow chunks": lambda: pa.chunked_array([FIXED[:7], FIXED[7:7], FIXED[7:]]),
    "polars": lambda: pl.Series(MATRIX, dtype=pl.Array(pl.Float32, D)),
    "nanoarrow": lambda: na.Array(FIXED),
    "nanoarrow stream": lambda: na.ArrayStream(FIXED),
    "nanoarrow array": lambda: na.c_array(FIXED),
    "duckdb": lambda: duckdb.sql("from t").to_arrow_table()["v"],
    "duckdb list": lambda: duckdb.sql("select v::float[] as v from t").to_arrow_table()["v"],
    "duckdb double": lambda: duckdb.sql("select v::double[4] as v from t").to_arrow_table()["v"],
    "any array": lambda: Array(FIXED),
    "any stream": lambda: Stream(pa.chunked_array([FIXED[:3], FIXED[3:]])),
}


@pytest.mark.parametrize("producer", PRODUCERS)
@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_columns_of_every_producer_are_indexed_and_asked(producer: str, kind: str) -> None:
    t = pa.table({"v": FIXED})  # duckdb finds it by its name
    duckdb.register("t", t)
    index = rv.Index.build(PRODUCERS[producer](), metric="l2", kind=kind)
    assert index.search(QUERY, 5, recall=1.0).ids.tolist() == ROWS
    batch = index.search(PRODUCERS[producer](), 1)
    assert batch.ids.ravel().tolist() == list(range(N))
    assert index.search(PRODUCERS[producer](), 1).scores.ravel().tolist() == [0.0] * N
    duckdb.unregister("t")


def _pyarrow(found: Any) -> dict[str, list[Any]]:
    return dict(pa.table(found).to_pydict())


def _polars(found: Any) -> dict[str, list[Any]]:
    return dict(pl.DataFrame(found).to_dict(as_series=False))


def _nanoarrow(found: Any) -> dict[str, list[Any]]:
    stream = na.ArrayStream(found)
    names = [field.name for field in stream.schema.fields]
    rows = [row for array in stream for row in array.to_pylist()]
    return {name: [row[name] for row in rows] for name in names}


def _duckdb(found: Any) -> dict[str, list[Any]]:
    reader = pa.RecordBatchReader.from_stream(found)
    relation = duckdb.from_arrow(reader)
    names = relation.columns
    rows = relation.fetchall()
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


READERS = {"pyarrow": _pyarrow, "polars": _polars, "nanoarrow": _nanoarrow, "duckdb": _duckdb}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    reader=st.sampled_from(sorted(READERS)),
    ids=st.sampled_from(["positions", "uint64", "text"]),
    nq=st.sampled_from([None, 0, 1, 3]),
    k=st.integers(0, 6),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 99),
)
def test_every_reader_sees_the_hits_of_any_result_twice(
    reader: str, ids: str, nq: int | None, k: int, share: float, seed: int
) -> None:
    names: Any = {
        "positions": None,
        "uint64": np.arange(N, dtype=np.uint64) + np.uint64(2**63),
        "text": [f"{'ü' * (i % 3)}{i}" for i in range(N)],
    }[ids]
    mask = np.random.default_rng(seed).random(N) < share
    index = rv.Index.build(MATRIX, ids=names, metric="dot")
    found = index.search(QUERY if nq is None else MATRIX[:nq], k, where=mask)
    hits = [found.hits()] if nq is None else found.hits()
    expected: dict[str, list[Any]] = {"id": [hit.id for row in hits for hit in row]}
    if nq is not None:
        expected["query_row"] = [i for i, row in enumerate(hits) for _ in row]
        expected["rank"] = [i + 1 for row in hits for i, _ in enumerate(row)]
    expected["dot_product"] = [hit.score for row in hits for hit in row]
    for _ in range(2):
        seen = READERS[reader](found)
        assert {name: seen[name] for name in expected} == expected
        assert set(seen) == set(expected)


def test_capsules_that_nobody_reads_or_reads_halfway_leave_nothing() -> None:
    index = rv.Index.build(MATRIX, ids=[f"k{i}" for i in range(N)])
    found = index.search(MATRIX, 5)
    before = _library.library().rv_live(), _arrow.kept()
    for _ in range(50):
        found.__arrow_c_stream__()
        reader = pa.RecordBatchReader.from_stream(found)
        reader.schema  # noqa: B018
        del reader
        iterator = iter(na.ArrayStream(found))
        next(iterator)
        del iterator
    gc.collect()
    assert (_library.library().rv_live(), _arrow.kept()) == before


def test_a_requested_schema_is_a_wish_that_breaks_nothing() -> None:
    found = rv.Index.build(MATRIX).search(QUERY, 3)
    wish = pa.schema([("id", pa.int64()), ("cosine_similarity", pa.float32())])
    capsule = found.__arrow_c_stream__(wish.__arrow_c_schema__())
    assert type(capsule).__name__ == "PyCapsule"
    assert pa.table(found).schema == wish


@pytest.mark.parametrize("name", ["pyarrow", "duckdb", "nanoarrow", "record batch", "lazy", "list",
                                  "reader"])  # fmt: skip
def test_what_is_no_frame_we_know_is_refused_with_the_way_out(name: str) -> None:
    table = pa.table({"v": FIXED})
    frame: Any = {
        "pyarrow": FIXED,
        "duckdb": duckdb.from_arrow(table),
        "nanoarrow": na.Array(table.to_batches()[0]),
        "record batch": table.to_batches()[0],
        "lazy": pl.from_arrow(table).lazy(),
        "list": [{"v": row} for row in MATRIX.tolist()],
        "reader": table.to_reader(),
    }[name]
    try:
        hits = rv.search(frame, QUERY, k=3, metric="l2", on="v")
    except rv.RuVectorError as error:
        assert len(str(error)) > 30
    else:
        found = hits.collect() if hasattr(hits, "collect") else hits
        whole = found if isinstance(found, pa.RecordBatch) else pa.table(found)
        assert whole.num_rows == 3


@pytest.mark.parametrize("offsets", [[0, 10**6, 4], [0, 4, 2, 4], [0, -2, 4], [2, 0, 4]])
def test_lists_whose_offsets_go_astray_are_refused_not_read_past_their_end(
    offsets: list[int],
) -> None:
    broken = pa.Array.from_buffers(
        pa.list_(pa.float32()), len(offsets) - 1,
        [None, pa.py_buffer(np.array(offsets, np.int32))], 0, 0,
        [pa.array(np.zeros(4, np.float32))],
    )  # fmt: skip
    for use in (rv.Index.build, rv.to_matrix, rv.Index.build(MATRIX).search):
        with pytest.raises(rv.RuVectorError):
            use(broken)


def test_types_that_hold_no_numbers_are_column_errors_that_name_the_type() -> None:
    columns = [
        pa.array([[True, False]] * 3, pa.list_(pa.bool_(), 2)),
        pa.array([["a", "b"]] * 3, pa.list_(pa.string(), 2)),
        pa.array([[[1.0], [2.0]]] * 3, pa.list_(pa.list_(pa.float32(), 1), 2)),
        pa.array([{"a": 1.0}] * 3),
        pa.array([b"abcd"] * 3, pa.binary(4)),
        pa.array([1.0, 2.0, 3.0]),
        pa.array([[1, 2]] * 3, pa.list_(pa.timestamp("s"), 2)),
        pa.array([[("k", 1.0)]] * 3, pa.map_(pa.string(), pa.float32())),
    ]
    for column in columns:
        for one in (column, pa.chunked_array([column])):
            # Bytes of equal length are rows of bits, for which cosine is the wrong metric.
            with pytest.raises((rv.ColumnError, rv.InvalidVector, rv.MetricError)) as caught:
                rv.Index.build(one)
            assert len(str(caught.value)) > 15, column.type


def test_lists_of_decimals_are_numbers() -> None:
    rows = pa.array([[Decimal(1), Decimal(2)], [Decimal(3), Decimal("0.5")]])
    for column in (rows, rows.cast(pa.list_(pa.decimal128(5, 2), 2)), pa.chunked_array([rows])):
        found = rv.Index.build(column, metric="l2").search([3.0, 0.5], k=1)
        assert (found.ids.tolist(), found.scores.tolist()) == ([1], [0.0])


def test_rows_that_are_all_null_tell_no_dimensions_whatever_their_type() -> None:
    for column in (pa.nulls(3), pa.array([None] * 3, pa.list_(pa.float32())), [None] * 3):
        with pytest.raises(rv.InvalidArgument, match="3 rows that tell no number of dimensions"):
            rv.Index.build(column)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cuts=st.lists(st.integers(0, N), max_size=6),
    offset=st.integers(0, 9),
    nulls=st.sets(st.integers(0, N - 1), max_size=N),
    kind=st.sampled_from(["fixed", "list", "large"]),
    number=st.sampled_from([pa.float16(), pa.float32(), pa.float64()]),
    gaps=st.booleans(),
)
def test_columns_of_any_layout_read_as_their_python_values(
    cuts: list[int], offset: int, nulls: set[int], kind: str, number: Any, gaps: bool
) -> None:
    rows = [None if i in nulls else (np.round(row * 8) / 8).tolist()
            for i, row in enumerate(MATRIX)]  # fmt: skip
    width: Any = {"fixed": pa.list_(number, D), "list": pa.list_(number),
                  "large": pa.large_list(number)}[kind]  # fmt: skip
    bounds = sorted({0, N, *cuts})
    parts = []
    for a, b in itertools.pairwise(bounds):
        padded = pa.array([[9.0] * D] * offset + rows[a:b] + [[9.0] * D], type=width)
        parts.append(padded.slice(offset, b - a))
        if gaps:
            parts.append(padded.slice(0, 0))
    column = pa.chunked_array(parts, type=width)
    if len(nulls) == N:
        return
    read = rv.to_matrix(column)
    expected = np.array([[np.nan] * D if row is None else row for row in rows], np.float32)
    assert np.array_equal(read, expected, equal_nan=True)
    with rv.Index.build(column, nulls="skip", metric="l2") as index:
        assert index.info()["nulls"] == len(nulls)
        assert set(index.search(QUERY, N).ids.tolist()) == set(range(N)) - nulls
    if nulls:
        with pytest.raises(rv.InvalidVector, match=f"row {min(nulls)}"):
            rv.Index.build(column)
