"""`make bench`: what ruvector does on this machine, as ratios taken side by side in one run.

Writes results.json and results.md here, and the README's tables. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

# Some images force an old OpenBLAS kernel; the opponent runs with the one it would choose itself.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

import brute_force
import kernels
import numpy as np
import overhead
import readme
import report
import startup
import threadpoolctl
from clustered import clustered
from neighbours import Neighbours

import ruvector as rv

HERE = pathlib.Path(__file__).resolve().parent
K = 10
SINGLE, BATCH = 200, 1000


def seconds_each(first: Callable[[], Any], second: Callable[[], Any], rounds: int) -> list[float]:
    """Median seconds of two calls that take turns, so that a busy moment hits both."""
    spent: list[list[float]] = [[], []]
    first(), second()
    for _ in range(rounds):
        for which, call in enumerate((first, second)):
            begin = time.perf_counter()
            call()
            spent[which].append(time.perf_counter() - begin)
    return [float(np.median(s)) for s in spent]


def one_at_a_time(
    index: rv.Index, rows: brute_force.Matrix, queries: brute_force.Matrix, target: float
) -> list[float]:
    """Median seconds of one query: ours, NumPy's; every pair of calls uses a new query."""
    spent = np.empty((2, len(queries)))
    for i, query in enumerate(queries):
        begin = time.perf_counter()
        index.search(query, K, recall=target)
        middle = time.perf_counter()
        brute_force.best(rows, query[None], K)
        spent[:, i] = middle - begin, time.perf_counter() - middle
    return [float(s) for s in np.median(spent, axis=1)]


def against_numpy(kind: str, count: int, dim: int, target: float, rounds: int) -> dict[str, Any]:
    """One row of the table: an index of `kind` against NumPy brute force on the same rows."""
    rows, queries = clustered(count, BATCH, dim)
    begin = time.perf_counter()
    index = rv.Index.build(rows, kind=kind, metric="dot")
    build = time.perf_counter() - begin
    found = index.search(queries, K, recall=target)
    single = one_at_a_time(index, rows, queries[:SINGLE], target)
    batch = seconds_each(
        lambda: index.search(queries, K, recall=target),
        lambda: brute_force.best(rows, queries, K),
        rounds,
    )
    info = index.info()
    row = {
        "kind": kind, "rows": count, "dim": dim, "bits": index.bits, "k": K,
        "target": target,
        "recall": brute_force.recall(rows, queries, found.ids, K),
        "numpy_recall": brute_force.recall(rows, queries, brute_force.best(rows, queries, K), K),
        "single_seconds": single[0], "numpy_single_seconds": single[1],
        "batch_seconds": batch[0], "numpy_batch_seconds": batch[1], "batch": BATCH,
        "build_seconds": build, "bytes_per_row": info["index_bytes"] / count,
        "borrowed_bytes_per_row": info["borrowed_bytes"] / count, "plan": str(found.plan),
    }  # fmt: skip
    index.close()
    print(f"  {kind} {count:,} x {dim}, target {target}: single {single[1] / single[0]:.1f}x, "
          f"batch {batch[1] / batch[0]:.1f}x, recall {row['recall']:.4f}", flush=True)  # fmt: skip
    return row


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = "unknown"
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE
    )
    blas = threadpoolctl.threadpool_info()
    features = rv.cpu_features()
    return {
        "cpu": model, "cores": os.cpu_count(), "python": platform.python_version(),
        "numpy": np.__version__, "ruvector": rv.__version__, "commit": commit.stdout.strip(),
        "backend": features["tier"], "available": features["available"],
        "numpy_blas": [f"{b['internal_api']} {b.get('architecture', '')} x{b['num_threads']}"
                       for b in blas],
        "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def measure(results: dict[str, Any], quick: bool) -> None:
    """Fill in every part of `results`."""
    print("kernels", flush=True)
    results["kernels"] = kernels.measure("20x" if quick else "200ms")
    print("against NumPy", flush=True)
    cases = [
        ("exact", 1_000, 384, 1.0),
        ("exact", 10_000, 384, 1.0),
        ("flat", 100_000, 384, 0.90),
        ("flat", 100_000, 384, 0.95),
        ("flat", 100_000, 384, 0.99),
    ]
    if quick:
        cases = [("exact", 1_000, 64, 1.0), ("flat", 12_000, 64, 0.95)]
    results["search"] = [against_numpy(*case, rounds=5) for case in cases]
    print("overhead", flush=True)
    results["overhead"] = overhead.measure(1 if quick else 5)
    print("startup", flush=True)
    results["startup"] = startup.measure(2 if quick else 5)


def main() -> int:
    """Run everything, write the two files, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    quick = parser.parse_args().quick
    results: dict[str, Any] = {"machine": machine()}
    with Neighbours() as others:
        measure(results, quick)
    results["machine"]["cores_used_by_others"] = others.cores
    text = report.table(results)
    print("\n" + text)
    if not quick:
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        (HERE / "results.md").write_text(text)
        front = HERE.parent / "README.md"
        front.write_text(readme.refresh(front.read_text(), text, results["machine"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
