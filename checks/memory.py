"""Memory does not grow: memory.py [ROUNDS]

Small indexes come and go, frames are searched, rows are added and deleted, groups and ranges asked
for, one verb after the other. What the process holds after a tenth of the rounds is what it holds
at the end, to within 16 MiB, and no handle is left. ROUNDS is 50,000 when not given.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import ruvector as rv
from ruvector import _native

LIMIT = 16 << 20
N, D = 300, 16
ROWS = np.random.default_rng(20261129).standard_normal((N, D)).astype("f4")
BITS = np.random.default_rng(20261129).integers(0, 256, (N, 4), dtype=np.uint8)
QUERY = ROWS[7].copy()


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def built(round_: int) -> None:
    """Build, search and close an index of each kind and metric in turn."""
    kind, cells = (("exact", None), ("flat", None), ("ivf", 3))[round_ % 3]
    metric = ("cosine", "l2", "dot")[round_ // 3 % 3]
    index = rv.Index.build(ROWS, kind=kind, cells=cells, metric=metric)
    index.search(QUERY, 3)
    if round_ % 2:
        index.close()  # else the collector does


def coded(round_: int) -> None:
    """Build a classic index and search it, and one of bits."""
    rv.RabitqIndex.build(ROWS[: 32 + round_ % 64]).search(QUERY, 3)
    rv.Index.build(BITS, metric="hamming").search(BITS[:3], 3)


class Frames:
    """Verbs over frames that stay the same and frames that are new."""

    def __init__(self) -> None:
        vectors = pl.Series(ROWS, dtype=pl.Array(pl.Float32, D))
        self.polars = pl.DataFrame({"v": vectors, "g": np.arange(N) % 3})
        self.pandas = pd.DataFrame({"v": list(ROWS), "g": np.arange(N) % 3})
        self.table = pa.table({"v": pa.FixedSizeListArray.from_arrays(ROWS.ravel(), D)})

    def searched(self, round_: int) -> None:
        """Search a frame that was searched before, of each library in turn."""
        frame = (self.polars, self.pandas, self.table)[round_ % 3]
        rv.search(frame, QUERY, k=3)

    def new(self, round_: int) -> None:
        """Search a frame that nobody has seen."""
        rows = ROWS.copy()
        rows[0, 0] = round_
        rv.search(pd.DataFrame({"v": list(rows[:40])}), QUERY, k=3)

    def grouped(self, round_: int) -> None:
        """Search each group of a frame."""
        rv.search((self.polars, self.pandas)[round_ % 2], QUERY, k=2, by="g")

    def within(self, round_: int) -> None:
        """Find all rows of a frame within a threshold."""
        rv.within(self.polars, QUERY, min_similarity=0.5)


class Changing:
    """One index that rows come to and go from, in every kind."""

    def __init__(self) -> None:
        self.all = [
            rv.Index.build(ROWS, kind=kind, cells=3 if kind == "ivf" else None, keep="copy")
            for kind in ("exact", "flat", "ivf")
        ]

    def changed(self, round_: int) -> None:
        """Replace, search, delete, and now and then compact."""
        index = self.all[round_ % 3]
        index.upsert([N + round_], ROWS[:1])
        index.search(QUERY, 3)
        index.delete([N + round_])
        if round_ % 60 < 3:
            index.compact()

    def asked(self, round_: int) -> None:
        """Ask a batch, for some ids, and for a range."""
        index = self.all[round_ % 3]
        index.search(ROWS[:20], 5, threads=1 + round_ % 2)
        index.search(QUERY, 5, ids=[round_ % N, (7 * round_) % N])
        index.within(QUERY, min_similarity=0.5)

    def graph(self, round_: int) -> None:
        """Find the neighbours of all rows."""
        self.all[round_ % 2].neighbors(k=3)


class Filtered:
    """An index asked with another mask in every round."""

    def __init__(self) -> None:
        self.index = rv.Index.build(ROWS, kind="flat")

    def masked(self, round_: int) -> None:
        """Search with a mask and with its opposite."""
        mask = np.zeros(N, np.bool_)
        mask[[round_ % N, round_ // N % N]] = True
        self.index.search(QUERY, 3, where=mask)
        self.index.search(QUERY, 3, where=~mask)


def main() -> int:
    """Run the rounds and return 1 when memory grew."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    frames, changing, filtered = Frames(), Changing(), Filtered()
    verbs: list[Callable[[int], None]] = [
        built, frames.searched, changing.changed, built, frames.grouped, filtered.masked, coded,
        changing.changed, frames.new, changing.asked, frames.within, changing.graph,
    ]  # fmt: skip
    began, settled, least = time.monotonic(), 0, 0
    for round_ in range(rounds):
        verbs[round_ % len(verbs)](round_ // len(verbs))
        if round_ == rounds // 10:
            settled = resident()
            least = _native.library_info()["handles"]
        if (round_ + 1) % max(1, rounds // 10) == 0:
            print(f"{round_ + 1:>9,} rounds: {resident() / 2**20:.1f} MiB", flush=True)
    grown, handles = resident() - settled, _native.library_info()["handles"]
    spent = 1e6 * (time.monotonic() - began) / rounds
    print(f"grew by {grown / 2**20:.1f} MiB since round {rounds // 10:,}; {spent:.0f} us a round")
    if grown >= LIMIT or handles > least + 50:
        print(f"memory grows: {grown:,} bytes (limit {LIMIT:,}), {least} to {handles} handles")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
