"""A join over the batch search of an index of the same rows: the best of both, as a ratio in JSON.

They take turns. 4,000 x 200,000 rows; the right side is cached before, as the index is built.
`join.py LEFT RIGHT` measures other sizes, prints the times, and what memory the joins took.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

import ruvector as rv

DIM = 64
CENTRES = 2000


def seconds(call: Callable[[], Any]) -> float:
    """Wall time of a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def status(field: str) -> int:
    """Return a size of this process in bytes."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def frame(vectors: Any) -> pl.DataFrame:
    """Return vectors as a frame of one column, without a copy that the join would need."""
    return pl.DataFrame({"v": pl.Series(vectors, dtype=pl.Array(pl.Float32, DIM))})


def main() -> int:
    """Take turns; print the ratio of the best times."""
    left_rows, right_rows = map(int, sys.argv[1:] or (4_000, 200_000))
    random = np.random.default_rng(13)
    centres = random.standard_normal((CENTRES, DIM), dtype=np.float32)

    def rows(n: int) -> Any:
        noise = random.standard_normal((n, DIM), dtype=np.float32)
        return centres[random.integers(0, CENTRES, n)] + np.float32(0.7) * noise

    queries, vectors = rows(left_rows), rows(right_rows)
    left, right = frame(queries), frame(vectors)
    index = rv.Index.build(vectors, kind="flat", bits=5, progress=False)
    rv.sim_join(left[:1], right)  # from here on the right side is cached
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins again from here
    before, searched, joined = status("VmRSS"), [], []
    for _ in range(5):
        searched.append(seconds(lambda: index.search(queries, 1, recall=0.95)))
        joined.append(seconds(lambda: rv.sim_join(left, right, progress=False)))
    if sys.argv[1:]:
        grown = (status("VmHWM") - before) / 1e6
        print(f"search {min(searched):.2f} s, join {min(joined):.2f} s, peak over {grown:.0f} MB")
    print(json.dumps(min(joined) / min(searched)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
