"""Updates of agents in an event loop: python benchmarks/agents.py.

The agent is another process, which has its updates ready before it sends the first. For asyncio and
uvloop, in rounds, of which the best and the median are printed:

- each: microseconds an update takes, of 100,000: from the first to the last on the clock, and what
  this process computes for it, Go and Python together.
- sync: the same with `A2aClientSync`.
- beside: 1,000 updates and two batches of searches of a lake in one loop, against the slower of the
  two alone. Of the agent's process the machine has to share its cores, too.
- turn: the most that one turn of the loop computes meanwhile, in ms: no callback takes longer.
- cancel: microseconds from cancelling who waits until the cancelled task has ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import uvloop
from clustered import clustered
from neighbours import Neighbours

import ruvector as rv

MANY, FEW = 100_000, 1_000
ROWS, DIM, QUERIES = 100_000, 128, 400
LOCAL = rv.a2a.NetworkPolicy(allow_loopback_http=True)
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}


def card(port: int) -> dict[str, Any]:
    """Return the agent's card."""
    at = {"url": f"http://127.0.0.1:{port}/", "protocolBinding": "JSONRPC"}
    return {
        "name": "counter", "description": "counts", "version": "1.0.0",
        "supportedInterfaces": [{**at, "protocolVersion": "1.0"}],
        "capabilities": {"streaming": True}, "skills": [],
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
    }  # fmt: skip


def updates(number: Any, n: int) -> bytes:
    """Return a stream of n updates, ready to be sent; of 1, one that does not end."""
    task = {"id": "t-1", "contextId": "c-1"}
    events: list[dict[str, Any]] = [{"task": {**task, "status": {"state": "TASK_STATE_WORKING"}}}]
    about = {"taskId": "t-1", "contextId": "c-1"}
    for i in range(n - 2):
        artifact = {"artifactId": "a", "parts": [{"text": f"word {i} "}]}
        events.append({"artifactUpdate": {**about, "append": i > 0, "artifact": artifact}})
    if n > 1:
        events.append({"statusUpdate": {**about, "status": {"state": "TASK_STATE_COMPLETED"}}})
    said = (json.dumps({"jsonrpc": "2.0", "id": number, "result": one}) for one in events)
    return "".join(f"data: {one}\n\n" for one in said).encode()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    close = "Connection: close\r\n\r\n"
    if head.startswith(b"GET"):
        body = json.dumps(card(writer.get_extra_info("sockname")[1]))
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{close}{body}".encode())
    else:
        lines = head.decode().lower().split("\r\n")
        length = next(int(x.split(":")[1]) for x in lines if x.startswith("content-length"))
        asked = json.loads(await reader.readexactly(length))
        n = int(asked["params"]["message"]["parts"][0]["text"])
        body = updates(asked["id"], n)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{close}".encode())
        for at in range(0, len(body), 1 << 16):
            writer.write(body[at : at + (1 << 16)])
            await writer.drain()
        if n == 1:
            await reader.read()
    writer.close()


