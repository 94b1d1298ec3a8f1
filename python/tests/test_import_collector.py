"""Importing the package leaves Python's collector as it was."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from ruvector._collector import Paused


def _told(program: str) -> str:
    asked = [sys.executable, "-c", program]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("before", "after"), [("gc.enable()", "True"), ("gc.disable()", "False")])
def test_an_import_leaves_the_collector_as_it_was(before: str, after: str) -> None:
    assert _told(f"import gc; {before}; import ruvector; print(gc.isenabled())") == after


def test_an_import_that_fails_leaves_the_collector_as_it_was() -> None:
    program = """
import gc, sys
sys.modules["ruvector._accessors.series"] = None
try:
    import ruvector
except ImportError:
    pass
print(gc.isenabled())
"""
    assert _told(program) == "True"


def test_the_package_is_imported_without_collections() -> None:
    program = """
import gc, numpy
seen = []
gc.callbacks.append(lambda phase, info: seen.append(phase))
import ruvector
print(len(seen))
"""
    assert int(_told(program)) <= 2, "one may run before the pause"


def test_what_was_frozen_stays_frozen() -> None:
    program = """
import gc, numpy
gc.freeze()
before = gc.get_freeze_count()
import ruvector
print(gc.get_freeze_count() >= before - 100 and before > 1000)
"""
    assert _told(program) == "True"


def test_a_pause_ends_once() -> None:
    assert gc.isenabled()
    pause = Paused()
    assert not gc.isenabled()
    pause.end()
    assert gc.isenabled()
    gc.disable()
    try:
        pause.end()
        del pause
        assert not gc.isenabled(), "it has ended before"
    finally:
        gc.enable()
