"""Texts at the boundary: what is imported is released once, what is broken is refused."""

from __future__ import annotations

import ctypes
from ctypes import byref
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from ruvector import ColumnError, InvalidArgument, RuVectorError, _native
from ruvector._native import arrow as _arrow
from ruvector._native import library as _library
from ruvector._native import structs as _structs
from ruvector._native import texts as _texts

TEXTS = ["a", None, "bcd", "", "ä" * 50]


def borrowed(offsets: list[int], data: bytes = b"abcdef", n: int | None = None) -> Any:
    cuts = np.array(offsets, np.int64)
    memory = np.frombuffer(data, np.uint8)
    rows = len(cuts) - 1 if n is None else n
    values = _structs.Values(b"U", _arrow.address(memory), _arrow.address(cuts), rows, len(memory))
    return values, (cuts, memory)


def call(name: str, *arguments: Any) -> int:
    out = ctypes.c_uint64(0)
    _library.call(name, *arguments, byref(out))
    return out.value


@pytest.mark.parametrize(
    "column",
    [
        pa.chunked_array([TEXTS]),
        pa.chunked_array([TEXTS[:2], [], TEXTS[2:]], pa.large_string()),
        pa.chunked_array([pa.array(TEXTS, pa.string_view())]),
        pa.chunked_array([pa.array(["x", *TEXTS, "y"]).slice(1, 5)]),
        pl.Series(TEXTS),
        pl.Series(["x", *TEXTS]).slice(1),
        pl.concat([pl.Series(TEXTS[:3]), pl.Series(TEXTS[3:])], rechunk=False),
    ],
    ids=["utf8", "large chunks", "views", "slice", "polars", "polars slice", "polars chunks"],
)
def test_texts_are_hashed_alike_and_given_back(column: Any) -> None:
    live = _native.live_structs()
    handle = _native.texts_from_stream(column)
    kept = _native.PackedTexts(*_arrow.pack_texts(TEXTS))
    assert _native.texts_hash(handle) == _native.texts_hash(kept)
    ours, theirs = _native.text_hashes(kept, 9), _native.text_hashes(handle, 9)
    assert ours.shape == (5, 2)
    assert (ours == theirs).all()
    assert (ours == 0).all(axis=1).tolist() == [text is None for text in TEXTS]
    handle.close()
    with pytest.raises(InvalidArgument, match="closed"):
        _native.texts_hash(handle)
    assert _native.live_structs() == live


def test_what_is_no_text_is_refused_and_given_back() -> None:
    live = _native.live_structs()
    for column, says in [
        (pa.chunked_array([[1, 2]]), "holds no texts"),
        (pl.Series([[1.0]]), "holds no texts"),
        (pl.DataFrame({"a": [1]}), "holds no texts"),
        (pl.DataFrame({"a": ["b"], "c": [2]}), "table"),
    ]:
        with pytest.raises(ColumnError, match=says):
            _native.texts_from_stream(column)
    assert _native.live_structs() == live
    with pytest.raises(InvalidArgument, match="consumed before"):
        call("rv_texts_import_stream", None)
    stream = pl.Series(["a"]).__arrow_c_stream__()
    with pytest.raises(InvalidArgument, match="no place"):
        _library.call("rv_texts_import_stream", _arrow._pointer(stream, _arrow._STREAM), None)
    assert _native.live_structs() == live


@pytest.mark.parametrize(
    ("offsets", "says"),
    [([0, 3, 2], "offset 2 of text 2"), ([-1, 2], "offset -1"), ([0, 7], "offset 7 of text 1")],
)
def test_broken_offsets_are_refused(offsets: list[int], says: str) -> None:
    values, kept = borrowed(offsets)
    with pytest.raises(InvalidArgument, match=says):
        hash_of(0, byref(values))
    del kept


def hash_of(handle: int, values: Any, whole: Any = True, rows: Any = None) -> None:
    place = (ctypes.c_uint64 * 2)() if whole is True else whole
    call("rv_texts_hash_start", handle, values, None, place, rows, 0)


def test_missing_parts_are_refused() -> None:
    good, kept = borrowed([0, 1, 6])
    for change in (
        {"format": b"l"}, {"format": None}, {"data": None}, {"offsets": None}, {"n": -1},
        {"len": -1}, {"n": 2**62},
    ):  # fmt: skip
        values = _structs.Values(good.format, good.data, good.offsets, good.n, good.len)
        for name, value in change.items():
            setattr(values, name, value)
        with pytest.raises(RuVectorError):
            hash_of(0, byref(values))
    with pytest.raises(InvalidArgument):
        hash_of(0, None)
    with pytest.raises(InvalidArgument):
        hash_of(2**60, byref(good))
    with pytest.raises(InvalidArgument, match="no place"):
        hash_of(0, byref(good), None)
    with pytest.raises(InvalidArgument, match="no place"):
        place = (ctypes.c_uint64 * 2)()
        _library.call("rv_texts_hash_start", 0, byref(good), None, place, None, 0, None)
    del kept


def test_a_column_is_no_texts() -> None:
    column = _native.column_from_matrix(np.eye(2, dtype=np.float32))
    with pytest.raises(InvalidArgument):
        _texts.texts_hash(column)
    column.close()


@pytest.mark.parametrize("rows", [(0, 3), (1, 2), (2, 1), (3, 0)])
def test_hashes_of_rows_of_a_column(rows: tuple[int, int]) -> None:
    column = _native.column_from_matrix(np.eye(3, dtype=np.float32), np.array([True, False, True]))
    start, n = rows
    whole = _native.column_row_hashes(column, 0, 3)
    assert (whole == 0).tolist() == [False, True, False]
    assert _native.column_row_hashes(column, start, start + n).tolist() == whole[start:].tolist()
    for wrong in ((-1, 1), (0, 4), (3, 1), (2**62, 2**62)):
        out = np.zeros(8, np.uint64)
        with pytest.raises(InvalidArgument):
            _library.call("rv_column_hash_rows", column.value, *wrong, _arrow.address(out))
    column.close()
