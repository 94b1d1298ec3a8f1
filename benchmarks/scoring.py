"""`rv.score_parquet` on many rows: beside the engine alone, and killed again and again.

    python benchmarks/scoring.py --rows 5000000 --dim 384 --index 100000 --kills 20

Writes parquet files of random vectors near common centres, scores them against an index, and
compares the time with that of `Index.search` on the same rows in memory. Then the job is killed
(SIGKILL) at random times and begun again, until it is done: its folder must have the bytes of the
undisturbed run, and no finished part may have been touched. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import numpy.typing as npt

import ruvector as rv

K = 10
GROUP = 50_000  # rows of a row group
CENTRES = 2_000


def drawn(seed: int, rows: int, dim: int) -> npt.NDArray[np.float32]:
    """Return rows near one of some centres that all seeds share."""
    centres = np.random.default_rng(1).standard_normal((CENTRES, dim), dtype="f4")
    chance = np.random.default_rng(seed)
    found = chance.standard_normal((rows, dim), dtype="f4")
    found += centres[chance.integers(0, CENTRES, rows)]
    return found


def write(folder: pathlib.Path, rows: int, dim: int, each: int) -> None:
    """Write the inputs: row numbers, and vectors as fixed-size lists; `each` rows in a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema({"n": pa.int64(), "emb": pa.list_(pa.float32(), dim)})
    for start in range(0, rows, each):
        options: dict[str, Any] = {"use_dictionary": False, "write_statistics": ["n"]}
        path = folder / f"{start // each:04}.parquet"
        with pq.ParquetWriter(path, schema, compression="none", **options) as file:
            for at in range(start, min(start + each, rows), GROUP):
                n = min(GROUP, rows - at, start + each - at)
                emb = pa.array(drawn(1000 + at, n, dim).ravel())
                columns = [pa.array(range(at, at + n)), pa.FixedSizeListArray.from_arrays(emb, dim)]
                file.write_table(pa.table(columns, schema=schema), row_group_size=GROUP)


def engine(index: rv.Index, rows: int, dim: int) -> tuple[float, float]:
    """Return seconds, by the clock and of all cores, of searching with the same rows in memory."""
    spent, busy = 0.0, 0.0
    for at in range(0, rows, GROUP):
        batch = drawn(1000 + at, min(GROUP, rows - at), dim)
        begin, began = time.perf_counter(), time.process_time()
        index.search(batch, K)
        spent += time.perf_counter() - begin
        busy += time.process_time() - began
    return spent, busy


def job(folder: pathlib.Path) -> list[str]:
    """Return the command that scores the inputs of a folder; see `child`."""
    return [sys.executable, __file__, "--child", str(folder)]


def child(folder: pathlib.Path, out: str) -> None:
    """Score the inputs of a folder, and print what it took."""
    report = rv.score_parquet(folder / "in", folder / "x.rvx", out=folder / out, on="emb", k=K)
    used = resource.getrusage(resource.RUSAGE_SELF)
    said = {
        "seconds": report.seconds, "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss << 10, "parts": report.parts, "rows_out": report.rows_out,
    }  # fmt: skip
    print(json.dumps(said))


def marks(out: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Return file number and time of change of every part that the manifest has."""
    try:
        job = json.loads((out / "_ruvector_job.json").read_bytes())
    except FileNotFoundError:
        return {}
    names = [part["name"] for entry in job["inputs"] for part in entry["parts"]]
    found = {name: os.stat(out / name) for name in names}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


def killed(folder: pathlib.Path, kills: int, longest: float, chance: random.Random) -> list[str]:
    """Kill the job again and again, then let it end; returns what is wrong."""
    out, wrong = folder / "killed", []
    before: dict[str, tuple[int, int]] = {}
    for _ in range(kills):
        process = subprocess.Popen([*job(folder), "killed"], stdout=subprocess.PIPE)
        time.sleep(chance.uniform(0.0, longest))
        process.kill()
        process.communicate()
        now = marks(out)
        wrong += [f"{name} was touched" for name, mark in before.items() if now.get(name) != mark]
        before = now
    subprocess.run([*job(folder), "killed"], check=True, stdout=subprocess.PIPE)
    now = marks(out)
    wrong += [f"{name} was touched" for name, mark in before.items() if now.get(name) != mark]
    return wrong + differing(folder / "whole", out)


def differing(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    """Return the names of files that two folders have not alike."""
    names = sorted({path.name for folder in (one, other) for path in folder.iterdir()})
    wrong = []
    for name in names:
        paths = one / name, other / name
        if not all(path.exists() for path in paths):
            wrong.append(f"{name} is in one folder alone")
        elif subprocess.run(["cmp", "-s", *paths], check=False).returncode:
            wrong.append(f"{name} differs")
    return wrong


def measured(folder: pathlib.Path, given: argparse.Namespace) -> dict[str, Any]:
    """Run everything in a folder; returns the figures."""
    (folder / "in").mkdir()
    write(folder / "in", given.rows, given.dim, given.file)
    index = rv.Index.build(drawn(7, given.index, given.dim), keep="copy")
    index.save(folder / "x.rvx", vectors=True)
    seed = given.seed or int(time.time())
    found: dict[str, Any] = {
        "version": rv.__version__, "cpu": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)), "rows": given.rows, "dim": given.dim,
        "index": repr(index), "index_bytes": (folder / "x.rvx").stat().st_size, "k": K,
        "file": given.file, "seed": seed,
    }  # fmt: skip
    if not given.no_engine:
        found["engine_seconds"], found["engine_cpu_seconds"] = engine(index, given.rows, given.dim)
    index.close()
    done = subprocess.run([*job(folder), "whole"], check=True, stdout=subprocess.PIPE)
    found |= json.loads(done.stdout)
    if not given.no_engine:
        found["ratio"] = found["seconds"] / found["engine_seconds"]
        found["cpu_ratio"] = found["cpu_seconds"] / found["engine_cpu_seconds"]
    longest = max(1.0, 2 * found["seconds"] / (given.kills + 1))
    begin = time.perf_counter()
    found["wrong"] = killed(folder, given.kills, longest, random.Random(seed))
    found["kills"], found["killed_seconds"] = given.kills, time.perf_counter() - begin
    return found


def main() -> int:
    """Print the figures as JSON; returns 1 when the killed job went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    numbers = {"rows": 5_000_000, "file": 1_000_000, "dim": 384, "index": 100_000, "kills": 20}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seed", type=int, default=0, help="of the kills; 0: by the clock")
    parser.add_argument("--folder", default=None, help="where scratch goes; removed at the end")
    parser.add_argument("--no-engine", action="store_true", help="leave the comparison out")
    parser.add_argument("--child", nargs=2, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(pathlib.Path(given.child[0]), given.child[1])
        return 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="scoring-", dir=given.folder))
    try:
        found = measured(folder, given)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found, indent=1))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
