"""A lake beside a direct index of the same rows: python benchmarks/lake.py.

What is compared takes turns; ratios and differences are medians over the turns.

- hit: `search_one` of a warm collection and `Index.search` with the same rerank, one call each in
  turn; microseconds of both and of the difference, for stores in memory and in a folder.
- clients: searches a second of 1, 2 and 8 threads on one warm collection.
- hundred: 100 awaited searches gathered, against the same 100 on two threads.
- warm: seconds to build an index of a store, and to warm it from a folder; the first query after
  that, and the median of the next thousand, in microseconds, in a process of its own.
- rate: hits of all searches in a workload of 10,000 searches over 20 collections (Zipf), of which
  one changes after every 250 searches.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from clustered import clustered

import ruvector as rv

K, FACTOR = 10, 20
SECONDS = 1.0  # of one measurement of clients
KEY = ("mine", "docs")


def hit(turns: int) -> list[dict[str, Any]]:
    """Return medians of a call on a lake and on an index, which take turns call by call."""
    found = []
    for kind, count, dim in (("exact", 200, 32), ("flat", 2_000, 64), ("flat", 50_000, 128)):
        rows, queries = clustered(count, 100, dim, clusters=20)
        ids = np.arange(count) * 3
        index = rv.Index.build(rows, ids=ids, metric="l2", kind=kind)
        with tempfile.TemporaryDirectory() as folder:
            local, disk = rv.LocalBackend("mine"), rv.FsBackend("disk", folder)
            local.put("docs", ids, rows)
            disk.put("files", ids.astype(np.uint64), rows)
            lake = rv.RuLake([local, disk], kind=kind)
            calls: dict[str, Callable[[Any], Any]] = {
                "index": lambda q, i=index: i.search(q, K, rerank=FACTOR * K),
                "local": lambda q, s=lake: s.search_one("docs", q, K),
                "fs": lambda q, s=lake: s.search_one("files", q, K),
            }
            spent = _interleaved(calls, queries, turns)
        row = {name: float(np.median(times)) for name, times in spent.items()}
        for name in ("local", "fs"):
            row[name + " - index"] = float(np.median(spent[name] - spent["index"]))
        found.append({"kind": kind, "rows": count, "dim": dim, **row})
    return found


def _interleaved(
    calls: dict[str, Callable[[Any], Any]], queries: np.ndarray, turns: int
) -> dict[str, np.ndarray]:
    """Return microseconds of each call, of which one after the other is made with each query."""
    spent = {name: np.empty(turns) for name in calls}
    for call in calls.values():
        for query in queries:
            call(query)
    clock, order = time.perf_counter_ns, list(calls.items())
    for i in range(turns):
        query = queries[i % len(queries)]
        for j in range(len(order)):  # each comes first as often: that one finds colder caches
            name, call = order[(i + j) % len(order)]
            begin = clock()
            call(query)
            spent[name][i] = (clock() - begin) / 1e3
    return spent


def _large() -> tuple[rv.RuLake, np.ndarray]:
    """Return a warm lake of 50,000 rows of 128 numbers, and queries."""
    rows, queries = clustered(50_000, 100, 128, clusters=100)
    store = rv.LocalBackend("mine")
    store.put("docs", None, rows)
    lake = rv.RuLake([store])
    lake.prime(KEY)
    lake.search_one("docs", queries[0])
    return lake, queries


def clients(turns: int) -> dict[str, float]:
    """Return searches a second of threads on one lake, and how they grow."""
    lake, queries = _large()
    rates: dict[int, list[float]] = {1: [], 2: [], 8: []}
    for _ in range(turns):
        for n, all_rates in rates.items():
            all_rates.append(_rate(lake, queries, n))
    best = {str(n): statistics.median(found) for n, found in rates.items()}
    ratio = statistics.median(b / a for a, b in zip(rates[1], rates[8], strict=True))
    return {**best, "8 over 1": ratio}


def _rate(lake: rv.RuLake, queries: np.ndarray, n: int) -> float:
    done, stop = [0] * n, time.perf_counter() + SECONDS

    def client(me: int) -> None:
        i = me
        while time.perf_counter() < stop:
            lake.search_one("docs", queries[i % len(queries)], K)
            i += 1
            done[me] += 1

    threads = [threading.Thread(target=client, args=(me,)) for me in range(n)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begin)


def hundred(turns: int) -> dict[str, float]:
    """Return milliseconds of 100 searches, gathered and on two threads."""
    lake, queries = _large()
    spent: dict[str, list[float]] = {"gathered": [], "threads": []}

    async def together() -> float:
        begin = time.perf_counter()
        await asyncio.gather(*(lake.search_one_async("docs", query, K) for query in queries))
        return time.perf_counter() - begin

    with ThreadPoolExecutor(2) as pool, asyncio.Runner() as runner:
        for _ in range(turns):
            begin = time.perf_counter()
            list(pool.map(lambda query: lake.search_one("docs", query, K), queries))
            spent["threads"].append(time.perf_counter() - begin)
            spent["gathered"].append(runner.run(together()))
    pairs = zip(spent["gathered"], spent["threads"], strict=True)
    best = {name: 1e3 * statistics.median(times) for name, times in spent.items()}
    return {**best, "gathered over threads": statistics.median(a / b for a, b in pairs)}


READER = """
import json, sys, time, numpy as np, ruvector as rv
rv.cpu_features()
query = np.load(sys.argv[2])
lake = rv.RuLake(consistency=rv.Consistency.FROZEN)
begin = time.perf_counter()
lake.warm_from_dir(("mine", "docs"), sys.argv[1])
warm = time.perf_counter() - begin
spent = []
for q in np.vstack((query[:1], np.repeat(query, 10, axis=0))):
    begin = time.perf_counter()
    lake.search_one("docs", q, backend="mine")
    spent.append(time.perf_counter() - begin)
