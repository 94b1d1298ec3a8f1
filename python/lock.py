"""Write requirements-*.txt and the lists of checks/ again: versions pinned, every file's hash.

Resolved for Linux and Python 3.11 to 3.14 at once (uv's universal mode, uv in an environment of
its own), so that one lock serves every interpreter that the package supports. What the lock has
stays as it is where it can; `lock.py --upgrade` takes the newest of everything.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
UV = "uv==0.13.9"
HEAD = "# Written by python/lock.py from {}; do not edit.\n"
CHECKS = HERE.parent / "checks"


def lock(source: pathlib.Path, target: pathlib.Path, upgrade: bool) -> None:
    """Resolve `source` and replace `target`; raises CalledProcessError where that fails."""
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=True)
        tool = pathlib.Path(scratch, "bin")
        install = [tool / "python", "-m", "pip", "install", "--quiet", UV]
        subprocess.run(install, check=True)
        compiled = pathlib.Path(scratch, "locked.txt")
        if not upgrade and target.exists():
            compiled.write_text(target.read_text())
        arguments = ["--universal", "--python-version", "3.11", "--generate-hashes"]
        arguments += ["--no-header", "--quiet", "--no-annotate"]
        command = [tool / "uv", "pip", "compile", *arguments, source.name, "-o", compiled]
        subprocess.run(command, check=True, cwd=source.parent, stdout=subprocess.DEVNULL)
        target.write_text(HEAD.format(source.name) + compiled.read_text())


def main() -> int:
    """Lock the list of the project, then those of the corners of versions, in its bounds."""
    upgrade = "--upgrade" in sys.argv
    for name in ("requirements-dev", "requirements-lake", "requirements-text"):
        lock(HERE / f"{name}.in", HERE / f"{name}.txt", upgrade)
    for source in sorted(CHECKS.glob("*/*.in")):
        lock(source, source.with_suffix(".txt"), upgrade)
    return 0


if __name__ == "__main__":
    sys.exit(main())
