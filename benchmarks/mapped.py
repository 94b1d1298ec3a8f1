"""The first answer of `Index.load(mmap=True)`: a process started anew, a file in the page cache.

    python benchmarks/mapped.py --rows 1000000 --dim 384

Builds an index once, then asks each of some fresh processes for one query, loading the file mapped
and, beside it, whole. Prints one JSON object: milliseconds of the load and of the first query, the
least, the median and the worst of the runs, and the resident memory that the load added.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import warnings
from typing import Any

import numpy as np

import ruvector as rv

CENTRES = 2_000

ASKED = """
import json, sys, time
import numpy as np
import ruvector as rv

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

path, vectors, mapped = sys.argv[1:]
column = np.load(vectors, mmap_mode="r")
query = np.array(column[7])
rv.Index.build(column[:100], kind="exact").search(query)
held, begin = resident(), time.perf_counter()
ix = rv.Index.load(path, vectors=column, mmap=mapped == "1")
loaded = time.perf_counter()
found = ix.search(query, 10)
end = time.perf_counter()
assert found.ids[0] == 7, found.ids
print(json.dumps({
    "load_ms": (loaded - begin) * 1e3,
    "first_query_ms": (end - loaded) * 1e3,
    "answer_ms": (end - begin) * 1e3,
    "resident_mb": (resident() - held) / 1e6,
}))
"""


def written(folder: pathlib.Path, rows: int, dim: int) -> tuple[pathlib.Path, pathlib.Path]:
    """Write vectors near common centres and the index over them; return both paths."""
    chance = np.random.default_rng(1)
    centres = chance.standard_normal((CENTRES, dim), dtype="f4")
    at = folder / "vectors.npy"
    column = np.lib.format.open_memmap(at, mode="w+", dtype="f4", shape=(rows, dim))
    for start in range(0, rows, 50_000):
        part = column[start : start + 50_000]
        part[:] = chance.standard_normal(part.shape, dtype="f4")
        part += centres[chance.integers(0, CENTRES, len(part))]
    index = folder / "index.rvx"
    with warnings.catch_warnings(action="ignore"):  # the vectors lie beside it
        rv.Index.build(column).save(index)
    return index, at


def asked(index: pathlib.Path, vectors: pathlib.Path, mapped: bool, runs: int) -> dict[str, Any]:
    """Return the figures of `runs` fresh processes."""
    each = []
    for _ in range(runs):
        words = [sys.executable, "-c", ASKED, str(index), str(vectors), str(int(mapped))]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        each.append(json.loads(done.stdout))
    return {
        name: {
            "least": round(min(run[name] for run in each), 2),
            "median": round(statistics.median(run[name] for run in each), 2),
            "worst": round(max(run[name] for run in each), 2),
        }
        for name in each[0]
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        index, vectors = written(pathlib.Path(scratch), given.rows, given.dim)
        found = {
            "machine": platform.processor() or platform.machine(),
            "rows": given.rows,
            "dim": given.dim,
            "file_mb": round(index.stat().st_size / 1e6, 1),
            "mapped": asked(index, vectors, True, given.runs),
            "whole": asked(index, vectors, False, given.runs),
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
