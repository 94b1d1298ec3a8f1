"""An agent on the loopback that says, byte by byte, what a script says: for what goes wrong.

    with Faulty() as agent:
        agent.script(frames(task("7"), finish="reset"), result({"id": "7", ...}))
        ...
        agent.asked[0].document["method"]

It serves its card until a test says otherwise (`agent.card`, `agent.on`), and takes one step of the
script for every other request; a step is a function of the request and of the wire to who asked.
Without a step left it answers 500, and the test that forgot a step sees `agent.unexpected`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

LONGEST = 60.0  # seconds after which a step that waits gives up
CARD = "/.well-known/agent-card.json"


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Wire:
    """The connection to who asked, for a step."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.open = True  # the other side is there
        self.last = False  # nothing follows on this connection

    def raw(self, data: bytes) -> bool:
        """Send bytes as they are; False once the other side has gone."""
        try:
            self.connection.sendall(data)
        except OSError:
            self.open = False
        return self.open

    def answer(self, status: int, body: Any = b"", headers: dict[str, str] | None = None) -> None:
        """Send an answer with its length; what is not bytes goes as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        said = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        self.head(status, {**said, **(headers or {})})
        self.raw(data)

    def head(self, status: int, headers: dict[str, str]) -> None:
        """Send a status and headers; a body without its length ends with the connection."""
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{k}: {v}" for k, v in headers.items())]
        self.raw("\r\n".join([*lines, "", ""]).encode())
        self.last = not {name.lower() for name in headers} & {"content-length", "transfer-encoding"}

    def close(self) -> None:
        """Close the connection as servers do that are done."""
        self.open = False
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Break the connection off: the other side sees RST."""
        self.open = False
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def gone(self) -> bool:
        """Wait for the other side to close; False where it did not within a minute."""
        self.last = True
        with contextlib.suppress(ConnectionError):
            while True:
                try:
                    if not self.connection.recv(65536):
                        return True
                except TimeoutError:
                    return False
        return True


Step = Callable[[Asked, Wire], None]


