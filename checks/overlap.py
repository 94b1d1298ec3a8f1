"""A batch search on one thread beside a NumPy product on another: both, over the longer alone.

Each uses one core. Prints the best ratio of five rounds, as JSON.
"""

from __future__ import annotations

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import ruvector as rv


def seconds(*calls: Callable[[], Any]) -> float:
    """Wall time of the calls, each on a thread of its own."""
    threads = [threading.Thread(target=call) for call in calls]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def main() -> int:
    """Take turns: search alone, product alone, both together."""
    random = np.random.default_rng(3)
    rows = random.standard_normal((60_000, 256), dtype=np.float32)
    index = rv.Index.build(rows, kind="flat")
    queries = rows[:1500] + np.float32(0.1)
    square = random.standard_normal((1500, 1500), dtype=np.float32)

    def search() -> None:
        index.search(queries, 10, threads=1)

    def product() -> None:
        for _ in range(10):
            square @ square

    ratios = []
    for _ in range(5):
        longer = max(seconds(search), seconds(product))
        ratios.append(seconds(search, product) / longer)
    print(json.dumps(min(ratios)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
