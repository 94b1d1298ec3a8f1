"""Clients of agents: what they ask, with which tokens, from which loop and which thread."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from agent_loops import LOCAL, agent, connected, nothing_is_left, run, turns, until
from agent_server import Agent, Refused

import ruvector as rv
from ruvector import A2aClient, A2aClientSync
from ruvector._agents.auth import Auth
from ruvector._agents.errors import (
    A2aTimeout,
    BudgetExceeded,
    CardInvalid,
    PolicyViolation,
    TaskNotFound,
    Unauthenticated,
)
from ruvector._agents.network import A2aLimits, A2aRetry, A2aTimeouts, NetworkPolicy
from ruvector._agents.policy import TaskPolicy, TaskSpec
from ruvector._agents.task import TaskState
from ruvector._errors import InvalidArgument

__all__ = ["agent", "nothing_is_left", "run"]

TESTS = Path(__file__).parent


def blocking(agent: Agent, **options: Any) -> A2aClientSync:
    return A2aClientSync.connect(agent.url, network=LOCAL, **options)


def test_what_is_known_of_an_agent(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            assert client.card.name == "counter"
            assert client.card.agent_id is None
            assert client.card_trust.level == "unsigned"
            assert client.interface.url == f"{agent.url}/rpc"
            assert (client.interface.binding, client.interface.version) == ("JSONRPC", "1.0")
            assert "counter" in repr(client)
            assert "not verified" in client._repr_html_()
            assert await client.refresh_card() is False
            card = client.card
        for given in (card, card.raw, json.dumps(agent.card()).encode()):
            async with await A2aClient.from_card(
                given, network=NetworkPolicy((agent.url,), True)
            ) as client:
                assert (await client.send_task("count 3")).done

    run(main)


def test_every_operation(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            task = await client.send_task("count 4")
            assert (task.id, task.text, task.context_id) == ("t-1", "0 1 ", "c-1")
            asking = await client.send_task(TaskSpec("ask", context_id="c-1"))
            assert asking.needs_input
            assert (await client.reply(asking, "count 3")).done
            started = await client.send_task("first", wait=False)
            assert started.state == TaskState.WORKING
            assert (await client.get_task("t-1", history_length=2)).id == "t-1"
            assert (await client.cancel_task("t-1")).state == TaskState.CANCELED
            with pytest.raises(TaskNotFound) as failure:
                await client.get_task("t-99")
            assert failure.value.op == "get_task"
            since = datetime(2026, 1, 2, tzinfo=UTC)
            listed = client.list_tasks(state="completed", since=since, page_size=2)
            assert [task.id async for task in listed] == ["t-1", "t-2", "t-3"]
            assert agent.asked[-1].params["pageToken"] == "2"
            assert agent.asked[-1].params["status"] == "TASK_STATE_COMPLETED"
            assert agent.asked[-1].params["statusTimestampAfter"] == "2026-01-02T00:00:00Z"

    run(main)


def test_addresses_that_are_told_of_updates(run, agent):
    url = "https://me.example/hook"

    async def main() -> None:
        async with await connected(agent) as client:
            await client.send_task("count 3")
            made = await client.set_push("t-1", url, token="quiet", auth=Auth.Bearer("bear"))
            assert (made.task_id, made.id, made.url) == ("t-1", "p-1", url)
            assert "quiet" not in repr(made)
            assert await client.get_push("t-1", "p-1") == made
            assert await client.list_push("t-1") == (made,)
            await client.delete_push("t-1", "p-1")
            assert await client.list_push("t-1") == ()

    run(main)
    with blocking(agent) as client:
        made = client.set_push("t-1", url)
        assert client.list_push("t-1") == (client.get_push("t-1", "p-1"),) == (made,)
        client.delete_push("t-1", "p-1")


def test_the_same_operations_block(agent):
    with blocking(agent) as client:
        assert client.send_task("count 4").text == "0 1 "
        asking = client.send_task("ask")
        assert client.reply(asking, "count 3").done
        assert client.get_task("t-1").id == "t-1"
        assert client.cancel_task("t-1").state == TaskState.CANCELED
        assert [task.id for task in client.list_tasks(page_size=1)] == ["t-1", "t-2"]
        assert client.refresh_card() is False
        with client.stream_task(TaskSpec("count 300")) as stream:
            assert [update.seq for update in stream] == list(range(1, 301))
            assert stream.task.done
        assert client.stream_task("t-1").result().done
        assert client.stream_task(TaskSpec("cut 9")).result().done
        with pytest.warns(ResourceWarning, match="TaskStreamSync"):
            forgotten = client.stream_task(TaskSpec("first"))
            next(forgotten)
            del forgotten
            gc.collect()
        assert client.card.name == "counter"
    with pytest.raises(InvalidArgument, match="closed"):
        client.get_task("t-1")


def test_blocking_code_works_where_a_loop_runs(run, agent):
    async def main() -> str:
        with blocking(agent) as client:  # as in a cell of a notebook
            return client.send_task("count 4").text

    assert run(main) == "0 1 "


def test_threads_share_a_client_and_a_stream(agent):
    seen: list[int] = []
    failed: list[BaseException] = []

    def reading(stream: Any, client: A2aClientSync) -> None:
        try:
            seen.extend(update.seq for update in stream)
            assert client.send_task("count 10").done
        except BaseException as error:
            failed.append(error)

    with blocking(agent) as client, client.stream_task(TaskSpec("count 500")) as stream:
        threads = [threading.Thread(target=reading, args=(stream, client)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
    assert failed == []
    assert sorted(seen) == list(range(1, 501)), "each update is given once"


def test_closing_ends_a_thread_that_waits(agent):
    ended = threading.Event()
    with blocking(agent) as client:
        stream = client.stream_task(TaskSpec("first"))
        next(stream)

        def reading() -> None:
            assert next(stream, None) is None
            ended.set()

        thread = threading.Thread(target=reading, daemon=True)
        thread.start()
        stream.close()
        assert ended.wait(30)
        thread.join()


def test_time_to_wait_is_here_and_the_task_goes_on(run, agent):
    async def main() -> None:
        async with await connected(agent) as client:
            with pytest.raises(A2aTimeout, match="timeout=") as failure:
                await client.send_task("first", timeout=0.3)
            assert failure.value.task_id in (None, "t-1")
            await until(lambda: agent.gone == 1)
            assert "CancelTask" not in agent.methods()

    run(main)


@pytest.mark.parametrize("text", ["silent", "first"])
def test_cancelling_a_call_ends_its_request(run, agent, text):
    async def main() -> None:
        async with await connected(agent) as client:
            call = asyncio.ensure_future(client.send_task(text))
            await until(lambda: agent.open == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(lambda: agent.gone == 1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.send_task(text)
            await until(lambda: agent.gone == 2)

    run(main)


@pytest.mark.sample(3)
@pytest.mark.parametrize("n", range(8))
def test_connecting_is_cancelled_after_any_number_of_turns(run, agent, n):
    async def main() -> None:
        work = asyncio.ensure_future(connected(agent))
        await turns(n)
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await work).aclose()

    run(main)


def test_limits_of_a_budget_are_shared(run, agent):
    budget = rv.a2a.GlobalBudget(max_tasks_per_minute=2, max_usd_per_minute=5)

    async def main() -> None:
        for _ in range(2):
            async with await connected(agent, budget=budget) as client:
                assert (await client.send_task(TaskSpec("count 3", est_cost_usd=1.5))).done
        async with await connected(agent, budget=budget) as client:
            with pytest.raises(BudgetExceeded, match="task"):
                await client.send_task("count 3")

    run(main)
    spent = budget.snapshot()
    assert (spent.tasks, spent.open, spent.queued) == (2, 0, 0)
    assert repr(budget) == "GlobalBudget(max_usd_per_minute=5.0, max_tasks_per_minute=2)"
    for wrong in ({"max_usd_per_minute": -1}, {"overflow": "wait"}, {"max_queue": 0}):
        with pytest.raises(InvalidArgument):
            rv.a2a.GlobalBudget(**wrong)


def test_a_policy_is_kept_before_anything_is_sent(run, agent):
    async def main() -> None:
        policy = TaskPolicy(allowed_skills=frozenset(["other"]), max_cost_usd=1)
        async with await connected(agent, policy=policy) as client:
            for spec in (TaskSpec("count 3", skill="count"), TaskSpec("count 3", est_cost_usd=2)):
                with pytest.raises(PolicyViolation):
                    await client.send_task(spec)
            assert agent.methods() == []

    run(main)


def test_a_token_is_asked_for_where_it_ran_out_in_mid_stream(run):
    tokens = iter(["first", "second", "third", "third", "third"])
    asked: list[str] = []

    def refuse(one: Any) -> None:
        shown = one.headers.get("authorization", "")
        asked.append(f"{one.method} {shown}")
        if one.method == "SubscribeToTask" and shown != "Bearer third":
            raise Refused(401, {"WWW-Authenticate": "Bearer"})

    async def token() -> str:
        await asyncio.sleep(0)
        return next(tokens)

    async def main(agent: Agent) -> list[Any]:
        client = await connected(agent, auth=Auth.Bearer(token))
        async with client, client.stream_task(TaskSpec("cut 5")) as stream:
            return [update async for update in stream]

    with Agent(refuse=refuse) as agent:
        updates = run(lambda: main(agent))
    assert asked == [
        "SendStreamingMessage Bearer second",
        "SubscribeToTask Bearer second",
        "SubscribeToTask Bearer third",
    ]
    assert [update.seq for update in updates] == list(range(1, 7))
    assert [update.resumed for update in updates] == [False] * 4 + [True, False]


def test_a_task_is_waited_for_though_its_token_runs_out():
    made = iter(range(1, 9))

    def refuse(one: Any) -> None:
        if one.method == "SubscribeToTask" and one.headers["authorization"] < "Bearer 3":
            raise Refused(401, {"WWW-Authenticate": "Bearer"})

    with Agent(refuse=refuse) as agent:
        with blocking(agent, auth=Auth.Bearer(lambda: str(next(made)))) as client:
            assert client.send_task("cut 5").done
        assert agent.methods() == ["SendStreamingMessage", "SubscribeToTask", "SubscribeToTask"]
        made = iter(range(1, 9))

        async def main() -> None:
            async with await connected(agent, auth=Auth.Bearer(lambda: str(next(made)))) as client:
                assert (await client.send_task("cut 5")).done

        asyncio.run(main())


def test_a_token_that_stays_refused_ends_the_stream(run):
    made = 0

    def refuse(one: Any) -> None:
        if one.method == "SubscribeToTask":
            raise Refused(401, {"WWW-Authenticate": "Bearer"})

    def token() -> str:
        nonlocal made
        made += 1
        return f"token-{made}"

    async def main(agent: Agent) -> None:
        async with await connected(agent, auth=Auth.Bearer(token)) as client:
            stream = client.stream_task(TaskSpec("cut 5"))
            with pytest.raises(Unauthenticated) as failure:
                await stream.result()
            assert "token-" not in repr(failure.value) + repr(client) + repr(stream)
            assert stream.task.text == "0 1 2 3 "[: len(stream.task.text)]

    with Agent(refuse=refuse) as agent:
        run(lambda: main(agent))
    assert made == 3, "to connect, to begin, and once to go on"


def test_functions_of_tokens_are_asked_where_they_may_wait(run, agent):
    threads: list[threading.Thread] = []

    def plain() -> str:
        threads.append(threading.current_thread())
        return "plain"

    class Later:
        async def __call__(self) -> str:
            threads.append(threading.current_thread())
            return "later"

    async def main() -> None:
        me = threading.current_thread()
        for maker, here in ((plain, False), (Later(), True), (lambda: Later()(), True)):
            threads.clear()
            async with await connected(agent, auth=[Auth.Bearer(maker)]) as client:
                await client.send_task("count 3")
            assert len(threads) == 2
            assert {thread is me for thread in threads} == {here}

    run(main)
    shown = {one.headers["authorization"] for one in agent.asked}
    assert shown == {"Bearer plain", "Bearer later"}


def test_blocking_code_takes_no_async_token(agent):
    async def token() -> str:
        return "x"

    for maker in (token, lambda: token()):
        with pytest.raises(InvalidArgument, match="use A2aClient"):
            blocking(agent, auth=Auth.Bearer(maker))
    with blocking(agent, auth=Auth.Bearer(lambda: "sync")) as client:
        client.send_task("count 3")
        client.stream_task(TaskSpec("count 3")).result()
    assert {one.headers["authorization"] for one in agent.asked} == {"Bearer sync"}


@pytest.mark.parametrize("given", [None, "", 7, b"x"])
def test_a_function_gives_a_text(run, agent, given):
    with pytest.raises(InvalidArgument, match="function of a token gave"):
        run(lambda: connected(agent, auth=Auth.Bearer(lambda: given)))


def test_what_a_function_raises_is_raised(run, agent):
    made = iter(["one", "two"])

    async def main() -> None:
        async with await connected(agent, auth=Auth.Bearer(lambda: next(made, None))) as client:
            stream = client.stream_task(TaskSpec("count 3"))
            assert await stream.result()
            late = client.stream_task(TaskSpec("count 3"))
            with pytest.raises(InvalidArgument, match="NoneType"):
                await anext(late)
            with pytest.raises(StopAsyncIteration):
                await anext(late)

    run(main)


def test_a_client_of_another_loop_says_so(run, agent):
    client = run(lambda: connected(agent))
    with asyncio.Runner() as other, pytest.raises(RuntimeError, match="A2aClientSync"):
        other.run(client.get_task("t-1"))
    run(client.aclose)
    with pytest.raises(InvalidArgument, match="closed"):
        run(lambda: client.get_task("t-1"))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"versions": ["2.0"]}, "versions"),
        ({"bindings": []}, "binding"),
        ({"dialect": "french"}, "dialect"),
        ({"trust": "tls"}, "trust"),
        ({"auth": "a-secret"}, "auth"),
        ({"policy": {}}, "policy"),
        ({"timeouts": 5}, "timeouts"),
        ({"extensions": "https://a/b"}, "extensions"),
        ({"endpoint": ""}, "endpoint"),
    ],
)
def test_options_that_mean_nothing_are_refused(agent, options, why):
    with pytest.raises(InvalidArgument, match=why) as failure:
        blocking(agent, **options)
    assert "a-secret" not in str(failure.value)
    with pytest.raises(InvalidArgument, match="no option"):
        A2aClientSync.from_card(b"{}", colour="red")  # type: ignore[call-arg]


def test_numbers_that_mean_nothing_are_refused():
    for make in (
        lambda: A2aTimeouts(connect=0), lambda: A2aTimeouts(idle="5"), lambda: A2aLimits(event=0),
        lambda: A2aRetry(retries=-1), lambda: A2aRetry(send="perhaps"),
        lambda: A2aRetry(resume_for=float("nan")), lambda: NetworkPolicy(proxy="http://x"),
        lambda: NetworkPolicy("https://a"), lambda: A2aTimeouts(total=True),
    ):  # fmt: skip
        with pytest.raises(InvalidArgument):
            make()
    with pytest.raises(TypeError, match=r"A2aClientSync\.connect"):
        A2aClientSync()
    with pytest.raises(TypeError, match=r"await A2aClient\.connect"):
        A2aClient()


def test_cards_that_are_none_are_refused():
    for card in (b"", b"[]", b"\xff", {"name": "x"}):
        with pytest.raises(CardInvalid):
            A2aClientSync.from_card(card)
    for card in (None, "text", {"x": float}):
        with pytest.raises(InvalidArgument):
            A2aClientSync.from_card(card)
