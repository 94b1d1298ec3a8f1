"""Where a query's time goes: `python -m peers.stages --set synth100k` (in benchmarks/).

Stages of ours in microseconds a query, one at a time on one thread from Python: for each query the
minimum over the passes, then the mean over queries, so that a busy machine shows least. `first` are
the first thresholds (in `route`, where a build does not tell them apart), `scan` has the scores of
survivors, `between` is the engine outside its stages, `python` the call beyond the engine. With
`--against` another build answers in turns, 50 queries at a time: a tree whose library is built in
place, or a library for this tree's Python.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import shutil
import sys
import tempfile
from typing import Any

import numpy as np

from . import command, datasets, turns
from .pipes import Servant
from .variants import CELLS, TARGETS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STAGES = ("prepare", "route", "first", "scan", "rerank")
TIMED = (*STAGES, "total", "call")
COUNTED = ("probes", "rows_scanned", "rows_coded", "rows_reranked")
BUILT = HERE.parent / "raw" / "stages"  # indexes, by library
_COLUMNS = (*STAGES, "between", "total", "python", "call", "median")
_BUILD_SECONDS = 1800.0


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="stages", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", default="synth100k", help="a data set of `make peers`")
    parser.add_argument("--data", type=pathlib.Path, default=HERE.parent / "raw")
    parser.add_argument("--cells", type=int, help="those of `make peers` by default")
    parser.add_argument("--recall", default=",".join(map(str, TARGETS)), help="with commas")
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2, help="of the build")
    parser.add_argument("--tree", type=pathlib.Path, default=ROOT, help="what is measured")
    parser.add_argument("--against", type=pathlib.Path, help="another tree, or a library")
    chosen = parser.parse_args(arguments)
    chosen.recall = [float(one) for one in chosen.recall.split(",")]
    chosen.cells = chosen.cells or CELLS.get(chosen.set, 1024)
    return chosen


def package_of(build: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Where Python finds a build: in its tree, or in `folder`, made of this tree and a library."""
    if build.is_dir():
        return build.resolve() / "python"
    shutil.copytree(
        ROOT / "python" / "ruvector", folder / "ruvector",
        ignore=shutil.ignore_patterns("_lib", "__pycache__"),
    )  # fmt: skip
    (folder / "ruvector" / "_lib").mkdir()
    (folder / "ruvector" / "_lib" / "libruvector.so").symlink_to(build.resolve())
    return folder


def measured(servants: dict[str, Servant], chosen: argparse.Namespace) -> dict[str, Any]:
    """Ask all of them in turns; figures by build and recall."""
    count = 0
    for name, servant in servants.items():
        built = servant.ask({"do": "build"}, _BUILD_SECONDS)
        count = built["queries"]
        print(f"{name}: {built['library']}, {built['tier']}, ready in {built['seconds']:.1f} s")
    everyone = [(name, recall) for recall in chosen.recall for name in servants]
    for turn in range(chosen.passes):
        for name, recall in everyone:
            servants[name].ask({"do": "begin", "recall": recall})
        for block in turns.blocks(count, turn):
            for name, recall in turns.order(everyone, turn, block.number):
                ask = {"do": "ask", "recall": recall, "low": block.low, "high": block.high}
                servants[name].ask(ask)
    return {
        f"{recall:g} {name}": servants[name].ask({"do": "figures", "recall": recall})
        for name, recall in sorted(everyone, key=lambda one: one[1])
    }


def reduced(spent: Any) -> dict[str, float]:
    """Means over queries of each one's minimum, of nanoseconds by pass, query and `TIMED`.

    `between` is what the engine spends outside its stages, `python` what a call takes beyond the
    engine; both are differences within one call, of which the least counts. `median` is the call's.
    """
    total, call = spent[..., TIMED.index("total")], spent[..., TIMED.index("call")]
    between = total - spent[..., : len(STAGES)].sum(axis=2)
    least = {name: spent[..., i] for i, name in enumerate(TIMED)}
    least |= {"between": between, "python": call - total}
    figures = {name: float(one.min(axis=0).mean()) / 1e3 for name, one in least.items()}
    return figures | {"median": float(np.median(call, axis=0).mean()) / 1e3}


def table(figures: dict[str, Any]) -> str:
    """One line a build and recall."""
    head = ["asked, build", "recall", *_COLUMNS, "probes", "scanned", "coded", "reranked"]
    lines = [head]
    for name, one in figures.items():
        spent = [f"{one['us'][column]:.1f}" for column in _COLUMNS]
        counts = [one["counts"][column] for column in COUNTED]
        lines.append([name, f"{one['recall']:.4f}", *spent, *(f"{c:,.1f}" for c in counts)])
    wide = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(row))
        for row in (list(zip(line, wide, strict=True)) for line in lines)
    )


def main() -> int:
    """Make the data, ask, print."""
    chosen = options()
    datasets.make(chosen.data, chosen.set)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        builds = {"this": chosen.tree}
        if chosen.against:
            builds["against"] = chosen.against
        servants = {}
        for name, build in builds.items():
            place = package_of(build, folder / name)
            environment = command.plain_environment(1)
            environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), str(place)])
            said = [chosen.data.resolve(), chosen.set, chosen.cells, chosen.threads, BUILT]
            started = [sys.executable, "-m", "peers.staged", *map(str, said)]
            servants[name] = stack.enter_context(
                Servant(started, environment, folder / f"{name}.log")
            )
        figures = measured(servants, chosen)
    print(f"{chosen.set}, {chosen.cells:,} cells, {chosen.passes} passes; microseconds a query")
    print(table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
