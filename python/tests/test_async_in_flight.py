"""What `search_async` and `build_async` leave to others: the loop, threads, what is cancelled."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from test_async_verbs import BATCH, MASK, QUERY, RNG, ROWS, D, N, embed, failure_of, run, same

import ruvector as rv
from ruvector import _native

__all__ = ["run"]


@pytest.fixture(scope="module")
def indexes() -> dict[str, rv.Index]:
    return {kind: rv.Index.build(ROWS, kind=kind) for kind in ("exact", "flat", "ivf")}


def test_texts_are_embedded_on_another_thread(run, indexes):
    seen = []

    def embedder(texts: list[str]) -> np.ndarray:
        seen.append(threading.current_thread())
        return embed(texts)

    async def main():
        seen.append(threading.current_thread())
        await indexes["flat"].search_async("words", embedder=embedder)

    run(main)
    assert len(seen) == 2
    assert seen[0] is not seen[1]


class Rows(Sequence[np.ndarray]):
    """Vectors of a kind that nobody knows, which notes who reads them."""

    def __init__(self) -> None:
        self.readers: set[threading.Thread] = set()

    def __len__(self) -> int:
        return len(BATCH)

    def __getitem__(self, at: Any) -> Any:
        self.readers.add(threading.current_thread())
        return BATCH[at]


def test_what_may_take_long_to_read_is_read_on_another_thread(run, indexes):
    vectors, queries = Rows(), Rows()

    async def main():
        mine = threading.current_thread()
        await rv.Index.build_async(vectors)
        await indexes["flat"].search_async(queries)
        return mine

    mine = run(main)
    assert vectors.readers
    assert queries.readers
    assert mine not in vectors.readers | queries.readers


def test_arrays_may_change_once_the_search_has_begun(run, indexes):
    index = indexes["flat"]

    async def main():
        query, batch, mask = QUERY.copy(), BATCH.copy(), MASK.copy()
        waits = [
            asyncio.ensure_future(work)
            for work in (
                index.search_async(query, 5),
                index.search_async(batch, 5),
                index.search_async(query, 5, where=mask),
            )
        ]
        await asyncio.sleep(0)
        query[:], batch[:], mask[:] = 0, 0, False
        return await asyncio.gather(*waits)

    one, batch, masked = run(main)
    same(one, index.search(QUERY, 5))
    same(batch, index.search(BATCH, 5))
    same(masked, index.search(QUERY, 5, where=MASK))


def test_each_task_has_its_last_plan(run, indexes):
    async def look(name: str) -> str | None:
        await indexes[name].search_async(QUERY, where=MASK.tolist())
        await asyncio.sleep(0)
        plan = rv.last_plan()
        return None if plan is None else plan.kind

    async def main():
        return await asyncio.gather(look("exact"), look("flat"), look("ivf"))

    assert run(main) == ["exact", "flat", "ivf"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_five_thousand_searches_need_no_thread_of_python(loop):
    """In a process of its own: other tests' stores have threads that come and go."""
    code = f"""
        import asyncio, os, threading, {loop}
        import numpy as np, ruvector as rv

        rows = np.random.default_rng(1).standard_normal((25_000, 32), dtype=np.float32)
        index, queries = rv.Index.build(rows, kind="flat"), rows[:5000] + 0.1
        index.search(queries[:100])
        system = lambda: len(os.listdir("/proc/self/task"))
        before, threads, seen = system(), threading.active_count(), []

        async def main():
            waits = [asyncio.ensure_future(index.search_async(q, 3)) for q in queries]
            while not waits[-1].done():
                seen.append((threading.active_count(), system()))
                await asyncio.sleep(0.01)
            return await asyncio.gather(*waits)

        results = {loop}.run(main())
        assert {{python for python, _ in seen}} == {{threads}}, seen
        most = before + 3 * os.cpu_count() + 8  # threads of Go, a few for each core
        assert max(system for _, system in seen) <= most, seen
        answer = index.search(queries, 3)
        np.testing.assert_array_equal(np.stack([r.ids for r in results]), answer.ids)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_the_number_of_threads_stays_what_it_was():
    code = """
        import asyncio
        import numpy as np, ruvector as rv
        index = rv.Index.build(np.tile(np.eye(64, dtype=np.float32), (400, 1)), kind="flat")
        queries = np.tile(np.eye(64, dtype=np.float32), (20, 1))
        before = index.search(queries).plan.threads, rv._native.library_info()["threads"]
        asyncio.run(index.search_async(queries))
        after = index.search(queries).plan.threads, rv._native.library_info()["threads"]
        print(before == after)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "True"


