"""Answers of coroutine functions, waited for by code that is none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotYet
from typing import Final, TypeVar

from .._locks import Lock

_SLICE_S: Final = 0.02  # Ctrl-C is seen between slices
T = TypeVar("T")


def awaited(answer: Awaitable[T]) -> T:
    """Return what an awaitable gives. May be called where an event loop runs, which then waits.

    Everything is awaited on one loop, on a thread of its own that lasts as long as the process,
    so that a client that keeps connections may keep them. It must not wait for the caller's loop.
    Ctrl-C cancels it and is raised at once.
    """
    future = asyncio.run_coroutine_threadsafe(_wrapped(answer), _running())
    try:
        while True:
            try:
                return future.result(_SLICE_S)
            except NotYet:
                if future.done():  # just now; or what was awaited ran out of its own time
                    return future.result()
    except CancelledError:
        raise asyncio.CancelledError from None
    finally:
        future.cancel()


async def _wrapped(answer: Awaitable[T]) -> T:
    return await answer


_loop: asyncio.AbstractEventLoop | None = None
_owner = 0
_lock = Lock()


def _running() -> asyncio.AbstractEventLoop:
    """Return the loop; a forked child, where its thread did not come along, gets its own."""
    import os

    global _loop, _owner
    with _lock:
        if _loop is None or _owner != os.getpid():
            _loop, _owner = asyncio.new_event_loop(), os.getpid()
            threading.Thread(target=_loop.run_forever, name="ruvector-await", daemon=True).start()
        return _loop
