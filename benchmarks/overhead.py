"""What Python adds to one query: `Index.search` and the boundary below it against the call in Go.

Two small indexes, so that the search itself is short; one query at a time on one thread; 10
results. The Go figure is `BenchmarkLoaded` on the same index, saved with its vectors. Python and Go
take turns; the median over the calls of a turn, then the best turn, in microseconds.

As a command (`python benchmarks/overhead.py`) it tells what a call takes besides the engine's own
time, which is in its plan: the least of each query over several passes, the mean over the queries.
The ways to ask take turns pass by pass; "ctypes" is the way of interpreters that the function in C
does not know.
"""

from __future__ import annotations

import argparse
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
from ruvector._native.one import asked

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


def besides(index: rv.Index, queries: np.ndarray, passes: int) -> dict[str, float]:
    """Microseconds of a call that are not the engine's, for each way of asking."""
    lists, wide = queries.tolist(), queries.astype(np.float64)
    mask = np.ones(len(index), np.bool_)
    batches = [queries[i : i + 10] for i in range(0, len(queries) - 9, 10)]
    in_c = asked.made_in_c()
    calls: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "array": (in_c, queries, {}),
        "recall=": (in_c, queries, {"recall": 0.95}),
        "list": (in_c, lists, {}),
        "float64": (in_c, wide, {}),
        "where=": (in_c, queries, {"where": mask}),
        "ctypes": (None, queries, {}),
        "batch of 10": (in_c, batches, {"threads": 1}),
    }
    least = {name: np.full(len(asks), np.inf) for name, (_, asks, _) in calls.items()}
    for _ in range(passes):
        for name, (way, asks, more) in calls.items():
            asked._ways._way = way
            index._handle.outdate()
            index.search(asks[0], K, **more)
            spent = [_besides(index, query, more) for query in asks]
            least[name] = np.minimum(least[name], spent)
    asked._ways._way = in_c
    return {name: float(times.mean()) / 1e3 for name, times in least.items()}


def _besides(index: rv.Index, query: Any, more: dict[str, Any]) -> int:
    """Nanoseconds of one call that its plan does not name."""
    begin = time.perf_counter_ns()
    found = index.search(query, K, **more)
    spent = time.perf_counter_ns() - begin
    return spent - int(found.plan._raw.ns_total)


def main() -> None:
    """Print the microseconds that a query takes besides the engine, a line an index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=6)
    parser.add_argument("--rows", type=int, default=100_000, help="of the largest index")
    given = parser.parse_args()
    for kind, count, dim in (("exact", 200, 32), ("flat", 2_000, 64), ("ivf", given.rows, 384)):
        rows, queries = clustered(count, 500, dim, clusters=max(20, count // 100))
        index = rv.Index.build(rows, kind=kind, metric="cosine")  # type: ignore[arg-type]
        took = besides(index, queries, given.passes)
        said = "  ".join(f"{name} {spent:.1f}" for name, spent in took.items())
        print(f"{kind} {count:,} x {dim}: {said}", flush=True)


if __name__ == "__main__":
    main()
