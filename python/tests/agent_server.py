"""An agent on the loopback that does what a task's text says, and can be watched doing it.

    with Agent() as agent:
        client = await A2aClient.connect(agent.url, network=LOCAL)
        async with client.stream_task(TaskSpec("count 1000")) as stream: ...
        agent.left(1)  # has noticed that who asked went away

What it does: ``count N`` tells of N updates and completes; ``first`` tells of one and is silent;
``silent`` answers nothing at all; ``ask`` needs input; ``fail`` fails; ``say TEXT`` answers with a
message; ``cut N`` breaks off after N updates, and goes on for who subscribes; ``large N BYTES``.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

PATIENCE = 30.0
CONTEXT = "c-1"


class Asked(NamedTuple):
    """One request."""

    method: str
    params: dict[str, Any]
    headers: dict[str, str]


class Refused(Exception):
    """An answer of HTTP that is none."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers or {}


class Agent:
    """The server, with a loop and a thread of its own."""

    def __init__(
        self, streaming: bool = True, refuse: Callable[[Asked], None] | None = None
    ) -> None:
        self.asked: list[Asked] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.gone = 0  # streams and answers that nobody waited for to their end
        self.open = 0
        self.sent = 0
        self.refuse = refuse
        self._streaming = streaming
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._handlers: set[asyncio.Task[None]] = set()
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        async def serve() -> None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            port = self._server.sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"

        self._loop.run_until_complete(serve())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _stop(self) -> None:
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        self._loop.call_soon(self._loop.call_soon, self._loop.stop)

    def until(self, true: Callable[[Agent], bool]) -> None:
        """Wait until something is true of the agent."""
        end = time.monotonic() + PATIENCE
        while not true(self):
            assert time.monotonic() < end, "the agent waits in vain"
            time.sleep(0.001)

    def methods(self) -> list[str]:
        """Return what was asked for, in order."""
        return [one.method for one in self.asked]

    def card(self) -> dict[str, Any]:
        """Return the card."""
        return {
            "name": "counter", "description": "counts", "version": "1.0.0",
            "supportedInterfaces": [
                {"url": f"{self.url}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
            ],
            "capabilities": {"streaming": self._streaming, "pushNotifications": True},
            "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
            "skills": [{"id": "count", "name": "count", "description": "counts", "tags": ["x"]}],
            "securitySchemes": {"token": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}},
            "securityRequirements": [{"schemes": {"token": {"list": []}}}, {"schemes": {}}],
        }  # fmt: skip

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        assert me is not None
        self._handlers.add(me)
        try:
            while True:
                await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._handlers.discard(me)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if first.startswith("GET"):
            _answer(writer, 200, {}, self.card())
        else:
            await self._rpc(reader, writer, json.loads(body), headers)
        await writer.drain()

    async def _rpc(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        said: dict[str, Any],
        headers: dict[str, str],
    ) -> None:
        asked = Asked(said["method"], said.get("params", {}), headers)
        self.asked.append(asked)
        try:
            if self.refuse is not None:
                self.refuse(asked)
            if asked.method in ("SendStreamingMessage", "SubscribeToTask"):
                await self._leaving(reader, self._stream(writer, said["id"], asked))
                return
            result = await self._leaving(reader, self._result(asked))
        except Refused as refused:
            _answer(writer, refused.status, refused.headers, {"no": "entry"})
            return
        except KeyError:
            error = {"code": -32001, "message": "no such task", "data": []}
            _answer(writer, 200, {}, {"jsonrpc": "2.0", "id": said["id"], "error": error})
            return
        _answer(writer, 200, {}, {"jsonrpc": "2.0", "id": said["id"], "result": result})

    async def _leaving(self, reader: asyncio.StreamReader, work: Any) -> Any:
        """Work until it is done, or who asked goes away."""
        self.open += 1
        doing = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([doing, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                self.gone += 1
                raise ConnectionError
            return doing.result()
        finally:
            self.open -= 1
            doing.cancel()
            leaving.cancel()
            await asyncio.gather(doing, leaving, return_exceptions=True)

    async def _result(self, asked: Asked) -> Any:
        if asked.method == "SendMessage":
            return await self._send(asked.params)
        if asked.method == "ListTasks":
            return self._list(asked.params)
        if "PushNotificationConfig" in asked.method:
            return self._push(asked)
        task = self.tasks[asked.params["id"]]
        if asked.method == "CancelTask":
            task["status"] = {"state": "TASK_STATE_CANCELED"}
        return task

    def _list(self, params: dict[str, Any]) -> dict[str, Any]:
        at, size = int(params.get("pageToken") or 0), params.get("pageSize", 50)
        found = list(self.tasks.values())[at : at + size]
        following = "" if at + size >= len(self.tasks) else str(at + size)
        return {"tasks": found, "nextPageToken": following, "pageSize": size,
                "totalSize": len(self.tasks)}  # fmt: skip

    def _push(self, asked: Asked) -> Any:
        known = self.tasks[asked.params["taskId"]].setdefault("metadata", {})
        if asked.method.startswith("Create"):
            known["push"] = {**asked.params, "id": "p-1"}
        if asked.method.startswith("List"):
            return {"configs": [known["push"]] if "push" in known else []}
        return known.pop("push") if asked.method.startswith("Delete") else known["push"]

    async def _send(self, params: dict[str, Any]) -> dict[str, Any]:
        last: dict[str, Any] = {}
        async for event in self._events(params):
            last = event
            if "task" in event and params.get("configuration", {}).get("returnImmediately"):
                break
        if "message" in last:
            return last
        return {"task": last.get("task") or self.tasks[last["statusUpdate"]["taskId"]]}

    async def _stream(self, writer: asyncio.StreamWriter, number: Any, asked: Asked) -> None:
        if asked.method == "SubscribeToTask":
            events = self._again(asked.params["id"])
        else:
            events = self._events(asked.params)
        kinds = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        writer.write(f"HTTP/1.1 200 OK\r\n{kinds}\r\n\r\n".encode())
        async for event in events:
            self.sent += 1
            data = json.dumps({"jsonrpc": "2.0", "id": number, "result": event})
            block = f"data: {data}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(block), block))
            if self.sent % 16 == 0:
                await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _begun(self, state: str = "WORKING") -> dict[str, Any]:
        task = {"id": f"t-{len(self.tasks) + 1}", "contextId": CONTEXT,
                "status": {"state": f"TASK_STATE_{state}"}}  # fmt: skip
        self.tasks[task["id"]] = task
        return task

    async def _events(self, params: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        message = params["message"]
        verb, *numbers = message["parts"][0]["text"].split()
        if verb == "silent":
            await asyncio.sleep(PATIENCE * 10)
        if verb == "say":
            parts = [{"text": " ".join(numbers)}]
            yield {"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": parts}}
            return
        task = self.tasks[message["taskId"]] if "taskId" in message else self._begun()
        task["status"] = {"state": "TASK_STATE_WORKING"}
        yield {"task": dict(task)}
        if verb == "first":
            await asyncio.sleep(PATIENCE * 10)
        for n in range(int(numbers[0]) - 2 if verb in ("count", "large", "cut") else 0):
            text = f"{n} " if verb != "large" else "x" * int(numbers[1])
            yield _chunk(task, n, text)
        if verb == "cut":
            raise ConnectionError
        ends = {"ask": "INPUT_REQUIRED", "fail": "FAILED"}
        yield _ended(task, ends.get(verb, "COMPLETED"))

    async def _again(self, task_id: str) -> AsyncIterator[dict[str, Any]]:
        task = self.tasks[task_id]
        yield {"task": dict(task)}
        yield _ended(task, "COMPLETED")


def _chunk(task: dict[str, Any], n: int, text: str) -> dict[str, Any]:
    artifact = {"artifactId": "a", "parts": [{"text": text}]}
    return {"artifactUpdate": {"taskId": task["id"], "contextId": CONTEXT, "append": n > 0,
                               "artifact": artifact}}  # fmt: skip


def _ended(task: dict[str, Any], state: str) -> dict[str, Any]:
    task["status"] = {"state": f"TASK_STATE_{state}"}
    return {"statusUpdate": {"taskId": task["id"], "contextId": CONTEXT,
                             "status": task["status"]}}  # fmt: skip


def _answer(
    writer: asyncio.StreamWriter, status: int, headers: dict[str, str], document: Any
) -> None:
    body = json.dumps(document).encode()
    lines = [f"HTTP/1.1 {status} -", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
