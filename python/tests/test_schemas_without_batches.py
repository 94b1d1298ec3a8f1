"""The schema of a stream is checked as well when no batch comes that would contradict it."""

import ctypes
import struct
from typing import Any

import hand_made
import numpy as np
import pytest

from ruvector import _native
from ruvector._errors import ColumnError, RuVectorError
from ruvector._native import library as _library

VALUES = np.arange(24, dtype=np.float32).reshape(6, 4)


class OnlySchema(hand_made.Batches):
    """A stream of a schema and no batch."""

    def _get_next(self, _: Any, out: int) -> int:
        return 0


def metadata(*parts: int | bytes) -> Any:
    raw = b"".join(p if isinstance(p, bytes) else struct.pack("=i", p) for p in parts)
    return ctypes.create_string_buffer(raw, len(raw) + 64)


def children(schema: Any, count: int) -> None:
    schema.n_children = count


SPOILED = {
    "2^40 children": lambda c: children(c.schema, 2**40),
    "2^60 children": lambda c: children(c.schema, 2**60),
    "-1 children": lambda c: children(c.schema, -1),
    "no children": lambda c: children(c.schema, 0),
    "two children": lambda c: children(c.schema, 2),
    "missing children": lambda c: setattr(c.schema, "children", None),
    "null child": lambda c: c.schema_children.__setitem__(0, None),
    "2^40 children of numbers": lambda c: children(c.child_schema, 2**40),
    "2^40 children of a table": lambda c: (
        setattr(c.schema, "format", b"+s"), children(c.schema, 2**40)
    ),
    "2^40 children of a list": lambda c: (
        setattr(c.schema, "format", b"+l"), children(c.schema, 2**40)
    ),
    "2^40 children of a number": lambda c: (
        setattr(c.schema, "format", b"f"), children(c.schema, 2**40)
    ),
    "list of no size": lambda c: setattr(c.schema, "format", b"+w:"),
    "list of size -1": lambda c: setattr(c.schema, "format", b"+w:-1"),
    "lists of text": lambda c: setattr(c.child_schema, "format", b"u"),
    "a dictionary": lambda c: setattr(
        c.schema, "dictionary", ctypes.addressof(c.child_schema)
    ),
    "a dictionary of itself": lambda c: setattr(
        c.schema, "dictionary", ctypes.addressof(c.schema)
    ),
    "a list of itself": lambda c: c.schema_children.__setitem__(0, ctypes.addressof(c.schema)),
    "no format": lambda c: setattr(c.schema, "format", None),
    "an unknown format": lambda c: setattr(c.schema, "format", b"+q"),
}  # fmt: skip
PAIRS = {
    "-1 pairs": metadata(-1),
    "2^30 pairs": metadata(2**30),
    "a key of -1": metadata(1, -1),
    "a value of -7": metadata(1, 1, b"k", -7),
    "a value of 2^31-1": metadata(1, 1, b"k", 2**31 - 1),
}


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("name", [*SPOILED, *PAIRS])
def test_a_schema_that_contradicts_itself_is_refused_with_and_without_batches(
    name: str, batch: bool
) -> None:
    for of_child in (False, True):
        column = hand_made.Column(VALUES)
        if name in SPOILED:
            SPOILED[name](column)
        else:
            schema = column.child_schema if of_child else column.schema
            schema.metadata = ctypes.addressof(PAIRS[name])
        stream = (hand_made.Batches if batch else OnlySchema)([column])
        with pytest.raises(ColumnError):
            stream.give()
        assert stream.releases == 1
        assert len(column.schema_released) == 1
        assert len(column.released) == (1 if batch else 0)


@pytest.mark.parametrize("form", [b"+w:2147483647", b"+w:65537", b"w:2147483647"])
def test_a_wide_schema_without_rows_takes_no_memory(form: bytes) -> None:
    column = hand_made.Column(VALUES)
    column.schema.format = form
    if form[:1] == b"w":
        column.schema.n_children = 0
    before = peak()
    stream = OnlySchema([column])
    try:
        handle = _native.Handle()
        _library.call("rv_column_import_stream", ctypes.byref(stream.stream),
                      ctypes.byref(handle.cell))  # fmt: skip
        handle.adopt()
        for metric in ("cosine", "hamming"):
            try:
                _native.build_from(handle, None, {"metric": metric}).close()
            except RuVectorError:
                continue
        handle.close()
    except ColumnError:
        pass
    assert peak() - before < 64 << 20


def peak() -> int:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10
