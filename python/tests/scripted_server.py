"""A server on the loopback that does what a script says, request by request, and fails in any way.

    with Scripted(embeds) as server:
        server.script(status(429, "slow down", {"Retry-After": "0"}), cut)  # then `embeds` again
        ...
        server.asked[0].document["input"]

A step is a function of the request and of the wire to who asked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pytest

from ruvector._text.remote import calling


def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use nothing of the machine's own settings, and have tries follow at once."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(calling, "_FIRST_WAIT", 0.002)


class Asked(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int]

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Wire:
    """What a step answers with."""

    def __init__(self, handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
        self._handler = handler
        self.closing = closing

    def answer(
        self,
        status: int,
        body: Any = b"",
        headers: dict[str, str] | None = None,
        kind: str | None = "application/json",
    ) -> None:
        """Send an answer with its length; what is not bytes goes as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(data)}"]
        if kind is not None:
            lines.append(f"Content-Type: {kind}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.raw("\r\n".join([*lines, "", ""]).encode() + data)

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def hang(self, seconds: float = 600) -> None:
        """Say nothing until so long is over or the server closes."""
        self.closing.wait(seconds)

    def cut(self) -> None:
        """Close the connection."""
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def last(self) -> None:
        """Close the connection after the answer, without having said so."""
        self._handler.close_connection = True


Step = Callable[[Asked, Wire], None]


class Scripted:
    """A server in threads; each connection is kept alive as HTTP/1.1 does."""

    def __init__(self, usual: Step, tls: ssl.SSLContext | None = None) -> None:
        self.usual = usual
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self.most_at_once = 0
        self._at_once = 0
        self._steps: deque[Step] = deque()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._tls = tls is not None
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The address to give as base_url."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/v1"

    def script(self, *steps: Step) -> None:
        """Do these with the next requests, one each."""
        self._steps.extend(steps)

    def take(self, asked: Asked, wire: Wire) -> None:
        """Do the next step."""
        with self._lock:
            self.asked.append(asked)
            step = self._steps.popleft() if self._steps else self.usual
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            step(asked, wire)
        finally:
            with self._lock:
                self._at_once -= 1

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # who asked went away, as the tests want


def _handler_of(script: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            peer = (str(self.client_address[0]), int(self.client_address[1]))
            asked = Asked(self.path, dict(self.headers.items()), body, peer)
            script.take(asked, Wire(self, script.closing))

        do_POST = do_GET = do_CONNECT = _take

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


# ---- steps ----


def vector(text: str, dim: int = 8) -> np.ndarray:
    """Return what `embeds` says of a text: numbers of its digest, of length 1."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    numbers = np.random.default_rng(seed).standard_normal(dim)
    return (numbers / np.linalg.norm(numbers)).astype(np.float32)


def matrix(texts: list[str], dim: int = 8) -> np.ndarray:
    """Return the vectors of texts."""
    return np.stack([vector(text, dim) for text in texts])


def packed(numbers: np.ndarray) -> str:
    """Return numbers as base64 of float32."""
    return base64.b64encode(np.asarray(numbers, "<f4").tobytes()).decode()


def of_dim(dim: int, *, lists: bool = False) -> Step:
    """Return a step that embeds as OpenAI's server does, in the form that is asked for."""

    def step(asked: Asked, wire: Wire) -> None:
        told = asked.document
        size = told.get("dimensions", dim)
        as_text = told.get("encoding_format") == "base64" and not lists
        data = [
            {
                "object": "embedding",
                "index": i,
                "embedding": packed(vector(text, size)) if as_text else vector(text, size).tolist(),
            }
            for i, text in enumerate(told["input"])
        ]
        wire.answer(200, {"object": "list", "data": data, "model": told["model"], "usage": {}})

    return step


embeds = of_dim(8)


def status(
    code: int, says: Any = "scripted", headers: dict[str, str] | None = None
) -> Step:  # fmt: skip
    """Return a step that answers with an error, in OpenAI's form if `says` is text."""
    body = {"error": {"message": says, "type": "scripted"}} if isinstance(says, str) else says

    def step(asked: Asked, wire: Wire) -> None:
        wire.answer(code, body, headers)

    return step


def says(body: Any, **named: Any) -> Step:
    """Return a step that answers 200 with a body."""
    return lambda asked, wire: wire.answer(200, body, **named)


def raw(data: bytes, *, then_cut: bool = True) -> Step:
    """Return a step that sends bytes, and closes."""

    def step(asked: Asked, wire: Wire) -> None:
        wire.raw(data)
        if then_cut:
            wire.cut()

    return step


def cut(asked: Asked, wire: Wire) -> None:
    """Close the connection instead of answering."""
    wire.cut()


def hang(asked: Asked, wire: Wire) -> None:
    """Say nothing until the server closes."""
    wire.hang()
