"""Vectors are read from every shape they come in, without a copy where memory allows."""

from __future__ import annotations

import warnings

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._input import cells as _cells
from ruvector._input import vectors as _vectors

N, D = 37, 5
MATRIX = np.random.default_rng(11).standard_normal((N, D), dtype=np.float32)
QUERY = np.random.default_rng(12).standard_normal(D, dtype=np.float32)
WANT = oracle.nearest(MATRIX, QUERY, 6, "l2")[0].tolist()


class Capsule:
    """Any object that speaks the Arrow PyCapsule protocol."""

    def __init__(self, column: object) -> None:
        self._column = column

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self._column.__arrow_c_array__(requested_schema)  # type: ignore[attr-defined]


class Tagged(np.ndarray):
    """A subclass of NumPy's array, as units and masked libraries have."""


class DLPack:
    """A tensor of a library that NumPy does not know."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __dlpack__(self, **arguments: object) -> object:
        return self._array.__dlpack__(**arguments)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


def _fixed(values: np.ndarray) -> object:
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _lists(values: np.ndarray, large: bool = False) -> object:
    kind = pa.large_list(pa.float32()) if large else pa.list_(pa.float32())
    return pa.array([row.tolist() for row in values], type=kind)


INPUTS = {
    "numpy float32": MATRIX,
    "numpy float64": MATRIX.astype(np.float64),
    "numpy Fortran order": np.asfortranarray(MATRIX),
    "numpy backwards": np.ascontiguousarray(MATRIX[::-1, ::-1])[::-1, ::-1],
    "numpy big-endian": MATRIX.astype(">f4"),
    "numpy read-only": np.frombuffer(MATRIX.tobytes(), np.float32).reshape(N, D),
    "numpy subclass": MATRIX.view(Tagged),
    "numpy masked without mask": np.ma.masked_array(MATRIX),
    "memoryview": memoryview(MATRIX),
    "dlpack": DLPack(MATRIX),
    "list of arrays": list(MATRIX),
    "list of lists": MATRIX.tolist(),
    "tuple of tuples": tuple(map(tuple, MATRIX.tolist())),
    "pandas objects": pd.Series(list(MATRIX)),
    "pandas copied objects": pd.Series([row.copy() for row in MATRIX]),
    "pandas lists": pd.Series(MATRIX.tolist()),
    "pandas Arrow list": pd.Series(MATRIX.tolist(), dtype=pd.ArrowDtype(pa.list_(pa.float32()))),
    "pandas Arrow fixed": pd.Series(
        MATRIX.tolist(), dtype=pd.ArrowDtype(pa.list_(pa.float32(), D))
    ),
    "polars Array": pl.Series(MATRIX, dtype=pl.Array(pl.Float32, D)),
    "polars List": pl.Series(MATRIX.tolist(), dtype=pl.List(pl.Float32)),
    "polars chunks": pl.concat(
        [
            pl.Series(MATRIX[:9], dtype=pl.Array(pl.Float32, D)),
            pl.Series(MATRIX[9:], dtype=pl.Array(pl.Float32, D)),
        ],
        rechunk=False,
    ),
    "polars Object": pl.Series(list(MATRIX), dtype=pl.Object),
    "pyarrow fixed": _fixed(MATRIX),
    "pyarrow list": _lists(MATRIX),
    "pyarrow large list": _lists(MATRIX, large=True),
    "pyarrow chunks": pa.chunked_array([_fixed(MATRIX[:9]), _fixed(MATRIX[9:])]),
    "pyarrow slice": _fixed(np.vstack([MATRIX[:3], MATRIX, MATRIX[:2]])).slice(3, N),
    "pyarrow tensor": pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), [D]), _fixed(MATRIX)
    ),
    "capsule": Capsule(_fixed(MATRIX)),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.filterwarnings("ignore::ruvector.RuVectorWarning")
def test_every_shape_of_vectors_gives_the_answer_of_brute_force(name: str) -> None:
    index = rv.Index.build(INPUTS[name], metric="l2")
    assert len(index) == N
    assert index.search(QUERY, 6).ids.tolist() == WANT
    np.testing.assert_array_equal(rv.to_matrix(INPUTS[name]), MATRIX)


@pytest.mark.parametrize(
    "query",
    [
        QUERY.tolist(),
        tuple(QUERY.tolist()),
        QUERY.astype(np.float64),
        QUERY[::-1].copy()[::-1],
        pd.Series(QUERY),
        pl.Series(QUERY),
        pa.array(QUERY),
        pa.chunked_array([QUERY[:2], QUERY[2:]]),
        memoryview(QUERY),
        DLPack(QUERY),
    ],
    ids=lambda query: type(query).__name__,
)
def test_one_query_is_read_from_any_vector(query: object) -> None:
    if isinstance(query, memoryview):
        query = np.asarray(query)
    result = rv.Index.build(MATRIX, metric="l2").search(query, 6)
    assert result.ids.tolist() == WANT


@pytest.mark.parametrize("name", [n for n in INPUTS if n != "memoryview"])
def test_a_batch_of_queries_is_read_from_any_column(name: str) -> None:
    result = rv.Index.build(MATRIX, metric="l2").search(INPUTS[name], 1)
    assert result.ids[:, 0].tolist() == list(range(N))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_contiguous_floats_are_borrowed_not_copied(dtype: type) -> None:
    matrix = MATRIX.astype(dtype)
    vectors = _vectors.read_vectors(matrix)
    assert not vectors.copied
    assert np.shares_memory(vectors.matrix, matrix)


def test_arrow_memory_is_borrowed() -> None:
    column = _fixed(MATRIX)
    address = column.values.buffers()[1].address
    assert rv.Index.build(column).info()["source_address"] == address
    assert rv.to_matrix(column).ctypes.data == address
    series = pl.Series(MATRIX, dtype=pl.Array(pl.Float32, D))
    address = series.to_numpy(allow_copy=False).ctypes.data
    assert rv.Index.build(series).info()["source_address"] == address


def test_cells_that_are_rows_of_one_matrix_are_borrowed() -> None:
    for matrix in (MATRIX, MATRIX.astype(np.float64), np.vstack([MATRIX] * 3)[4:20]):
        vectors = _vectors.read_vectors(pd.Series(list(matrix)))
        assert not vectors.copied
        assert np.shares_memory(vectors.matrix, matrix)
        np.testing.assert_array_equal(vectors.matrix, matrix)
    seen = rv.to_matrix(pd.Series(list(MATRIX)))
    assert np.shares_memory(seen, MATRIX)
    assert not seen.flags.writeable


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    columns=st.sampled_from([slice(None), slice(1, None), slice(None, None, 2)]),
    mixed=st.booleans(),
)
def test_cells_in_any_order_and_of_any_origin_are_read_right(
    rows: list[int], columns: slice, mixed: bool
) -> None:
    whole = np.random.default_rng(1).standard_normal((10, 6), dtype=np.float32)
    other = whole.copy()
    cells = [(other if mixed and i % 2 else whole)[row, columns] for i, row in enumerate(rows)]
    matrix, validity, _ = _cells.gather(cells, "cells", warn=False)
    assert validity is None
    np.testing.assert_array_equal(matrix, whole[rows][:, columns])


def test_a_matrix_lives_as_long_as_the_index_that_borrows_it() -> None:
    def build() -> rv.Index:
        return rv.Index.build(pd.Series(list(MATRIX.copy())), metric="l2")

    index = build()
    np.full((400, 400), 7.0)  # memory that was freed would be written over
    assert index.search(QUERY, 6).ids.tolist() == WANT


def test_integers_become_float32() -> None:
    whole = np.arange(12).reshape(4, 3)
    for column in (
        whole,
        whole.astype(np.uint8),
        pd.Series(list(whole)),
        whole.tolist(),
        pl.Series(whole, dtype=pl.Array(pl.Int64, 3)),
        pl.Series(whole.tolist()),
        pa.array(whole.tolist()),
        pa.array(whole.tolist(), pa.list_(pa.int16(), 3)),
        pa.array(whole.tolist(), pa.large_list(pa.int32())),
    ):
        matrix = rv.to_matrix(column)
        assert matrix.dtype == np.float32
        assert matrix.tolist() == whole.tolist()


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([MATRIX[0], None, MATRIX[2]]),
        pd.Series([MATRIX[0], float("nan"), MATRIX[2]]),
        pd.Series([MATRIX[0], pd.NA, MATRIX[2]]),
        pl.Series([MATRIX[0].tolist(), None, MATRIX[2].tolist()], dtype=pl.Array(pl.Float32, D)),
        pl.Series([MATRIX[0].tolist(), None, MATRIX[2].tolist()], dtype=pl.List(pl.Float32)),
        pa.array([MATRIX[0].tolist(), None, MATRIX[2].tolist()], pa.list_(pa.float32(), D)),
    ],
    ids=lambda column: str(getattr(column, "dtype", getattr(column, "type", ""))),
)
def test_a_null_row_is_nan_in_a_matrix(column: object) -> None:
    matrix = rv.to_matrix(column)
    np.testing.assert_array_equal(matrix[[0, 2]], MATRIX[[0, 2]])
    assert np.isnan(matrix[1]).all()


def test_to_column_is_the_inverse_of_to_matrix() -> None:
    matrix = MATRIX.copy()
    matrix[3] = np.nan
    frame = pd.DataFrame({"x": range(N)}, index=[f"r{i}" for i in range(N)])
    column = rv.to_column(matrix, like=frame)
    assert isinstance(column, pd.Series)
    assert column.index.equals(frame.index)
    assert column.iloc[3] is None
    assert column.iloc[4].base is not None
    column = rv.to_column(matrix, like=pl.DataFrame())
    assert column.dtype == pl.Array(pl.Float32, D)
    assert column.null_count() == 1
    table = rv.to_column(matrix, like=pa.table({"x": [1]}))
    assert table.type == pa.list_(pa.float32(), D)
    assert table.null_count == 1
    for like in (frame, pl.DataFrame(), pa.table({"x": [1]})):
        np.testing.assert_array_equal(rv.to_matrix(rv.to_column(matrix, like=like)), matrix)
    whole = rv.to_column(MATRIX, like=frame)
    assert not _vectors.read_vectors(whole).copied
    with pytest.raises(rv.ColumnError, match="37"):
        rv.to_column(matrix, like=frame.iloc[:5])
    with pytest.raises(rv.ColumnError, match="list"):
        rv.to_column(matrix, like=[1])


def test_lists_warn_once_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cells, "_warned_lists", False)
    series = pd.Series(MATRIX.tolist())
    with pytest.warns(rv.RuVectorWarning, match=r"rv\.to_column\(rv\.to_matrix") as caught:
        rv.to_matrix(series)
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rv.to_matrix(series)


def test_keep_borrow_refuses_what_would_be_copied() -> None:
    with pytest.raises(rv.InvalidArgument, match="borrow"):
        rv.Index.build(np.asfortranarray(MATRIX), keep="borrow")
    assert rv.Index.build(MATRIX, keep="borrow").info()["keep"] == "borrow"


def test_keep_none_drops_the_vectors() -> None:
    index = rv.Index.build(MATRIX, keep="none")
    assert index.kind == "flat"
    assert index.bits == 8
    assert not index.info()["vectors"]
    with pytest.raises(rv.InvalidArgument, match="exact"):
        rv.Index.build(MATRIX, kind="exact", keep="none")
