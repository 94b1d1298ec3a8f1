"""The kernels alone: `go test -bench` of package simd, every tier in one run."""

from __future__ import annotations

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCAN = "^BenchmarkScan$/queries=/d=(384|1024)/(L2|DRAM)"
LINE = re.compile(r"^Benchmark(\S+?)/(pure|avx2|avx512|neon)(?:-\d+)?\s.*?([\d.]+) Mrows/s")


def measure(duration: str) -> list[dict[str, object]]:
    """Million row-queries a second of the scan by tier, for every case that package simd has.

    `duration` is the -benchtime of one case. Rows: case, then one entry per tier.
    """
    command = ["go", "test", "-run", "^$", "-bench", SCAN, "-benchtime", duration, "./simd"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    cases: dict[str, dict[str, object]] = {}
    for line in done.stdout.splitlines():
        if match := LINE.match(line):
            case, tier, rate = match.groups()
            cases.setdefault(case, {"case": case})[tier] = float(rate)
    if not cases:
        raise RuntimeError(f"no scan benchmark in the output of go test:\n{done.stdout}")
    return list(cases.values())
