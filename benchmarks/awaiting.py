"""Searches awaited in an event loop beside the same on threads: python benchmarks/awaiting.py.

For asyncio, for uvloop, and for a loop that cannot read descriptors, so that a thread tells it. All
take turns, in rounds; ratios are medians over the rounds.

- one: a search at a time, awaited, and called on the thread itself; median microseconds.
- hundred: 100 gathered, against the same 100 on two threads that call `search`.
- executor: the same 100 as ``loop.run_in_executor`` of two threads, against these.
- thousands: 5,000 gathered, a second; the threads of Python, and of the process, meanwhile.
- late: by how many milliseconds the loop calls back late what is due every millisecond, while 100
  searches are in flight all the time, and while the loop is idle; 99 of 100, and the worst.
"""

from __future__ import annotations

import argparse
import asyncio
import pathlib
import statistics
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import uvloop
from clustered import clustered
from neighbours import Neighbours

import ruvector as rv

K, AT_ONCE, MANY, THREADS = 10, 100, 5000, 2
TICK = 0.001


class Told(asyncio.SelectorEventLoop):
    """A loop that watches no descriptors for others, as that of Windows."""

    def add_reader(self, *_: Any) -> None:
        """Say so."""
        raise NotImplementedError


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
    "thread": Told,
}


class Run:
    """One loop that lives as long as the benchmark, and what is measured in it."""

    def __init__(self, kind: str, index: rv.Index, queries: np.ndarray) -> None:
        self.runner = asyncio.Runner(loop_factory=LOOPS[kind])
        self.index, self.queries = index, queries
        self.most = (0, 0)

    def timed(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> float:
        """Seconds that a coroutine takes in the loop."""

        async def clocked() -> float:
            begin = time.perf_counter()
            await main()
            return time.perf_counter() - begin

        return self.runner.run(clocked())

    async def one(self) -> list[float]:
        """Seconds of searches one after another."""
        spent = []
        for query in self.queries[:300]:
            begin = time.perf_counter()
            await self.index.search_async(query, K)
            spent.append(time.perf_counter() - begin)
        return spent

    async def gathered(self, count: int = AT_ONCE) -> None:
        """Search for many queries at once."""
        await asyncio.gather(*[self.index.search_async(q, K) for q in self.queries[:count]])

    async def thousands(self) -> None:
        """Search for MANY at once, and look at the threads meanwhile."""
        work = asyncio.ensure_future(self.gathered(MANY))
        while not work.done():
            tasks = len(list(pathlib.Path("/proc/self/task").iterdir()))
            self.most = max(self.most[0], threading.active_count()), max(self.most[1], tasks)
            await asyncio.sleep(0.01)
        await work

    async def executor(self, pool: ThreadPoolExecutor) -> None:
        """Search as one does without the twins."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *[loop.run_in_executor(pool, self.index.search, q, K) for q in self.queries[:AT_ONCE]]
        )

    async def late(self, seconds: float, busy: bool) -> list[float]:
        """By how many seconds calls are late, with AT_ONCE searches in flight or none."""
        loop, delays = asyncio.get_running_loop(), []
        due, end, stopped = 0.0, loop.time() + seconds, asyncio.Event()

        def tick() -> None:
            nonlocal due
            delays.append(loop.time() - due)
            if loop.time() > end:
                stopped.set()
                return
            due = loop.time() + TICK
            loop.call_at(due, tick)

        async def searching(first: int) -> None:
            at = first
            while not stopped.is_set():
                await self.index.search_async(self.queries[at % len(self.queries)], K)
                at += AT_ONCE

        due = loop.time()
        tick()
        await asyncio.gather(stopped.wait(), *map(searching, range(AT_ONCE if busy else 0)))
        return delays


def on_threads(index: rv.Index, queries: np.ndarray, pool: ThreadPoolExecutor) -> float:
    """Seconds of AT_ONCE searches that the threads of a pool call."""
    begin = time.perf_counter()
    list(pool.map(lambda query: index.search(query, K), queries[:AT_ONCE]))
    return time.perf_counter() - begin


def called(index: rv.Index, queries: np.ndarray) -> list[float]:
    """Seconds of searches that this thread calls one after another."""
    spent = []
    for query in queries[:300]:
        begin = time.perf_counter()
        index.search(query, K)
        spent.append(time.perf_counter() - begin)
    return spent


def measure(rows: int, dim: int, rounds: int) -> list[str]:
    """Return the lines of the table."""
    vectors, queries = clustered(rows, MANY, dim)
    index = rv.Index.build(vectors, metric="dot")
    runs = {kind: Run(kind, index, queries) for kind in LOOPS}
    names = "one", "hundred", "executor", "thousands", "busy", "idle"
    found: dict[str, dict[str, list[Any]]] = {k: {n: [] for n in names} for k in LOOPS}
    alone: list[float] = []
    with ThreadPoolExecutor(THREADS) as pool:
        on_threads(index, queries, pool)
        for _ in range(rounds):
            alone += called(index, queries)
            for kind, run in runs.items():
                got = found[kind]
                threads = on_threads(index, queries, pool)
                got["hundred"].append(run.timed(run.gathered) / threads)
                got["executor"].append(run.timed(lambda r=run: r.executor(pool)) / threads)
                got["one"] += run.runner.run(run.one())
                got["thousands"].append(run.timed(run.thousands))
                got["busy"] += run.runner.run(run.late(1, True))
                got["idle"] += run.runner.run(run.late(1, False))
    for run in runs.values():
        run.runner.close()
    lines = [
        f"{rows:,} rows of {dim}, kind {index.kind}, k = {K}, {rounds} rounds; a search that the "
        f"thread calls takes {statistics.median(alone) * 1e6:.0f} us",
        "",
        "| loop | one, us | hundred | executor | thousands, s | threads: Python, all "
        "| late, ms: p99, worst | idle |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, got in found.items():
        lines.append(
            f"| {kind} | {statistics.median(got['one']) * 1e6:.0f} "
            f"| {statistics.median(got['hundred']):.2f}x "
            f"| {statistics.median(got['executor']):.2f}x "
            f"| {statistics.median(got['thousands']):.2f} "
            f"| {runs[kind].most[0]}, {runs[kind].most[1]} "
            f"| {_late(got['busy'])} | {_late(got['idle'])} |"
        )
    return lines


def _late(delays: list[float]) -> str:
    return f"{np.quantile(delays, 0.99) * 1e3:.1f}, {max(delays) * 1e3:.1f}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with Neighbours() as others:
        lines = measure(given.rows, given.dim, given.rounds)
    print("\n".join(lines))
    print(f"\nOther processes used {others.cores or 0:.1f} cores meanwhile.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
