"""Frame tests with the oldest and the newest versions of the frame libraries, without pyarrow.

The two corners of what is supported: checks/matrix/old.txt and new.txt, installed by hash into
build/matrix/, which is used again until a list changes. With `--all` the old versions with the
oldest pyarrow, too; the newest with it are what `make test` runs. In a corner without pyarrow the
tests that need it are skipped, and how many is said (checks/matrix/absent.py).
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LISTS = ROOT / "checks" / "matrix"
BUILT = ROOT / "build" / "matrix"
TESTS = ROOT / "python" / "tests"
LIMIT_SECONDS = 120
FEWEST = 900  # tests that must run, or the corner shows nothing
# Files about what a frame library gives or gets. What is not about them is as in `make test`.
FILES = (
    "accessors_import_order", "cells_of_every_kind", "columns_beside", 
    "contract_polars", "dedup", "embed", "every_frame", "frames_pandas", "frames_polars",
    "given_indexes_types", "habits", "html", "hybrid", 
    "lazy_frames", "names_in_where", "neighbors_frames", "nulls_inside_vectors", "number_types",
    "plot", "polars_expressions", "recall_of_frames", "reranker", "series_verbs", "sim_join",
    "sim_join_by", "sim_join_frames", "sim_join_given", "similar_to", "similarity_quantiles",
    
)  # fmt: skip
FIRST_PYTHONS = ("3.11", "3.12")  # that the oldest versions have wheels for


def python_for(corner: str) -> str | None:
    """Return an interpreter that the corner's versions exist for."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not corner.startswith("old") or here in FIRST_PYTHONS:
        return sys.executable
    return next(filter(None, (shutil.which(f"python{v}") for v in FIRST_PYTHONS)), None)


def environment(corner: str, python: str) -> pathlib.Path:
    """Return the interpreter of the corner's environment, made where it is not there yet."""
    wanted = LISTS / f"{corner}.txt"
    folder = BUILT / corner
    mark = folder / "made-of"
    key = hashlib.sha256(wanted.read_bytes() + python.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != key:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", folder], check=True)
        install: list[str | pathlib.Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
        ]
        subprocess.run([*install, "--require-hashes", "-r", wanted], check=True)
        mark.write_text(key)
    return folder / "bin" / "python"


def run(corner: str) -> list[str]:
    """Run the tests in one corner; returns what is wrong."""
    python = python_for(corner)
    if python is None:
        print(f"{corner}: SKIPPED, its versions need Python {' or '.join(FIRST_PYTHONS)}")
        return []
    inside = environment(corner, python)
    files = [TESTS / f"test_{name}.py" for name in FILES]
    paths = [ROOT / "python", LISTS]
    begin = time.perf_counter()
    command: list[str | pathlib.Path] = [
        inside,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "worksteal",
        "-p",
        "absent",
    ]
    ended = subprocess.run(
        [*command, "-p", "no:cacheprovider", *(file for file in files if file.exists())],
        cwd=ROOT / "python",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begin
    last = ended.stdout.strip().splitlines()[-1] if ended.stdout.strip() else "nothing said"
    print(f"{corner}: {versions(inside)}: {last}")
    faults = []
    passed = re.search(r"(\d+) passed", last)
    if ended.returncode:
        faults.append(ended.stdout[-6000:] + ended.stderr[-2000:])
    elif passed is None or int(passed.group(1)) < FEWEST:
        faults.append(f"{corner}: fewer than {FEWEST} tests ran: {last}")
    if seconds > LIMIT_SECONDS:
        print(f"{corner}: took {seconds:.0f} s, aim {LIMIT_SECONDS}")
    return faults


def versions(python: pathlib.Path) -> str:
    """Return what is installed, in words."""
    code = (
        "import importlib.metadata as m, importlib.util as u\n"
        "has = [n for n in ('numpy', 'pandas', 'polars', 'pyarrow') if u.find_spec(n)]\n"
        "print(', '.join(f'{n} {m.version(n)}' for n in has))"
    )
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def main() -> int:
    """Run the corners; returns 1 when one failed."""
    corners = ["old", "new", *(["old_arrow"] if "--all" in sys.argv else [])]
    faults = [fault for corner in corners for fault in run(corner)]
    print("\n".join(faults) or "every corner is fine")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
