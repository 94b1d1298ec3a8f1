"""Ray Data and Spark, with two workers each on this machine, in an environment of their own.

checks/clusters/engines.txt is installed by hash into build/clusters/, which is used again until the
list changes. What the tests of python/tests/clusters need of the library is as in `make test`.
Without Java there is no Spark: that is said, and Ray's half runs alone.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from environment import made

ROOT = pathlib.Path(__file__).resolve().parents[1]
WANTED = ROOT / "checks" / "clusters" / "engines.txt"
BUILT = ROOT / "build" / "clusters"
TESTS = ROOT / "python" / "tests" / "clusters"
FEWEST = {"ray": 24, "spark": 44}  # tests that must run, or an engine shows nothing
LIMIT_SECONDS = 900


def run(engine: str, python: pathlib.Path) -> list[str]:
    """Run the tests of one engine; returns what is wrong."""
    begin = time.perf_counter()
    ended = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS, "--durations", "3"],
        cwd=ROOT / "python",
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "python"),
            "PYSPARK_PYTHON": str(python),
            "RUVECTOR_CLUSTERS": engine,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    last = ended.stdout.strip().splitlines()[-1] if ended.stdout.strip() else "nothing said"
    print(f"{engine}: {last} ({time.perf_counter() - begin:.0f} s)", flush=True)
    passed = re.search(r"(\d+) passed", last)
    if ended.returncode:
        return [ended.stdout[-8000:] + ended.stderr[-2000:]]
    if passed is None or int(passed.group(1)) < FEWEST[engine]:
        return [f"{engine}: fewer than {FEWEST[engine]} tests ran: {last}"]
    return []


def main() -> int:
    """Run both engines; returns 1 when one failed."""
    engines = [name for name in sys.argv[1:] if name in FEWEST] or ["ray", "spark"]
    if "spark" in engines and shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        print("!" * 70)
        print("SPARK IS NOT TESTED: there is no Java on this machine (17 or later is needed)")
        print("!" * 70, flush=True)
        engines.remove("spark")
    python = made(WANTED, BUILT)
    with ThreadPoolExecutor(len(engines)) as both:  # each waits for its workers most of the time
        faults = [fault for found in both.map(lambda e: run(e, python), engines) for fault in found]
    print("\n".join(faults) or f"{' and '.join(engines)}: fine")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
