"""Arrow tables of one column are read as that column, borrowed, and released once."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable
from ctypes import byref, c_void_p
from typing import Any

import duckdb
import hand_made
import nanoarrow as na
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._native import arrow as _arrow
from ruvector._native import column_from_capsule, column_info
from ruvector._native import library as _library
from ruvector._native.arrow import ArrowArray, ArrowSchema

ROWS = np.random.default_rng(9).standard_normal((40, 4), dtype=np.float32)
VECTORS = pa.FixedSizeListArray.from_arrays(pa.array(ROWS.reshape(-1)), 4)
TABLE = pa.table({"v": VECTORS})


def test_streams_of_one_column_are_that_column() -> None:
    for data in (
        TABLE.to_reader(), na.ArrayStream(TABLE), na.Array(TABLE.to_batches()[0]),
        duckdb.from_arrow(TABLE), pa.concat_tables([TABLE, TABLE]).to_reader(),
    ):  # fmt: skip
        matrix = rv.to_matrix(data)
        np.testing.assert_array_equal(matrix[:40], ROWS)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.lists(st.booleans()))
def test_slices_of_structs_and_of_what_is_in_them_are_the_right_rows(
    start: int, middle: int, stop: int, null: list[bool]
) -> None:
    absent = np.resize(np.array([*null, False]), 40)
    vectors = pa.FixedSizeListArray.from_arrays(
        pa.array(ROWS.reshape(-1)), 4, mask=pa.array(absent)
    )
    inner = vectors.slice(start)
    struct = pa.StructArray.from_arrays([inner], ["v"]).slice(middle, stop)
    want = ROWS.copy()
    want[absent] = np.nan
    if len(struct):
        found = rv.to_matrix(na.Array(struct))
        np.testing.assert_array_equal(found, want[start:][middle:][:stop])


def test_the_memory_is_borrowed_and_stays_while_it_is_read() -> None:
    batch = pa.record_batch({"v": VECTORS})
    index = rv.Index.build(na.Array(batch))
    handle = column_from_capsule(batch)
    assert column_info(handle)["address"] == VECTORS.values.buffers()[1].address
    handle.close()
    del batch
    gc.collect()
    assert index.search(ROWS[7], 1).ids.tolist() == [7]
    _arrow.collect()


def test_a_relation_is_read_again_and_again() -> None:
    relation = duckdb.from_arrow(TABLE)
    for _ in range(30):
        np.testing.assert_array_equal(rv.to_matrix(relation), ROWS)


class Struct:
    """A struct around a hand-made column, to be spoiled before it is handed over."""

    def __init__(self) -> None:
        self.column = hand_made.Column(np.ascontiguousarray(ROWS[:6]))
        self.released: list[int] = []
        self._on_array = _arrow._RELEASE_ARRAY(self._release)
        self._on_schema = _arrow._RELEASE_SCHEMA(self._release_schema)
        self.children = (c_void_p * 1)(ctypes.addressof(self.column.array))
        self.buffers = (c_void_p * 1)()
        self.array = ArrowArray(
            length=6, n_buffers=1, n_children=1, buffers=ctypes.addressof(self.buffers),
            children=ctypes.addressof(self.children),
            release=ctypes.cast(self._on_array, c_void_p),
        )  # fmt: skip
        self.schema_children = (c_void_p * 1)(ctypes.addressof(self.column.schema))
        self.schema = ArrowSchema(
            format=b"+s", n_children=1, children=ctypes.addressof(self.schema_children),
            release=ctypes.cast(self._on_schema, c_void_p),
        )  # fmt: skip

    def _release(self, array: Any) -> None:
        self.released.append(threading.get_native_id())
        if self.column.array.release:
            self.column._release_array(ctypes.pointer(self.column.array))
        array.contents.release = None

    def _release_schema(self, schema: Any) -> None:
        schema.contents.release = None

    def give(self) -> int:
        out = ctypes.c_uint64(0)
        _library.call("rv_column_import", byref(self.array), byref(self.schema), byref(out))
        return out.value


def test_a_struct_is_released_once_and_its_child_with_it() -> None:
    struct = Struct()
    column = struct.give()
    assert struct.released == []
    hand_made.free(column)
    assert hand_made.released_once(struct.released)
    assert len(struct.column.released) == 1


def _set(field: str, value: Any) -> Callable[[Struct], None]:
    return lambda struct: setattr(struct.array, field, value)


def _child(field: str, value: Any) -> Callable[[Struct], None]:
    return lambda struct: setattr(struct.column.array, field, value)


def _null_bitmap(struct: Struct) -> None:
    struct.bits = (ctypes.c_uint8 * 8)(*[255] * 8)  # type: ignore[attr-defined]
    struct.buffers[0] = ctypes.addressof(struct.bits)  # type: ignore[attr-defined]
    struct.array.null_count = -1


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (_set("n_children", 0), "without the child"),
        (_set("children", None), "without the child"),
        (lambda s: s.children.__setitem__(0, None), "without the child"),
        (_child("release", None), "without the child"),
        (_set("length", 7), "longer than its child"),
        (_set("length", -1), "longer than its child"),
        (_set("offset", 1), "longer than its child"),
        (_set("offset", -1), "longer than its child"),
        (_set("offset", 2**63 - 1), "longer than its child"),
        (_child("length", -6), "longer than its child"),
        (_child("offset", -1), "longer than its child"),
        (_child("offset", 2**63 - 1), "broken Arrow data"),
        (_child("n_children", 0), "children"),
        (_null_bitmap, "may be null"),
        (lambda s: setattr(s.schema, "n_children", 2), "struct"),
        (lambda s: setattr(s.schema, "children", None), "struct"),
        (lambda s: s.schema_children.__setitem__(0, None), "struct"),
    ],
)
def test_structs_that_contradict_themselves_are_refused_and_released(
    spoil: Callable[[Struct], None], match: str
) -> None:
    struct = Struct()
    spoil(struct)
    with pytest.raises(rv.ColumnError, match=match):
        struct.give()
    _arrow.collect()
    assert len(struct.released) == 1


def test_structs_with_nulls_and_of_several_columns_are_refused() -> None:
    some = pa.StructArray.from_arrays([VECTORS], ["v"], mask=pa.array(np.arange(40) == 3))
    with pytest.raises(rv.ColumnError, match="may be null"):
        rv.to_matrix(na.Array(some))
    with pytest.raises(rv.ColumnError, match="struct"):
        rv.to_matrix(na.Array(pa.StructArray.from_arrays([VECTORS, VECTORS], ["a", "b"])))
    with pytest.raises(rv.ColumnError, match="int64"):
        rv.to_matrix(na.Array(pa.table({"a": [1]})))


def test_polars_frames_are_told_that_they_are_frames() -> None:
    with pytest.raises(rv.ColumnError, match="whole polars DataFrame"):
        rv.to_matrix(pl.DataFrame(TABLE))
