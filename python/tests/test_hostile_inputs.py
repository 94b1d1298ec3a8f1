"""What cannot be searched is refused by name, with row and column, and the process lives on."""

from __future__ import annotations

import gc
import math
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector import _native

GOOD = np.random.default_rng(2).standard_normal((6, 4), dtype=np.float32)
TEXT = ["[0.1, 0.2]", "[0.3, 0.4]"]


def _with(row: int, column: int, value: float, dtype: str = "float32") -> np.ndarray:
    matrix = GOOD.astype(dtype)
    matrix[row, column] = value
    return matrix


@pytest.fixture(autouse=True, scope="module")
def _nothing_leaks() -> object:
    gc.collect()
    before = _native.live_structs()
    yield
    gc.collect()
    assert _native.live_structs() <= before


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nan_and_infinity_are_named_by_row_and_column(value: float, dtype: str) -> None:
    with pytest.raises(rv.InvalidVector) as caught:
        rv.Index.build(_with(4, 2, value, dtype))
    assert (caught.value.row, caught.value.column) == (4, 2)


def test_nan_in_an_object_cell_is_named_by_row_and_column() -> None:
    for cells in (list(_with(4, 2, math.nan)), _with(4, 2, math.nan).tolist()):
        with pytest.raises(rv.InvalidVector) as caught:
            rv.Index.build(pd.Series(cells))
        assert (caught.value.row, caught.value.column) == (4, 2)


def test_numbers_outside_float32_are_named() -> None:
    matrix = _with(3, 1, 1e39, "float64")
    cells = [row.copy() for row in matrix]
    for column in (matrix, cells, matrix.tolist(), np.asfortranarray(matrix)):
        with pytest.raises(rv.InvalidVector, match="float32"):
            rv.Index.build(column, metric="l2")
    with pytest.raises(rv.InvalidVector) as caught:
        rv.Index.build([row.copy() for row in matrix], metric="l2")
    assert (caught.value.row, caught.value.column) == (3, 1)


def test_squared_norms_that_overflow_are_refused_not_infinite() -> None:
    with pytest.raises(rv.InvalidVector) as caught:
        rv.Index.build(_with(5, 0, 3e38), metric="l2")
    assert caught.value.row == 5


@pytest.mark.parametrize(
    "column",
    [
        [[1.0, 2.0], [1.0, 2.0], [1.0]],
        [np.ones(2), np.ones(2), np.ones(3)],
        pd.Series([np.ones(2), np.ones(2), np.ones(1)]),
        pl.Series([[1.0, 2.0], [1.0, 2.0], [1.0]]),
        pa.array([[1.0, 2.0], [1.0, 2.0], [1.0]]),
    ],
    ids=["lists", "arrays", "pandas", "polars", "pyarrow"],
)
def test_ragged_rows_are_named(column: object) -> None:
    with pytest.raises(rv.InvalidVector, match="2") as caught:
        rv.Index.build(column)
    assert caught.value.row == 2


@pytest.mark.parametrize(
    "vectors",
    [
        np.float32(3),
        np.ones(4, np.float32),
        np.ones((2, 2, 2), np.float32),
        [1.0, 2.0],
        [np.ones((2, 2)), np.ones((2, 2))],
        "text",
        TEXT,
        np.array(TEXT),
        pd.Series(TEXT),
        pl.Series(TEXT),
        pd.Series(TEXT, dtype=object),
        [["a", "b"], ["c", "d"]],
        [[1.0, None], [1.0, 2.0]],
        [[True, False]],
        np.array([[True, False]]),
        np.ones((2, 2), np.complex64),
        np.array([["2020-01-01"]], "datetime64[D]"),
        np.ma.masked_array(GOOD, GOOD > 0),
        [{"a": 1}],
        [[10**400, 1]],
        [[1, 2], "x"],
        pd.Series([1.0, 2.0], dtype=object),
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:24]}".replace("\n", " "),
)
def test_what_is_no_matrix_of_numbers_is_an_invalid_vector(vectors: object) -> None:
    with pytest.raises(rv.InvalidVector):
        rv.Index.build(vectors)


