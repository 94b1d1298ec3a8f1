"""Arrow data comes in without a copy, is consumed in every outcome, is released exactly once."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from ctypes import byref

import duckdb
import hand_made
import nanoarrow as na
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from ruvector import _native
from ruvector._errors import (
    ColumnError,
    DuplicateId,
    InvalidArgument,
    InvalidVector,
    MetricError,
    VectorsChanged,
)
from ruvector._native import arrow as _arrow
from ruvector._native import library as _library
from ruvector._native import structs as _structs

VALUES = np.arange(24, dtype=np.float32).reshape(6, 4)


def test_the_address_that_go_reads_is_numpys():
    matrix = np.ascontiguousarray(VALUES)
    column = _native.column_from_matrix(matrix)
    assert _native.column_info(column)["address"] == matrix.ctypes.data
    index = _native.build_from(column, None, {})
    column.close()
    assert _native.info(index)["source_address"] == matrix.ctypes.data
    matrix[0] = [0, 0, 0, 9]  # a write is seen: nothing was copied
    with pytest.raises(VectorsChanged, match="row 0"):
        _native.vectors(index, [0])


def test_the_address_that_go_reads_is_arrows():
    values = pa.array(VALUES.ravel())
    array = pa.FixedSizeListArray.from_arrays(values, 4)
    column = _native.column_from_capsule(array)
    assert _native.column_info(column)["address"] == values.buffers()[1].address
    sliced = _native.column_from_capsule(array[2:])
    assert _native.column_info(sliced)["address"] == values.buffers()[1].address + 2 * 4 * 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_float_type_is_read(dtype):
    column = _native.column_from_matrix(VALUES.astype(dtype))
    assert np.array_equal(_native.column_matrix(column), VALUES)


def test_null_rows_are_zero_and_counted():
    valid = np.array([True, False, True, True, False, True])
    column = _native.column_from_matrix(VALUES, valid)
    assert _native.column_info(column)["nulls"] == 2
    assert np.array_equal(_native.column_matrix(column), VALUES * valid[:, None])


def test_equal_columns_have_equal_hashes():
    one = _native.column_from_matrix(VALUES)
    other = _native.column_from_matrix(VALUES.copy())
    changed = _native.column_from_matrix(VALUES + 1)
    assert _native.column_hash(one) == _native.column_hash(other)
    assert _native.column_hash(one) != _native.column_hash(changed)
    assert len(_native.column_hash(one)) == 16


class Capsules:
    """An object that gives out the capsules it was made with."""

    def __init__(self, capsules):
        self.capsules = capsules

    def __arrow_c_array__(self, requested_schema=None):
        return self.capsules


PRODUCERS = {
    "pyarrow array": lambda: pa.FixedSizeListArray.from_arrays(pa.array(VALUES.ravel()), 4),
    "pyarrow list": lambda: pa.array(VALUES.tolist(), pa.list_(pa.float32())),
    "pyarrow large list": lambda: pa.array(VALUES.tolist(), pa.large_list(pa.float64())),
    "pyarrow chunks": lambda: pa.chunked_array(
        [VALUES[:2].tolist(), VALUES[2:].tolist()], pa.list_(pa.float32(), 4)
    ),
    "polars array": lambda: pl.Series(VALUES.tolist(), dtype=pl.Array(pl.Float32, 4)),
    "polars list": lambda: pl.Series(VALUES.tolist(), dtype=pl.List(pl.Float64)),
    "nanoarrow": lambda: na.Array(pa.FixedSizeListArray.from_arrays(pa.array(VALUES.ravel()), 4)),
    "nanoarrow stream": lambda: na.ArrayStream(pa.array(VALUES.tolist(), pa.list_(pa.float32()))),
    "capsules themselves": lambda: pa.array(
        VALUES.tolist(), pa.list_(pa.float32())
    ).__arrow_c_array__(),
    "a stream capsule": lambda: pl.Series(
        VALUES.tolist(), dtype=pl.Array(pl.Float32, 4)
    ).__arrow_c_stream__(),
}


@pytest.mark.parametrize("name", PRODUCERS)
def test_columns_of_every_producer_are_read(name):
    column = _native.column_from_capsule(PRODUCERS[name]())
    gc.collect()  # the producer's objects are gone; the memory is held
    assert np.array_equal(_native.column_matrix(column), VALUES)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"v": VALUES.tolist(), "w": VALUES.tolist()}),
        pa.record_batch({"v": VALUES.tolist(), "w": VALUES.tolist()}),
        pl.DataFrame({"v": VALUES.tolist(), "w": VALUES.tolist()}),
        duckdb.sql("select [1.0, 2.0] as v, 1 as id"),
    ],
    ids=["pyarrow", "batch", "polars", "duckdb"],
)
def test_a_table_of_two_columns_is_refused_with_the_way_out(table):
    with pytest.raises(ColumnError, match="select the column"):
        _native.column_from_capsule(table)


@pytest.mark.parametrize(
    "array, said",
    [
        (pa.array(["[0.1, 0.2]"]), "text"),
        (pa.array([1, 2]), "no vectors"),
        (pa.array([[1, 2]]), "int64"),
        (pa.array([[[1.0]]]), "list"),
        (pa.array([None, None]), "null"),
        (pa.array([True]), "bool"),
        (pa.array(["a"]).dictionary_encode(), "dictionary"),
        (pa.array([{"a": 1, "b": 1}]), "table"),
    ],
)  # fmt: skip
def test_columns_without_vectors_are_refused_by_name(array, said):
    with pytest.raises(ColumnError, match=said):
        _native.column_from_capsule(array)


def test_what_is_no_arrow_data_is_refused():
    with pytest.raises(ColumnError, match="__arrow_c_array__"):
        _native.column_from_capsule(object())


def test_a_consumed_capsule_is_an_error_that_says_so():
    capsules = pa.array(VALUES.tolist(), pa.list_(pa.float32())).__arrow_c_array__()
    _native.column_from_capsule(Capsules(capsules)).close()
    with pytest.raises(InvalidArgument, match="consumed before"):
        _native.column_from_capsule(Capsules(capsules))
    stream = pl.Series(VALUES.tolist(), dtype=pl.Array(pl.Float32, 4)).__arrow_c_stream__()
    _native.column_from_capsule(stream).close()
    with pytest.raises(InvalidArgument, match="consumed before"):
        _native.column_from_capsule(stream)


def test_a_capsule_of_another_kind_is_an_error():
    schema, array = pa.array(VALUES.tolist(), pa.list_(pa.float32())).__arrow_c_array__()
    with pytest.raises(InvalidArgument, match="arrow_array"):
        _native.column_from_capsule((array, schema))


def test_release_runs_once_on_a_thread_of_python_when_the_column_is_freed():
    column = hand_made.Column(VALUES)
    handle = column.give()
    assert column.schema_released == [threading.get_native_id()]
    assert column.released == []
    hand_made.free(handle)
    assert hand_made.released_once(column.released)
    assert len(column.schema_released) == 1


def test_an_index_holds_what_it_borrows():
    column = hand_made.Column(VALUES)
    handle = _native.Handle()
    handle.cell.value = column.give()
    index = _native.build_from(handle.adopt(), None, {})
    handle.close()
    assert column.released == []
    _native.close_index(index)
    assert len(column.released) == 1


# What a hand-made column is spoilt with -> what the error says.
SPOILED = {
    "child one value short": lambda c: setattr(c.child, "length", 23),
    "child without values": lambda c: setattr(c.child, "length", 0),
    "rows past the child": lambda c: setattr(c.array, "length", 7),
    "offset past the child": lambda c: setattr(c.array, "offset", 1),
    "wider than the child": lambda c: setattr(c.schema, "format", b"+w:900"),
    "negative width": lambda c: setattr(c.schema, "format", b"+w:-3"),
    "no width": lambda c: setattr(c.schema, "format", b"+w:"),
    "no dimensions": lambda c: setattr(c.schema, "format", b"+w:0"),
    "no such format": lambda c: setattr(c.schema, "format", b"zzz"),
    "empty format": lambda c: setattr(c.schema, "format", b""),
    "missing format": lambda c: setattr(c.schema, "format", None),
    "child of text": lambda c: setattr(c.child_schema, "format", b"u"),
    "negative length": lambda c: setattr(c.array, "length", -1),
    "negative offset": lambda c: setattr(c.array, "offset", -1),
    "overflowing offset": lambda c: setattr(c.array, "offset", 2**63 - 1),
    "overflowing length": lambda c: setattr(c.array, "length", 2**63 - 1),
    "negative child": lambda c: setattr(c.child, "length", -24),
    "null count too large": lambda c: setattr(c.array, "null_count", 7),
    "nulls without bitmap": lambda c: setattr(c.array, "null_count", 1),
    "missing buffers": lambda c: setattr(c.array, "buffers", None),
    "no buffers": lambda c: setattr(c.array, "n_buffers", 0),
    "negative buffers": lambda c: setattr(c.array, "n_buffers", -1),
    "missing child buffers": lambda c: setattr(c.child, "buffers", None),
    "null values": lambda c: c.child_buffers.__setitem__(1, None),
    "no children": lambda c: setattr(c.array, "n_children", 0),
    "missing children": lambda c: setattr(c.array, "children", None),
    "null child": lambda c: c.children.__setitem__(0, None),
    "null schema child": lambda c: c.schema_children.__setitem__(0, None),
    "no schema children": lambda c: setattr(c.schema, "n_children", 0),
    "dictionary": lambda c: setattr(c.array, "dictionary", ctypes.addressof(c.child)),
    "struct": lambda c: setattr(c.schema, "format", b"+s"),
    "ragged list": lambda c: (
        setattr(c.schema, "format", b"+l"),
        setattr(c.array, "n_buffers", 2),
        c.buffers.__setitem__(1, np.array([0, 4, 8, 12, 16, 19, 24], np.int32).ctypes.data),
    ),
    "list without offsets": lambda c: (
        setattr(c.schema, "format", b"+l"),
        setattr(c.array, "n_buffers", 2),
    ),
}
OFFSETS = [  # of six rows of four
    [0, 4, 8, 12, 16, 20, 28],
    [0, 4, 8, 12, 16, 24, 20],
    [-4, 0, 4, 8, 12, 16, 20],
    [2**31 - 8, 2**31 - 4, 0, 4, 8, 12, 16],
]


@pytest.mark.parametrize("name", SPOILED)
def test_broken_structs_are_named_errors_and_consumed(name):
    column = hand_made.Column(VALUES)
    keep = np.array([0, 4, 8, 12, 16, 19, 24], np.int32)
    SPOILED[name](column)
    if name == "ragged list":
        column.buffers[1] = keep.ctypes.data
    with pytest.raises((ColumnError, InvalidVector)):
        column.give()
    end = time.monotonic() + 1  # another thread that calls the library may be the one that releases
    while not column.released and time.monotonic() < end:
        time.sleep(0.001)
    assert len(column.released) == 1
    assert len(column.schema_released) == 1


@pytest.mark.parametrize("offsets", OFFSETS)
def test_lists_that_reach_outside_are_named_errors(offsets):
    column = hand_made.Column(VALUES)
    cuts = np.array(offsets, np.int64).astype(np.int32)
    column.schema.format, column.array.n_buffers = b"+l", 2
    column.buffers[1] = cuts.ctypes.data
    with pytest.raises((ColumnError, InvalidVector)):
        column.give()
    assert len(column.released) == 1


def test_missing_structs_are_errors_and_the_others_are_consumed():
    column = hand_made.Column(VALUES)
    out = ctypes.c_uint64()
    with pytest.raises(InvalidArgument, match="missing"):
        _library.call("rv_column_import", byref(column.array), None, byref(out))
    assert len(column.released) == 1
    column = hand_made.Column(VALUES)
    with pytest.raises(InvalidArgument, match="missing"):
        _library.call("rv_column_import", None, byref(column.schema), byref(out))
    assert len(column.schema_released) == 1
    column = hand_made.Column(VALUES)
    with pytest.raises(InvalidArgument, match="no place"):
        _library.call("rv_column_import", byref(column.array), byref(column.schema), None)
    assert len(column.released) == len(column.schema_released) == 1
    with pytest.raises(InvalidArgument, match="consumed"):
        _library.call("rv_column_import_stream", None, byref(out))


def test_every_batch_of_a_stream_becomes_a_chunk():
    stream = hand_made.Batches([hand_made.Column(VALUES), hand_made.Column(VALUES + 24)])
    handle = stream.give()
    assert stream.releases == 1
    assert [c.released for c in stream.columns] == [[], []]
    hand_made.free(handle)
    assert [len(c.released) for c in stream.columns] == [1, 1]


@pytest.mark.parametrize("fail_at", [-1, 0, 1])
def test_a_stream_that_fails_says_why_and_leaves_nothing(fail_at):
    stream = hand_made.Batches([hand_made.Column(VALUES), hand_made.Column(VALUES)], fail_at)
    with pytest.raises(ColumnError, match="the disk is on fire"):
        stream.give()
    assert stream.releases == 1
    taken = max(fail_at, 0)
    assert [len(c.released) for c in stream.columns] == [int(i < taken) for i in range(2)]


def test_one_broken_batch_refuses_the_stream():
    columns = [hand_made.Column(VALUES), hand_made.Column(VALUES)]
    columns[1].child.length = 3
    stream = hand_made.Batches(columns)
    with pytest.raises(ColumnError, match="broken Arrow data"):
        stream.give()
    assert [len(c.released) for c in columns] == [1, 1]


def test_batches_of_two_widths_are_refused():
    columns = [hand_made.Column(VALUES), hand_made.Column(VALUES.reshape(8, 3))]
    stream = hand_made.Batches(columns)
    with pytest.raises(ColumnError):  # a stream has one schema: the second child is too short
        columns[1].array.length = 8
        stream.give()
    assert [len(c.released) for c in columns] == [1, 1]


def start_build(column: int, **options: object) -> int:
    task = ctypes.c_uint64()
    params = _structs.BuildParams(**{"size": ctypes.sizeof(_structs.BuildParams), **options})
    _library.call("rv_build_start", column, byref(params), byref(task))
    return task.value


def wait(task: int) -> None:
    done = ctypes.c_int32()
    while not done.value:
        _library.call("rv_task_wait", task, 1000, byref(done))


def test_what_a_goroutine_drops_is_released_by_the_next_call_of_python():
    rng = np.random.default_rng(1)
    column = hand_made.Column(rng.normal(size=(20_000, 16)).astype(np.float32))
    handle = column.give()
    task = start_build(handle, kind=b"flat", keep=b"none")
    hand_made.free(handle)  # the task has the last reference, and drops it on its goroutine
    wait(task)
    hand_made.free(task)
    assert hand_made.released_once(column.released)


def test_a_failed_build_leaves_nothing():
    column = hand_made.Column(VALUES)
    handle = column.give()
    numbers = np.array([1, 2, 3, 2, 5, 6])
    ids = _structs.Values(b"l", numbers.ctypes.data, None, len(numbers), 0)
    task = start_build(handle, ids=ctypes.addressof(ids))
    wait(task)
    with pytest.raises(DuplicateId) as caught:
        _library.call("rv_task_result", task, byref(ctypes.c_uint64()))
    assert caught.value.row == 3
    hand_made.free(task)
    with pytest.raises(MetricError, match="mtric"):
        start_build(handle, metric=b"mtric")
    for options in ({"kind": b"cube"}, {"keep": b""}, {"size": 8}):
        with pytest.raises(InvalidArgument):
            start_build(handle, **options)
    with pytest.raises(InvalidArgument):
        start_build(987654321)
    hand_made.free(handle)
    assert len(column.released) == 1


def test_ids_of_a_build_are_read_once_whatever_their_owner_writes_then():
    column = hand_made.Column(VALUES)
    handle = column.give()
    numbers = np.arange(6) * 7
    ids = _structs.Values(b"l", numbers.ctypes.data, None, len(numbers), 0)
    task = start_build(handle, ids=ctypes.addressof(ids))
    wait(task)
    numbers[:] = 0
    index = _native.Handle()
    _library.call("rv_task_result", task, byref(index.cell))
    assert _native.ids(index.adopt()).tolist() == [0, 7, 14, 21, 28, 35]
    index.close()
    hand_made.free(task)
    hand_made.free(handle)


@pytest.mark.parametrize("times", [5_000, pytest.param(50_000, marks=pytest.mark.long)])
def test_a_hundred_thousand_imports_leave_nothing(times):
    before = _native.live_structs(), _arrow.kept(), _native.library_info()["handles"]
    for i in range(times):
        column = _native.column_from_matrix(VALUES)
        column.close()
        if i % 2:
            continue
        bad = _native.Handle()
        array, schema = _arrow.ArrowArray(), _arrow.ArrowSchema()
        _arrow.wrap_matrix(VALUES, None, array, schema)
        schema.format = b"zzz"
        with pytest.raises(ColumnError):
            _library.call("rv_column_import", byref(array), byref(schema), byref(bad.cell))
        good = _native.Handle()
        array, schema = _arrow.ArrowArray(), _arrow.ArrowSchema()
        _arrow.wrap_matrix(VALUES, None, array, schema)
        _library.call("rv_column_import", byref(array), byref(schema), byref(good.cell))
        good.adopt().close()
    gc.collect()
    after = _native.live_structs(), _arrow.kept(), _native.library_info()["handles"]
    assert after == before


def test_an_array_is_let_go_when_the_library_is_done():
    import weakref

    class Lent(np.ndarray):
        """An array that can be watched."""

    matrix = VALUES.copy().view(Lent)
    gone = weakref.ref(matrix)
    column = _native.column_from_matrix(matrix)
    del matrix
    assert gone() is not None
    column.close()
    assert gone() is None


def test_matrices_that_cannot_be_borrowed_are_refused():
    for bad in (
        VALUES.T, VALUES[:, ::2], VALUES.astype(">f4"), VALUES.astype(np.int32), VALUES[0],
        VALUES[:, :0], VALUES.astype(np.longdouble),
    ):  # fmt: skip
        with pytest.raises(InvalidArgument):
            _native.column_from_matrix(bad)
    with pytest.raises(InvalidArgument, match="validity"):
        _native.column_from_matrix(VALUES, np.ones(5, np.bool_))


def test_tensors_are_their_storage_unless_permuted():
    storage = pa.FixedSizeListArray.from_arrays(pa.array(VALUES.ravel()), 4)
    plain = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), (2, 2)), storage)
    assert np.array_equal(_native.column_matrix(_native.column_from_capsule(plain)), VALUES)
    turned = pa.fixed_shape_tensor(pa.float32(), (2, 2), permutation=[1, 0])
    with pytest.raises(ColumnError, match="permutation"):
        _native.column_from_capsule(pa.ExtensionArray.from_storage(turned, storage))
