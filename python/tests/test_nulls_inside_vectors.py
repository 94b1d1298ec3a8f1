"""A null or masked number inside a vector is never read as what lies in its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

pytestmark = pytest.mark.filterwarnings("ignore:.*Python lists.*")

X = np.eye(4, 3, dtype=np.float32) + 0.25
HIDDEN = 77.0  # what lies under a mask
Lists = list[list[float | None]]


def _masked(rows: Lists, kind: str = "f4") -> Any:
    mask = [[cell is None for cell in row] for row in rows]
    data = [[HIDDEN if cell is None else cell for cell in row] for row in rows]
    return np.ma.masked_array(np.array(data, kind), mask)


def _duck(rows: Lists) -> Any:
    cells = ", ".join(
        "([" + ",".join("NULL" if v is None else str(v) for v in row) + "]::FLOAT[3])"
        for row in rows
    )
    return duckdb.sql(f"select * from (values {cells}) t(emb)").df()["emb"]


def _fixed(rows: Lists, kind: Any = None) -> Any:
    return pa.array(rows, pa.list_(kind or pa.float32(), 3))


def _tensor_array(rows: Lists) -> Any:
    storage = _fixed(rows)
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), [3]), storage)


def _objects(cells: list[Any]) -> Any:
    out = np.empty(len(cells), object)
    for i, cell in enumerate(cells):
        out[i] = cell
    return out


COLUMNS: dict[str, Callable[[Lists], Any]] = {
    "duckdb": _duck,
    "masked matrix": _masked,
    "masked float64": lambda rows: _masked(rows, "f8"),
    "masked float16": lambda rows: _masked(rows, "f2"),
    "masked big-endian": lambda rows: _masked(rows, ">f4"),
    "masked whole numbers": lambda rows: _masked(rows, "i2"),
    "masked bytes": lambda rows: _masked(rows, "u1"),
    "masked cells": lambda rows: list(_masked(rows)),
    "masked and plain cells": lambda rows: [
        r if r.mask.any() else np.array(r) for r in _masked(rows)
    ],
    "pandas masked cells": lambda rows: pd.Series(list(_masked(rows))),
    "lists": list,
    "pandas lists": lambda rows: pd.Series([tuple(row) for row in rows]),
    "objects": lambda rows: np.array(rows, object),
    "object cells": lambda rows: _objects([np.array(row, object) for row in rows]),
    "pandas nullable cells": lambda rows: _objects([pd.array(row, "Float32") for row in rows]),
    "pandas Arrow": lambda rows: pd.Series(rows, dtype=pd.ArrowDtype(pa.list_(pa.float32()))),
    "pandas Arrow fixed": lambda rows: pd.Series(
        _fixed(rows).to_pylist(), dtype=pd.ArrowDtype(pa.list_(pa.float64(), 3))
    ),
    "polars lists": lambda rows: pl.Series(rows, dtype=pl.List(pl.Float32)),
    "polars arrays": lambda rows: pl.Series(rows, dtype=pl.Array(pl.Float32, 3)),
    "polars float64": lambda rows: pl.Series(rows, dtype=pl.Array(pl.Float64, 3)),
    "polars whole numbers": lambda rows: pl.Series(
        [[None if v is None else int(v) for v in row] for row in rows], dtype=pl.List(pl.Int32)
    ),
    "polars tensors": lambda rows: pl.Series(_tensor_array(rows)),
    "polars objects": lambda rows: pl.Series(list(_masked(rows)), dtype=pl.Object),
    "polars cells": lambda rows: [pl.Series(row, dtype=pl.Float32) for row in rows],
    "pyarrow lists": lambda rows: pa.array(rows, pa.list_(pa.float32())),
    "pyarrow large": lambda rows: pa.array(rows, pa.large_list(pa.float64())),
    "pyarrow views": lambda rows: pa.array(rows, pa.list_view(pa.float32())),
    "pyarrow fixed": _fixed,
    "pyarrow bytes": lambda rows: _fixed(rows, pa.uint8()),
    "pyarrow wide": lambda rows: _fixed(rows, pa.int64()),
    "pyarrow chunks": lambda rows: pa.chunked_array([_fixed(rows[:1]), _fixed(rows[1:])]),
    "pyarrow tensors": _tensor_array,
    "pyarrow cells": lambda rows: [pa.array(row, pa.float32()) for row in rows],
    "pyarrow scalars": lambda rows: list(_fixed(rows)),
}  # fmt: skip

VECTORS: dict[str, Callable[[list[float | None]], Any]] = {
    "list": list,
    "masked": lambda row: _masked([row])[0],
    "masked bytes": lambda row: _masked([row], "u1")[0],
    "objects": lambda row: np.array(row, object),
    "pandas": lambda row: pd.Series(row, dtype="Float32"),
    "pandas whole": lambda row: pd.Series(row, dtype="Int64"),
    "pandas objects": lambda row: pd.Series(row, dtype=object),
    "pandas array": lambda row: pd.array(row, "Float64"),
    "pandas Arrow": lambda row: pd.Series(row, dtype=pd.ArrowDtype(pa.float32())),
    "pandas values": lambda row: pd.Series(row, dtype=pd.ArrowDtype(pa.float32())).values,
    "polars": lambda row: pl.Series(row, dtype=pl.Float32),
    "polars whole": lambda row: pl.Series([None if v is None else int(v) for v in row]),
    "pyarrow": lambda row: pa.array(row, pa.float32()),
    "pyarrow whole": lambda row: pa.array(row, pa.int32()),
    "pyarrow chunks": lambda row: pa.chunked_array([row[:1], row[1:]], pa.float64()),
    "pyarrow scalar": lambda row: _fixed([row])[0],
    "pyarrow list scalar": lambda row: pa.array([row], pa.list_(pa.float64()))[0],
    "pyarrow tensor scalar": lambda row: _tensor_array([row])[0],
    "NA": lambda row: [pd.NA if v is None else v for v in row],
    "pyarrow scalars": lambda row: list(pa.array(row, pa.float32())),
}


def _frames(column: Any) -> Iterator[Any]:
    if isinstance(column, (pa.Array, pa.ChunkedArray)):
        yield pa.table({"emb": column})
    elif isinstance(column, pl.Series):
        yield pl.DataFrame({"emb": column})
    elif isinstance(column, pd.Series):
        yield pd.DataFrame({"emb": column})


ROWS: Lists = [[1.0, 2.0, 3.0], [4.0, None, 6.0], [7.0, 8.0, 9.0]]
WHOLE: Lists = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_matrix_has_nan_where_a_number_is_null(name: str) -> None:
    want = np.array(ROWS, np.float64)
    np.testing.assert_array_equal(rv.to_matrix(COLUMNS[name](ROWS)), want)
    np.testing.assert_array_equal(rv.to_matrix(COLUMNS[name](WHOLE)), np.array(WHOLE))


@pytest.mark.sample(5)
@pytest.mark.parametrize("name", COLUMNS)
def test_verbs_name_the_row_and_column_of_a_null_number(name: str) -> None:
    column = COLUMNS[name](ROWS)
    index = rv.Index.build(X)
    verbs: list[Callable[[], Any]] = [
        lambda: rv.Index.build(column),
        lambda: rv.Index.build(column, kind="flat", metric="l2"),
        lambda: index.add(None, column),
        lambda: index.upsert([1, 2, 3], column),
    ]
    for frame in _frames(column):
        verbs.append(lambda frame=frame: rv.search(frame, [1, 2, 3], on="emb"))
        verbs.append(lambda frame=frame: rv.build_index(frame, on="emb"))
        verbs.append(lambda frame=frame: rv.within(frame, [1, 2, 3], on="emb", min_similarity=0))
    for verb in verbs:
        with pytest.raises(rv.InvalidVector) as caught:
            verb()
        assert (caught.value.row, caught.value.column) == (1, 1), str(caught.value)
    assert len(index) == 4


@pytest.mark.parametrize("name", COLUMNS)
def test_rows_with_a_null_number_are_skipped_where_bad_rows_are(name: str) -> None:
    with rv.config(bad_vectors="skip"):
        index = rv.Index.build(COLUMNS[name](ROWS), metric="l2")
    found = index.search([4, 5, 6], k=3)
    assert found.ids.tolist() == [0, 2]
    np.testing.assert_allclose(found.scores, np.sqrt([27, 27]), rtol=1e-6)
    whole = rv.Index.build(COLUMNS[name](WHOLE), metric="l2").search([4, 5, 6], k=1)
    assert whole.arrays()[0].tolist() == [1]
    assert whole.scores.tolist() == [0]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_batch_with_a_null_number_is_refused(name: str) -> None:
    index = rv.Index.build(X)
    frame = pd.DataFrame({"emb": list(X)})
    for verb in (
        lambda q: index.search(q, k=1),
        lambda q: index.search(q, k=1, diversity=0.5),
        lambda q: index.within(q, min_similarity=0),
        lambda q: rv.search(frame, q, on="emb"),
    ):
        with pytest.raises(rv.InvalidVector, match=r"null|NaN"):
            verb(COLUMNS[name](ROWS))
        assert verb(COLUMNS[name](WHOLE)) is not None


@pytest.mark.parametrize("name", VECTORS)
def test_one_vector_with_a_null_number_is_refused_and_a_whole_one_asks(name: str) -> None:
    index = rv.Index.build(X)
    make = VECTORS[name]
    with pytest.raises(rv.InvalidVector, match=r"element 1 is null"):
        index.search(make([1.0, None, 2.0]), k=1)
    want = index.search(np.array([1, 0, 2], np.float32), k=4)
    found = index.search(make([1.0, 0.0, 2.0]), k=4)
    assert found.ids.tolist() == want.ids.tolist()
    np.testing.assert_array_equal(found.scores, want.scores)


def test_equal_memory_with_another_null_is_another_column() -> None:
    values = np.random.default_rng(3).standard_normal((10_500, 3)).astype(np.float32)
    flat = pa.array(values.ravel())
    hole = pa.Array.from_buffers(
        pa.float32(), values.size, [pa.array([i != 4 for i in range(values.size)]).buffers()[1],
                                    flat.buffers()[1]]
    )  # fmt: skip
    whole = pa.table({"emb": pa.FixedSizeListArray.from_arrays(flat, 3)})
    holed = pa.table({"emb": pa.FixedSizeListArray.from_arrays(hole, 3)})
    rv.search(whole, values[0], on="emb", k=1)
    with pytest.raises(rv.InvalidVector) as caught:
        rv.search(holed, values[0], on="emb", k=1)
    assert (caught.value.row, caught.value.column) == (1, 1)


def test_describe_counts_a_row_with_a_null_number_as_bad() -> None:
    frame = pl.DataFrame({"emb": pl.Series(ROWS, dtype=pl.Array(pl.Float32, 3))})
    assert rv.describe(frame)["bad"].to_list() == [1]
    masked = pd.DataFrame({"emb": list(_masked(ROWS))})
    assert rv.describe(masked)["bad"].tolist() == [1]


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_subclasses_of_arrays_are_read_as_what_they_hold() -> None:
    rows = np.matrix(WHOLE)
    np.testing.assert_array_equal(rv.to_matrix(rows), WHOLE)
    np.testing.assert_array_equal(rv.to_matrix(list(rows)), WHOLE)  # cells of shape (1, 3)
    np.testing.assert_array_equal(rv.to_matrix(np.rec.array(np.array(WHOLE))), WHOLE)
    found = rv.Index.build(rows, metric="l2").search(rows[1], k=1)
    assert found.ids.tolist() == [[1]]
