"""Streams of agents in event loops: all updates, in order; cancelled anywhere, nothing is left."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from agent_loops import LOOPS, agent, connected, nothing_is_left, run, soon, turns, until
from agent_server import Agent

import ruvector as rv
from ruvector import A2aClient
from ruvector._agents.errors import StreamInterrupted
from ruvector._agents.network import A2aRetry
from ruvector._agents.policy import TaskSpec
from ruvector._agents.task import TaskState
from ruvector._errors import InvalidArgument

__all__ = ["agent", "nothing_is_left", "run"]


def test_a_thousand_updates_beside_two_searches(run, agent):
    rows = np.random.default_rng(1).random((20_000, 64), np.float32)
    store = rv.LocalBackend("mine")
    store.put("docs", range(len(rows)), rows)
    lake = rv.RuLake([store], kind="flat")
    found: list[int] = []

    async def searching(stopped: asyncio.Event) -> None:
        at = 0
        while not stopped.is_set():
            result = await lake.search_batch_async("docs", rows[at : at + 8], k=3)
            found.extend(hits[0].id for hits in result.hits())
            at = (at + 8) % 10_000

    async def main() -> tuple[list[int], str]:
        stopped = asyncio.Event()
        async with await connected(agent) as client:
            searches = [asyncio.ensure_future(searching(stopped)) for _ in range(2)]
            await until(lambda: bool(found))
            async with client.stream_task(TaskSpec("count 1000")) as stream:
                seqs = [update.seq async for update in stream]
            stopped.set()
            await asyncio.gather(*searches)
            return seqs, stream.task.text

    seqs, text = run(main)
    assert seqs == list(range(1, 1001))
    assert text == "".join(f"{n} " for n in range(998)), "in order, and nothing twice"
    assert len(found) >= 16
    assert all(n in range(20_000) for n in found)


def test_the_task_is_what_the_updates_say(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            async with client.stream_task(TaskSpec("count 5")) as stream:
                assert stream.task.state == TaskState.UNSPECIFIED
                assert "0 updates, goes on" in stream._repr_html_()
                kinds = []
                async for update in stream:
                    kinds.append(update.kind)
                    assert stream.task.id == "t-1"
                assert "5 updates, ended" in stream._repr_html_()
                assert kinds == ["task", "artifact", "artifact", "artifact", "status"]
            assert stream.task.done
            assert stream.task.text == "0 1 2 "
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            assert "closed" in repr(stream)

    run(main)


def test_result_reads_to_the_end(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            task = await client.stream_task(TaskSpec("count 100")).result()
            assert (task.state, len(task.text.split())) == (TaskState.COMPLETED, 98)
            asking = await client.stream_task(TaskSpec("ask")).result()
            assert asking.needs_input
            assert (await client.reply(asking, "count 3")).done
            failed = await client.stream_task(TaskSpec("fail")).result()
            assert failed.state == TaskState.FAILED
            said = await client.stream_task(TaskSpec("say hello")).result()
            assert said.direct_message is not None
            assert said.text == "hello"

    run(main)


def test_nothing_is_sent_before_the_first_use(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            stream = client.stream_task(TaskSpec("count 3"))
            await turns()
            assert agent.methods() == []
            await stream.aclose()
            assert agent.methods() == []
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    run(main)


def test_the_loop_has_its_turns_between_updates(run, agent):
    async def main() -> None:
        counted = 0

        async def ticking() -> None:
            nonlocal counted
            while True:
                counted += 1
                await asyncio.sleep(0)

        async with await connected(agent) as client:
            ticks = asyncio.ensure_future(ticking())
            async with client.stream_task(TaskSpec("count 2000")) as stream:
                async for _ in stream:
                    pass
            ticks.cancel()
            assert counted > 2000 / 64, "others run at least once each 64 updates"

    run(main)


def test_an_agent_waits_for_who_does_not_read(run, agent):
    async def main() -> None:
        client = await connected(agent)
        async with client, client.stream_task(TaskSpec("large 300 50000")) as stream:
            assert (await anext(stream)).kind == "task"
            await until(lambda: agent.sent > 65)
            before = -1
            while before != agent.sent:  # sockets hold some
                before = agent.sent
                await asyncio.sleep(0.2)
            assert before < 300, "it was stopped"
            count = 1
            async for _ in stream:
                count += 1
            assert count == 300

    run(main)


@pytest.mark.parametrize("text", ["silent", "first"])
def test_cancelling_who_waits_ends_the_request(run, agent, text):
    async def main() -> None:
        async with await connected(agent) as client:
            stream = client.stream_task(TaskSpec(text))
            waiting = asyncio.ensure_future(stream.result())
            await until(lambda: agent.open == 1)
            if text == "first":
                await until(lambda: stream.task.id is not None)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await until(lambda: agent.gone == 1)
            with pytest.raises(InvalidArgument, match="was cancelled"):
                await anext(stream)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            assert "CancelTask" not in agent.methods()

    run(main)


def test_cancelling_reaches_the_agent_where_that_is_asked_for(run, agent):
    async def main() -> None:
        async with await connected(agent, cancel_remote_on_abort=True) as client:
            stream = client.stream_task(TaskSpec("first"))
            await anext(stream)
            waiting = asyncio.ensure_future(anext(stream))
            await turns()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await until(lambda: "CancelTask" in agent.methods())
            sending = asyncio.ensure_future(client.send_task("first"))
            await until(lambda: agent.open == 1)
            await until(lambda: agent.sent == 2)
            await asyncio.sleep(0.05)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            await until(lambda: agent.methods().count("CancelTask") == 2)
            closed = client.stream_task(TaskSpec("first"))
            await anext(closed)
            await closed.aclose()
            await turns()
            assert agent.methods().count("CancelTask") == 2, "closing is not cancelling"

    run(main)


@pytest.mark.sample(5)
@pytest.mark.parametrize("n", range(12))
def test_cancelled_after_any_number_of_turns_nothing_is_left(run, agent, n):
    async def main() -> None:
        async with await connected(agent) as client:
            for text in ("count 200", "silent"):
                work = asyncio.ensure_future(client.stream_task(TaskSpec(text)).result())
                await turns(n)
                if work.cancel():  # unless it was quick
                    with pytest.raises(asyncio.CancelledError):
                        await work
            assert (await client.send_task("count 3")).done

    run(main)


@pytest.mark.parametrize("text", ["silent", "first"])
def test_closing_from_another_task_ends_who_waits(run, agent, text):
    async def main() -> None:
        async with await connected(agent) as client:
            stream = client.stream_task(TaskSpec(text))
            waiting = asyncio.ensure_future(stream.result())
            await until(lambda: agent.open == 1)
            if text == "first":
                await until(lambda: stream.task.id is not None)
            await asyncio.gather(stream.aclose(), stream.aclose())
            task = await waiting
            assert task.id == ("t-1" if text == "first" else None)
            await until(lambda: agent.gone == 1)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    run(main)


def test_one_task_at_a_time_waits(run, agent):
    async def main() -> None:
        async with (
            await connected(agent) as client,
            client.stream_task(TaskSpec("first")) as stream,
        ):
            await anext(stream)
            waiting = asyncio.ensure_future(anext(stream))
            await turns()
            with pytest.raises(RuntimeError, match="another task waits"):
                await anext(stream)
            await stream.aclose()
            with pytest.raises(StopAsyncIteration):
                await waiting

    run(main)


def test_closing_the_client_ends_its_streams(run, agent):
    async def main() -> None:
        client = await connected(agent)
        stream = client.stream_task(TaskSpec("first"))
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await turns()
        await client.aclose()
        with pytest.raises(InvalidArgument, match="closed"):
            await waiting
        with pytest.raises(InvalidArgument, match="closed"):
            client.stream_task(TaskSpec("first"))

    run(main)


def test_a_stream_that_is_forgotten_warns_and_closes(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            stream = client.stream_task(TaskSpec("first"))
            await anext(stream)
            with pytest.warns(ResourceWarning, match="TaskStream was not closed"):
                del stream
                gc.collect()
            await until(lambda: agent.gone == 1)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                await client.stream_task(TaskSpec("count 3")).result()
                client.stream_task(TaskSpec("count 3"))
                gc.collect()

    run(main)


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_loop_may_be_closed_early(agent, kind):
    loop = LOOPS[kind]()
    loop.set_exception_handler(lambda *_: None)  # tasks are destroyed while they wait

    async def main() -> Any:
        client = await connected(agent)
        stream = client.stream_task(TaskSpec("first"))
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        opening = asyncio.ensure_future(client.send_task("silent"))
        await until(lambda: agent.open == 2)
        return client, stream, waiting, opening

    held = loop.run_until_complete(main())
    loop.close()
    del held
    assert soon(lambda: agent.open == 0)


class Deaf(asyncio.SelectorEventLoop):
    """A loop that watches no descriptors for others, as the one of Windows."""

    def add_reader(self, *_: Any) -> None:
        raise NotImplementedError

    remove_reader = add_reader


def test_a_thread_tells_loops_that_read_no_descriptors(agent):
    async def main() -> None:
        async with await connected(agent) as client:
            async with client.stream_task(TaskSpec("count 300")) as stream:
                assert [update.seq async for update in stream] == list(range(1, 301))
            waiting = asyncio.ensure_future(client.stream_task(TaskSpec("first")).result())
            await until(lambda: agent.open == 1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await until(lambda: agent.gone == 1)

    with asyncio.Runner(loop_factory=Deaf) as runner:
        runner.run(asyncio.wait_for(main(), 60))


def test_another_loop_is_refused(run, agent):
    client, stream = run(lambda: begun(agent))
    with asyncio.Runner() as other:
        for ask in (lambda: client.get_task("t-1"), lambda: anext(stream)):
            with pytest.raises(RuntimeError, match="belongs to another event loop"):
                other.run(ask())
    assert run(lambda: client.get_task("t-1")).id == "t-1"
    run(stream.aclose)


async def begun(agent: Agent) -> tuple[A2aClient, Any]:
    client = await connected(agent)
    stream = client.stream_task(TaskSpec("first"))
    await anext(stream)
    return client, stream


def test_a_stream_that_breaks_goes_on(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            async with client.stream_task(TaskSpec("cut 20")) as stream:
                updates = [update async for update in stream]
            assert [update.seq for update in updates] == list(range(1, len(updates) + 1))
            assert [update.kind for update in updates if update.resumed] == ["task"]
            assert stream.task.done
            assert agent.methods() == ["SendStreamingMessage", "SubscribeToTask"]
            with pytest.raises(StreamInterrupted) as failure:
                await client.stream_task(TaskSpec("cut 20"), resume=False).result()
            assert failure.value.task_id == "t-2"

    run(main)


def test_a_stream_of_a_task_that_is_there(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            task = await client.send_task("first", wait=False)
            assert task.state == TaskState.WORKING
            for which in (task, task.id):
                stream = client.stream_task(which)
                assert stream.task.id == task.id
                assert (await stream.result()).done
            with pytest.raises(InvalidArgument, match="no task to stream"):
                client.stream_task(await client.send_task("say hello"))

    run(main)


def test_many_streams_at_once_need_no_threads(run, agent):
    async def main() -> int:
        async with await connected(agent) as client:
            before = threading.active_count()
            many = [client.stream_task(TaskSpec("count 50")).result() for _ in range(40)]
            tasks = await asyncio.gather(*many)
            assert {task.text for task in tasks} == {"".join(f"{n} " for n in range(48))}
            assert len({task.id for task in tasks}) == 40
            return threading.active_count() - before

    assert run(main) <= 0


def test_no_descriptor_is_left(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            for _ in range(10):
                stream = client.stream_task(TaskSpec("first"))
                await anext(stream)
                await stream.aclose()
            await until(lambda: agent.gone % 10 == 0)

    run(main)
    before = len(os.listdir("/proc/self/fd"))
    run(main)
    assert soon(lambda: len(os.listdir("/proc/self/fd")) <= before)


def test_resume_attempts_are_counted(run, agent):
    async def main() -> None:
        retry = A2aRetry(resume_attempts=0)
        async with await connected(agent, retry=retry) as client:
            with pytest.raises(StreamInterrupted):
                await client.stream_task(TaskSpec("cut 5")).result()

    run(main)
