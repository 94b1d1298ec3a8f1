"""A scoring job of 500,000 rows, killed three times at random, has the bytes of an undisturbed one.

The large form of it, with its figures, is benchmarks/scoring.py.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
ARGUMENTS = {"rows": 500_000, "file": 50_000, "dim": 64, "index": 2_000, "kills": 3}  # ten parts


def main() -> int:
    """Print what was done; returns 1 where something is wrong."""
    command = [sys.executable, str(ROOT / "benchmarks" / "scoring.py"), "--no-engine"]
    command += [f"--{name}={value}" for name, value in ARGUMENTS.items()] + sys.argv[1:]
    path = os.pathsep.join([str(ROOT / "python"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, env=environment)
    if not done.stdout:
        return 1
    found = json.loads(done.stdout)
    print(
        f"score: {found['rows']:,} rows, {found['parts']} parts, {found['seconds']:.0f} s; killed "
        f"{found['kills']} times (seed {found['seed']}), {found['killed_seconds']:.0f} s"
    )
    for wrong in found["wrong"]:
        print(f"score: {wrong}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