async def longest_turn(index: rv.Index, queries: np.ndarray) -> float:
    """Return for how many seconds at most the loop's thread computes between two calls of a timer.

    100 searches are in flight meanwhile. The first turns, which begin as many at once, as was asked
    for, do not count.
    """
    loop, ended, last = asyncio.get_running_loop(), False, time.thread_time()
    spent: list[float] = []

    def tick() -> None:
        nonlocal last
        spent.append(time.thread_time() - last)
        if not ended:
            last = time.thread_time()
            loop.call_later(0.001, tick)

    async def search(first: int) -> None:
        for query in queries[first::100]:
            await index.search_async(query, 3)

    loop.call_soon(tick)
    await asyncio.gather(*map(search, range(100)))
    ended = True
    assert len(spent) > 10
    return max(spent[3:])


def test_callbacks_of_others_have_their_turn_soon(run):
    """The best of three: the clock of a thread sees other processes, too, if less than others do.

    benchmarks/awaiting.py shows the time of the clock on the wall.
    """
    index = rv.Index.build(np.tile(ROWS, (10, 1)), kind="flat")
    queries = RNG.standard_normal((2000, D), dtype=np.float32)

    async def main():
        return min([await longest_turn(index, queries) for _ in range(3)])

    gc.collect()
    gc.disable()  # what it does is not ours
    try:
        assert run(main) < 0.01
    finally:
        gc.enable()


# ---- cancelling and closing ----


@pytest.fixture(scope="module")
def wide() -> rv.Index:
    """An index whose exact search of a batch takes long."""
    return rv.Index.build(RNG.standard_normal((60_000, 128), dtype=np.float32), kind="exact")


def handles() -> int:
    count: int = _native.library_info()["handles"]
    return count


def test_cancelled_searches_end_soon_and_leave_nothing(run, wide):
    queries = RNG.standard_normal((20_000, 128), dtype=np.float32)

    async def main():
        assert len((await wide.search_async(queries[0], 3)).ids) == 3
        before = handles()
        waits = [asyncio.ensure_future(wide.search_async(queries, 3)) for _ in range(5)]
        waits += [asyncio.ensure_future(wide.search_async(q, 3)) for q in queries[:200]]
        waits.append(asyncio.ensure_future(rv.Index.build_async(wide, kind="ivf")))
        while handles() < before + 5:  # the long ones are begun by another thread
            await asyncio.sleep(0.001)
        begin = time.monotonic()
        for wait in waits:
            wait.cancel()
        ends = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(end) for end in ends} <= {asyncio.CancelledError, rv.SearchResult}
        assert all(isinstance(end, asyncio.CancelledError) for end in ends[:5])
        while handles() > before:
            await asyncio.sleep(0.001)
        return time.monotonic() - begin, await wide.search_async(queries[0], 3)

    seconds, result = run(main)
    assert seconds < 5, "some milliseconds, on a machine that is busy"
    same(result, wide.search(queries[0], 3))


def test_a_build_that_is_cancelled_gives_its_column_back(run):
    rows = RNG.standard_normal((60_000, 128), dtype=np.float32)
    rows.sum()

    async def main():
        wait = asyncio.ensure_future(rv.Index.build_async(rows, kind="ivf"))
        before = handles()
        while handles() < before + 2:  # column and task
            await asyncio.sleep(0.001)
        kept = _native.arrow.kept()
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        while _native.arrow.kept() >= kept:
            await asyncio.sleep(0.001)

    run(main)


def test_an_index_may_be_closed_while_it_is_searched(run):
    async def main():
        index = rv.Index.build(ROWS, kind="flat")
        waits = [asyncio.ensure_future(index.search_async(q)) for q in np.tile(BATCH, (20, 1))]
        await asyncio.sleep(0)
        index.close()
        ends = await asyncio.gather(*waits, return_exceptions=True)
        error = await failure_of(index.search_async(QUERY))
        return {type(end) for end in ends}, error

    kinds, error = run(main)
    assert kinds <= {rv.SearchResult, rv.IndexClosed}
    assert isinstance(error, rv.IndexClosed)


def test_searches_go_on_while_rows_are_added(run):
    async def main():
        index = rv.Index.build(ROWS, kind="flat")
        for _ in range(20):
            waits = [asyncio.ensure_future(index.search_async(q, 3)) for q in BATCH]
            index.add(None, BATCH)
            for result in await asyncio.gather(*waits):
                assert len(result.ids) == 3
        return len(index)

    assert run(main) == N + 20 * len(BATCH)


@pytest.mark.parametrize("run", ["asyncio.run", "uvloop.run"])
def test_an_interrupt_ends_what_is_awaited(run):
    code = f"""
        import asyncio, gc, os, signal, threading, time
        import numpy as np, uvloop
        import ruvector as rv

        signal.signal(signal.SIGINT, signal.default_int_handler)
        rows = np.random.default_rng(1).standard_normal((60_000, 128), dtype=np.float32)

        async def main():
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            while True:
                await rv.Index.build_async(rows, kind="ivf")

        try:
            {run}(main())
        except KeyboardInterrupt:
            print("interrupted")
        end = time.monotonic() + 10
        while rv._native.library_info()["handles"] and time.monotonic() < end:
            gc.collect()
            time.sleep(0.01)
        print(rv._native.library_info()["handles"])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["interrupted", "0"], "no column, task or index is left"
