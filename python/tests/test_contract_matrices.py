"""to_matrix and to_column for every physical shape of vectors, and describe() of them."""

from __future__ import annotations

import re
import warnings
from typing import Any

import nanoarrow as na
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

M = np.arange(12, dtype=np.float32).reshape(4, 3) / 8
F32 = pa.float32()


def _fixed(kind: Any = None) -> Any:
    return pa.array(M.astype(float).tolist(), pa.list_(kind or F32, 3))


def _tensor() -> Any:
    return pa.FixedShapeTensorArray.from_numpy_ndarray(M)


SHAPES = {
    "numpy": lambda: M,
    "numpy float64": lambda: M.astype("f8"),
    "numpy float16": lambda: M.astype("f2"),
    "numpy fortran": lambda: np.asfortranarray(M),
    "numpy reversed": lambda: M[::-1].copy()[::-1],
    "numpy every other": lambda: np.repeat(M, 2, axis=1)[:, ::2],
    "numpy big endian": lambda: M.astype(">f4"),
    "numpy eighths as int8": lambda: (M * 8).astype("i1"),
    "numpy memoryview": lambda: memoryview(M),
    "list of lists": lambda: M.tolist(),
    "tuple of arrays": lambda: tuple(M),
    "pandas arrays": lambda: pd.Series(list(M)),
    "pandas own arrays": lambda: pd.Series([row.copy() for row in M]),
    "pandas lists": lambda: pd.Series(M.tolist()),
    "pandas fixed arrow": lambda: pd.Series(_fixed(), dtype=pd.ArrowDtype(pa.list_(F32, 3))),
    "pandas list arrow": lambda: pd.Series(
        pd.array(M.tolist(), dtype=pd.ArrowDtype(pa.list_(pa.float64())))
    ),
    "polars array": lambda: pl.Series(M, dtype=pl.Array(pl.Float32, 3)),
    "polars list": lambda: pl.Series(M.tolist(), dtype=pl.List(pl.Float32)),
    "polars list of float64": lambda: pl.Series(M.tolist()),
    "polars chunks": lambda: pl.concat([pl.Series(M[:1]), pl.Series(M[1:])], rechunk=False),
    "arrow fixed": lambda: _fixed(),
    "arrow fixed float64": lambda: _fixed(pa.float64()),
    "arrow fixed float16": lambda: _fixed(pa.float16()),
    "arrow list": lambda: pa.array(M.tolist(), pa.list_(F32)),
    "arrow large list": lambda: pa.array(M.tolist(), pa.large_list(F32)),
    "arrow slice": lambda: pa.array([[9.0] * 3, *M.tolist(), [9.0] * 3], pa.list_(F32)).slice(1, 4),
    "arrow fixed slice": lambda: pa.array([[9.0] * 3, *M.tolist()], pa.list_(F32, 3)).slice(1),
    "arrow chunks": lambda: pa.chunked_array([_fixed()[:2], _fixed()[2:2], _fixed()[2:]]),
    "arrow tensor": _tensor,
    "nanoarrow": lambda: na.Array(_fixed()),
    "nanoarrow stream": lambda: na.ArrayStream(_fixed()),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_becomes_the_same_matrix(shape: str) -> None:
    scale = 8 if "int8" in shape else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rv.RuVectorWarning)
        matrix = rv.to_matrix(SHAPES[shape]())
        index = rv.Index.build(SHAPES[shape](), metric="l2")
    assert type(matrix) is np.ndarray
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert (matrix == M * scale).all()
    assert index.search(M[2] * scale, 1).scores.tolist() == [0.0]
    assert (np.asarray(index) == matrix).all()


BORROWED = ["numpy", "pandas arrays", "polars array", "arrow fixed", "arrow fixed slice",
            "arrow list", "arrow large list", "polars list", "pandas fixed arrow",
            "arrow tensor", "arrow slice", "nanoarrow", "numpy memoryview",
            "tuple of arrays"]  # fmt: skip


@pytest.mark.parametrize("shape", BORROWED)
def test_memory_that_is_a_matrix_already_is_not_copied(shape: str) -> None:
    column = SHAPES[shape]()
    first, second = rv.to_matrix(column), rv.to_matrix(column)
    assert np.shares_memory(first, second)
    assert not first.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - set(BORROWED) - {"nanoarrow stream"}))
def test_a_copy_is_the_callers_own(shape: str) -> None:
    column = SHAPES[shape]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rv.RuVectorWarning)
        first, second = rv.to_matrix(column), rv.to_matrix(column)
    assert not np.shares_memory(first, second)
    first[:] = -1
    assert (second >= 0).all()


@pytest.mark.parametrize("like", ["pandas frame", "pandas series", "polars frame", "polars series",
                                  "arrow table", "arrow array"])  # fmt: skip
def test_to_column_gives_what_the_library_uses_and_to_matrix_takes_it_back(like: str) -> None:
    frame = pd.DataFrame({"x": range(4)}, index=list("dcba"))
    target: Any = {
        "pandas frame": frame,
        "pandas series": frame["x"],
        "polars frame": pl.DataFrame({"x": range(4)}),
        "polars series": pl.Series(range(4)),
        "arrow table": pa.table({"x": range(4)}),
        "arrow array": pa.array(range(4)),
    }[like]
    matrix = M.copy()
    matrix[1] = np.nan
    column = rv.to_column(matrix, like=target)
    again = rv.to_matrix(column)
    assert np.array_equal(again, matrix, equal_nan=True)
    if like.startswith("pandas"):
        assert type(column) is pd.Series
        assert column.dtype == object
        assert column.index.equals(frame.index)
        assert column.isna().tolist() == [False, True, False, False]
    elif like.startswith("polars"):
        assert column.dtype == pl.Array(pl.Float32, 3)
        assert column.is_null().to_list() == [False, True, False, False]
    else:
        assert column.type == pa.list_(F32, 3)
        assert column.null_count == 1
    assert matrix[0].tolist() == M[0].tolist()


