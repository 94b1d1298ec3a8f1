"""What a run is about, and the environment that its processes start in."""

from __future__ import annotations

import os
import pathlib
import platform
import re
import signal
import subprocess
from typing import NamedTuple

from . import rounds
from .environments import Environment
from .houses import TOGETHER, House
from .variants import Variant

BENCHMARKS = pathlib.Path(__file__).resolve().parents[1]
_FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_POOLS = ("OMP", "OPENBLAS", "RAYON", "NUMBA")
_THREADS = (*(f"{p}_NUM_THREADS" for p in _POOLS), "LANCE_CPU_THREADS", "TOKIO_WORKER_THREADS")


class Run(NamedTuple):
    """What a run is about.

    `folder` keeps the records of every process, `tree` measures python/ in place instead of the
    wheel, `limit` is the seconds that a build, a sweep or a process of operations may take, `thin`
    takes every second setting; `module` is what a process of operations runs, `budget` what a round
    of the comparison may take.
    """

    cache: pathlib.Path
    folder: pathlib.Path
    environments: dict[str, Environment]
    threads: int
    limit: float
    tree: bool
    thin: bool
    module: str = ""
    budget: rounds.Budget = rounds.Budget()


def plain_environment(threads: int) -> dict[str, str]:
    """The environment of this process, with so many threads and without forced kernels."""
    kept = {k: v for k, v in os.environ.items() if k not in _FORCED}
    return kept | dict.fromkeys(_THREADS, str(threads))


def process_environment(variant: Variant, threads: int, tree: bool) -> dict[str, str]:
    """The environment of a worker: equal threads for all, and faiss's BLAS kept from SSE.

    Some images force an OpenBLAS kernel; that is taken out. The OpenBLAS inside faiss-cpu does not
    know recent CPUs and falls back to a kernel of 2008 on them: it is told Haswell (AVX2).
    """
    ours, faiss = variant.needs == "ruvector-arrow", variant.needs == "faiss-cpu"
    return _environment(threads, tree and ours, faiss)


def house_environment(house: House, tree: bool) -> dict[str, str]:
    """The environment of a process of the comparison."""
    return _environment(house.threads, tree and house.name == TOGETHER, house.faiss)


def _environment(threads: int, tree: bool, faiss: bool) -> dict[str, str]:
    kept = plain_environment(threads)
    if faiss and platform.machine() == "x86_64":
        kept["OPENBLAS_CORETYPE"] = "Haswell"
    paths = [str(BENCHMARKS), *([str(BENCHMARKS.parent / "python")] if tree else [])]
    kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept


def processes(variant: Variant, threads: int) -> list[tuple[int, list[str]]]:
    """(threads, parts) of each process that a variant takes."""
    if variant.fixed_threads and threads > 1:
        return [(threads, ["batch"]), (1, ["one"])]
    return [(threads, ["one", "batch"])]


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
