"""Vectors of float16, int8 and uint8: read where they lie, answers those of their numbers."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import nanoarrow as na
import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector import _native
from ruvector._input import vectors as _vectors

N, D = 60, 7
TYPES = {"float16": pa.float16(), "int8": pa.int8(), "uint8": pa.uint8()}
POLARS = {"int8": pl.Int8, "uint8": pl.UInt8}


def numbers(dtype: str, n: int = N, d: int = D, seed: int = 21) -> np.ndarray:
    """Whole numbers from the least to the largest of a byte; for float16 those of int8."""
    low = 0 if dtype == "uint8" else -128
    out = np.random.default_rng(seed).integers(low, low + 256, (n, d))
    out.flat[:2] = low, low + 255
    return out.astype(dtype)


def _arrow(matrix: np.ndarray) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])


def _arrow_list(matrix: np.ndarray, make: Any) -> Any:
    return pa.array(matrix.tolist(), make(TYPES[matrix.dtype.name]))


COLUMNS = {
    "numpy": lambda m: m,
    "numpy slice": lambda m: np.vstack([m[:3], m])[3:],
    "memoryview": memoryview,
    "pandas rows of one matrix": lambda m: pd.Series(list(m)),
    "pandas arrow": lambda m: pd.Series(
        _arrow(m), dtype=pd.ArrowDtype(pa.list_(TYPES[m.dtype.name], D))
    ),
    "arrow fixed": _arrow,
    "arrow fixed slice": lambda m: _arrow(np.vstack([m[:3], m]))[3:],
    "arrow list": lambda m: _arrow_list(m, pa.list_),
    "arrow large list": lambda m: _arrow_list(m, pa.large_list),
    "arrow chunks": lambda m: pa.chunked_array([_arrow(m[:9]), _arrow(m[9:])]),
    "nanoarrow": lambda m: na.Array(_arrow(m)),
}
POLARS_COLUMNS = {
    "polars array": lambda m: pl.Series(m, dtype=pl.Array(POLARS[m.dtype.name], D)),
    "polars list": lambda m: pl.Series(m.tolist(), dtype=pl.List(POLARS[m.dtype.name])),
}
CASES = [
    *((shape, dtype) for shape in COLUMNS for dtype in TYPES),
    *((shape, dtype) for shape in POLARS_COLUMNS for dtype in POLARS),
]


@pytest.mark.parametrize(("shape", "dtype"), CASES)
def test_every_shape_is_borrowed_as_it_is_and_answers_like_float32(shape: str, dtype: str) -> None:
    matrix = numbers(dtype)
    column = (COLUMNS | POLARS_COLUMNS)[shape](matrix)
    wide = matrix.astype(np.float32)
    index = rv.Index.build(column, metric="l2")
    assert index.info()["borrowed_bytes"] == matrix.nbytes
    result, same = index.search(wide[:9], 5), rv.Index.build(wide, metric="l2").search(wide[:9], 5)
    assert result.ids.tolist() == same.ids.tolist()
    assert result.scores.tolist() == same.scores.tolist()
    assert index[3].dtype == np.float32
    assert index[3].tolist() == matrix[3].tolist()
    assert rv.to_matrix(column).dtype == np.float32
    assert (rv.to_matrix(column) == wide).all()
    assert rv.describe(pd.DataFrame({"v": list(matrix)}))["borrowed"].tolist() == [True]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_the_memory_that_the_index_reads_is_that_of_the_matrix(kind: str, dtype: str) -> None:
    matrix = numbers(dtype)
    vectors = _vectors.read_vectors(matrix)
    assert not vectors.copied
    assert np.shares_memory(vectors.matrix, matrix)
    index = rv.Index.build(matrix, kind=kind)
    before = index[5].copy()
    matrix[5, 2] = 1 if matrix[5, 2] != 1 else 2  # seen, for nothing was copied
    assert index[5].tolist() == matrix[5].tolist() != before.tolist()


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_the_memory_that_the_index_reads_is_that_of_arrow_and_polars(dtype: str) -> None:
    matrix = numbers(dtype)
    for column in (_arrow(matrix), POLARS_COLUMNS["polars array"](matrix)):
        flat = column.to_arrow() if isinstance(column, pl.Series) else column
        lent = np.frombuffer(flat.values.buffers()[1], dtype)
        index = rv.Index.build(column)
        address = lent.ctypes.data + flat.values.offset
        # Arrow says that this memory does not change; the test changes it to see who reads it.
        seen = (np.ctypeslib.ctypes.c_uint8 * matrix.size).from_address(address)
        old = seen[4 * D]
        seen[4 * D] = 7 if old != 7 else 8
        assert index[4][0] == seen[4 * D]
        seen[4 * D] = old


@pytest.mark.parametrize("metric", oracle.METRICS)
@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_kind_and_metric_answers_like_brute_force(dtype: str, kind: str, metric: str) -> None:
    matrix = numbers(dtype, 900, 19, seed=22)
    query = np.random.default_rng(23).standard_normal(19).astype(np.float32)
    index = rv.Index.build(matrix, kind=kind, metric=metric, recall=1.0)
    for asked in (query, matrix[8], matrix[8:9], matrix[8].tolist()):
        found = index.search(asked, 7)
        flat = np.asarray(asked, np.float32).reshape(-1)
        rows, scores = oracle.nearest(matrix.astype(np.float32), flat, 7, metric)
        assert found.ids.reshape(-1).tolist() == rows.tolist()
        np.testing.assert_array_equal(found.scores.reshape(-1), scores)


@pytest.mark.parametrize("dtype", TYPES)
def test_null_rows_between_narrow_numbers_are_never_found(dtype: str) -> None:
    matrix = numbers(dtype)
    cells = [None if i % 5 == 2 else row for i, row in enumerate(matrix)]
    lists = [None if cell is None else cell.tolist() for cell in cells]
    for column in (pd.Series(cells), pa.array(lists, pa.list_(TYPES[dtype], D)),
                   pa.array(lists, pa.list_(TYPES[dtype]))):  # fmt: skip
        index = rv.Index.build(column, nulls="skip", metric="l2")
        found = index.search(matrix[2].astype(np.float32), N)
        assert sorted(found.ids[: int(np.ravel(found.counts)[0])]) == [
            i for i in range(N) if i % 5 != 2
        ]
        assert np.isnan(rv.to_matrix(column)[2]).all()


def test_separate_arrays_of_bytes_are_gathered_as_bytes() -> None:
    matrix = numbers("int8")
    vectors = _vectors.read_vectors(pd.Series([row.copy() for row in matrix]))
    assert vectors.copied
    assert vectors.matrix.dtype == np.int8
    assert (vectors.matrix == matrix).all()
    mixed = [*matrix[:3], *numbers("uint8")[:3]]
    assert _vectors.read_vectors(pd.Series(mixed)).matrix.dtype == np.float32


@pytest.mark.parametrize("column", [
    np.ones((4, 3), np.bool_), pa.array([[True, False]], pa.list_(pa.bool_(), 2)),
    pl.Series([[True, False]], dtype=pl.Array(pl.Boolean, 2)),
])  # fmt: skip
def test_booleans_are_no_numbers(column: Any) -> None:
    with pytest.raises((rv.InvalidVector, rv.ColumnError), match=r"bool|Bool"):
        rv.Index.build(column)


def test_equal_columns_of_bytes_have_equal_hashes_and_other_types_have_others() -> None:
    matrix = np.arange(28, dtype=np.int8).reshape(4, 7)
    one = _native.column_hash(_native.column_from_matrix(matrix))
    assert one == _native.column_hash(_native.column_from_capsule(_arrow(matrix)))
    assert one != _native.column_hash(_native.column_from_matrix(matrix.view(np.uint8)))


MEMORY = """
import pathlib
import numpy as np
import ruvector as rv

x = np.random.default_rng(0).integers(-128, 128, (102_400, 1000), np.int8)  # 102 MB
rv.Index.build(x[:64], kind="flat")  # the library is loaded, its threads run

def status(field):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(v.split()[1]) * 1024 for v in lines if v.startswith(field))

pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins again from here
before = status("VmRSS")
ix = rv.Index.build(x, kind="flat", bits=5, keep="borrow")
print((status("VmHWM") - before) / x.nbytes, ix.memory_bytes / x.nbytes)
"""


def test_building_flat_over_int8_never_widens_the_column() -> None:
    """Codes of 5 bits are 66 % of int8; a widened column would be another 400 %."""
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    growth, codes = (float(v) for v in run.stdout.split())
    assert codes < growth < 1.0, f"peak grew by {growth:.1%} of the column, codes are {codes:.1%}"
