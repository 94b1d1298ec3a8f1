"""A forked child is told at once; what was not loaded before a fork works after it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from test_native_interface import output

from ruvector import _native
from ruvector._errors import ForkedProcessError
from ruvector._native import library as _library

VALUES = np.random.default_rng(5).normal(size=(500, 8)).astype(np.float32)
LIMIT = 5  # seconds until a child that hangs is killed


def child(work: Callable[[], None]) -> tuple[int, float]:
    """Run work in a forked child; returns its exit status and the seconds it took."""
    begin = time.monotonic()
    pid = os.fork()
    if pid == 0:
        signal.alarm(LIMIT)
        try:
            work()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    return status, time.monotonic() - begin


@pytest.fixture
def index():
    column = _native.column_from_matrix(VALUES)
    handle = _native.build_from(column, None, {})
    column.close()
    yield handle
    handle.close()


def test_every_verb_refuses_at_once(index):
    def work():
        column = _native.Handle()
        for verb in (
            lambda: _native.column_from_matrix(VALUES),
            lambda: _native.search_rows(index, VALUES[0], 1),
            lambda: _native.search_rows(index, VALUES[:3], 1),
            lambda: _native.build_from(column, None, {}),
            lambda: _native.info(index),
            lambda: _native.export_stream(["a"], [np.arange(3)]),
            lambda: _native.library_info(),
            lambda: _native.configure(threads=1),
        ):
            begin = time.monotonic()
            with pytest.raises(ForkedProcessError, match="spawn"):
                verb()
            assert time.monotonic() - begin < 0.1

    status, seconds = child(work)
    assert status == 0
    assert seconds < LIMIT


def test_the_c_guard_needs_no_help_from_python(index, monkeypatch):
    _native.search_rows(index, VALUES[0], 1)

    def work():
        _library.forked = False
        with pytest.raises(ForkedProcessError, match="forkserver"):
            _native.search_rows(index, VALUES[0], 1)
        with pytest.raises(ForkedProcessError):
            _library.call("rv_free", index.value)
        with pytest.raises(ForkedProcessError):
            _native.column_from_capsule(_Stream())

    assert child(work)[0] == 0


class _Stream:
    def __arrow_c_stream__(self, requested_schema=None):
        import pyarrow as pa

        return pa.chunked_array([pa.array([[1.0]])]).__arrow_c_stream__()


def test_finalizers_do_nothing_in_the_child(index):
    column = _native.column_from_matrix(VALUES)

    def work():
        index.close()
        column.close()
        gc.collect()

    assert child(work)[0] == 0
    assert _native.search_rows(index, VALUES[3], 1)[0].tolist() == [3], "the parent's is untouched"
    column.close()


def test_a_child_of_a_busy_parent_is_told_too(index):
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            _native.search_rows(index, VALUES[:50], 5)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()

    def work():
        with pytest.raises(ForkedProcessError):
            _native.search_rows(index, VALUES[0], 1)

    try:
        results = [child(work) for _ in range(30)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert [status for status, _ in results] == [0] * 30


def test_a_child_that_forked_before_the_library_was_loaded_works():
    assert (
        output("""
        import os
        import numpy as np
        from ruvector import _native
        pid = os.fork()
        values = np.eye(4, dtype=np.float32)
        index = _native.build_from(_native.column_from_matrix(values), None, {})
        found = _native.search_rows(index, values[2], 1)[0].tolist()
        if pid == 0:
            os._exit(0 if found == [2] else 1)
        print(os.waitpid(pid, 0)[1], found)
    """)
        == "0 [2]"
    )


def answer(i: int) -> list[int]:
    """Search in a worker process."""
    index = _native.build_from(_native.column_from_matrix(VALUES), None, {})
    return _native.search_rows(index, VALUES[i], 1)[0].tolist()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_ways_to_start_workers_work(method):
    _library.library()
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.map_async(answer, [7]).get(timeout=60) == [[7]]
