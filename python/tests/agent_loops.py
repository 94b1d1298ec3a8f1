"""Clients of `agent_server.Agent` in loops of both kinds, and what must hold after each test."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop
from agent_server import PATIENCE, Agent

from ruvector import _native
from ruvector._agents.client import A2aClient
from ruvector._agents.network import NetworkPolicy

LOCAL = NetworkPolicy(allow_loopback_http=True)
Main = Callable[[], Coroutine[Any, Any, Any]]
LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Main], Any]]:
    """Run a coroutine in a loop of each kind."""

    async def timely(main: Main) -> Any:
        async with asyncio.timeout(2 * PATIENCE):
            return await main()

    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        yield lambda main: runner.run(timely(main))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Clients, streams and tasks are gone once the loop is closed."""
    before = handles()
    yield
    assert soon(lambda: handles() <= before)


@pytest.fixture
def agent() -> Iterator[Agent]:
    with Agent() as made:
        yield made
        made.until(lambda a: a.open == 0)


def handles() -> int:
    count: int = _native.library_info()["handles"]
    return count


def soon(true: Callable[[], bool]) -> bool:
    """Return whether something becomes true."""
    end = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < end:
        gc.collect()
        time.sleep(0.005)
    return true()


async def connected(agent: Agent, **options: Any) -> A2aClient:
    return await A2aClient.connect(agent.url, network=LOCAL, **options)


async def turns(n: int = 20) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.002)
