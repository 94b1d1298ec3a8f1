"""Ctrl-C during long work: milliseconds from the signal to KeyboardInterrupt, over many tries.

In a process of its own, interrupt.py TRIES [build|dedup|embed|join|score] prints a JSON list. After
every try the same process must still answer a search.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable

import numpy as np
import polars as pl

import ruvector as rv


def building() -> Callable[[], None]:
    """Return a build that takes longer than any delay."""
    rows = np.random.default_rng(5).standard_normal((1_500_000, 128), dtype=np.float32)
    return lambda: rv.Index.build(rows, kind="flat", progress=False).close()


def embedding() -> Callable[[], None]:
    """Return the embedding of texts of 10 kB, and one of 4 MB, that takes as long."""
    random = np.random.default_rng(6)
    words = ["refund", "parcel", "arrived", "broken", "charged", "password", "please", "weeks"]
    texts = [" ".join(random.choice(words, 1_500)) for _ in range(700)]
    texts.insert(30, " ".join(random.choice(words, 600_000)))
    embedder = rv.Embedder.from_pretrained()
    embedder.encode("loaded before")

    def work() -> None:
        for _ in range(20):
            embedder.encode(texts)

    return work


def joining() -> Callable[[], None]:
    """Return joins of two frames, one by groups, that take longer than any delay."""
    random = np.random.default_rng(7)
    frames = []
    for n in (20_000, 200_000):
        rows = random.standard_normal((n, 64), np.float32)
        column = pl.Series(rows, dtype=pl.Array(pl.Float32, 64))
        frames.append(pl.DataFrame({"v": column, "g": random.integers(0, n // 4, n)}))
    rv.sim_join(frames[0][:1], frames[1])  # builds what is cached

    def work() -> None:
        for by in ("g", None):
            rv.sim_join(*frames, k=3, by=by, how="left", progress=False)

    return work


def deduping() -> Callable[[], None]:
    """Return the search for duplicates among all rows, and in groups, longer than any delay."""
    random = np.random.default_rng(8)
    rows, groups = random.standard_normal((60_000, 64), np.float32), random.integers(0, 9, 60_000)
    frame = pl.DataFrame({"v": rows, "g": groups})
    rv.search(frame, rows[0])  # builds what is cached

    def work() -> None:
        for by in ("g", None):
            rv.dedup(frame, min_similarity=0.3, by=by, progress=False)

    return work


def scoring() -> Callable[[], None]:
    """Return the scoring of parquet files that takes longer than any delay, anew every time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tempfile.TemporaryDirectory()  # goes with the work
    random = np.random.default_rng(9)
    rows = pa.array(random.standard_normal(60_000 * 64, np.float32))
    table = pa.table({"v": pa.FixedSizeListArray.from_arrays(rows, 64)})
    for i in range(10):
        pq.write_table(table, f"{folder.name}/{i}.parquet", row_group_size=20_000)
    index = rv.Index.build(random.standard_normal((20_000, 64), np.float32), kind="flat")
    runs = iter(range(1_000_000))

    def work() -> None:
        out = f"{folder.name}/out{next(runs)}"
        rv.score_parquet(f"{folder.name}/*.parquet", index, out=out, on="v", progress=False)

    return work


WORK = {
    "build": building, "dedup": deduping, "embed": embedding, "join": joining, "score": scoring,
}  # fmt: skip


def main() -> int:
    """Interrupt TRIES runs at moments spread over their length."""
    tries = int(sys.argv[1])
    work = WORK["".join(sys.argv[2:]) or "build"]()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits it ignored
    random = np.random.default_rng(5)
    rows = random.standard_normal((500, 128), dtype=np.float32)
    alive = rv.Index.build(rows)
    waits = []
    for delay in random.uniform(0.01, 0.25, tries):
        sent = [0.0]

        def strike(sent: list[float] = sent) -> None:
            sent[0] = time.perf_counter()
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(float(delay), strike)
        try:
            timer.start()
            work()
        except KeyboardInterrupt:
            waits.append(1000 * (time.perf_counter() - sent[0]))
        else:
            print(f"the work ended before the signal after {delay:.3f} s", file=sys.stderr)
            return 1
        assert len(alive.search(rows[0], 5).ids) == 5
    print(json.dumps(waits))
    return 0


if __name__ == "__main__":
    sys.exit(main())
