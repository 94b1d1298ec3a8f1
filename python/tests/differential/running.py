"""Run cases in a process of their own: a crash or a hang is a finding with its seed, too."""

from __future__ import annotations

import collections
import faulthandler
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from .cases import Finding, run_case

SECONDS = 30  # of one case; they take some milliseconds
ROOT = Path(__file__).resolve().parents[3]
PATHS = (str(ROOT / "python"), str(ROOT / "python" / "tests"))
Command = Callable[[int, int, int], list[str]]


def work(seed: int, first: int, last: int) -> None:
    """Run cases and write a line of JSON when one begins and when one fails."""
    faulthandler.enable()
    for number in range(first, last):
        print(json.dumps({"begin": number}), flush=True)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        found = run_case(f"{seed}:{number}")
        if found is not None:
            print(json.dumps({"found": asdict(found)}), flush=True)
    faulthandler.cancel_dump_traceback_later()


def worker(seed: int, first: int, last: int) -> list[str]:
    """Return the command that runs cases from `first` on."""
    return [sys.executable, "-m", "differential", "--work", f"{seed}:{first}:{last}"]


def findings(seed: int, cases: int, command: Command = worker) -> Iterator[Finding]:
    """Yield what fails among the cases of a seed; a worker that dies is replaced."""
    first = 0
    while first < cases:
        begun = first
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                command(seed, first, cases),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(PATHS)},
            )
            assert process.stdout is not None
            for line in process.stdout:
                said = json.loads(line)
                if "begin" in said:
                    begun = said["begin"]
                else:
                    yield Finding(**said["found"])
            code = process.wait()
            errors.seek(0)
            text = errors.read()
        if code == 0:
            return
        kind = "hang" if text.startswith("Timeout") else f"crash: the process ended with {code}"
        yield Finding(f"{seed}:{begun}", kind, text[-3000:], "replay shows the case")
        first = begun + 1


def new_seed() -> int:
    """Return the seed that RUVECTOR_TEST_SEED asks for, or a new one."""
    return int(os.environ.get("RUVECTOR_TEST_SEED") or int.from_bytes(os.urandom(4), "little"))


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
