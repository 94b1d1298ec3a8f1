"""The constants of docs/scale.md, measured here: `python benchmarks/scale.py` writes scale.json.
Names of measures behind it measure these alone.

All are seconds of the processor, not of a clock, on one thread: what a core does, whatever else
runs beside it. Rows are those of the peers (`peers/mixture.py`); recall aimed for is 0.95, k 10.

`sizes`    what `make peers` recorded on an idle machine, by rows of the index (kind ivf): seconds
           a query of a batch, seconds a row of the build, bytes a row of the file
`cells`    of a routed join: cells asked for the recall among 20 of 5,000 rows, and seconds a query
           in a cell of 50,000 rows
`merge`    seconds a query and part of `merge_topk`, ten parts
`parquet`
 `read`    bytes of float32 vectors that one core reads out of a plain parquet file in a second
 `score`   seconds a row of `score_parquet` beyond its search: reading, passing on, writing
 `write`   bytes a row of the output, and of the input, whose texts pass through
"""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from neighbours import Neighbours
from peers.machine import describe
from peers.mixture import mixture

import ruvector as rv

HERE = pathlib.Path(__file__).resolve().parent
DIM, K, RECALL = 384, 10, 0.95
QUERIES = 2_000
CELLS = 100_000, 20  # rows and cells that say how many cells a query asks
ROWS = 10_000, 20_000  # of the index, of the parquet file that is scored
CELL = 50_000  # rows of a cell of a routed join


def spent(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of the processor that `work` takes, the least of several."""
    best = float("inf")
    for _ in range(times):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def of_peers() -> dict[str, Any]:
    """Return what indexes of kind ivf take, as `make peers` recorded it (on two threads)."""
    recorded = json.loads((HERE / "peers" / "results.json").read_text())
    found: dict[str, Any] = {"source": recorded["machine"]}
    rate = recorded["points_are"].index("batch")
    for data in recorded["sets"]:
        ours = next(r for r in data["results"] if r["name"] == "ruvector-ivf")
        point = next(p for p in ours["points"] if p[0] == f"recall={RECALL}")
        threads, rows = recorded["machine"]["threads"], data["meta"]["n"]
        found[str(rows)] = {
            "search": threads / point[rate],
            "build": threads * ours["build"] / rows,
            "bytes": ours["disk"],
        }
    return found


def of_cells(rows: int, cells: int) -> dict[str, float]:
    """Return what a routed join needs: cells that a query asks, and seconds in one of them."""
    base = np.empty((rows, DIM), np.float32)
    asked = np.empty((QUERIES, DIM), np.float32)
    mixture(base, asked, leaves=2000, seed=7)
    with rv.Index.build(base, kind="ivf", cells=cells, recall=RECALL, progress=False) as index:
        (point,) = [
            p for p in index.info()["calibration"] if p["target"] == RECALL and p["vectors"]
        ]
    with rv.Index.build(base[:CELL]) as cell:
        return {
            "probes": point["probes"],
            "seconds": spent(lambda: cell.search(asked, K, threads=1)) / QUERIES,
        }


def of_merge(parts: int = 10, queries: int = 2_000) -> float:
    """Return the seconds that a query costs for each part whose answer is merged."""
    random = np.random.default_rng(5)
    rows = random.standard_normal((parts * 200, 32), np.float32)
    asked = random.standard_normal((queries, 32), np.float32)
    shards = [
        rv.Index.build(rows[i::parts], ids=np.arange(i, len(rows), parts)) for i in range(parts)
    ]
    found = [shard.search(asked, K) for shard in shards]
    return spent(lambda: rv.merge_topk(found, K), 9) / queries / parts


def of_parquet(index_rows: int, rows: int) -> Any:
    """Return what reading vectors costs, and scoring beyond the search."""
    with tempfile.TemporaryDirectory() as scratch:
        return _of_parquet(pathlib.Path(scratch), index_rows, rows)


def _of_parquet(folder: pathlib.Path, index_rows: int, rows: int) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    base = np.empty((index_rows, DIM), np.float32)
    asked = np.empty((rows, DIM), np.float32)
    mixture(base, asked, leaves=40, seed=7)
    values = pa.FixedSizeListArray.from_arrays(pa.array(asked.reshape(-1)), DIM)
    names = pa.array([f"a title of row {i}" for i in range(rows)])
    (folder / "in").mkdir()
    path = folder / "in" / "rows.parquet"
    pq.write_table(
        pa.table({"number": range(rows), "title": names, "emb": values}),
        path, row_group_size=5_000, use_dictionary=False, compression="none",
    )  # fmt: skip
    rv.read_vectors(path, "emb", threads=1)  # from the page cache afterwards
    read = asked.nbytes / spent(lambda: rv.read_vectors(path, "emb", threads=1))
    index = rv.Index.build(base, kind="ivf", recall=RECALL, progress=False)
    alone = spent(lambda: index.search(asked, K, threads=1), 2)
    begin = time.process_time()
    rv.score_parquet(path, index, out=folder / "out", on="emb", k=K, threads=1, progress=False)
    whole = time.process_time() - begin
    parts = sum(file.stat().st_size for file in (folder / "out").glob("*.parquet"))
    return {
        "read": read,
        "score": max(0.0, whole - alone) / rows,
        "write": {"output": parts / rows, "input": path.stat().st_size / rows},
    }


MEASURES: dict[str, Callable[[], Any]] = {
    "sizes": of_peers,
    "cells": lambda: of_cells(*CELLS),
    "merge": of_merge,
    "parquet": lambda: of_parquet(*ROWS),
}


def main() -> int:
    """Measure what is named, or everything, and write it down."""
    path = HERE / "scale.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    for name in sys.argv[1:] or MEASURES:
        with Neighbours() as neighbours:
            value = MEASURES[name]()
        others = round(neighbours.cores or 0, 1)
        found[name] = {"value": value, "run": describe(1) | {"cores others used": others}}
        path.write_text(json.dumps(found, indent=1) + "\n")
        print(name, json.dumps(value))
    return 0


if __name__ == "__main__":
    sys.exit(main())
