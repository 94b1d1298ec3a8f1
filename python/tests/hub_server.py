"""A hub of models on this machine: it speaks the API that model hubs speak, and fails as told."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

LARGE = 1000  # bytes, from which a file lies elsewhere and is known by its SHA-256


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    range: str | None
    authorization: str | None


class Fault(NamedTuple):
    """What happens, once, to the next request whose method and path match."""

    method: str
    path: str
    kind: str  # "status", "cut", "page", "other", "endless", "headers", "hang"
    number: int = 0
    headers: dict[str, str] | None = None


def git_name(body: bytes) -> str:
    """Return what git calls a file of this content."""
    return hashlib.sha1(b"blob %d\x00" % len(body) + body).hexdigest()


class HubServer(ThreadingHTTPServer):
    """Repositories by name, each with files by name, at one commit that "main" means."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.commit = "a" * 40
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.elsewhere = self.url  # where large files lie
        self.released = threading.Event()  # what hangs goes on

    @property
    def url(self) -> str:
        """The address to give as HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def paths(self, method: str = "GET") -> list[str]:
        """Return the paths that were asked for."""
        return [one.path for one in self.asked if one.method == method]

    def blob(self, sha256: str) -> bytes | None:
        """Return the large file of a digest."""
        for files in self.files.values():
            for body in files.values():
                if hashlib.sha256(body).hexdigest() == sha256:
                    return body
        return None


@contextmanager
def serving(files: dict[str, dict[str, bytes]] | None = None) -> Iterator[HubServer]:
    """Run a hub; all of it has ended afterwards."""
    server = HubServer()
    server.files = files or {}
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.server.asked.append(
            Asked(
                self.command, self.path, self.headers.get("Range"),
                self.headers.get("Authorization"),
            )
        )  # fmt: skip
        fault = next(
            (f for f in self.server.faults
             if f.method == self.command and re.search(f.path, self.path)), None,
        )  # fmt: skip
        if fault is not None:
            self.server.faults.remove(fault)
            if fault.kind == "status":
                return self._send(fault.number, b"no", fault.headers or {})
            if fault.kind == "page":
                return self._send(200, b"<html>log in</html>", {"Content-Type": "text/html"})
        if match := re.fullmatch(r"/api/models/(.+)/revision/(.+)", self.path):
            return self._list(match[1], match[2])
        if match := re.fullmatch(r"/cdn/([0-9a-f]{64})\?key=secret", self.path):
            body = self.server.blob(match[1])
            return self._body(body, {}, fault) if body is not None else self._send(404, b"", {})
        if match := re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", self.path):
            return self._file(match[1], match[2], match[3], fault)
        self._send(404, b"", {})

    def _list(self, repository: str, revision: str) -> None:
        files = self.server.files.get(repository)
        if files is None:
            return self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        if revision not in ("main", "v1", self.server.commit):
            return self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        names = [{"rfilename": name} for name in files]
        body = json.dumps({"sha": self.server.commit, "siblings": names}).encode()
        self._send(200, body, {"Content-Type": "application/json"})

    def _file(self, repository: str, revision: str, name: str, fault: Fault | None) -> None:
        body = self.server.files.get(repository, {}).get(name)
        if body is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        facts = {"X-Repo-Commit": self.server.commit}
        if fault is not None and fault.kind == "headers":
            facts.update(fault.headers or {})
        if len(body) < LARGE:
            facts.setdefault("ETag", f'"{git_name(body)}"')
            return self._body(body, facts, fault)
        digest = hashlib.sha256(body).hexdigest()
        facts.setdefault("X-Linked-Etag", f'"{digest}"')
        facts.setdefault("X-Linked-Size", str(len(body)))
        facts.setdefault("Location", f"{self.server.elsewhere}/cdn/{digest}?key=secret")
        self._send(302, b"", facts)

    def _body(self, body: bytes, headers: dict[str, str], fault: Fault | None) -> None:
        status, start = 200, 0
        if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(match[1])
            if start >= len(body):
                return self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            status = 206
            said = f"bytes {start}-{len(body) - 1}/{len(body)}"
            headers = {"Content-Range": said, **headers}
        sent = body[start:]
        if fault is not None and fault.kind == "hang":  # after so many bytes
            self.close_connection = True
            self._send(status, sent, headers, cut=fault.number)
            self.wfile.flush()
            self.server.released.wait(5)
            return None
        if fault is not None and fault.kind == "other":
            sent = sent[:-1] + bytes([sent[-1] ^ 1])
        if fault is not None and fault.kind == "endless":
            self.close_connection = True
            sent += b"x" * 100_000
            return self._send(status, sent, {**headers, "Connection": "close"}, length=False)
        if fault is not None and fault.kind == "cut":
            self.close_connection = True
            return self._send(status, sent, headers, cut=fault.number)
        self._send(status, sent, headers)

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None,
        length: bool = True,
    ) -> None:  # fmt: skip
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
