"""Cells that are arrays are read in one pass, whatever they are and wherever they lie."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._errors import InvalidArgument, LimitExceeded
from ruvector._input import array_cells as _cells
from ruvector._input.vectors import read_vectors
from ruvector._native import library as _library

RNG = np.random.default_rng(17)
TYPES = ["f4", "f2", "i1", "u1", "f8"]


def matrix_of(kind: str, n: int = 500, d: int = 7) -> Any:
    return (RNG.standard_normal((n, d)) * 20).astype(kind)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("how", ["copies", "shuffled", "rows", "every second", "two matrices"])
def test_arrays_are_gathered_or_borrowed(kind: str, how: str) -> None:
    matrix = matrix_of(kind)
    order = np.arange(len(matrix))
    cells = [row.copy() for row in matrix]
    if how == "rows":
        cells = list(matrix)
    elif how == "every second":
        cells, order = list(matrix)[::2], order[::2]
    elif how == "two matrices":
        cells = [*matrix[:100].copy(), *matrix[100:].copy()]
    elif how == "shuffled":
        order = RNG.permutation(len(matrix))
        cells = [cells[i] for i in order]
    vectors = read_vectors(pd.Series(cells, dtype=object))
    assert vectors.copied == (how != "rows")
    np.testing.assert_array_equal(vectors.numbers(), matrix[order])
    if how == "rows":
        assert np.shares_memory(vectors.matrix, matrix)


def test_nulls_are_rows_of_zeros_that_are_not_valid() -> None:
    matrix = matrix_of("f4", 9)
    cells = [None if i in (0, 4, 8) else row for i, row in enumerate(matrix)]
    found = _cells.arrays_alike(cells)
    assert found is not None
    got, valid, copied = found
    assert copied
    assert valid is not None
    assert np.flatnonzero(~valid).tolist() == [0, 4, 8]
    np.testing.assert_array_equal(got[valid], matrix[valid])
    assert not got[~valid].any()


class Sub(np.ndarray):
    """Another class of arrays."""


@pytest.mark.parametrize(
    "odd",
    [
        np.zeros(6, "f4"), np.zeros(8, "f4"), np.zeros((1, 7), "f4"), np.zeros(7, "f8"),
        np.zeros(7, ">f4"), np.zeros(14, "f4")[::2], np.zeros(7, "f4").view(Sub), [0.0] * 7,
        "text", 5, np.array(0, "f4"), np.zeros(7, object), np.zeros(0, "f4"), float("nan"),
        np.zeros(40, "u1")[1:29].view("f4"), pd.NA,
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("at", [0, 3, 39])
def test_one_cell_that_is_not_alike_is_read_on_its_own(odd: Any, at: int) -> None:
    matrix = matrix_of("f4", 40)
    for cells in (list(matrix), [row.copy() for row in matrix]):
        cells[at] = odd
        found = _cells.arrays_alike(cells)
        assert found is None
        try:
            got = read_vectors(pd.Series(cells, dtype=object), warn=False)
        except rv.InvalidVector as error:
            assert error.row is not None
        else:
            rows = np.delete(np.arange(40), at)
            np.testing.assert_array_equal(got.floats()[rows], matrix[rows])


def test_arrays_of_no_numbers_and_no_cells() -> None:
    for cells in ([], [None], [None, None], [np.zeros(0, "f4")] * 2, [np.array(["a"])] * 2):
        assert _cells.arrays_alike(cells) is None


def test_without_the_known_layout_the_cells_are_read_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_cells, "_layout_holds", lambda: False)
    matrix = matrix_of("f4", 40)
    assert _cells.arrays_alike(list(matrix)) is None
    np.testing.assert_array_equal(rv.to_matrix(pd.Series(list(matrix))), matrix)


def test_what_is_borrowed_lives_as_long_as_it_is_used() -> None:
    matrix = matrix_of("f4", 300)
    want = matrix.copy()
    got = rv.to_matrix(pd.Series(list(matrix)))
    del matrix
    gc.collect()
    np.testing.assert_array_equal(got, want)
    adjacent = [np.zeros(7, "f4")[:] for _ in range(50)]  # views, each of a matrix of its own
    assert _cells.arrays_alike(adjacent) is not None
    assert _cells.arrays_alike(adjacent)[2]  # type: ignore[index]


@settings(max_examples=80, deadline=None)
@given(
    n=st.integers(1, 2500),
    d=st.integers(1, 9),
    kind=st.sampled_from(TYPES),
    nulls=st.floats(0, 0.5),
    seed=st.integers(0, 2**32),
)
def test_any_arrays_are_what_they_are(n: int, d: int, kind: str, nulls: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = (rng.standard_normal((n, d)) * 9).astype(kind)
    valid = rng.random(n) >= nulls
    order = rng.permutation(n)
    rows = [matrix[i] if rng.random() < 0.5 else matrix[i].copy() for i in order]
    cells = [row if ok else None for row, ok in zip(rows, valid, strict=True)]
    vectors = read_vectors(pd.Series(cells, dtype=object), warn=False)
    assert vectors.nulls == n - valid.sum()
    if valid.any():
        np.testing.assert_array_equal(vectors.numbers()[valid], matrix[order][valid])


def test_arrow_columns_of_float32_are_not_copied() -> None:
    matrix = matrix_of("f4", 64, 8)
    flat = pa.array(matrix.reshape(-1))
    address = flat.buffers()[1].address
    fixed = pa.FixedSizeListArray.from_arrays(flat, 8)
    lists = pa.ListArray.from_arrays(pa.array(range(0, 513, 8), pa.int32()), flat)
    series = pl.Series(matrix, dtype=pl.Array(pl.Float32, 8))
    held = series.to_numpy(allow_copy=False)
    for column, where in (
        (fixed, address), (lists, address), (pa.chunked_array([fixed]), address),
        (fixed.slice(3), address + 3 * 32), (matrix, matrix.ctypes.data),
        (pd.Series(fixed, dtype=pd.ArrowDtype(fixed.type)), address),
        (series, held.ctypes.data),
    ):  # fmt: skip
        vectors = read_vectors(column)
        assert vectors.address() == where
        assert not vectors.copied
        assert vectors.floats().ctypes.data == where
        assert rv.to_matrix(column).ctypes.data == where


def test_the_door_refuses_what_is_missing() -> None:
    words = np.zeros(16, np.uint64)
    at = words.ctypes.data
    for name, arguments in [
        ("rv_array_rows", [None, 1, at, at]),
        ("rv_array_rows", [at, -1, at, at]),
        ("rv_array_rows", [at, 0, None, at]),
        ("rv_array_rows", [at, 0, at, None]),
        ("rv_gather", [None, 1, 4, at]),
        ("rv_gather", [at, 1, 4, None]),
        ("rv_gather", [at, -1, 4, at]),
        ("rv_gather", [at, 1, -4, at]),
        ("rv_gather", [at, 2**62, 2**62, at]),
    ]:
        with pytest.raises((InvalidArgument, LimitExceeded)):
            _library.call(name, *arguments)


def test_a_masked_cell_of_arrays_is_null() -> None:
    cells = np.empty(3, object)
    for i in range(3):
        cells[i] = np.full(2, i + 1, np.float32)
    masked = np.ma.MaskedArray(cells, mask=[False, True, False])
    np.testing.assert_array_equal(rv.to_matrix(masked), [[1, 1], [np.nan] * 2, [3, 3]])
    with pytest.raises(rv.InvalidVector, match="row 1"):
        rv.Index.build(masked)
