"""Vectors out of parquet: python benchmarks/parquet.py [--rows N].

`rv.read_vectors` beside what people write with pyarrow, polars and DuckDB to get a float32 matrix,
on one core, from the page cache. Times are the best of three that took turns, in seconds of the
processor: they do not count what other processes took.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from neighbours import Neighbours

import ruvector as rv

os.environ.setdefault("POLARS_MAX_THREADS", "1")
import polars as pl

DIM = 768
ROUNDS = 3
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"compression": "NONE"},
    "plain with checksums": {"compression": "NONE", "write_page_checksum": True},
    "snappy": {"compression": "SNAPPY"},
    "zstd": {"compression": "ZSTD"},
    "byte-stream-split": {"compression": "NONE", "use_byte_stream_split": True},
    "byte-stream-split, zstd": {"compression": "ZSTD", "use_byte_stream_split": True},
}


def write(folder: str, rows: int) -> None:
    """Write the files; numbers are normal."""
    matrix = np.random.default_rng(20).normal(size=(rows, DIM)).astype(np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), DIM)
    for kind, options in KINDS.items():
        pq.write_table(
            pa.table({"v": lists}), os.path.join(folder, kind), use_dictionary=False,
            row_group_size=16_384, **options,
        )  # fmt: skip


def ours(path: str) -> npt.NDArray[np.float32]:
    """Read with one thread."""
    return np.asarray(rv.read_vectors(path, threads=1))


def stacked(path: str) -> npt.NDArray[np.float32]:
    """Read with pyarrow, and stack what is an array a row."""
    return np.stack(pq.read_table(path, use_threads=False)["v"].to_numpy())


def flattened(path: str) -> npt.NDArray[np.float32]:
    """Read with pyarrow, and know that all rows have one length."""
    column = pq.read_table(path, use_threads=False)["v"].combine_chunks()
    return column.flatten().to_numpy().reshape(-1, DIM)


def polars(path: str) -> npt.NDArray[np.float32]:
    """Read with polars."""
    return pl.read_parquet(path)["v"].to_numpy()


def ducks(path: str) -> npt.NDArray[np.float32]:
    """Read with DuckDB, by way of Arrow."""
    found = duckdb.sql(f"select v from read_parquet('{path}')").to_arrow_table()["v"]
    return found.combine_chunks().flatten().to_numpy().reshape(-1, DIM)


READERS: dict[str, Callable[[str], npt.NDArray[np.float32]]] = {
    "ours": ours, "pyarrow + np.stack": stacked, "pyarrow, flattened": flattened,
    "polars": polars, "DuckDB": ducks,
}  # fmt: skip


def compare(path: str) -> dict[str, float]:
    """Return the seconds of every reader, which must agree."""
    spent: dict[str, float] = {}
    wanted = ours(path)
    for _ in range(ROUNDS):
        for name, read in READERS.items():
            begin = time.process_time()
            have = read(path)
            used = time.process_time() - begin
            spent[name] = min(spent.get(name, used), used)
            if not np.array_equal(have, wanted):
                raise SystemExit(f"{name} reads something else")
            del have
    return spent


def codec() -> dict[str, float]:
    """Return milliseconds of a row group of zstd, and of its codec alone, in Go."""
    command = ["go", "test", "./lake/parquet", "-run", "-", "-bench", "(Group|Codec)/zstd$"]
    command += ["-cpu", "1", "-count", "6", "-benchtime", "100ms"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    best: dict[str, float] = {}
    for line in said.splitlines():
        if line.startswith("Benchmark"):
            name, _, ns = line.split()[:3]
            best[name] = min(best.get(name, np.inf), float(ns) / 1e6)
    return best


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    pa.set_cpu_count(1)
    duckdb.execute("set threads = 1")
    with tempfile.TemporaryDirectory() as folder, Neighbours() as others:
        write(folder, rows)
        print("| file | " + " | ".join(READERS) + " | GB/s a core | times |")
        print("|---" * (len(READERS) + 3) + "|")
        for kind in KINDS:
            spent = compare(os.path.join(folder, kind))
            cells = [f"{spent[name]:.3f}" for name in READERS]
            speed = rows * DIM * 4 / spent["ours"] / 1e9
            times = spent["pyarrow + np.stack"] / spent["ours"]
            print(f"| {kind} | {' | '.join(cells)} | {speed:.2f} | {times:.1f}x |", flush=True)
    for name, ms in codec().items():
        print(f"{name}: {ms:.1f} ms")
    print(f"others used {others.cores:.1f} cores meanwhile")


if __name__ == "__main__":
    main()
