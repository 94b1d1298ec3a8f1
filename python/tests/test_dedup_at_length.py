"""Removal of duplicates of many rows: it ends when asked to, and takes little memory."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from dedup_model import greedy

import ruvector as rv

pytestmark = pytest.mark.long

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

rows = np.random.default_rng(0).standard_normal((40_000, 32), np.float32)
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


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_rows_of_groups_that_lie_scattered_are_compared_as_if_they_lay_together(
    keep: Any, kind: Any
) -> None:
    rng = np.random.default_rng(6)
    rows = rng.integers(-2, 3, (3_000, 5)).astype(kind)
    cells = [None if rng.random() < 0.1 else row for row in rows.tolist()]
    owner = [None if rng.random() < 0.1 else int(g) for g in rng.integers(0, 40, 3_000)]
    column = pa.array([c if c is None else np.array(c, kind) for c in cells],
                      pa.list_(pa.from_numpy_dtype(kind), 5))  # fmt: skip
    for data in (
        pa.table({"g": owner, "v": column}),
        pd.DataFrame({"g": pd.array(owner, "Int64"), "v": pd.Series(column.to_pylist())}),
    ):
        asked = {"metric": "l2", "max_distance": 1.0, "keep": keep, "by": "g", "on": "v"}
        alone = -1 if isinstance(data, pd.DataFrame) else 40
        valid = np.array([cell is not None for cell in cells])
        codes = np.array([alone if g is None else g for g in owner])
        want, _ = greedy(rows.astype("f4"), valid, "l2", 1.0, keep, codes)
        flags = rv.duplicated(data, **asked)
        found = flags.to_pylist() if isinstance(flags, pa.ChunkedArray) else flags.tolist()
        assert found == (want >= 0).tolist()
        groups = rv.duplicate_groups(data, **asked)
        kept = np.asarray(groups["kept_row"])
        assert kept.tolist() == want[np.asarray(groups["dropped_row"])].tolist()
        assert np.count_nonzero(want >= 0) == len(kept) > 100


def test_a_bad_row_in_a_group_is_told_by_its_own_number() -> None:
    rows = np.random.default_rng(7).standard_normal((1_500, 4), np.float32)
    rows[1_234] = np.nan
    nulls = [None if i == 3 else row for i, row in enumerate(rows)]
    for column in (list(rows), nulls):
        frame = pd.DataFrame({"g": np.arange(1_500) % 7, "v": pd.Series(column, dtype=object)})
        with pytest.raises(rv.InvalidVector, match="row 1234") as caught:
            rv.dedup(frame, min_similarity=0.9, by="g")
        assert caught.value.row == 1_234
        with rv.config(bad_vectors="skip"):
            assert 1_234 in rv.dedup(frame, min_similarity=-1.0, by="g").index


@pytest.mark.parametrize("keep", ["first", "last"])
def test_places_in_a_plane_are_compared_in_cells(keep: Any) -> None:
    rng = np.random.default_rng(9)
    rows = np.round(rng.random((6_000, 2)) * 100).astype("f4")
    data = pl.DataFrame({"x": rows[:, 0], "y": rows[:, 1], "g": rng.integers(0, 3, 6_000)})
    asked: dict[str, Any] = {"on": ["x", "y"], "metric": "l2", "max_distance": 1.0, "keep": keep}
    for by in (None, "g"):
        groups = data["g"].to_numpy() if by else None
        want, scores = greedy(rows, np.ones(6_000, bool), "l2", 1.0, keep, groups)
        found = rv.duplicate_groups(data, **asked, by=by)
        plan = rv.last_plan()
        assert plan is not None
        assert plan.kind == "ivf"
        dropped = found["dropped_row"].to_numpy()
        assert sorted(dropped.tolist()) == np.flatnonzero(want >= 0).tolist()
        assert found["kept_row"].to_list() == want[dropped].tolist()
        assert found["l2_distance"].to_list() == scores[dropped].tolist()


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
