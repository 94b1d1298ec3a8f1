"""Runs the command ``ruvector`` as a shell does: a real process, its streams and its exit code."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import ruvector

PACKAGES = str(pathlib.Path(ruvector.__file__).parents[1])
SCRIPT = "import sys; from ruvector_cli import main; sys.exit(main())"  # what pip writes
COMMAND = [sys.executable, "-c", SCRIPT]
SECONDS = 60


def environment(**more: str) -> dict[str, str]:
    """Return variables under which the package of this checkout is found."""
    return os.environ | {"PYTHONPATH": PACKAGES} | more


def ruvector_command(
    *words: Any, given: str | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; `given` is its standard input."""
    options.setdefault("env", environment())
    return subprocess.run(
        [*COMMAND, *(w if isinstance(w, bytes) else str(w) for w in words)],
        input=given, capture_output=True, text=True, timeout=SECONDS, errors="surrogateescape",
        check=False, **options,
    )  # fmt: skip


def answer(*words: Any, **options: Any) -> Any:
    """Return what it prints with ``--json``, nothing being said on standard error."""
    done = ruvector_command(*words, "--json", **options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def failure(code: int, *words: Any, **options: Any) -> Any:
    """Return the error of ``--json``; nothing may be on standard output."""
    done = ruvector_command(*words, "--json", **options)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    told = json.loads(done.stderr)["error"]
    assert told["exit"] == code
    assert told["why"] and told["verb"]
    return told
