"""Removal of duplicates of many rows: it ends when asked to, and takes little memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import ruvector as rv

INTERRUPTED = """
import os, signal, threading, time
import numpy as np, polars as pl, ruvector as rv

rows = np.random.default_rng(0).standard_normal((60_000, 64), np.float32)
frame = pl.DataFrame({"v": rows})
rv.similarity_quantiles(frame, sample=1)  # the index is in the cache from here on
sent = []

def interrupt():
    time.sleep(0.4)
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

waits = []
for _ in range(3):
    threading.Thread(target=interrupt).start()
    try:
        while True:
            rv.dedup(frame, min_similarity=0.3)
    except KeyboardInterrupt:
        waits.append(time.monotonic() - sent.pop())
assert rv.search(frame, rows[0], k=1, recall=1.0)["cosine_similarity"].item() > 0.999
print(min(waits))
"""

MEMORY = """
import resource
import numpy as np, polars as pl, ruvector as rv

rows = np.random.default_rng(0).standard_normal((40_000, 16), np.float32)
if ALIKE:
    rows[:] = rows[0]
frame = pl.DataFrame({"v": rows})
rv.dedup(frame.head(2_000), min_similarity=0.9)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
left = rv.dedup(frame, min_similarity=0.9).height
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, left)
"""


def run(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_ctrl_c_ends_it_soon() -> None:
    assert float(run(INTERRUPTED)[0]) < 0.1


@pytest.mark.parametrize("alike", [False, True])
def test_memory_grows_with_rows_and_not_with_pairs(alike: bool) -> None:
    """All pairs of 40,000 rows would be 1.6 thousand million; a byte each would be 1,500 MiB."""
    grown, left = run(MEMORY.replace("ALIKE", str(alike)))
    assert int(grown) < 160
    assert (int(left) == 1) == alike


def test_two_hundred_thousand_rows_that_are_alike_take_no_longer_than_they_must() -> None:
    frame = pl.DataFrame({"v": np.ones((200_000, 8), np.float32)})
    assert rv.dedup(frame, min_similarity=0.5).height == 1
    plan = rv.last_plan()
    assert plan is not None
    # One comparison a row with the row kept, and the pairs of the first round.
    assert plan.rows_reranked < 200_000 + 1_500_000


def test_many_groups_of_few_rows() -> None:
    rng = np.random.default_rng(5)
    rows = np.repeat(rng.standard_normal((5_000, 8), np.float32), 3, axis=0)
    owner = np.repeat(np.arange(5_000), 3)
    owner[2::3] += 10_000  # the third of each three is in a group of its own
    order = rng.permutation(15_000)
    frame = pl.DataFrame({"g": owner[order], "v": rows[order]})
    left = rv.dedup(frame, by="g", min_similarity=0.9999)
    assert left.height == 10_000
    assert left["g"].n_unique() == 10_000