def test_a_pandas_column_of_ours_is_rows_of_one_matrix_and_searched_without_a_copy() -> None:
    frame = pd.DataFrame({"x": range(4)})
    frame["emb"] = rv.to_column(M, like=frame)
    assert rv.describe(frame)["borrowed"].tolist() == [True]
    assert np.shares_memory(frame["emb"].iloc[0], rv.to_matrix(frame["emb"]))


def test_one_nan_in_a_row_is_a_number_and_not_a_null_row() -> None:
    matrix = M.copy()
    matrix[1, 1] = np.nan
    for like in (pd.DataFrame(index=range(4)), pl.DataFrame(), pa.table({})):
        column = rv.to_column(matrix, like=like)
        assert np.array_equal(rv.to_matrix(column), matrix, equal_nan=True)
        nulls = column.null_count if hasattr(column, "null_count") else column.isna().sum()
        assert (nulls() if callable(nulls) else nulls) == 0


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.integers(0, 12),
    dim=st.integers(1, 20),
    nulls=st.sets(st.integers(0, 11)),
    seed=st.integers(0, 2**32 - 1),
    library=st.sampled_from(["pandas", "polars", "arrow"]),
)
def test_random_matrices_come_back_to_the_last_bit(
    rows: int, dim: int, nulls: set[int], seed: int, library: str
) -> None:
    bits = np.random.default_rng(seed).integers(0, 2**32, (rows, dim), dtype=np.uint32)
    matrix = bits.view(np.float32)
    matrix[~np.isfinite(matrix)] = -0.0
    matrix[[i for i in nulls if i < rows]] = np.nan
    like: Any = {"pandas": pd.DataFrame(index=range(rows)), "polars": pl.DataFrame(),
                 "arrow": pa.table({})}[library]  # fmt: skip
    column = rv.to_column(matrix, like=like)
    assert len(column) == rows
    if rows and not set(range(rows)) <= nulls:
        again = rv.to_matrix(column)
        assert again.shape == matrix.shape
        kept = ~np.isnan(matrix)
        assert again[kept].tobytes() == matrix[kept].tobytes()
        assert np.isnan(again[~kept]).all()


NO_MATRIX = {
    "1-D": M[0],
    "3-D": M[None],
    "0-D": np.float32(1),
    "text": "text",
    "nothing": None,
    "words": [["a"]],
    "complex": 1j * M,
    "truth": M > 0,
    "dates": M.astype("M8[s]"),
    "objects": np.array([[{}, 1.0]], object),
    "records": np.zeros((4, 3), dtype=[("a", "f4")]),
}


@pytest.mark.parametrize("name", NO_MATRIX)
@pytest.mark.parametrize("verb", ["to_column", "to_matrix"])
def test_what_is_no_matrix_is_refused_by_both_ways(name: str, verb: str) -> None:
    matrix: Any = NO_MATRIX[name]
    with pytest.raises((rv.InvalidVector, rv.ColumnError)) as caught:
        rv.to_column(matrix, pl.DataFrame()) if verb == "to_column" else rv.to_matrix(matrix)
    assert len(str(caught.value)) > 15


def test_describe_tells_what_can_be_searched_and_why_not() -> None:
    good = [*M[1:].tolist(), [0.0, 0.0, 0.0], None]
    frame = pl.DataFrame(
        {
            "id": range(5),
            "emb": pl.Series(good, dtype=pl.Array(pl.Float32, 3)),
            "ragged": [[1.0], [1.0, 2.0], None, [], [3.0]],
            "nan": pl.Series([[np.nan, 1.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0, 0]]),
            "text": ["a", "", None, "b", "c"],
            "flag": [True] * 5,
        }
    )
    answers = [rv.describe(frame), pl.from_pandas(rv.describe(frame.to_pandas())),
               pl.from_arrow(rv.describe(frame.to_arrow()))]  # fmt: skip
    for told in answers:
        assert told.columns == ["column", "kind", "dtype", "dim", "rows", "nulls", "bad", "zero",
                                "unit_length", "borrowed", "problem"]  # fmt: skip
        rows = {row["column"]: row for row in told.to_dicts()}
        assert set(rows) == {"emb", "ragged", "nan", "text"}
        assert (rows["emb"]["dim"], rows["emb"]["rows"], rows["emb"]["nulls"]) == (3, 5, 1)
        assert rows["emb"]["zero"] == 1
        assert rows["emb"]["problem"] is None
        assert re.search(r"row 1\b", rows["ragged"]["problem"])
        assert rows["nan"]["bad"] == 1
        assert rows["nan"]["problem"] is not None
        assert rows["text"]["kind"] == "text"
        assert rows["text"]["nulls"] == 1


def test_describe_of_a_frame_without_vectors_has_its_full_schema_and_no_rows() -> None:
    for frame in (pd.DataFrame(), pd.DataFrame({"a": [1]}), pl.DataFrame(), pa.table({"a": [1]})):
        told = rv.describe(frame)
        assert type(told) is type(frame)
        assert len(told) == 0
        names = told.column_names if isinstance(told, pa.Table) else list(told.columns)
        assert names[0] == "column"
        assert names[-1] == "problem"


def test_series_verbs_are_those_of_the_functions() -> None:
    for series in (pd.Series(list(M)), pl.Series(M, dtype=pl.Array(pl.Float32, 3))):
        assert (series.ruvector.to_matrix() == M).all()
        told = series.ruvector.describe()
        assert len(told) == 1
        assert int(told["dim"][0]) == 3
