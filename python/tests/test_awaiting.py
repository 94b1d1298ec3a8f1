"""Tasks are awaited in event loops of every kind: one queue a loop, cancelled in the same turn."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import numpy as np
import pytest
import uvloop

from ruvector import _native
from ruvector._errors import IndexClosed, InvalidVector
from ruvector._native import waiting
from ruvector._native.build import begin_build, end_build
from ruvector._native.library import call
from ruvector._native.task import Task

ROWS, DIM = 60_000, 256
LONG = {"kind": "flat", "bits": 9, "keep": "none", "threads": 1}
PATIENCE_MS = 10_000
LOOPS = ["asyncio", "uvloop", "no add_reader"]

Main = Callable[[], Coroutine[Any, Any, Any]]


class Deaf(asyncio.SelectorEventLoop):
    """A loop that watches no descriptors for others, as the one of Windows."""

    def add_reader(self, *_: Any) -> None:
        raise NotImplementedError

    remove_reader = add_reader


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    if kind == "uvloop":
        return uvloop.new_event_loop()
    return Deaf() if kind == "no add_reader" else asyncio.SelectorEventLoop()


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Main], Any]]:
    """Run a coroutine in a loop of each kind."""
    with asyncio.Runner(loop_factory=lambda: new_loop(request.param)) as runner:
        yield lambda main: runner.run(main())


@pytest.fixture(autouse=True)
def settled() -> None:
    """Threads of earlier tests have ended: others count threads and descriptors."""
    assert soon(lambda: not relays())


def relays() -> int:
    """Return how many threads tell a loop."""
    return sum(thread.name == "ruvector-relay" for thread in threading.enumerate())


@pytest.fixture(scope="module")
def column() -> Iterator[_native.Handle]:
    handle = _native.column_from_matrix(np.random.default_rng(3).random((ROWS, DIM), np.float32))
    yield handle
    handle.close()


@pytest.fixture(scope="module")
def little() -> Iterator[_native.Handle]:
    handle = _native.column_from_matrix(np.eye(8, dtype=np.float32))
    yield handle
    handle.close()


async def built(column: _native.Handle, options: dict[str, Any] | None = None) -> int:
    """Build, await, and return how many rows the index has."""
    task = begin_build(column, None, options or {})
    await waiting.awaited(task)
    handle = end_build(task)
    rows: int = _native.info(handle)["rows"]
    handle.close()
    return rows


def pipes() -> int:
    """Return how many ends of pipes the process has open."""
    names = os.listdir("/proc/self/fd")
    links = []
    for name in names:
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return sum(link.startswith("pipe:") for link in links)


def handles() -> int:
    count: int = _native.library_info()["handles"]
    return count


def soon(true: Callable[[], bool]) -> bool:
    """Return whether something becomes true within five seconds."""
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    return true()


def ended(task: Task) -> bool:
    """Block this thread until a task has ended."""
    return task._ended(PATIENCE_MS)


def test_an_awaited_task_has_ended(run, little):
    async def main():
        return await built(little), await asyncio.gather(*[built(little) for _ in range(600)])

    before = handles()
    one, many = run(main)
    assert one == 8
    assert many == [8] * 600
    assert handles() - before <= 1, "the loop's queue alone"


def test_the_loop_goes_on_meanwhile(run, column):
    async def main():
        turns = 0
        task = asyncio.ensure_future(built(column, LONG))
        while not task.done():
            turns += 1
            await asyncio.sleep(0.001)
        return turns, await task

    turns, rows = run(main)
    assert rows == ROWS
    assert turns > 5


def test_errors_are_those_of_the_task(run):
    bad = np.eye(8, dtype=np.float32)
    bad[3, 4] = np.nan
    column = _native.column_from_matrix(bad)

    async def main():
        with pytest.raises(InvalidVector, match="row 3") as found:
            await built(column)
        return found.value

    error = run(main)
    assert (error.row, error.column) == (3, 4)
    column.close()


def test_a_cancelled_wait_cancels_the_task_in_the_same_turn(run, column):
    async def main():
        task = begin_build(column, None, LONG)
        waiter = asyncio.ensure_future(waiting.awaited(task))
        await asyncio.sleep(0)
        assert not task._ended(0)
        waiter.cancel()
        assert ended(task), "though the loop had no turn since"
        with pytest.raises(asyncio.CancelledError):
            await waiter
        await freed(task)

    run(main)


def test_a_deadline_cancels_the_task(run, column):
    async def main():
        task = begin_build(column, None, LONG)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting.awaited(task), 0.001)
        await freed(task)

    run(main)


async def freed(task: Task) -> None:
    """Return when a cancelled task was freed, by the loop, though somebody still holds it."""
    async with asyncio.timeout(10):
        while task.cell.value:
            await asyncio.sleep(0.001)


class Lent:
    """Memory that a task uses."""


def test_what_was_lent_lives_until_the_task_has_ended(run, column):
    async def main():
        lent = Lent()
        gone = weakref.ref(lent)
        task, model = Task(lent=lent), begin_build(column, None, LONG)
        task.cell.value, model.cell.value = model.cell.value, 0
        del lent
        waiter = asyncio.ensure_future(waiting.awaited(task))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        alive = gone() is not None
        assert alive or not task.cell.value
        await freed(task)
        assert gone() is None

    before = handles()
    run(main)
    assert handles() - before <= 1


def test_a_coroutine_that_is_closed_cancels_its_task(run, column):
    async def main():
        await built(column, {"kind": "exact"})
        task = begin_build(column, None, LONG)
        coroutine = waiting.awaited(task)
        coroutine.send(None)
        coroutine.close()
        assert ended(task)
        with pytest.raises(KeyboardInterrupt):  # what the library calls cancelled
            call("rv_task_result", task.cell.value, ctypes.byref(ctypes.c_uint64()))
        await freed(task)

    run(main)


@pytest.mark.parametrize("kind", LOOPS)
def test_a_closed_loop_leaves_no_descriptor_and_no_thread(kind, little, column):
    before, count = pipes(), handles()
    for _ in range(5):
        loop = new_loop(kind)
        assert loop.run_until_complete(built(little)) == 8
        loop.close()
    del loop
    assert soon(lambda: not relays())
    assert soon(lambda: pipes() <= before)
    assert soon(lambda: handles() <= count)


@pytest.mark.parametrize("kind", LOOPS)
def test_a_loop_closed_amid_work_leaves_nothing(kind, column):
    before, count = pipes(), handles()
    loop = new_loop(kind)
    task = loop.create_task(built(column, LONG))
    loop.run_until_complete(asyncio.sleep(0))
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    del task, loop
    assert soon(lambda: not relays())
    assert soon(lambda: pipes() <= before)
    assert soon(lambda: handles() <= count)


def test_a_loop_closed_in_use_keeps_no_descriptor_itself(little):
    before = pipes()
    loop = asyncio.SelectorEventLoop()
    loop.run_until_complete(built(little))
    loop.close()
    assert pipes() <= before, "at once, with the loop still there"


def test_each_loop_has_a_queue_and_threads_do_not_mix(little):
    found: list[int] = []

    def work() -> None:
        async def main() -> list[int]:
            return await asyncio.gather(*[built(little) for _ in range(100)])

        found.extend(asyncio.run(main()))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [8] * 600


def test_many_in_flight_need_no_thread_of_python(little):
    before, seen = set(threading.enumerate()), set()

    def begun():  # but by stores of other tests, which listen when they are asked
        return {t for t in set(threading.enumerate()) - before if t.name != "ruvector-adapter"}

    async def main():
        waits = [asyncio.ensure_future(built(little)) for _ in range(2000)]
        await asyncio.sleep(0)
        seen.update(begun())
        await asyncio.gather(*waits)
        seen.update(begun())

    asyncio.run(main())
    assert not seen


def test_a_relay_ends_when_there_is_nothing_to_tell_and_begins_again(little, monkeypatch):
    monkeypatch.setattr(waiting, "_LINGER", 1)

    async def main():
        for _ in range(3):
            assert await built(little) == 8
            while relays():
                await asyncio.sleep(0.01)

    with asyncio.Runner(loop_factory=Deaf) as runner:
        runner.run(main())


def test_a_damaged_queue_is_told_to_all_who_wait_and_replaced(run, column, little, monkeypatch):
    class Damaged(Exception):
        pass

    def drain(self: waiting.Queue) -> list[int]:
        raise Damaged

    async def main():
        monkeypatch.setattr(waiting.Queue, "_take", drain)
        tasks = [begin_build(little, None, {}) for _ in range(3)]
        told = await asyncio.gather(*map(waiting.awaited, tasks), return_exceptions=True)
        monkeypatch.undo()
        for task in tasks:
            ended(task)
            end_build(task).close()
        return [type(error) for error in told], await built(little)

    assert run(main) == ([Damaged] * 3, 8)


def test_progress_is_told_while_the_loop_runs(run, column, monkeypatch):
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 0.01)
    told = []

    async def main():
        while len(told) < 3:  # however fast the machine is
            task = begin_build(column, None, LONG)
            await waiting.awaited(task, lambda done, total: told.append((done, total)))
            end_build(task).close()

    run(main)
    assert all(0 <= done <= total for done, total in told)


def test_outside_a_loop_nothing_is_awaited(little):
    task = begin_build(little, None, {})
    with pytest.raises(RuntimeError, match="await this inside async def"):
        waiting.awaited(task).send(None)
    with pytest.raises(RuntimeError, match=r"or call ix\.search"):
        waiting.running_loop("ix.search()")
    ended(task)
    end_build(task).close()


def test_a_task_that_was_freed_is_refused(run, little):
    async def main():
        task = begin_build(little, None, {})
        await waiting.awaited(task)
        end_build(task).close()
        with pytest.raises((ValueError, IndexClosed), match="closed"):
            await waiting.awaited(task)
        return await built(little)

    assert run(main) == 8