@pytest.mark.parametrize(
    "vectors",
    [
        {"a": 1},
        object(),
        pd.DataFrame({"a": [1.0]}),
        pl.DataFrame({"a": [1.0]}),
        pa.table({"a": [1.0]}),
        pd.Series([1.0, 2.0]),
        pl.Series([1.0, 2.0]),
        pa.array([1.0]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_column_of_vectors_is_a_column_error(vectors: object) -> None:
    with pytest.raises(rv.ColumnError):
        rv.Index.build(vectors)


def test_vectors_written_as_text_are_refused_with_the_fix() -> None:
    for column in (TEXT, pd.Series(TEXT), pl.Series(TEXT), np.array(TEXT), pa.array(TEXT)):
        with pytest.raises(rv.InvalidVector, match=r"parse the column once: vectors = "):
            rv.Index.build(column)


def test_rows_that_tell_no_dimension_are_refused() -> None:
    for column in ([], [None, None], pd.Series([], dtype=object)):
        with pytest.raises(rv.InvalidArgument, match="dim"):
            rv.Index.build(column)


@pytest.mark.parametrize(
    "query",
    [
        np.ones(5, np.float32),
        np.ones((2, 3), np.float32),
        [1.0, 2.0],
        [[1.0]],
        np.ones((1, 0), np.float32),
    ],
)
def test_a_query_of_other_dimensions_names_both(query: object) -> None:
    with pytest.raises(rv.DimensionMismatch, match="4"):
        rv.Index.build(GOOD).search(query)


@pytest.mark.parametrize(
    "query",
    [
        np.float32(1),
        np.ones((1, 2, 4), np.float32),
        [1.0, 2.0, "x", 4.0],
        [None] * 4,
        np.array([1, 2, 3, 4], dtype=complex),
        [float("inf"), 0.0, 0.0, 0.0],
        [[1.0, 2.0, 3.0, 4.0], [1.0]],
        pl.Series([[1.0, 2.0, 3.0, 4.0], None], dtype=pl.Array(pl.Float32, 4)),
    ],
)
def test_a_query_that_is_no_vector_is_an_invalid_vector(query: object) -> None:
    with pytest.raises(rv.InvalidVector):
        rv.Index.build(GOOD).search(query)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_query_with_nan_or_infinity_is_named(value: float) -> None:
    index = rv.Index.build(GOOD)
    with pytest.raises(rv.InvalidVector):
        index.search(_with(0, 3, value)[0])
    with pytest.raises(rv.InvalidVector) as caught:
        index.search(_with(4, 2, value))
    assert (caught.value.row, caught.value.column) == (4, 2)


@pytest.mark.parametrize("k", [-1, 1.5, "3", None])
def test_k_must_be_a_whole_number_from_zero(k: object) -> None:
    with pytest.raises(rv.InvalidArgument, match="k="):
        rv.Index.build(GOOD).search(GOOD[0], k)  # type: ignore[arg-type]


@pytest.mark.parametrize("rerank", [-1, 2.5, "all"])
def test_rerank_must_be_a_whole_number_from_zero(rerank: object) -> None:
    with pytest.raises(rv.InvalidArgument, match="rerank"):
        rv.Index.build(GOOD).search(GOOD[0], rerank=rerank)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "where",
    [np.ones(5, bool), np.ones(7, bool), [], np.ones((6, 1), bool), np.ones(6), ["a"] * 6, "x > 1"],
)
def test_a_mask_of_the_wrong_length_or_type_is_refused(where: object) -> None:
    with pytest.raises(rv.InvalidArgument, match="where"):
        rv.Index.build(GOOD).search(GOOD[0], where=where)


@pytest.mark.parametrize("where", [np.arange(6), [0, 2], pd.Series([0, 1, 1, 0, 1, 0])])
def test_whole_numbers_as_a_mask_are_refused_and_ids_is_named(where: object) -> None:
    with pytest.raises(rv.InvalidArgument, match="ids="):
        rv.Index.build(GOOD).search(GOOD[0], where=where)


def test_unknown_ids_are_named() -> None:
    with pytest.raises(rv.UnknownId, match="99"):
        rv.Index.build(GOOD).search(GOOD[0], ids=[1, 99])
    with pytest.raises(rv.UnknownId, match="nobody"):
        rv.Index.build(GOOD, ids=list("abcdef")).search(GOOD[0], ids=["a", "nobody"])


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        ([1, 2], rv.InvalidArgument),
        ([1, 1, 2, 3, 4, 5], rv.DuplicateId),
        (list("abcdea"), rv.DuplicateId),
        ([1.5] * 6, rv.InvalidArgument),
        ([None] * 6, rv.InvalidArgument),
        ([True] * 6, rv.InvalidArgument),
        (["a", 1, "b", 2, "c", 3], rv.InvalidArgument),
        (np.ones((6, 1), int), rv.InvalidArgument),
    ],
    ids=str,
)
def test_ids_that_cannot_be_are_refused(ids: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        rv.Index.build(GOOD, ids=ids)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"metric": "euclid"}, rv.MetricError),
        ({"kind": "hnsw"}, rv.InvalidArgument),
        ({"kind": "flat", "bits": 0.5}, rv.InvalidArgument),
        ({"kind": "flat", "bits": 10}, rv.InvalidArgument),
        ({"keep": "maybe"}, rv.InvalidArgument),
        ({"nulls": "drop"}, rv.InvalidArgument),
        ({"recall": 2.0}, rv.InvalidArgument),
        ({"recall": "high"}, rv.InvalidArgument),
        ({"seed": -1}, rv.InvalidArgument),
        ({"seed": 2**64}, rv.InvalidArgument),
        ({"threads": -2}, rv.InvalidArgument),
        ({"threads": "all"}, rv.InvalidArgument),
    ],
    ids=str,
)
def test_build_refuses_arguments_without_meaning(
    arguments: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        rv.Index.build(GOOD, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", rv.NotAnIndex),
        (b"PK\x03\x04 a zip archive, not an index" * 10, rv.NotAnIndex),
        (b"\x00" * 4096, rv.NotAnIndex),
    ],
)
def test_a_foreign_file_is_not_an_index(tmp_path: Path, data: bytes, error: type) -> None:
    path = tmp_path / "x.rvx"
    path.write_bytes(data)
    with pytest.raises(error):
        rv.Index.load(path)


