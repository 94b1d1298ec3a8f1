"""Random arguments and random Arrow structs end in an answer or a named error, never in a crash.

Both loops run in a child process, so that a crash is a failed test; the seed is printed there. Set
RUVECTOR_TEST_SEED to replay, RUVECTOR_FUZZ to the number of rounds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_native_interface import PACKAGE

ROUNDS = {"arguments": 30_000, "structs": 20_000, "options": 3_000}


@pytest.mark.parametrize("share", [4, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("what", ROUNDS)
def test_nothing_random_ends_the_process(what, share):
    seed = os.environ.get("RUVECTOR_TEST_SEED") or str(int.from_bytes(os.urandom(4), "little"))
    rounds = os.environ.get("RUVECTOR_FUZZ", str(ROUNDS[what] // share))
    tests = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(tests / "fuzz_boundary.py"), what, seed, rounds],
        env={**os.environ, "PYTHONPATH": f"{PACKAGE}{os.pathsep}{tests}"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    replay = f"RUVECTOR_TEST_SEED={seed} pytest {Path(__file__).name} -k {what}"
    assert done.returncode == 0, f"{replay}\n{done.stdout}\n{done.stderr[-3000:]}"
    print(done.stdout, replay)
