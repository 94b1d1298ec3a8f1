"""The library exports exactly the functions that cabi/ruvector.h declares, and nothing else."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "python/ruvector/_lib/libruvector.so"


def declared() -> set[str]:
    """Names of the functions in the headers, comments taken out."""
    header = "".join(path.read_text() for path in sorted((ROOT / "cabi").glob("ruvector*.h")))
    bare = re.sub(r"/\*.*?\*/|//[^\n]*", "", header, flags=re.DOTALL)
    return set(re.findall(r"\b(rv_\w+)\s*\([^;{]*\)\s*;", bare))


def exported() -> set[str]:
    """Names that the dynamic linker can see."""
    command = ["nm", "-D", "--defined-only", str(LIBRARY)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    names = {line.split()[-1] for line in done.stdout.splitlines()}
    return {name.split("@")[0] for name in names} - {"ruvector"}


def main() -> int:
    """Compare; say which names are on one side only."""
    header, library = declared(), exported()
    for name in sorted(header - library):
        print(f"{name}: declared, not exported")
    for name in sorted(library - header):
        print(f"{name}: exported, not declared")
    print(f"{len(header)} functions declared, {len(library)} exported")
    return int(header != library or not header)


if __name__ == "__main__":
    sys.exit(main())