async def serve() -> None:
    """Be the agent, and print the port."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Run:
    """A loop, a client in it, and what is measured."""

    def __init__(self, kind: str, url: str, lake: rv.RuLake, queries: np.ndarray) -> None:
        self.runner = asyncio.Runner(loop_factory=LOOPS[kind])
        self.client = self.runner.run(rv.A2aClient.connect(url, network=LOCAL))
        self.lake, self.queries = lake, queries

    async def each(self) -> tuple[float, float]:
        """Microseconds of an update, on the clock and computed."""
        async with self.client.stream_task(rv.TaskSpec(str(MANY))) as stream:
            await anext(stream)
            begin, spent, count = time.perf_counter(), time.process_time(), 1
            async for _ in stream:
                count += 1
            now = time.perf_counter() - begin, time.process_time() - spent
        assert count == MANY
        return now[0] / MANY * 1e6, now[1] / MANY * 1e6

    async def stream(self) -> None:
        """Read a few updates."""
        async with self.client.stream_task(rv.TaskSpec(str(FEW))) as stream:
            assert len([update async for update in stream]) == FEW

    async def searches(self) -> None:
        """Search twice at once."""
        half = len(self.queries) // 2
        parts = self.queries[:half], self.queries[half:]
        await asyncio.gather(*[self.lake.search_batch_async("docs", q, k=10) for q in parts])

    async def beside(self) -> list[float]:
        """Seconds of the stream, of the searches, and of both at once."""
        found = []
        for work in ([self.stream], [self.searches], [self.stream, self.searches]):
            begin = time.perf_counter()
            await asyncio.gather(*[one() for one in work])
            found.append(time.perf_counter() - begin)
        return found

    async def turn(self) -> float:
        """Milliseconds that the longest turn computes while both run."""
        loop, longest, last, over = asyncio.get_running_loop(), 0.0, time.thread_time(), False

        def look() -> None:
            nonlocal longest, last
            now = time.thread_time()
            longest, last = max(longest, now - last), now
            if not over:
                loop.call_later(0.0005, look)

        look()
        await asyncio.gather(self.stream(), self.searches())
        over = True
        return longest * 1e3

    async def cancel(self) -> float:
        """Microseconds until who is cancelled has ended."""
        stream = self.client.stream_task(rv.TaskSpec("1"))
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.01)
        begin = time.perf_counter()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return (time.perf_counter() - begin) * 1e6


def blocking(client: rv.A2aClientSync) -> float:
    """Microseconds of an update on the clock, with the client that blocks."""
    with client.stream_task(rv.TaskSpec(str(MANY))) as stream:
        next(stream)
        begin = time.perf_counter()
        assert sum(1 for _ in stream) == MANY - 1
        return (time.perf_counter() - begin) / MANY * 1e6


def measure(url: str, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return what was measured, by loop and column."""
    rows, queries = clustered(ROWS, QUERIES, DIM)
    store = rv.LocalBackend("mine")
    store.put("docs", range(ROWS), rows)
    lake = rv.RuLake([store], kind="flat")
    lake.prime(("mine", "docs"))
    found: dict[str, dict[str, list[float]]] = {}
    for kind in LOOPS:
        run = Run(kind, url, lake, queries)
        ask = run.runner.run
        ask(run.beside())
        each = [ask(run.each()) for _ in range(rounds)]
        beside = [ask(run.beside()) for _ in range(3 * rounds)]
        found[kind] = {
            "each, us": [x for x, _ in each],
            "computed, us": [x for _, x in each],
            "beside": [together / max(alone) for *alone, together in beside],
            "turn, ms": [ask(run.turn()) for _ in range(3 * rounds)],
            "cancel, us": [ask(run.cancel()) for _ in range(10 * rounds)],
        }
        ask(run.client.aclose())
        run.runner.close()
    with rv.A2aClientSync.connect(url, network=LOCAL) as client:
        found["sync"] = {"each, us": [blocking(client) for _ in range(rounds)]}
    return found


def table(found: dict[str, dict[str, list[float]]], rounds: int) -> list[str]:
    """Return the lines of a table: the best and the median."""
    columns = list(found["asyncio"])
    lines = [
        f"{MANY:,} updates; beside {FEW:,}: 2 x {QUERIES // 2} queries of {ROWS:,} x {DIM}; "
        f"{rounds} rounds, best and median",
        "",
        f"| loop | {' | '.join(columns)} |",
        f"|{'---|' * (len(columns) + 1)}",
    ]
    for kind, got in found.items():
        cells = [
            f"{min(got[c]):.3g}, {statistics.median(got[c]):.3g}" if c in got else ""
            for c in columns
        ]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return lines


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="the best of each as JSON")
    parser.add_argument("--serve", action="store_true")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
        return 0
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        try:
            with Neighbours() as others:
                found = measure(f"http://127.0.0.1:{int(agent.stdout.readline())}", given.rounds)
        finally:
            agent.kill()
    if given.json:
        best = {k: {c: min(x) for c, x in got.items()} for k, got in found.items()}
        print(json.dumps(best))
        return 0
    print("\n".join(table(found, given.rounds)))
    print(
        f"\nOther processes used {others.cores or 0:.1f} cores meanwhile, the agent's among them."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
