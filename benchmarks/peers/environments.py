"""The virtual environments of the peers: made here, never the project's own.

What cannot be installed is said loudly and kept as a reason; the rest is measured.
"""

from __future__ import annotations

import hashlib
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ALONE = ("peers-text",)  # installed without what their packages ask for
FILES = {
    "peers": "requirements.txt",
    "peers-rust": "requirements-rust.txt",
    "peers-text": "requirements-text.txt",  # makes the set "text"
}
OURS = "ruvector-arrow"


class Environment(NamedTuple):
    """An interpreter, and the distributions that it lacks with the reason why."""

    python: pathlib.Path
    missing: dict[str, str]


def wanted(text: str) -> list[str]:
    """The requirements of a file, one a line, comments left out."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def distribution(requirement: str) -> str:
    """The name in a requirement."""
    return re.split(r"[\s=<>!~;\[]", requirement, maxsplit=1)[0].lower()


def prepare(name: str, build: pathlib.Path = ROOT / "build") -> Environment:
    """Make the environment `name`, or bring it up to its file. Tried again where it failed."""
    folder = build / name
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder.relative_to(build.parent)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    text = (HERE / FILES[name]).read_text()
    stamp = folder / "installed"
    digest = hashlib.sha256(text.encode()).hexdigest()
    missing: dict[str, str] = {}
    if not stamp.exists() or stamp.read_text() != digest:
        missing = _install(python, wanted(text), ("--no-deps",) if name in ALONE else ())
        if not missing:
            stamp.write_text(digest)
    return Environment(python, missing)


def _install(
    python: pathlib.Path, requirements: list[str], options: tuple[str, ...] = ()
) -> dict[str, str]:
    """Install all at once; one by one where that fails, so that one peer costs only itself."""
    if _pip(python, *options, *requirements) is None:
        return {}
    missing: dict[str, str] = {}
    for requirement in requirements:
        reason = _pip(python, *options, requirement)
        if reason is not None:
            missing[distribution(requirement)] = reason
            print(f"!! {requirement} CANNOT BE INSTALLED: {reason}", file=sys.stderr, flush=True)
    return missing


def _pip(python: pathlib.Path, *arguments: str) -> str | None:
    """Run pip install; None when it worked, else the last line that tells why not."""
    command = [str(python), "-m", "pip", "install", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    said = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in said if "error" in line.lower()]
    return (errors or said or ["pip failed"])[-1].strip()


def add_ours(environment: Environment, dist: pathlib.Path = ROOT / "dist") -> Environment:
    """Install the wheel that `make wheel` left in dist/."""
    wheels = sorted(dist.glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    if not wheels:
        reason: str | None = "there is no wheel in dist/; run `make wheel`"
    else:
        options = ("--no-index", "--no-deps", "--force-reinstall")
        reason = _pip(environment.python, *options, str(wheels[-1]))
    if reason is None:
        return environment
    print(f"!! {OURS} CANNOT BE INSTALLED: {reason}", file=sys.stderr, flush=True)
    return Environment(environment.python, {**environment.missing, OURS: reason})