@pytest.mark.parametrize("k", [2**30 + 1, 10**13, 2**70])
def test_a_batch_of_more_cells_than_memory_is_refused_before_it_is_made(k: int) -> None:
    index = rv.Index.build(GOOD)
    with pytest.raises(rv.LimitExceeded, match=f"k={k:,} for 2 queries"):
        index.search(GOOD[:2], k=k)
    assert index.search(GOOD[0], k=k).ids.shape == (6,), "one query finds the rows that there are"
    assert index.search(GOOD[:0], k=3).ids.shape == (0, 3)


def test_a_damaged_file_is_refused_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.rvx"
    rv.Index.build(GOOD, kind="flat").save(path, vectors=True)
    whole = path.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 200)):
        broken = bytearray(whole)
        broken[at] ^= 0x55
        path.write_bytes(broken)
        with pytest.raises(rv.PersistError):
            rv.Index.load(path)
    for length in (1, 63, 64, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(rv.PersistError):
            rv.Index.load(path)


def test_a_file_that_cannot_be_opened_is_a_persist_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(rv.PersistError, match=r"nowhere\.rvx") as caught:
        rv.Index.load(tmp_path / "nowhere.rvx")
    assert type(caught.value) is rv.FileMissing
    with pytest.raises(rv.PersistError, match="no folder") as caught:
        rv.Index.build(GOOD).save(tmp_path / "no folder" / "x.rvx", vectors=True)
    assert type(caught.value) is rv.FileMissing


def test_vectors_that_an_index_does_not_keep_cannot_be_saved_or_read(tmp_path: Path) -> None:
    index = rv.Index.build(GOOD, kind="flat", keep="none")
    with pytest.raises(rv.InvalidArgument, match="no vectors"):
        index.save(tmp_path / "x.rvx", vectors=True)
    with pytest.raises(rv.InvalidArgument, match="not vectors"):
        index[0]


def test_a_consumed_capsule_is_refused() -> None:
    capsules = pa.array(GOOD.tolist(), pa.list_(pa.float32(), 4)).__arrow_c_array__()

    class Once:
        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return capsules

    assert len(rv.Index.build(Once())) == 6
    with pytest.raises(rv.RuVectorError):
        rv.Index.build(Once())


def test_an_object_whose_capsule_method_fails_fails_with_its_error() -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise RuntimeError("the producer gave up")

    with pytest.raises(RuntimeError, match="gave up"):
        rv.Index.build(Broken())
