"""What Python adds to one query: `Index.search` and the boundary below it against the call in Go.

Two small indexes, so that the search itself is short; one query at a time on one thread; 10
results. The Go figure is `BenchmarkLoaded` on the same index, saved with its vectors. Python and Go
take turns; the median over the calls of a turn, then the best turn, in microseconds.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from clustered import clustered

import ruvector as rv
from ruvector import _native

ROOT = pathlib.Path(__file__).resolve().parent.parent
CALLS, K = 3000, 10


CASES = [("exact", 200, 32), ("flat", 2_000, 64), ("ivf", 20_000, 64)]


def measure(turns: int) -> list[dict[str, Any]]:
    """One row a case, with the microseconds of one query: `go`, `boundary`, `index`.

    `boundary` is the private module alone, `index` is `Index.search`.
    """
    return [_case(kind, count, dim, turns) for kind, count, dim in CASES]


def _case(kind: Any, count: int, dim: int, turns: int) -> dict[str, Any]:
    """One index, measured in turns."""
    rows, queries = clustered(count, 100, dim, clusters=20)
    index = rv.Index.build(rows, kind=kind, metric="dot", threads=1)
    handle = index._handle
    spent: dict[str, list[float]] = {"go": [], "boundary": [], "index": []}
    with tempfile.TemporaryDirectory() as folder:
        saved, plain = pathlib.Path(folder, "index.rvx"), pathlib.Path(folder, "queries.f32")
        index.save(saved, vectors=True)
        queries.tofile(plain)
        for _ in range(turns):
            spent["go"].append(_go(saved, plain))
            spent["boundary"].append(_each(queries, lambda q: _native.search_rows(handle, q, K)))
            spent["index"].append(_each(queries, lambda q: index.search(q, K)))
    best = {name: min(times) for name, times in spent.items()}
    return {"kind": kind, "rows": count, "dim": dim, **best}


def _each(queries: np.ndarray, call: Callable[[Any], Any]) -> float:
    """Median microseconds of a call over CALLS queries."""
    spent = np.empty(CALLS)
    for i in range(CALLS):
        query = queries[i % len(queries)]
        begin = time.perf_counter()
        call(query)
        spent[i] = time.perf_counter() - begin
    return float(np.median(spent)) * 1e6


def _go(saved: pathlib.Path, queries: pathlib.Path) -> float:
    """Median microseconds of one search in Go."""
    command = ["go", "test", "-run", "^$", "-bench", "Loaded", "-benchtime", f"{CALLS}x"]
    names = {"RUVECTOR_BENCH_INDEX": str(saved), "RUVECTOR_BENCH_QUERIES": str(queries)}
    done = subprocess.run(
        [*command, "./benchmarks"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | names,
    )
    found = re.search(r"^BenchmarkLoaded.*\s([\d.]+) median-ns", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"no figure in the output of go test:\n{done.stdout}")
    return float(found[1]) / 1000
