"""Run cases in a process of their own: a crash or a hang is a finding with its seed, too."""

from __future__ import annotations

import argparse
import collections
import faulthandler
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .cases import Finding, run_case

SECONDS = 30  # of one case; they take some milliseconds


def work(seed: int, first: int, last: int) -> None:
    """Run cases and write a line of JSON when one begins and when one fails."""
    out = os.fdopen(os.dup(1), "w")
    for number in range(first, last):
        name = f"{seed}:{number}"
        print(json.dumps({"begin": number}), file=out, flush=True)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        found = run_case(name)
        if found is not None:
            print(json.dumps({"found": asdict(found)}), file=out, flush=True)
    faulthandler.cancel_dump_traceback_later()


def findings(seed: int, cases: int) -> Iterator[Finding]:
    """Yield what fails among the cases of a seed; a worker that dies is replaced."""
    first = 0
    while first < cases:
        command = [sys.executable, "-m", "differential", "--work", f"{seed}:{first}:{cases}"]
        worker = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        begun = first
        assert worker.stdout is not None
        errors = _drain(worker)
        for line in worker.stdout:
            said = json.loads(line)
            if "begin" in said:
                begun = said["begin"]
            else:
                yield Finding(**said["found"])
        if worker.wait() == 0:
            return
        text = "".join(errors)
        hung = "Timeout" in text[:200]
        kind = "hang" if hung else f"crash: process ended with {worker.returncode}"
        yield Finding(f"{seed}:{begun}", kind, text[-3000:], "replay to see the case")
        first = begun + 1


def _drain(worker: Any) -> list[str]:
    import threading

    lines: list[str] = []

    def read() -> None:
        for line in worker.stderr:
            lines.append(line)
            del lines[:-200]

    threading.Thread(target=read, daemon=True).start()
    return lines


def replay(seed: str) -> str:
    """Return the command that runs one case again."""
    return f"PYTHONPATH=python:python/tests .venv/bin/python -m differential --one {seed}"


def report(found: Finding, verbose: bool = True) -> str:
    """Return a finding as text."""
    lines = [f"{found.kind}", f"  {found.detail}", f"  {found.story}", f"  {replay(found.seed)}"]
    if verbose and found.where:
        lines.append(found.where)
    return "\n".join(lines)


def run_many(seed: int, cases: int) -> int:
    """Run cases, print what was found by kind, and return how many failed."""
    print(f"{cases} cases of seed {seed}", flush=True)
    begin, kinds = time.monotonic(), collections.defaultdict[str, list[Finding]](list)
    for found in findings(seed, cases):
        if not kinds[found.kind]:
            print(report(found), flush=True)
        kinds[found.kind].append(found)
    failed = sum(map(len, kinds.values()))
    for kind, several in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"{len(several):6} {kind}   {' '.join(one.seed for one in several[:3])}")
    print(f"{cases} cases, {failed} failed, {time.monotonic() - begin:.1f} s, seed {seed}")
    return failed


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m differential", description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--one", help="run one case, SEED:NUMBER, in this process")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(*map(int, arguments.work.split(":")))
        return
    if arguments.one:
        faulthandler.enable()
        found = run_case(arguments.one)
        print("as the model has it" if found is None else report(found))
        sys.exit(found is not None)
    seed = arguments.seed
    if seed is None:
        seed = int.from_bytes(os.urandom(4), "little")
    root = Path(__file__).resolve().parents[3]
    paths = [str(root / "python"), str(root / "python" / "tests")]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    sys.exit(run_many(seed, arguments.cases) > 0)


if __name__ == "__main__":
    main()
