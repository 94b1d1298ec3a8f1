"""The doors of the library that cut texts: what is wrong is refused, handles do not leak."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from ctypes import byref, sizeof
from typing import Any

import numpy as np
import pytest

import ruvector as rv
from ruvector import InvalidArgument, RuVectorError, _native
from ruvector._documents.chunking import chunk
from ruvector._input.text_columns import TextColumn
from ruvector._native import arrow as _arrow
from ruvector._native import chunks as _chunks
from ruvector._native import library as _library
from ruvector._native import structs as _structs
from ruvector._native.task import Task


def handles() -> int:
    return int(_native.library_info()["handles"])


def packed(*texts: str) -> Any:
    return TextColumn.of_list(list(texts)).source


def params(**change: Any) -> Any:
    made = _structs.ChunkParams(size=sizeof(_structs.ChunkParams), budget=9)
    for name, value in change.items():
        setattr(made, name, value)
    return made


def started(texts: Any, given: Any) -> int:
    task = Task(lent=(texts, given))
    values = texts.values()
    _library.call("rv_chunk_start", byref(values), given and byref(given), byref(task.cell))
    task.wait()
    out = ctypes.c_uint64(0)
    task.result(out)
    return out.value


@pytest.mark.parametrize(
    "change",
    [
        {"size": 8}, {"budget": 0}, {"budget": -1}, {"budget": 2**62}, {"overlap": -1},
        {"overlap": 9}, {"kind": -1}, {"kind": 5}, {"kind": 2**30}, {"unit": -1}, {"unit": 3},
        {"base": -1}, {"line_break": -1}, {"unit": 2, "base": 9}, {"n_marks": -1}, {"n_marks": 1},
        {"n_marks": 2**62},
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_are_refused(change: dict[str, int]) -> None:
    before = handles()
    with pytest.raises(RuVectorError):
        started(packed("One. Two."), params(**change))
    with pytest.raises(InvalidArgument):
        started(packed("One."), None)
    assert handles() == before


def test_places_that_are_missing_are_refused() -> None:
    texts = packed("One. Two.\n\n" * 9)
    values, good = texts.values(), params(unit=2)
    with pytest.raises(InvalidArgument, match="no place"):
        _library.call("rv_chunk_start", byref(values), byref(good), None)
    cuts = started(texts, good)
    tokens = np.ones(9, np.int64)
    task = ctypes.c_uint64(0)
    for arguments in ((0, byref(task)), (_arrow.address(tokens), None)):
        with pytest.raises(InvalidArgument):
            _library.call("rv_chunk_count_start", cuts, arguments[0], 9, arguments[1])
    with pytest.raises(InvalidArgument):
        _library.call("rv_chunk_count_start", cuts, _arrow.address(tokens), -1, byref(task))
    rows = np.zeros((20, 7), np.int64)
    for what, n in ((0, 8), (0, 10), (1, 1), (2, 1), (3, 9), (-1, 9), (0, -1), (0, 2**62)):
        with pytest.raises(RuVectorError):
            _library.call("rv_chunk_read", cuts, what, _arrow.address(rows), n)
    with pytest.raises(InvalidArgument):
        _library.call("rv_chunk_read", cuts, 0, None, 9)
    with pytest.raises(InvalidArgument):
        _library.call("rv_chunk_read", 12345678, 0, _arrow.address(rows), 9)
    assert (rows[9:] == 0).all()
    _library.call("rv_chunk_read", cuts, 0, _arrow.address(rows), 9)
    assert rows[8].tolist() == [0, 88, 97, 88, 97, 0, 0]
    _library.library().rv_free(cuts, None)
    with pytest.raises(InvalidArgument, match="closed"):
        _library.call("rv_chunk_read", cuts, 0, _arrow.address(rows), 9)


@pytest.mark.parametrize("counts", [np.ones(3, np.int64), -np.ones(2, np.int64)])
def test_wrong_counts_are_refused_and_nothing_is_left(counts: Any) -> None:
    before = handles()
    for wrong in (counts, np.full(2, 2**40)):
        with pytest.raises(InvalidArgument):
            _chunks.cut(
                packed("One.\n\nTwo."), 0, _chunks.Sizes("counted", 9, 0),
                np.empty((0, 4), np.int64), count=lambda rows, w=wrong: w,
            )  # fmt: skip
    assert handles() == before


def test_errors_of_a_count_come_back_and_nothing_is_left() -> None:
    before = handles()

    def broken(rows: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _chunks.cut(
            packed("One."), 0, _chunks.Sizes("counted", 9, 0), np.empty((0, 4), np.int64),
            count=broken,
        )  # fmt: skip
    assert handles() == before


def test_progress_is_of_bytes() -> None:
    told: list[tuple[int, int]] = []
    text = "Some words. " * 400_000
    chunk([text, text], progress=lambda done, total: told.append((done, total)), threads=1)
    assert all(0 <= done <= total for done, total in told if total >= 0)


@pytest.mark.parametrize("counted", [False, True])
def test_an_interrupt_ends_cutting(counted: bool) -> None:
    text = "Some words here, and more of them. " * 300_000
    embedder = rv.Embedder.from_pretrained("default") if counted else None
    before = handles()

    def send() -> None:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        while True:
            chunk([text] * 4, embedder=embedder)
    thread.join()
    for _ in range(200):  # a task ends after the interrupt was raised
        if handles() == before:
            break
        time.sleep(0.05)
    assert handles() == before
