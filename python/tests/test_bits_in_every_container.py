"""Rows of bits are found in every container of bytes or booleans, by indexes and in frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

ROWS = np.random.default_rng(17).integers(0, 256, (9, 3), np.uint8)
ROWS[4] = 0  # zeros at the end of bytes are easily lost
ROWS[5, 2] = 0
BITS = np.unpackbits(ROWS, axis=1).astype(bool)
BYTES = [row.tobytes() for row in ROWS]
DISTANCE = (BITS[:, None] != BITS[None]).sum(axis=2)


class Tensor:
    """A tensor of another library."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape = array.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._array


def _objects(cells: list[Any]) -> Any:
    out = np.empty(len(cells), object)
    out[:] = cells
    return out


COLUMNS: dict[str, Callable[[], Any]] = {
    "packed": lambda: ROWS,
    "packed every second": lambda: np.repeat(ROWS, 2, axis=0)[::2],
    "booleans": lambda: BITS,
    "fixed bytes": lambda: np.array(BYTES, "S3"),
    "void": lambda: ROWS.view("V3").ravel(),
    "object bytes": lambda: _objects(BYTES),
    "list of bytes": lambda: list(BYTES),
    "list of bytearrays": lambda: [bytearray(row) for row in BYTES],
    "list of booleans": lambda: BITS.tolist(),
    "list of boolean rows": lambda: list(BITS),
    "list of packed rows": lambda: list(ROWS),
    "boolean tensor": lambda: Tensor(BITS),
    "packed tensor": lambda: Tensor(ROWS),
    "boolean tensors": lambda: [Tensor(row) for row in BITS],
    "boolean tensors of one row": lambda: [Tensor(row[None]) for row in BITS],
    "pandas": lambda: pd.Series(BYTES),
    "pandas booleans": lambda: pd.Series(list(BITS)),
    "pandas lists": lambda: pd.Series(BITS.tolist()),
    "pandas Arrow": lambda: pd.Series(BYTES, dtype=pd.ArrowDtype(pa.binary())),
    "pandas Arrow fixed": lambda: pd.Series(BYTES, dtype=pd.ArrowDtype(pa.binary(3))),
    "pandas Arrow booleans": lambda: pd.Series(
        BITS.tolist(), dtype=pd.ArrowDtype(pa.list_(pa.bool_()))
    ),
    "polars Binary": lambda: pl.Series(BYTES),
    "polars arrays": lambda: pl.Series(ROWS),
    "polars lists": lambda: pl.Series(ROWS.tolist(), dtype=pl.List(pl.UInt8)),
    "polars boolean lists": lambda: pl.Series(BITS.tolist()),
    "polars boolean arrays": lambda: pl.Series(BITS),
    "polars objects": lambda: pl.Series(list(BITS), dtype=pl.Object),
    "pyarrow binary": lambda: pa.array(BYTES),
    "pyarrow large": lambda: pa.array(BYTES, pa.large_binary()),
    "pyarrow view": lambda: pa.array(BYTES, pa.binary_view()),
    "pyarrow fixed": lambda: pa.array(BYTES, pa.binary(3)),
    "pyarrow booleans": lambda: pa.array(BITS.tolist()),
    "pyarrow lists": lambda: pa.array(ROWS.tolist(), pa.list_(pa.uint8())),
    "pyarrow chunks": lambda: pa.chunked_array([BYTES[:4], BYTES[4:]], pa.binary()),
}
ONE: dict[str, Callable[[int], Any]] = {
    "bytes": lambda i: BYTES[i],
    "bytearray": lambda i: bytearray(BYTES[i]),
    "memoryview": lambda i: memoryview(BYTES[i]),
    "packed": lambda i: ROWS[i],
    "booleans": lambda i: BITS[i],
    "list of booleans": lambda i: BITS[i].tolist(),
    "tensor": lambda i: Tensor(BITS[i]),
    "pandas booleans": lambda i: pd.Series(BITS[i]),
    "pandas nullable": lambda i: pd.Series(BITS[i], dtype="boolean"),
    "pandas bytes": lambda i: pd.Series(ROWS[i]),
    "polars booleans": lambda i: pl.Series(BITS[i]),
    "polars bytes": lambda i: pl.Series(ROWS[i]),
    "pyarrow booleans": lambda i: pa.array(BITS[i]),
    "pyarrow bytes": lambda i: pa.array(ROWS[i]),
    "pyarrow scalar": lambda i: pa.scalar(BYTES[i]),
    "pyarrow fixed scalar": lambda i: pa.array(BYTES, pa.binary(3))[i],
    "pyarrow boolean scalar": lambda i: pa.array(BITS.tolist())[i],
    "pyarrow list scalar": lambda i: pa.array(ROWS.tolist(), pa.list_(pa.uint8()))[i],
}
FRAMED = [name for name in COLUMNS if name.startswith(("pandas", "polars", "pyarrow"))]


def _frame_of(column: Any) -> Any:
    place = list(range(len(column)))
    if isinstance(column, pl.Series):
        return pl.DataFrame({"place": place, "b": column})
    if isinstance(column, pd.Series):
        return pd.DataFrame({"place": place, "b": column})
    return pa.table({"place": place, "b": column})


def _places(frame: Any) -> list[int]:
    column = frame["place"]
    return column.to_pylist() if isinstance(frame, pa.Table) else column.to_list()


def _want(i: int, k: int) -> list[int]:
    return np.argsort(DISTANCE[i], kind="stable")[:k].tolist()


