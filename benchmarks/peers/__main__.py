"""`make peers`: make the data, run everything, write results.json, results.md and the pictures.

The exit status is 1 when a peer could not be measured; what could be is written all the same.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from typing import Any

from . import command, datasets, environments, machine, measured, picture, records, rounds, table
from .variants import SHORT, SHORT_SETS, not_applicable

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="peers", description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, default=HERE.parent / "raw",
                        help="where data sets and the records of runs are kept")  # fmt: skip
    parser.add_argument("--out", type=pathlib.Path, help="where results.md and pictures go")
    parser.add_argument("--short", action="store_true",
                        help="two sets, three peers; written to build/peers-short")  # fmt: skip
    parser.add_argument("--sets", help="data sets, with commas: " + ",".join(datasets.NAMES))
    parser.add_argument("--only", default="", help="regular expression of variants to run")
    parser.add_argument("--skip", default="", help="regular expression of variants to leave out")
    parser.add_argument("--threads", type=int, default=2, help="threads of builds and batches")
    parser.add_argument("--limit", type=float, default=1800, help="seconds that a build may take")
    parser.add_argument("--graphs", action="store_true", help="graphs of a million rows too: hours")
    parser.add_argument("--tree", action="store_true", help="measure python/, not dist/*.whl")
    parser.add_argument("--resume", action="store_true", help="go on with the run before")
    parser.add_argument("--report", action="store_true", help="only write results.json's report")
    chosen = parser.parse_args(arguments)
    chosen.out = chosen.out or (ROOT / "build" / "peers-short" if chosen.short else HERE)
    chosen.sets = chosen.sets.split(",") if chosen.sets else list(_sets(chosen.short))
    return chosen


def _sets(short: bool) -> tuple[str, ...]:
    return SHORT_SETS if short else datasets.NAMES


def wanted(name: str, chosen: argparse.Namespace) -> bool:
    """Whether a variant belongs to this run."""
    if chosen.short and not chosen.only:
        return name in SHORT
    return bool(re.search(chosen.only, name)) and not (chosen.skip and re.search(chosen.skip, name))


def make_data(cache: pathlib.Path, names: list[str]) -> None:
    """Make what is missing, in a process whose BLAS chooses its own kernel.

    The docstrings are embedded by python/ in place: nothing is installed beside this program.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    kept["PYTHONPATH"] = os.pathsep.join(
        [str(HERE.parent), str(ROOT / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    made = [sys.executable, "-m", "peers.datasets", str(cache), *names]
    subprocess.run(made, env=kept, check=True)


def run(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[records.SetResults]]:
    """Environments, data, then every variant of every set."""
    places = {"peers": environments.prepare("peers")}
    places["peers-rust"] = places["peers"] if chosen.short else environments.prepare("peers-rust")
    if not chosen.tree:
        places["peers"] = environments.add_ours(places["peers"])
    make_data(chosen.data, chosen.sets)
    folder = chosen.data / ("run-short" if chosen.short else "run")
    if not chosen.resume:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    plan = command.Run(
        chosen.data.resolve(),
        folder.resolve(),
        places,
        threads=chosen.threads,
        limit=chosen.limit,
        tree=chosen.tree,
        thin=chosen.short,
        budget=rounds.Budget(60, 30) if chosen.short else rounds.Budget(),
    )
    about = machine.describe(chosen.threads)
    found = [
        measured.measure_set(
            plan,
            datasets.read_meta(chosen.data, name),
            lambda variant: wanted(variant, chosen),
            graphs=chosen.graphs,
        )
        for name in chosen.sets
    ]
    return about, found


def main() -> int:
    """Run, write, draw."""
    begin = time.perf_counter()
    chosen = options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    kept = chosen.out / "results.json"
    if not chosen.report:
        records.write(kept, *run(chosen))
    about, found = records.read(kept)
    (chosen.out / "results.md").write_text(table.document(about, found))
    for one in found:
        picture.draw(one, about, chosen.out / f"curves-{one.meta['name']}.png")
    minutes = (time.perf_counter() - begin) / 60
    print(f"{chosen.out / 'results.md'} and {len(found)} pictures, {minutes:.1f} minutes")
    return int(any(failures(one) for one in found))


def failures(one: records.SetResults) -> list[str]:
    """Variants that ought to have been measured and were not, or not to the end."""
    excused = {n.name for n in not_applicable(one.meta)}
    return [name for name, _ in one.missing if name not in excused]


if __name__ == "__main__":
    sys.exit(main())
