"""Ctrl-C stops long work soon, after it has really ended; progress is told meanwhile."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from ctypes import byref

import numpy as np
import pytest

from ruvector import _native
from ruvector._errors import InvalidArgument
from ruvector._native import library as _library
from ruvector._native import structs as _structs
from ruvector._native import task as _task

ROWS, DIM = 120_000, 256
OPTIONS = {"kind": "flat", "bits": 9, "keep": "none", "threads": 1}


@pytest.fixture(scope="module")
def column():
    values = np.random.default_rng(3).random((ROWS, DIM), np.float32)
    handle = _native.column_from_matrix(values)
    yield handle
    handle.close()


def interrupt_after(seconds: float) -> list[float]:
    """Send ourselves SIGINT; the list gets the time at which it was sent."""
    sent: list[float] = []

    def send():
        time.sleep(seconds)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send).start()
    return sent


def build_on_and_on(column: _native.Handle) -> None:
    """Build until interrupted, however fast the machine is."""
    while True:
        _native.build_from(column, None, OPTIONS).close()


def test_a_build_stops_soon_and_leaves_nothing_running(column):
    handles = _native.library_info()["handles"]
    waits = []
    for delay in (0.03, 0.07, 0.11, 0.16):
        sent = interrupt_after(delay)
        with pytest.raises(KeyboardInterrupt):
            build_on_and_on(column)
        waits.append(time.monotonic() - sent[0])
    assert _native.library_info()["handles"] == handles, "no task, no half-made index"
    assert min(waits) < 0.5, waits  # how soon exactly is checked where times are: make check


def test_the_column_can_be_used_after_an_interrupt(column):
    interrupt_after(0.1)
    with pytest.raises(KeyboardInterrupt):
        build_on_and_on(column)
    small = _native.column_from_matrix(np.eye(4, dtype=np.float32))
    index = _native.build_from(small, None, {})
    assert _native.search_rows(index, np.eye(4, dtype=np.float32)[1], 1)[0].tolist() == [1]
    assert _native.column_info(column)["rows"] == ROWS


def start(column: _native.Handle, lent: object = None) -> _task.Task:
    params = _structs.BuildParams(
        size=ctypes.sizeof(_structs.BuildParams), kind=b"flat", bits=9, keep=b"none", threads=1
    )
    task = _task.Task(lent)
    _library.call("rv_build_start", column.value, byref(params), byref(task.cell))
    return task


def test_a_second_interrupt_does_not_return_before_the_end(column, monkeypatch):
    task = start(column)
    ended, interrupts = [], []
    real = _task.Task._ended

    def shy(self, ms):
        if len(interrupts) < 3:
            interrupts.append(1)
            raise KeyboardInterrupt
        ended.append(real(self, ms))
        return ended[-1]

    monkeypatch.setattr(_task.Task, "_ended", shy)
    with pytest.raises(KeyboardInterrupt):
        task.wait()
    assert len(interrupts) == 3
    assert ended[-1] is True


def test_what_is_lent_to_a_task_lives_until_it_has_ended(column):
    import weakref

    class Lent:
        """Something that can be watched."""

    lent = Lent()
    gone = weakref.ref(lent)
    task = start(column, lent)
    del lent
    assert gone() is not None
    del task  # cancels, waits for the end, lets go
    assert gone() is None


def test_an_error_in_a_progress_callback_stops_the_work(column, monkeypatch):
    def fail(done, total):
        raise ZeroDivisionError

    monkeypatch.setattr(_task, "SLICE_MS", 2)
    handles = _native.library_info()["handles"]
    with pytest.raises(ZeroDivisionError):
        _native.build_from(column, None, OPTIONS, fail)
    assert _native.library_info()["handles"] == handles


def test_progress_counts_rows(column, monkeypatch):
    monkeypatch.setattr(_task, "SLICE_MS", 2)
    told = []
    index = _native.build_from(
        column, None, OPTIONS, lambda done, total: told.append((done, total))
    )
    index.close()
    done = [d for d, _ in told]
    assert done == sorted(done)
    assert done[-1] > 0
    assert {t for _, t in told} == {ROWS}


def test_a_task_is_asked_only_when_it_has_ended(column):
    task = start(column)
    with pytest.raises(InvalidArgument, match="still running"):
        _library.call("rv_task_result", task.cell.value, byref(ctypes.c_uint64()))
    task.stop()
    with pytest.raises(KeyboardInterrupt):
        task.result()


def test_scores_of_long_columns_stop_too():
    wide = _native.column_from_matrix(np.ones((8000, 1024), np.float32))
    sent = interrupt_after(0.3)
    with pytest.raises(KeyboardInterrupt):
        while True:
            _native.scores(wide, wide, "cosine", False)
    assert time.monotonic() - sent[0] < 2


def test_components_stop_too():
    values = np.random.default_rng(4).normal(size=(4000, 1024)).astype(np.float32)
    wide = _native.column_from_matrix(values)
    sent = interrupt_after(0.3)
    with pytest.raises(KeyboardInterrupt):
        while True:
            _native.pca(wide, 2)
    assert time.monotonic() - sent[0] < 2
