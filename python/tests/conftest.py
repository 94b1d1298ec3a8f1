"""What holds after every test: no Arrow struct is left behind."""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Iterator

import pytest

from ruvector._native import arrow as _arrow
from ruvector._native import library as _library

# A job in the background inherits SIGINT ignored, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_LONGEST = 1.0  # seconds until what is still held counts as left behind


def _held() -> tuple[int, int]:
    if not _library.is_loaded():
        return 0, _arrow.kept()
    return _library.library().rv_live(), _arrow.kept()


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Arrow structs and lent arrays after a test are those of before it.

    Fixtures of wider scope are made before this one looks, so what they hold does not count.
    """
    before = _held()
    yield
    after, begin = _held(), time.monotonic()
    while after > before and time.monotonic() < begin + _LONGEST:
        gc.collect()
        if _library.is_loaded() and not _library.forked:
            _library.library().rv_free(0, None)  # runs the releases that goroutines dropped
            _arrow.collect()
        gc.freeze()  # what is alive now is not looked at again: half a second a test
        after = _held()
        if after > before:
            time.sleep(0.02)  # a thread or goroutine may be about to let go
    assert after[0] <= before[0], f"{after[0] - before[0]} imported Arrow arrays left"
    assert after[1] <= before[1], f"{after[1] - before[1]} arrays still lent to the library"


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before `-m` leaves out what is long
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make all but every n-th case of a test that is marked `sample(n)` long."""
    seen: dict[str, int] = {}
    for item in items:
        mark = item.get_closest_marker("sample")
        if mark is not None:
            test = item.nodeid.partition("[")[0]
            at = seen[test] = seen.get(test, -1) + 1
            if at % mark.args[0]:
                item.add_marker(pytest.mark.long)
