"""A process that answers requests one after another: JSON lines in, JSON lines out.

Of several such processes one works at a time; the others wait for a line and take no CPU.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any


class Gone(Exception):
    """The process ended, took too long or raised; the text says which."""


class Servant:
    """The asking side: starts the process, and ends it on exit."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], log: pathlib.Path
    ) -> None:
        self._log = log
        with log.open("w") as said:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=said, text=True,
            )  # fmt: skip
        self._late = False

    def __enter__(self) -> Servant:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], limit: float = 600.0) -> Any:
        """Send a request and return the answer; Gone where there is none within `limit` seconds."""
        assert self._process.stdin and self._process.stdout
        timer = threading.Timer(limit, self._too_late)
        timer.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            raise Gone(self._why(limit))
        answer = json.loads(line)
        if "error" in answer:
            raise Gone(answer["error"])
        return answer["value"]

    def _too_late(self) -> None:
        self._late = True
        self._process.kill()

    def _why(self, limit: float) -> str:
        code = self._process.wait()
        if self._late:
            return f"ended after its {limit:.0f} s"
        if code < 0:
            return f"ended by {signal.Signals(-code).name}"
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return " ".join(lines[-1].split())[:200] if lines else f"exit {code}"

    def end(self) -> None:
        """Let it go; what does not end by itself is killed."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.close()
            self._process.wait(10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def serve(answers: dict[str, Callable[..., Any]]) -> None:
    """Answer requests until there are none: ``{"do": NAME, ...}`` calls `answers[NAME]`.

    What the calls print goes to the error stream. One that raises answers with the error's text;
    the next request is answered all the same.
    """
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"value": answers[request.pop("do")](**request)}
        except Exception as error:  # the asking side decides what a failure costs
            text = " ".join(f"{type(error).__name__}: {error}".split())
            reply = {"error": text[:200]}
        print(json.dumps(reply), file=out, flush=True)
