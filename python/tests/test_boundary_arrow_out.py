"""Every stream that we export is read by four independent readers, any number of times."""

from __future__ import annotations

import gc

import duckdb
import nanoarrow as na
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from ruvector import _native
from ruvector._errors import InvalidArgument

ROWS = 11
VALID = np.arange(ROWS) % 3 != 1
TEXTS = ["", "a", None, "zażółć", "x" * 40, "b", None, "\N{SNOWMAN}", "c", "d", "e"]

COLUMNS = {
    "i8": np.arange(ROWS, dtype=np.int8),
    "u8": np.arange(ROWS, dtype=np.uint8),
    "i16": np.arange(ROWS, dtype=np.int16),
    "u16": np.arange(ROWS, dtype=np.uint16),
    "i32": np.arange(ROWS, dtype=np.int32),
    "u32": np.arange(ROWS, dtype=np.uint32),
    "i64": np.arange(ROWS, dtype=np.int64) - 2**62,
    "u64": np.arange(ROWS, dtype=np.uint64) + 2**63,
    "f32": np.linspace(0, 1, ROWS, dtype=np.float32),
    "f64": np.linspace(0, 1, ROWS),
    "flag": np.arange(ROWS) % 2 == 0,
    "text": TEXTS,
    "vector": np.arange(ROWS * 3, dtype=np.float32).reshape(ROWS, 3),
    "some": (np.arange(ROWS, dtype=np.int64), VALID),
    "strided": np.arange(2 * ROWS, dtype=np.float64)[::2],
}


class Exported:
    """What a result does: a fresh stream at every call."""

    def __init__(self, columns):
        self.columns = columns

    def __arrow_c_stream__(self, requested_schema=None):
        return _native.export_stream(list(self.columns), list(self.columns.values()))


def expected(columns=COLUMNS, rows=slice(None)):
    answer = {}
    for name, values in columns.items():
        if isinstance(values, tuple):
            pairs = zip(values[0].tolist(), values[1].tolist(), strict=True)
            answer[name] = [v if ok else None for v, ok in pairs][rows]
        else:
            answer[name] = (values if isinstance(values, list) else values.tolist())[rows]
    return answer


def read_pyarrow(exported):
    table = pa.table(exported)
    table.validate(full=True)
    return table.to_pydict()


def read_polars(exported):
    return pl.DataFrame(exported).to_dict(as_series=False)


def read_duckdb(exported):
    relation = duckdb.sql("from exported")
    rows = relation.fetchall()
    columns = zip(*rows, strict=True) if rows else [[] for _ in relation.columns]
    return {
        name: [list(v) if isinstance(v, tuple) else v for v in column]
        for name, column in zip(relation.columns, columns, strict=True)
    }


def read_nanoarrow(exported):
    array = na.ArrayStream(exported).read_all()
    names = [field.name for field in array.schema.fields]
    columns = [list(child.iter_py()) for child in array.iter_children()]
    return dict(zip(names, columns, strict=True))


READERS = [read_pyarrow, read_polars, read_duckdb, read_nanoarrow]


@pytest.mark.parametrize("read", READERS)
def test_every_reader_accepts_a_stream_and_another_one_after_it(read):
    exported = Exported(COLUMNS)
    want = expected()
    for _ in range(2):
        got = read(exported)
        for name, values in want.items():
            assert [list(v) if isinstance(v, tuple) else v for v in got[name]] == values, name


@pytest.mark.parametrize("read", READERS)
def test_no_rows_is_a_table_with_the_full_schema(read):
    columns = {
        "i64": np.empty(0, np.int64), "text": [], "vector": np.empty((0, 3), np.float32),
        "flag": np.empty(0, np.bool_),
    }  # fmt: skip
    assert read(Exported(columns)) == {name: [] for name in columns}


def test_types_are_those_of_the_arrays():
    schema = pa.table(Exported(COLUMNS)).schema
    assert [str(t) for t in schema.types] == [
        "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float", "double",
        "bool", "large_string", "fixed_size_list<item: float>[3]", "int64", "double",
    ]  # fmt: skip


def test_half_precision_leaves_as_half():
    table = pa.table(Exported({"h": np.array([1.5, -2], np.float16)}))
    assert str(table.schema.field("h").type) == "halffloat"
    assert [float(v) for v in table["h"].to_pylist()] == [1.5, -2]


def test_data_outlive_the_arrays_they_were_copied_from():
    columns = {"v": np.arange(1000, dtype=np.float64), "t": ["text"] * 1000}
    table = pa.table(Exported(columns))
    columns["v"][:] = -1
    del columns
    gc.collect()
    assert table["v"].to_pylist() == list(range(1000))
    assert table["t"][999].as_py() == "text"


def test_buffers_lie_on_64_bytes():
    for column in pa.table(Exported(COLUMNS)).columns:
        for buffer in column.chunk(0).buffers():
            assert buffer is None or buffer.address % 64 == 0


def test_a_capsule_that_nobody_reads_frees_its_memory():
    import resource

    block = np.zeros(1_000_000)
    _native.export_stream(["v"], [block])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(200):
        _native.export_stream(["v"], [block])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, "kilobytes of 1.6 GB exported"


def test_schema_can_be_asked_for_again_after_the_batch():
    stream = na.c_array_stream(Exported({"a": np.arange(3)}))
    assert stream.get_schema().n_children == 1
    assert stream.get_next().length == 3
    assert stream.get_schema().child(0).name == "a"
    with pytest.raises(StopIteration):
        stream.get_next()


@pytest.mark.parametrize(
    "names, arrays",
    [
        (["a"], []),
        (["a", "b"], [np.arange(2), np.arange(3)]),
        (["a"], [np.arange(4).reshape(2, 2, 1)]),
        (["a"], [np.array([1j])]),
        (["a"], [["text", 3]]),
    ],
)
def test_columns_that_make_no_table_are_refused(names, arrays):
    with pytest.raises(InvalidArgument):
        _native.export_stream(names, arrays)
