"""A join takes bounded memory beside its answer, and Ctrl-C ends it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.long

MEMORY = """
import pathlib
import numpy as np
import polars as pl
import ruvector as rv

def frame(n, seed):
    rows = np.random.default_rng(seed).standard_normal((n, 8), np.float32)
    column = pl.Series(rows, dtype=pl.Array(pl.Float32, 8))
    return pl.DataFrame({"v": column, "g": np.arange(n) % 7})

def status(field):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))

left, right = frame(100_000, 1), frame(300, 2)
for by in (None, "g"):
    rv.sim_join(left[:5000], right, k=100, by=by, min_similarity=0.9999)  # threads, scratch
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins again from here
    before = status("VmRSS")
    found = rv.sim_join(left, right, k=100, by=by, min_similarity=0.9999)
    print((status("VmHWM") - before) / 1e6, len(found))
"""

INTERRUPT = """
import os, signal, threading, time
import numpy as np
import pandas as pd
import ruvector as rv

signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(3)
left, right = (
    pd.DataFrame({"v": list(rng.standard_normal((n, 64), np.float32)), "g": np.arange(n) % 2000})
    for n in (20_000, 100_000)
)
rv.sim_join(left[:1], right)
for by in (None, "g"):
    waits = []
    for delay in (0.3, 0.5, 0.8):
        sent, heard = [], threading.Event()

        def strike(sent=sent, heard=heard):
            # Again if it is not heard: Python drops one that it takes up as a finalizer begins.
            while not heard.is_set():
                sent.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)
                heard.wait(5)

        threading.Timer(delay, strike).start()
        try:
            while True:
                rv.sim_join(left, right, by=by, k=5)
        except KeyboardInterrupt:
            heard.set()
            waits.append(time.monotonic() - sent[-1])
    print(min(waits))
    assert len(rv.sim_join(left[:3], right, by=by)) == 3
"""


def run(code: str) -> list[list[float]]:
    """Return the numbers that code in a process of its own prints."""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert not ended.returncode, ended.stderr
    return [[float(word) for word in line.split()] for line in ended.stdout.splitlines()]


def test_memory_does_not_grow_with_the_rows_that_ask() -> None:
    """100,000 x 100 cells of 12 bytes are 120 MB, of which a part is held at a time."""
    for grown, found in run(MEMORY):
        assert found < 10_000
        assert grown < 40, f"peak grew by {grown:.0f} MB"


def test_ctrl_c_ends_a_join_and_the_next_one_works() -> None:
    for (wait,) in run(INTERRUPT):
        assert wait < 0.5  # how soon exactly is checked where times are: make check
