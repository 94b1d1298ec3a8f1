"""Ray Data and Spark with two workers, compared with this process: the same rows, and the time.

    build/clusters/bin/python benchmarks/clusters.py [--rows 500000]

Left rows are parquet, scored against an index of 50,000 rows, and written as parquet. What an
engine takes to begin is measured with the same job on 1,000 rows, and taken off. Prints lines for
benchmarks/clusters.md. Run it with PYTHONPATH=python and PYSPARK_PYTHON set to the interpreter.
"""

from __future__ import annotations

import argparse
import logging
import os
import pathlib
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

import ruvector as rv

DIM, INDEXED, K, PER_FILE = 64, 50_000, 10, 62_500
TICKS = os.sysconf("SC_CLK_TCK")


def vectors(rows: int, seed: int) -> Any:
    """Rows near one of 200 points."""
    random = np.random.default_rng(seed)
    points = np.random.default_rng(9).normal(size=(200, DIM)).astype(np.float32)
    made = points[random.integers(0, 200, rows)]
    made += random.normal(size=(rows, DIM)).astype(np.float32)
    return made


def write_rows(folder: pathlib.Path, rows: int) -> pathlib.Path:
    """Write left rows as parquet files; returns their folder."""
    folder.mkdir()
    for part, first in enumerate(range(0, rows, PER_FILE)):
        count = min(PER_FILE, rows - first)
        cells = vectors(count, 100 + part).ravel()
        lists = pa.ListArray.from_arrays(
            pa.array(np.arange(0, cells.size + 1, DIM, dtype=np.int32)), pa.array(cells)
        )
        table = pa.table({"row": np.arange(first, first + count), "v": lists})
        pq.write_table(table, folder / f"{part:04d}.parquet", row_group_size=PER_FILE)
    return folder


def local(source: pathlib.Path, index: str, out: pathlib.Path) -> None:
    """Score in this process, a file at a time."""
    out.mkdir()
    held = rv.Index.load(index)
    for file in sorted(source.iterdir()):
        answer = rv.sim_join(pq.read_table(file), held, on="v", k=K, progress=False)
        pq.write_table(answer.select(["row", "rank", "id", "cosine_similarity"]), out / file.name)


def on_ray(source: pathlib.Path, index: str, out: pathlib.Path) -> None:
    """Score on Ray Data."""
    import ray.data

    import ruvector.ray as rvr

    rvr.score(ray.data.read_parquet(str(source)), index, on="v", k=K).write_parquet(str(out))


def on_spark(source: pathlib.Path, index: str, out: pathlib.Path) -> None:
    """Score on Spark."""
    from pyspark.sql import SparkSession

    import ruvector.spark as rvs

    session = SparkSession.getActiveSession()
    assert session is not None
    rvs.score(session.read.parquet(str(source)), index, on="v", k=K).write.parquet(str(out))


def begin_ray() -> None:
    """Start a cluster of two cores."""
    import ray
    import ray.data

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def begin_spark() -> None:
    """Start a session of two cores."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    builder = builder.config("spark.driver.host", "127.0.0.1")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "20000").getOrCreate()


def rows_of(folder: pathlib.Path) -> Any:
    """Return an answer in order."""
    table = pads.dataset(str(folder), format="parquet").to_table()
    return table.sort_by([("row", "ascending"), ("rank", "ascending")])


def cpu() -> float:
    """Return the seconds of processor that this process and all below it have used."""
    stats: dict[int, tuple[int, float]] = {}
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended
            stats[int(folder.name)] = int(fields[1]), sum(map(int, fields[11:15])) / TICKS
    mine, grew = {os.getpid()}, True
    while grew:
        more = {pid for pid, (parent, _) in stats.items() if parent in mine}
        grew = not more <= mine
        mine |= more
    return sum(stats[pid][1] for pid in mine)


class Spent(NamedTuple):
    """Seconds by the clock, and of processor."""

    clock: float
    cpu: float


def measured(work: Callable[..., None], *given: Any) -> Spent:
    """Return what a call took."""
    begin, used = time.perf_counter(), cpu()
    work(*given)
    return Spent(time.perf_counter() - begin, cpu() - used)


def main() -> None:
    """Measure and print."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--rows", type=int, default=500_000)
    reader.add_argument("--runs", type=int, default=2)
    reader.add_argument("--engines", nargs="*", default=["ray", "spark"])
    asked = reader.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ruvector-clusters-"))
    try:
        index = str(folder / "index.rvx")
        rv.Index.build(vectors(INDEXED, 1), ids=np.arange(INDEXED) * 3, keep="copy").save(index)
        large, small = write_rows(folder / "rows", asked.rows), write_rows(folder / "few", 1000)
        times = [measured(local, large, index, folder / f"local{i}") for i in range(asked.runs)]
        wanted, here = rows_of(folder / "local0"), min(times)
        print(f"rows {asked.rows:,} x {DIM}, index {INDEXED:,}, k={K}")
        print(f"local: {here.clock:.1f} s, {here.cpu:.1f} s of processor", flush=True)
        for name, begin, work in (
            ("ray", begin_ray, on_ray), ("spark", begin_spark, on_spark),
        ):  # fmt: skip
            if name not in asked.engines:
                continue
            started = measured(begin)
            first = measured(work, small, index, folder / f"{name}-few0")
            again = measured(work, small, index, folder / f"{name}-few1")
            whole = measured(work, large, index, folder / f"{name}-rows")
            net, used = whole.clock - again.clock, whole.cpu - again.cpu
            found = rows_of(folder / f"{name}-rows")
            same = found.select(wanted.column_names).equals(wanted.cast(found.schema))
            print(
                f"{name}: cluster {started.clock:.1f} s, first job {first.clock:.1f} s, job of "
                f"1,000 rows {again.clock:.1f} s; {asked.rows:,} rows {whole.clock:.1f} s, without "
                f"start-up {net:.1f} s = {net / here.clock:.2f} x local; processor {used:.1f} s = "
                f"{used / here.cpu:.2f} x local; same rows and scores: {same}", flush=True,
            )  # fmt: skip
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"driver's peak {peak} MiB, index file {pathlib.Path(index).stat().st_size:,} bytes")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