print(json.dumps([warm, spent[0] * 1e6, float(np.median(spent[1:]) * 1e6)]))
"""


def warm(turns: int) -> dict[str, float]:
    """Return how long a build and a warm start take, and the queries after it."""
    rows, queries = clustered(50_000, 100, 128, clusters=100)
    store = rv.LocalBackend("mine")
    store.put("docs", None, rows)
    builds, warms, firsts, steady = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        asked = pathlib.Path(folder, "queries.npy")
        np.save(asked, queries)
        for turn in range(turns):
            lake = rv.RuLake([store])
            begin = time.perf_counter()
            lake.prime(KEY)
            builds.append(time.perf_counter() - begin)
            saved = pathlib.Path(folder, str(turn))
            lake.save_cache_to_dir(KEY, saved)
            command = [sys.executable, "-c", READER, str(saved), str(asked)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            for times, value in zip((warms, firsts, steady), json.loads(done.stdout), strict=True):
                times.append(value)
    ratios = {
        "warm over build": zip(warms, builds, strict=True),
        "first over steady": zip(firsts, steady, strict=True),
    }
    return {
        "build s": statistics.median(builds),
        "warm s": statistics.median(warms),
        "first us": statistics.median(firsts),
        "steady us": statistics.median(steady),
        **{name: statistics.median(a / b for a, b in pairs) for name, pairs in ratios.items()},
    }


def rate(_: int) -> dict[str, float]:
    """Return the hit rate of a workload whose collections change."""
    draw = np.random.default_rng(15)
    store = rv.LocalBackend("mine")
    for name in range(20):
        store.put(str(name), None, draw.standard_normal((500, 32)).astype(np.float32))
    lake = rv.RuLake([store])
    query = draw.standard_normal(32).astype(np.float32)
    which = (draw.zipf(1.3, 10_000) - 1) % 20
    for i, name in enumerate(which.tolist()):
        if i % 250 == 249:
            store.upsert(str(draw.integers(20)), [0], query[None])
        lake.search_one(str(name), query)
    stats = lake.cache_stats()
    assert stats.hit_rate is not None
    return {"hit rate": stats.hit_rate, "primes": stats.primes}


PARTS: dict[str, tuple[Callable[[int], Any], int]] = {
    "hit": (hit, 3000), "clients": (clients, 5), "hundred": (hundred, 15), "warm": (warm, 5),
    "rate": (rate, 1),
}  # fmt: skip


def main() -> None:
    """Print what was asked for as JSON, a line a part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--turns", type=int, help="instead of what is usual for a part")
    args = parser.parse_args()
    for name in args.parts or PARTS:
        part, turns = PARTS[name]
        print(json.dumps({name: part(args.turns or turns)}), flush=True)


if __name__ == "__main__":
    main()
