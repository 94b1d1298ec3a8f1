"""Starts internal/peertest/agent.py, a real agent, as a process of its own.

Its interpreter has the Python SDK of the protocol: RUVECTOR_AGENTS names it, or it is that of
build/agents, which `checks/agents.py peers` makes.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[3]
AGENT = ROOT / "internal" / "peertest" / "agent.py"
INTERPRETER = pathlib.Path(
    os.environ.get("RUVECTOR_AGENTS", ROOT / "build" / "agents" / "bin" / "python")
)
ABSENT = (
    f"NO AGENT OF OTHERS IS TESTED: {INTERPRETER} is not there; "
    "`.venv/bin/python checks/agents.py peers` makes it"
)
LONGEST = 60  # seconds until the process answers, on a loaded machine


class Peer:
    """A running agent."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self.url = ""
        self.jwks: list[dict[str, Any]] = []
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start the process, on the port that it had if it had one; returns once it answers."""
        options = list(self._options)
        if self.url:
            options += ["--port", self.url.rpartition(":")[2]]
        self._process = process = subprocess.Popen(
            [INTERPRETER, AGENT, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        late = threading.Timer(LONGEST, process.kill)
        late.start()
        assert process.stdout is not None
        line = process.stdout.readline()
        late.cancel()
        if not line:
            raise RuntimeError(f"{AGENT} {options} ended with {process.wait()}")
        told = json.loads(line)
        self.url, self.jwks = told["url"], told["jwks"]

    def key(self, alg: str) -> dict[str, Any]:
        """Return the public key of an algorithm as JWK."""
        return next(jwk for jwk in self.jwks if jwk["kid"] == f"key-{alg}")

    def go(self) -> None:
        """Let tasks that hold go on."""
        request = urllib.request.Request(self.url + "/control/go", b"", method="POST")
        urllib.request.urlopen(request, timeout=LONGEST).close()

    def kill(self) -> None:
        """End the process as `kill -9` does; returns once it is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def running(*options: str) -> Iterator[Peer]:
    """Run an agent for as long as the block."""
    peer = Peer(*options)
    try:
        yield peer
    finally:
        peer.kill()
