"""Ctrl-C while something is freed is heard once it is."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import signal, time, weakref
from ruvector._native.task import finalizing

signal.signal(signal.SIGINT, signal.default_int_handler)
calls = []


def freeing(times):
    calls.append(times)
    if len(calls) <= times:
        raise KeyboardInterrupt  # as the handler of a signal does, within whatever runs


class Thing:
    pass


for times in (0, 1, 3):
    calls.clear()
    thing = Thing()
    weakref.finalize(thing, finalizing(freeing), times)
    heard = False
    try:
        del thing
        assert len(calls) == times + 1, "what was to be freed is freed"
        time.sleep(30 if times else 0.1)
    except KeyboardInterrupt:
        heard = True
    print(times, heard)
"""


def run(code: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert not ended.returncode, ended.stderr
    assert not ended.stderr, "nothing is ignored"
    return ended.stdout.split()


def test_an_interrupt_within_a_finalizer_is_heard_after_it() -> None:
    assert run(CODE) == ["0", "False", "1", "True", "3", "True"]
