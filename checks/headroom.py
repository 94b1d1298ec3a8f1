"""Verbs under little memory: an answer or OutOfMemory, never the end of the process.

    python checks/headroom.py [RUNS]

Every run is a process of its own that imports the library, builds and searches something small,
makes what the verb needs, and then may have a few MiB of address space more than it has
(RLIMIT_AS). After a refusal a small search must work. Prints outcomes by verb.
"""

from __future__ import annotations

import collections
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MORE = (64, 96, 128, 192, 256, 384, 512)  # MiB
RUNS = 42

CHILD = r"""
import os, pickle, resource, sys
import numpy as np
import ruvector as rv

verb, more = sys.argv[1], int(sys.argv[2]) << 20
rng = np.random.default_rng(0)
rows = rng.standard_normal((50_000, 192), dtype="f4")
few = rv.Index.build(rows[:1000], kind="flat", keep="copy")
few.search(rows[0], 3)
index, data, path = few, b"", os.path.join(sys.argv[3], "index.rvx")
if verb in ("pickle", "loads", "load", "save"):  # 115 MB
    index = rv.Index.build(np.tile(rows, (3, 1)), kind="exact", keep="copy")
elif verb in ("batch", "within", "add", "recall", "compact"):
    index = rv.Index.build(rows, kind="flat", bits=2, keep="copy")
elif verb == "neighbors":
    index = rv.Index.build(rows[:20_000], kind="ivf", bits=2, keep="copy")
elif verb == "frame":
    import pandas as pd  # not polars, which ends the process where its allocator finds nothing
    frame = pd.DataFrame({"emb": list(rows)})
if verb == "load":
    index.save(path, vectors=True)
elif verb == "loads":
    data = pickle.dumps(index)
elif verb == "compact":
    index.delete(range(0, 50_000, 2))
queries = np.repeat(rows[:400], 5, 0)
verbs = {
    "pickle": lambda: pickle.dumps(index),
    "loads": lambda: pickle.loads(data),
    "batch": lambda: index.search(queries, 200),
    "within": lambda: index.within(rows[:60], min_similarity=-0.9),
    "build": lambda: rv.Index.build(rows, kind="flat", bits=4, keep="copy"),
    "ivf": lambda: rv.Index.build(rows, kind="ivf", bits=4, keep="copy"),
    "load": lambda: rv.Index.load(path),
    "save": lambda: index.save(path, vectors=True),
    "add": lambda: index.add(None, rows),
    "compact": lambda: index.compact(),
    "neighbors": lambda: index.neighbors(10),
    "recall": lambda: index.recall(k=10),
    "frame": lambda: rv.search(frame, rows[0], on="emb", k=3),
}
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * os.sysconf("SC_PAGE_SIZE") + more
resource.setrlimit(resource.RLIMIT_AS, (most, most))
outcome = "ok"
try:
    for _ in range(2):
        verbs[verb]()
except rv.OutOfMemory:
    outcome = "OutOfMemory"
except MemoryError:
    outcome = "MemoryError"
print(outcome, flush=True)
assert few.search(rows[5], 1).ids.tolist() == [5]
print("and a search", flush=True)
"""

VERBS = (
    "pickle", "loads", "batch", "within", "build", "ivf", "load", "save", "add", "compact",
    "neighbors", "recall", "frame",
)  # fmt: skip


def run(verb: str, more: int) -> tuple[str, str]:
    """What became of a verb, and what a process that ended early said."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "OMP_NUM_THREADS": "1",
           "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.run(
            [sys.executable, "-c", CHILD, verb, str(more), folder],
            capture_output=True, text=True, timeout=120, env=env, check=False,
        )  # fmt: skip
    said = child.stdout.split("\n")
    if child.returncode == 0 and said[1:2] == ["and a search"]:
        return said[0], ""
    if child.returncode == 1 and said[0]:
        return f"{said[0]}, then no search", child.stderr[-300:]
    return "ABORT", f"{child.returncode} {said} {child.stderr[:900]}"


def main(runs: int, first: int = 0) -> int:
    """Print the outcomes of so many runs; returns how many ended the process."""
    found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    bad = 0
    every = itertools.cycle([(verb, more) for more in MORE for verb in VERBS])
    for verb, more in itertools.islice(every, first, first + runs):
        outcome, why = run(verb, more)
        found[verb][outcome] += 1
        print(verb, more, outcome, flush=True)
        if why:
            bad += 1
            print(f"{verb} with {more} MiB: {outcome}: {why}", flush=True)
    for verb, outcomes in found.items():
        print(f"{verb:10}", dict(outcomes))
    return bad


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:3] or [RUNS])))
