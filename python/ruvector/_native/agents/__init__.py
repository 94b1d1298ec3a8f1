"""Clients of other agents, streams of their updates, and budgets, as handles and JSON."""

from __future__ import annotations

from ctypes import byref, c_int32
from typing import NamedTuple

from .. import library
from ..handle import Handle
from ..lake.pending import Pending
from ..library import call, call_for_bytes
from ..task import SLICE_MS, Task

_TAKEN = 64  # updates that one turn of a loop reads: a millisecond or two


class Reply(NamedTuple):
    """What an operation answered: a JSON document, and the handle of what it made (0: nothing)."""

    document: bytes
    made: Handle


class Call(Pending[Reply]):
    """A running operation. To be waited for once, and to be stopped by whoever wants to."""

    __slots__ = ()

    def cancel(self) -> None:
        """Have it end soon, with an answer that says so."""
        self._task.cancel()


def begin(op: str, request: bytes, on: Handle | None = None, budget: Handle | None = None) -> Call:
    """Begin an operation on a client or a stream, or one that makes them."""
    task = Task()
    call(
        "rv_agent_call_start", _number(on), _number(budget), op.encode(), request, len(request),
        byref(task.cell),
    )  # fmt: skip
    return Call(task, _read, op)


def _number(handle: Handle | None) -> int:
    return 0 if handle is None else handle.value


def _read(answer: Handle) -> Reply:
    made = Handle()
    try:
        document = call_for_bytes("rv_agent_answer", answer.value, byref(made.cell))
        return Reply(document, made.adopt())
    finally:
        answer.close()


def ask(on: Handle, op: str, request: bytes = b"{}") -> bytes:
    """Return the answer to what nothing is waited for."""
    return call_for_bytes("rv_agent_ask", on.value, op.encode(), request, len(request))


class Feed:
    """Updates of a stream that came and were not read. What a loop of `waiting` waits for."""

    __slots__ = ("_handle", "_ready")

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._ready = c_int32(0)

    def take(self) -> bytes:
        """Return an array of the updates that came first, which may have none. Never waits."""
        return call_for_bytes("rv_agent_take", self._handle.value, _TAKEN)

    def wait(self) -> None:
        """Wait until there is something to take; an interrupt ends that."""
        while not self._ready_within(SLICE_MS):
            pass

    def _ready_within(self, ms: int) -> bool:
        call("rv_agent_wait", self._handle.value, ms, byref(self._ready))
        return bool(self._ready.value)

    def ask(self, op: str) -> bytes:
        """Return the answer to what nothing is waited for."""
        return ask(self._handle, op)

    def begin(self, op: str, request: bytes) -> Call:
        """Begin an operation on the stream."""
        return begin(op, request, self._handle)

    def watch(self, queue: int, token: int) -> None:
        """Have a token appear in the queue of a loop once there is something to take."""
        call("rv_agent_watch", queue, self._handle.value, token)

    def cancel(self) -> None:
        """Nothing: who waits for updates closes the stream, or goes on later."""

    drop = cancel

    def close(self) -> None:
        """End the stream, and whoever waits for it. Waits for nothing; more than once is fine."""
        self._handle.close()


def forked() -> bool:
    """Whether this is a forked child, where nothing of the library can be used."""
    return library.forked
