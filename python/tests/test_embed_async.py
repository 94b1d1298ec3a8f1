"""`embed_batch_async`: the loop goes on, cancelling is heard, nothing finished is lost."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import uvloop
from scripted_server import Asked, Scripted, Wire, embeds, hang, matrix, of_dim

import ruvector as rv

TEXTS = [f"text {i}" for i in range(1000)]


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    rv.cache.clear()
    yield
    rv.cache.clear()


async def latest(work: Any) -> tuple[Any, float]:
    """Return what work gives, and the most seconds that a callback of the loop came too late."""
    late = 0.0
    ended = False

    async def look() -> None:
        nonlocal late
        while not ended:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late = max(late, time.perf_counter() - before - 0.001)

    looking = asyncio.create_task(look())
    await asyncio.sleep(0.002)
    late = 0.0
    answer = await work
    ended = True
    await looking
    return answer, late


def slow(texts: list[str]) -> Any:
    time.sleep(0.03)
    return matrix(texts)


def lists_of_floats(texts: list[str]) -> Any:
    return [[0.5] * 1536] * len(texts)


async def awaited(texts: list[str]) -> Any:
    await asyncio.sleep(0.005)
    return [[0.5] * 1536] * len(texts)


@pytest.mark.parametrize("spec", [slow, lists_of_floats, awaited, "default"])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_no_callback_of_the_loop_is_late(spec: Any, run: Callable[..., Any]) -> None:
    embedder = rv.Embedder.from_pretrained(spec)
    lates = []
    for _ in range(8):  # the machine may be busy; the embedder may not
        rv.cache.clear()
        found, late = run(latest(embedder.embed_batch_async(TEXTS)))
        assert len(found) == len(TEXTS)
        lates.append(late)
        if late < 0.01:
            break
    assert min(lates) < 0.01, lates


@pytest.mark.parametrize("lists", [False, True], ids=["base64", "lists"])
def test_no_callback_is_late_while_answers_of_a_server_are_read(lists: bool) -> None:
    step = of_dim(1536, lists=lists)
    answers: dict[bytes, bytes] = {}

    def canned(asked: Asked, wire: Wire) -> None:
        """Answer again what was answered: the server is in this process."""
        wire.raw(answers[asked.body])

    class Recorder:
        def answer(self, status: int, body: Any) -> None:
            import json

            data = json.dumps(body).encode()
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
            )
            self.data = head.encode() + b"\r\n\r\n" + data

    def first(asked: Asked, wire: Wire) -> None:
        recorder: Any = Recorder()
        step(asked, recorder)
        answers[asked.body] = recorder.data
        wire.raw(recorder.data)

    texts = TEXTS[:192]  # each answer holds a loop for longer if it is read in one go
    with Scripted(first) as server:
        embedder = rv.Embedder.openai(server.url, "m", api_key="", batch=64)
        embedder.embed_batch(texts)
        server.usual = canned
        lates = []
        for _ in range(20):  # the server is in this process, too
            rv.cache.clear()
            _, late = asyncio.run(latest(embedder.embed_batch_async(texts)))
            lates.append(late)
            if late < 0.01:
                break
        assert min(lates) < 0.01, lates


def test_it_gives_what_embed_batch_gives() -> None:
    for spec in (slow, awaited, "default"):
        embedder = rv.Embedder.from_pretrained(spec)
        texts = ["a word", "", "  ", "another"]
        found = asyncio.run(embedder.embed_batch_async(texts))
        np.testing.assert_array_equal(found, embedder.embed_batch(texts))
        assert np.isnan(found).all(axis=1).tolist() == [False, True, True, False]
        with pytest.raises(rv.EmbedError, match="row 1"):
            asyncio.run(embedder.embed_batch_async(["a", 3]))  # type: ignore[list-item]


def test_coroutines_run_in_the_loop_and_the_context_of_who_awaits() -> None:
    seen = []
    mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine", default="none")

    async def where(texts: list[str]) -> Any:
        seen.append((asyncio.get_running_loop(), threading.current_thread(), mine.get()))
        return matrix(texts)

    async def main() -> None:
        mine.set("yes")
        await rv.Embedder.from_pretrained(where).embed_batch_async(TEXTS[:3])
        assert seen == [(asyncio.get_running_loop(), threading.current_thread(), "yes")]

    asyncio.run(main())


def test_without_a_loop_it_says_so() -> None:
    embedder = rv.Embedder.from_pretrained(slow)
    coroutine = embedder.embed_batch_async(TEXTS)
    assert asyncio.iscoroutine(coroutine)
    with pytest.raises(RuntimeError, match=r"no event loop of asyncio.*or call embedder"):
        coroutine.send(None)


@pytest.mark.parametrize("kind", ["function", "coroutine", "server"])
def test_cancelling_is_heard_at_once_and_keeps_what_is_finished(kind: str) -> None:
    asked: list[list[str]] = []
    reached = threading.Event()
    healed = threading.Event()

    def function(texts: list[str]) -> Any:
        if not healed.is_set() and len(asked) == 2:
            reached.set()
            healed.wait(5)
            raise ConnectionError("too late")
        asked.append(texts)
        return matrix(texts)

    async def coroutine(texts: list[str]) -> Any:
        if not healed.is_set() and len(asked) == 2:
            reached.set()
            await asyncio.sleep(60)
        asked.append(texts)
        return matrix(texts)

    def step(request: Asked, wire: Wire) -> None:
        if not healed.is_set() and len(asked) == 2:
            reached.set()
            hang(request, wire)
        asked.append(request.document["input"])
        embeds(request, wire)

    async def main(embedder: rv.Embedder) -> float:
        task = asyncio.create_task(embedder.embed_batch_async(TEXTS))
        while not reached.is_set():
            await asyncio.sleep(0.001)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - begun

    with Scripted(step) as server:
        specs: dict[str, Callable[[], rv.Embedder]] = {
            "function": lambda: rv.Embedder.from_pretrained(function),
            "coroutine": lambda: rv.Embedder.from_pretrained(coroutine),
            "server": lambda: rv.Embedder.openai(server.url, "m", api_key="", concurrency=1),
        }
        embedder = specs[kind]()
        assert asyncio.run(main(embedder)) < 0.1
        healed.set()
        end = time.monotonic() + 5
        while rv.cache.info().texts == 0 and time.monotonic() < end:
            time.sleep(0.002)  # the thread that was left keeps them
        asked.clear()
        np.testing.assert_array_equal(embedder.embed_batch(TEXTS), matrix(TEXTS))
        assert sum(map(len, asked)) == 1000 - 512


def test_a_function_that_hangs_does_not_keep_a_loop_from_its_end() -> None:
    go_on = threading.Event()

    def hangs(texts: list[str]) -> Any:
        go_on.wait(30)
        return matrix(texts)

    async def main() -> None:
        embedder = rv.Embedder.from_pretrained(hangs)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(embedder.embed_batch_async(TEXTS), 0.05)

    begun = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - begun < 5
    go_on.set()


def test_many_at_once_are_all_answered() -> None:
    embedder = rv.Embedder.from_pretrained(awaited)

    async def main() -> list[Any]:
        tasks = [embedder.embed_batch_async([f"{i} {j}" for j in range(3)]) for i in range(40)]
        return await asyncio.gather(*tasks)

    begun = time.monotonic()
    assert {found.shape for found in asyncio.run(main())} == {(3, 1536)}
    assert time.monotonic() - begun < 5
