"""`python -m peers.operations`: filters, updates, graphs; operations.json and operations.md.

The exit status is 1 when something could not be measured; what could be is written all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from typing import Any

from .. import command, datasets, environments, machine
from ..__main__ import HERE, ROOT, make_data
from ..records import SetResults
from ..variants import Variant
from . import cases, figures, judged, table

Record = dict[str, Any]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="peers.operations", description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, default=HERE.parent / "raw",
                        help="where data sets and the records of runs are kept")  # fmt: skip
    parser.add_argument("--out", type=pathlib.Path, help="where operations.md goes")
    parser.add_argument("--short", action="store_true",
                        help="20,000 rows; written to build/peers-short")  # fmt: skip
    parser.add_argument("--parts", default=",".join(cases.PARTS), help="parts, with commas")
    parser.add_argument("--only", default="", help="regular expression of variants to run")
    parser.add_argument("--threads", type=int, default=2, help="threads of builds and batches")
    parser.add_argument("--limit", type=float, default=1800, help="seconds that a process may take")
    parser.add_argument("--tree", action="store_true", help="measure python/, not dist/*.whl")
    parser.add_argument("--resume", action="store_true", help="go on with the run before")
    parser.add_argument("--report", action="store_true", help="only write operations.json's report")
    chosen = parser.parse_args(arguments)
    chosen.out = chosen.out or (ROOT / "build" / "peers-short" if chosen.short else HERE)
    chosen.parts = chosen.parts.split(",")
    return chosen


def _make_judges(cache: pathlib.Path, scale: judged.Scale) -> None:
    """Make masks and truths in a process whose BLAS chooses its own kernel."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    kept["PYTHONPATH"] = str(HERE.parent)
    made = [sys.executable, "-m", "peers.operations.judged", str(cache), scale.name.upper()]
    subprocess.run(made, env=kept, check=True)


class _Found:
    """What the processes of a run have written, put together as they end."""

    def __init__(self) -> None:
        self.filters: dict[tuple[float, bool], SetResults] = {}
        self.updates: list[figures.Updated] = []
        self.graph = [SetResults({"building": b}, [], []) for b in (True, False)]
        self.missing: list[tuple[str, str]] = []

    def take(self, part: str, variant: Variant, kept: list[Record]) -> None:
        """Add one variant's records."""
        name, family = variant.name, variant.family
        if part == "filters":
            for share, fresh, eligible, result in figures.filter_results(name, family, kept):
                meta = {"share": share, "fresh": fresh, "eligible": eligible}
                one = self.filters.setdefault((share, fresh), SetResults(meta, [], []))
                one.results.append(result)
        elif part == "updates":
            if (updated := figures.updated(name, family, kept)) is not None:
                self.updates.append(updated)
        else:
            rows = next((r["rows"] for r in kept if r["record"] == "build"), 0)
            pair = figures.graph_results(name, family, rows, kept)
            for one, result in zip(self.graph, pair or (), strict=False):
                timed = any(p.batch or p.one for p in result.points)
                if timed and (one.meta["building"] or family not in cases.ONE_STEP):
                    one.results.append(result)


def wanted(part: str, name: str, chosen: argparse.Namespace) -> bool:
    """Whether a variant belongs to this run; --only sees the part and the name."""
    if chosen.short and not chosen.only:
        return name in cases.SHORT[part]
    return re.search(chosen.only, f"{part} {name}") is not None


def measure(run: command.Run, chosen: argparse.Namespace, scale: judged.Scale) -> _Found:
    """Every wanted variant of every part, one process after another."""
    found = _Found()
    for part in chosen.parts:
        for variant in cases.for_part(part, scale):
            if not wanted(part, variant.name, chosen):
                continue
            begin = time.perf_counter()
            kept, reason = _records(run, part, variant)
            found.take(part, variant, kept)
            if reason is not None:
                print(f"!! {part} {variant.name}: {reason}", file=sys.stderr, flush=True)
                found.missing.append((f"{part} {variant.name}", reason))
            seconds = time.perf_counter() - begin
            print(f"{part} {variant.name}: {len(kept)} records ({seconds:.0f} s)", flush=True)
    return found


def _records(run: command.Run, part: str, variant: Variant) -> tuple[list[Record], str | None]:
    """What the processes of one variant wrote, and why they ended early if they did."""
    reason = run.environments[variant.environment].missing.get(variant.needs)
    if reason is not None:
        return [], f"{variant.needs} could not be installed: {reason}"
    kept: list[Record] = []
    for threads, ways in _processes(part, variant, run.threads):
        stem = f"{part}.{variant.name.replace('+', '_')}.{threads}"
        file, done = run.folder / f"{stem}.jsonl", run.folder / f"{stem}.done"
        if not done.exists():
            failed = command.run_worker(run, part, variant, threads, file, ways)
            if failed is None:
                done.touch()
            reason = reason or failed
        if file.exists():
            kept += [json.loads(line) for line in file.read_text().splitlines()]
    if reason is None and any("lacking" in r and "not available" in r["lacking"] for r in kept):
        reason = next(r["lacking"] for r in kept if "not available" in r.get("lacking", ""))
    return kept, reason


def _processes(part: str, variant: Variant, threads: int) -> list[tuple[int, list[str]]]:
    if part == "graph":
        return [(threads, ["batch"])]
    return command.processes(variant, threads)


def run(chosen: argparse.Namespace) -> figures.Operations:
    """Environment, data, then everything."""
    scale = judged.SHORT if chosen.short else judged.FULL
    places = {"peers": environments.prepare("peers")}
    if not chosen.tree:
        places["peers"] = environments.add_ours(places["peers"])
    make_data(chosen.data, list(dict.fromkeys((scale.data, scale.changing))))
    _make_judges(chosen.data, scale)
    folder = chosen.data / f"run-operations-{scale.name}"
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
        module="peers.operations.worker",
    )
    about = machine.describe(chosen.threads)
    meta = datasets.read_meta(chosen.data, scale.data)
    seeds = {"data": meta["seed"], "masks": judged.MASK_SEED, "changes": judged.CHANGE_SEED,
             "sample of the graph": judged.SAMPLE_SEED}  # fmt: skip
    told = {"rows": scale.rows, "dim": meta["dim"], "data": scale.data, "seeds": seeds,
            "source": meta["source"], "sha256": meta["sha256"]}  # fmt: skip
    found = measure(plan, chosen, scale)
    filters = [found.filters[key] for key in sorted(found.filters, key=lambda k: (k[1], -k[0]))]
    graph = [one for one in found.graph if one.results]
    return figures.Operations(about, told, filters, found.updates, graph, found.missing)


def main() -> int:
    """Run and write."""
    begin = time.perf_counter()
    chosen = options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    kept = chosen.out / "operations.json"
    if not chosen.report:
        figures.write(kept, run(chosen))
    read = figures.read(kept)
    (chosen.out / "operations.md").write_text(table.document(read))
    minutes = (time.perf_counter() - begin) / 60
    print(f"{chosen.out / 'operations.md'}, {minutes:.1f} minutes")
    return int(bool(read.missing))


if __name__ == "__main__":
    sys.exit(main())