class Faulty:
    """The agent."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.unexpected: list[Asked] = []
        self.sent = 0  # bytes of endless answers that went out
        self.stuck = threading.Event()  # for steps that find nobody reading
        self.released = threading.Event()  # for steps that wait
        self.card: Any = None  # bytes, what becomes JSON, or a step; None: a plain card
        self._routes: dict[tuple[str, str], Step] = {}
        self._steps: deque[Step] = deque()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Faulty:
        self._spawn(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.released.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(LONGEST)

    def script(self, *steps: Step) -> None:
        """Take these steps for the next requests that no route takes."""
        with self._lock:
            self._steps.extend(steps)

    def on(self, method: str, path: str, step: Step) -> None:
        """Take a step for every request of a method and a path."""
        self._routes[method, path] = step

    def calls(self) -> list[str]:
        """Return the methods of JSON-RPC that were asked for, in order."""
        return [one.document["method"] for one in self.asked if one.method == "POST" and one.body]

    def wait(self, holds: Callable[[], bool]) -> None:
        """Return once something holds that requests bring about."""
        with self._changed:
            assert self._changed.wait_for(holds, LONGEST), [one[:2] for one in self.asked]

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            connection.settimeout(LONGEST)
            with self._lock:
                self._open.add(connection)
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        wire = Wire(connection)
        try:
            with connection, connection.makefile("rb") as lines:
                while wire.open and not wire.last and (one := _read(lines)) is not None:
                    step = self._step(one)
                    step(one, wire)
        except OSError:
            return
        finally:
            with self._lock:
                self._open.discard(connection)

    def _step(self, one: Asked) -> Step:
        with self._changed:
            self.asked.append(one)
            self._changed.notify_all()
            step = self._routes.get((one.method, one.path.partition("?")[0]))
            if step is not None:
                return step
            if one.path == CARD:
                return self._give_card
            if self._steps:
                return self._steps.popleft()
            self.unexpected.append(one)
        return answer(500, {"error": "nothing is scripted"})

    def _give_card(self, one: Asked, wire: Wire) -> None:
        if callable(self.card):
            self.card(one, wire)
        else:
            wire.answer(200, plain_card(self.url) if self.card is None else self.card)


def _read(lines: Any) -> Asked | None:
    first = lines.readline(65536).decode("latin-1").split()
    if len(first) < 2:
        return None
    headers: dict[str, str] = {}
    while (line := lines.readline(65536).decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = lines.read(int(headers.get("content-length", "0")))
    return Asked(first[0], first[1], headers, body)


def plain_card(url: str, **changed: Any) -> dict[str, Any]:
    """Return a card of 1.0 with one interface of JSON-RPC; None as a value takes a member out."""
    card = {
        "name": "Faulty",
        "description": "says what a script says",
        "version": "1",
        "supportedInterfaces": [
            {"url": url + "/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        ],
        "capabilities": {"streaming": True, "pushNotifications": True, "extendedAgentCard": True},
        "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "echo", "name": "echo", "description": "echoes", "tags": ["test"]}],
        **changed,
    }
    return {name: value for name, value in card.items() if value is not None}


def task(task_id: str = "t1", state: str = "WORKING", **more: Any) -> dict[str, Any]:
    """Return a task as 1.0 has it."""
    return {"id": task_id, "contextId": "c1", "status": task_status(state), **more}


def task_status(state: str) -> dict[str, Any]:
    """Return a status of a task."""
    return {"state": f"TASK_STATE_{state}", "timestamp": "2026-11-30T07:00:00Z"}


def status(state: str, task_id: str = "t1", **more: Any) -> dict[str, Any]:
    """Return a status update as a frame of a stream."""
    update = {"taskId": task_id, "contextId": "c1", "status": task_status(state), **more}
    return {"statusUpdate": update}


def piece(text: str, append: bool = True, task_id: str = "t1", **more: Any) -> dict[str, Any]:
    """Return an update of the artifact "a" with one piece of text, as a frame of a stream."""
    artifact = {"artifactId": "a", "parts": [{"text": text}], **more}
    update = {"taskId": task_id, "contextId": "c1", "artifact": artifact, "append": append}
    return {"artifactUpdate": update}


def answer(code: int, body: Any = b"", headers: dict[str, str] | None = None) -> Step:
    """Return a step that answers with a status."""
    return lambda one, wire: wire.answer(code, body, headers)


def result(value: Any) -> Step:
    """Return a step that answers a call of JSON-RPC with a result."""

    def step(one: Asked, wire: Wire) -> None:
        wire.answer(200, {"jsonrpc": "2.0", "id": one.document["id"], "result": value})

    return step


def error(code: Any, message: Any = "no", **more: Any) -> Step:
    """Return a step that answers a call of JSON-RPC with an error."""

    def step(one: Asked, wire: Wire) -> None:
        said = {"code": code, "message": message, **more}
        wire.answer(200, {"jsonrpc": "2.0", "id": one.document["id"], "error": said})

    return step


def framed(one: Asked, frame: Any) -> bytes:
    """Return a frame of a stream as an event: bytes as they are, all else under the call's id."""
    if isinstance(frame, bytes):
        return frame
    envelope = {"jsonrpc": "2.0", "id": one.document["id"], "result": frame}
    return b"data: " + json.dumps(envelope).encode() + b"\n\n"


def frames(*given: Any, finish: str = "close") -> Step:
    """Return a step that streams frames; what can be called is called between them.

    Then it closes ("close"), sends RST ("reset"), stays silent until the other side goes ("hang"),
    or ends a body that says its length in chunks ("end").
    """

    def step(one: Asked, wire: Wire) -> None:
        chunked = finish == "end"
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        wire.head(200, {**headers, "Transfer-Encoding": "chunked"} if chunked else headers)
        for frame in given:
            if callable(frame):
                frame()
                continue
            data = framed(one, frame)
            wire.raw(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        if chunked:
            wire.raw(b"0\r\n\r\n")
        {"close": wire.close, "reset": wire.reset, "hang": wire.gone, "end": bool}[finish]()

    return step


def endless(
    agent: Faulty, headers: dict[str, str], piece: bytes, most: int, begin: bytes = b""
) -> Step:
    """Return a step whose body does not end until the other side goes, or `most` bytes went."""

    def step(one: Asked, wire: Wire) -> None:
        wire.head(200, headers)
        going = wire.raw(begin)
        while going and agent.sent < most:
            going = wire.raw(piece)
            agent.sent += len(piece)
        wire.close()

    return step


def hang(one: Asked, wire: Wire) -> None:
    """Answer nothing until the other side goes."""
    wire.gone()
