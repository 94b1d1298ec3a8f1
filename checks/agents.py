"""The client of agents against agents of others, each a process of its own on this machine.

checks/agents/peers.txt is installed by hash into build/agents/, which is used again until the list
changes; the agents run there, and the tests in the environment of `make test`. Then the module of
internal/peertest, which has agents written with the Go library of the protocol.

    .venv/bin/python checks/agents.py [python | go | peers]

`peers` installs the environment and runs nothing.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import time

from environment import made

ROOT = pathlib.Path(__file__).resolve().parents[1]
WANTED = ROOT / "checks" / "agents" / "peers.txt"
BUILT = ROOT / "build" / "agents"
TESTS = ROOT / "python" / "tests" / "test_a2a_peers.py"
MODULE = ROOT / "internal" / "peertest"
FEWEST = {"python": 54, "go": 16}  # tests that must run, or the peers show nothing
LIMIT_SECONDS = 600


def run(name: str, command: list[str | pathlib.Path], passed: str, **environ: str) -> list[str]:
    """Run one half; returns what is wrong. `passed` matches a test each, or captures a number."""
    begin = time.perf_counter()
    ended = subprocess.run(
        command,
        cwd=MODULE if name == "go" else ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    found = re.findall(passed, ended.stdout)
    count = sum(int(one) if one else 1 for one in found)
    print(f"{name}: {count} tests passed ({time.perf_counter() - begin:.0f} s)", flush=True)
    if ended.returncode:
        return [ended.stdout[-8000:] + ended.stderr[-2000:]]
    if count < FEWEST[name]:
        return [f"{name}: fewer than {FEWEST[name]} tests ran: {ended.stdout[-2000:]}"]
    return []


def main() -> int:
    """Run both halves; returns 1 when one failed."""
    halves = [name for name in sys.argv[1:] if name in FEWEST]
    python = made(WANTED, BUILT)
    if "peers" in sys.argv[1:]:
        return 0
    faults = []
    if not halves or "python" in halves:
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS]
        faults += run(
            "python",
            [*pytest, "--durations", "3"],
            r"(\d+) passed",
            PYTHONPATH=str(ROOT / "python"),
            RUVECTOR_AGENTS=str(python),
        )
    if not halves or "go" in halves:
        command = ["go", "test", "-race", "-vet=all", "-count=1", "-v", "./..."]
        faults += run("go", command, r"(?m)^--- PASS(): ")
    print("\n".join(faults) or "agents of others: fine")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
