"""Environments of what the checks run beside us, each installed by hash from its own list."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import subprocess
import sys


def made(wanted: pathlib.Path, built: pathlib.Path) -> pathlib.Path:
    """Return the interpreter of the environment, made where it is not there yet."""
    mark = built / "made-of"
    key = hashlib.sha256(wanted.read_bytes() + sys.executable.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != key:
        shutil.rmtree(built, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", built], check=True)
        pip = [str(built / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--require-hashes", "-r", str(wanted)], check=True)
        mark.write_text(key)
    return built / "bin" / "python"
