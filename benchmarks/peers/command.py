"""Runs the variants, one process after another, and keeps what they write."""

from __future__ import annotations

import json
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from .environments import Environment
from .records import Result, SetResults, collect
from .variants import Variant, for_set, not_applicable

BENCHMARKS = pathlib.Path(__file__).resolve().parents[1]
_FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_POOLS = ("OMP", "OPENBLAS", "RAYON", "NUMBA")
_THREADS = (*(f"{p}_NUM_THREADS" for p in _POOLS), "LANCE_CPU_THREADS", "TOKIO_WORKER_THREADS")


class Run(NamedTuple):
    """What a run is about.

    `folder` keeps the records of every process, `tree` measures python/ in place instead of the
    wheel, `limit` is the seconds that a process may take, `thin` takes every second setting;
    `module` is what a process runs.
    """

    cache: pathlib.Path
    folder: pathlib.Path
    environments: dict[str, Environment]
    threads: int
    limit: float
    tree: bool
    thin: bool
    module: str = "peers.worker"


def plain_environment(threads: int) -> dict[str, str]:
    """The environment of this process, with so many threads and without forced kernels."""
    kept = {k: v for k, v in os.environ.items() if k not in _FORCED}
    return kept | dict.fromkeys(_THREADS, str(threads))


def process_environment(variant: Variant, threads: int, tree: bool) -> dict[str, str]:
    """The environment of a worker: equal threads for all, and faiss's BLAS kept from SSE.

    Some images force an OpenBLAS kernel; that is taken out. The OpenBLAS inside faiss-cpu does not
    know recent CPUs and falls back to a kernel of 2008 on them: it is told Haswell (AVX2).
    """
    kept = plain_environment(threads)
    if variant.needs == "faiss-cpu" and platform.machine() == "x86_64":
        kept["OPENBLAS_CORETYPE"] = "Haswell"
    ours = tree and variant.needs == "ruvector-arrow"
    paths = [str(BENCHMARKS), *([str(BENCHMARKS.parent / "python")] if ours else [])]
    kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept


def processes(variant: Variant, threads: int) -> list[tuple[int, list[str]]]:
    """(threads, parts) of each process that a variant takes."""
    if variant.fixed_threads and threads > 1:
        return [(threads, ["batch"]), (1, ["one"])]
    return [(threads, ["one", "batch"])]


def measure_set(run: Run, meta: dict[str, Any], wanted: Callable[[str], bool]) -> SetResults:
    """Every wanted variant of one data set."""
    results: list[Result] = []
    missing = [(n.name, n.reason) for n in not_applicable(meta) if wanted(n.name)]
    for variant in for_set(meta):
        if not wanted(variant.name):
            continue
        reason = run.environments[variant.environment].missing.get(variant.needs)
        if reason is not None:
            reason = f"{variant.needs} could not be installed: {reason}"
            result = None
        else:
            result, reason = measure(run, meta["name"], variant)
        if reason is not None:
            print(f"!! {meta['name']} {variant.name}: {reason}", file=sys.stderr, flush=True)
            missing.append((variant.name, reason))
        if result is not None:
            results.append(result)
    return SetResults(meta, results, missing)


def measure(run: Run, name: str, variant: Variant) -> tuple[Result | None, str | None]:
    """One variant: its result as far as it came, and why it ended early if it did."""
    begin = time.perf_counter()
    records: list[dict[str, Any]] = []
    reason = None
    for threads, parts in processes(variant, run.threads):
        stem = f"{name}.{variant.name.replace('+', '_')}.{threads}"
        file = run.folder / f"{stem}.jsonl"
        done = run.folder / f"{stem}.done"
        if not done.exists():
            failed = run_worker(run, name, variant, threads, file, parts)
            if failed is None:
                done.touch()
            reason = reason or failed
        if file.exists():
            records += [json.loads(line) for line in file.read_text().splitlines()]
    result = collect(variant.name, variant.family, records)
    _tell(name, variant, result, time.perf_counter() - begin)
    return result, reason


def run_worker(
    run: Run, name: str, variant: Variant, threads: int, file: pathlib.Path, parts: list[str]
) -> str | None:
    """Run one process; None when it ended well, else why not."""
    python = str(run.environments[variant.environment].python)
    arguments = [str(run.cache), name, variant.name, str(threads), str(file), *parts]
    arguments += ["thin"] if run.thin else []
    command = [python, "-m", run.module, *arguments]
    said = file.with_suffix(".log")
    try:
        with said.open("w") as log:
            done = subprocess.run(
                command,
                env=process_environment(variant, threads, run.tree),
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=run.limit,
            )
    except subprocess.TimeoutExpired:
        return f"ended after its {run.limit:.0f} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}"
    lines = said.read_text(errors="replace").strip().splitlines()
    return re.sub(r"\s+", " ", lines[-1])[:200] if lines else f"exit {done.returncode}"


def _tell(name: str, variant: Variant, result: Result | None, seconds: float) -> None:
    """One line of progress."""
    if result is not None:
        highest = max((p.recall for p in result.points), default=0.0)
        rates = [p.one for p in result.points if p.one is not None and p.recall >= 0.95]
        fast = f", {max(rates):,.0f}/s one at a time at .95" if rates else ""
        told = f"build {result.build:.1f} s, recall to {highest:.4f}{fast}"
    else:
        told = "nothing measured"
    print(f"{name} {variant.name}: {told} ({seconds:.0f} s)", flush=True)