@pytest.mark.parametrize("name", COLUMNS)
def test_an_index_of_any_container_finds_the_rows_that_differ_least(name: str) -> None:
    index = rv.Index.build(COLUMNS[name](), metric="hamming")
    found = index.search(ROWS, k=4)
    for i in range(len(ROWS)):
        assert found.ids[i].tolist() == _want(i, 4)
        assert found.scores[i].tolist() == sorted(DISTANCE[i])[:4]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_batch_in_any_container_asks(name: str) -> None:
    index = rv.Index.build(ROWS, metric="hamming")
    assert index.search(COLUMNS[name](), k=4).ids.tolist() == [_want(i, 4) for i in range(9)]
    frame = pl.DataFrame({"place": range(9), "b": BYTES})
    assert _places(rv.search(frame, COLUMNS[name](), metric="hamming", k=1)) == list(range(9))


@pytest.mark.parametrize("name", ONE)
def test_one_row_in_any_form_asks(name: str) -> None:
    index = rv.Index.build(BYTES, metric="hamming")
    for i in range(len(ROWS)):
        assert index.search(ONE[name](i), k=4).ids.tolist() == _want(i, 4)


@pytest.mark.parametrize("name", COLUMNS)
def test_rows_of_any_container_are_added_and_take_their_place_in_files(
    name: str, tmp_path: Path
) -> None:
    index = rv.Index.build(ROWS[:0], metric="hamming")
    index.add(None, COLUMNS[name]())
    assert index.search(ROWS, k=1).ids.ravel().tolist() == list(range(9))
    index.upsert(range(9), COLUMNS[name]())
    assert index.search(ROWS, k=2).ids.tolist() == [_want(i, 2) for i in range(9)]
    whole = rv.Index.build(COLUMNS[name](), metric="hamming", keep="copy")
    whole.save(tmp_path / "bits", vectors=False)
    again = rv.Index.load(tmp_path / "bits", vectors=COLUMNS[name]())
    assert again.search(ROWS, k=1).ids.ravel().tolist() == list(range(9))


@pytest.mark.parametrize("name", FRAMED)
def test_the_only_column_of_bits_of_a_frame_is_found(name: str) -> None:
    frame = _frame_of(COLUMNS[name]())
    for on in (None, "b"):
        found = rv.search(frame, BYTES[3], metric="hamming", k=4, on=on)
        assert _places(found) == _want(3, 4)
        near = rv.within(frame, BITS[3], metric="hamming", max_distance=9, on=on)
        assert set(_places(near)) == set(np.flatnonzero(DISTANCE[3] <= 9).tolist())
    index = rv.build_index(frame, on="b", metric="hamming")
    assert _places(rv.search(frame, BYTES[3], k=4, index=index)) == _want(3, 4)
    about = rv.describe(frame)
    about = (
        about.to_pylist()[0]
        if isinstance(about, pa.Table)
        else about.to_dict(
            **({"orient": "records"} if isinstance(about, pd.DataFrame) else {"as_series": False})
        )
    )
    kind = about[0]["kind"] if isinstance(about, list) else about["kind"]
    assert (kind if isinstance(kind, str) else kind[0]) in ("bits", "vector")


@pytest.mark.sample(5)
@pytest.mark.parametrize("name", FRAMED)
def test_an_index_of_bits_is_of_the_frame_that_it_was_built_from(name: str) -> None:
    frame = _frame_of(COLUMNS[name]())
    other = _frame_of(pl.Series(BYTES[::-1]))
    for index in (
        rv.Index.build(ROWS, metric="hamming"),
        rv.Index.build(COLUMNS[name](), metric="hamming"),
    ):
        for on in (None, "b"):
            assert _places(rv.search(frame, BYTES[3], k=4, index=index, on=on)) == _want(3, 4)
            with pytest.raises(rv.VectorsChanged):
                rv.search(other, BYTES[3], k=4, index=index, on=on)


def test_columns_of_bytes_beside_vectors_are_no_candidates_of_other_metrics() -> None:
    vectors = np.eye(3, dtype=np.float32)
    frame = pl.DataFrame({"blob": [b"a", b"", b"longer"], "emb": vectors})
    assert len(rv.search(frame, vectors[0], k=2)) == 2
    with pytest.raises(rv.ColumnError, match="hamming"):
        rv.search(frame, vectors[0], on="blob")
    with pytest.raises(rv.ColumnError, match="hamming"):
        rv.search(frame.drop("emb"), vectors[0])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([b"ab", b"abc", b"ab"], "row 1 has 3 bytes"),
        ([b"abc", b"ab", b"ab"], "row 0 has 3 bytes"),
        ([[True] * 9, [True] * 12, [True] * 9], "row 1 has 12 bits, most rows have 9 bits"),
        ([b"ab", "cd", b"ab"], "row 1 is 'cd'"),
        ([b"ab", 7, b"ab"], "row 1 is 7"),
        ([[True, None], [True, False]], "row 0"),
        (np.ma.masked_array(BITS[:2], np.eye(2, 24)), "row 0 has masked"),
    ],
    ids=repr,
)
def test_what_is_no_row_of_bits_is_named_by_its_row(rows: Any, says: str) -> None:
    with pytest.raises(rv.InvalidVector, match=says):
        rv.Index.build(rows, metric="hamming")


@pytest.mark.parametrize(
    "query",
    [
        pl.Series([True, None] * 12),
        pd.Series([True, None] * 12, dtype="boolean"),
        pa.array([True, None] * 12),
        np.ma.masked_array(BITS[0], BITS[0]),
        [True, None] * 12,
        pl.Series([BYTES[0], None]),
        pa.array([None, BYTES[0]]),
    ],
    ids=lambda query: type(query).__name__,
)
def test_null_bits_and_rows_are_no_query(query: Any) -> None:
    with pytest.raises(rv.InvalidVector, match="null"):
        rv.Index.build(ROWS, metric="hamming").search(query)
