"""Coroutines of the user's, run to their end for those who do not await.

They run in the loop of who awaits `Embedder.embed_batch_async`, else in one loop of ours, on a
thread that is started with the first: so they work where a loop runs already, as in a notebook.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any, Final, TypeVar

from .._errors import EmbedError
from .._locks import Lock
from .._native.waiting import running_loop

_SLICE_SECONDS: Final = 0.02

T = TypeVar("T")

_awaiting: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("awaiting", default=None)
_lock: Final = Lock()
_ours: tuple[int, asyncio.AbstractEventLoop, threading.Thread] | None = None


def finished(
    begin: Callable[[list[str]], Any], texts: list[str], look: Callable[[], object]
) -> Any:
    """Return what a coroutine function gives for texts; `look` is called while it is waited for.

    Raises
    ------
    EmbedError
        It was called from the loop that would have to run it, or was cancelled.
    Exception
        What the coroutine raised, or `look`, which cancels it.
    """
    loop = _awaiting.get()
    if loop is None or loop is asyncio._get_running_loop() or loop.is_closed():
        loop = _our_loop()
    future = asyncio.run_coroutine_threadsafe(_ended(begin, texts), loop)
    try:
        while not concurrent.futures.wait([future], _SLICE_SECONDS).done:
            look()
        return future.result()
    except concurrent.futures.CancelledError:
        raise EmbedError("the embedder was cancelled by somebody else") from None
    finally:
        future.cancel()


async def _ended(begin: Callable[[list[str]], Any], texts: list[str]) -> Any:
    answer = begin(texts)
    if hasattr(answer, "__aiter__"):
        return [vector async for vector in answer]
    return await answer


def _our_loop() -> asyncio.AbstractEventLoop:
    global _ours
    with _lock:
        if _ours is None or _ours[0] != os.getpid() or not _ours[2].is_alive():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="ruvector-embed", daemon=True)
            thread.start()
            _ours = os.getpid(), loop, thread
        if _ours[2] is threading.current_thread():
            raise EmbedError(
                "an embedder that is a coroutine embeds texts by itself, without await: use "
                "await embedder.embed_batch_async(texts) in there"
            )
        return _ours[1]


async def beside(work: Callable[[Callable[[], None]], T]) -> T:
    """Return what `work` returns, which runs on a thread of its own while the loop goes on.

    `work` is given a function that raises CancelledError when nobody waits any more. Unlike threads
    of the loop's executor, one that hangs keeps no process from its end.

    Raises
    ------
    RuntimeError
        No event loop of asyncio runs on this thread.
    """
    loop = running_loop("embedder.embed_batch(...)")
    future: asyncio.Future[T] = loop.create_future()
    gone = threading.Event()

    def look() -> None:
        if gone.is_set():
            raise asyncio.CancelledError

    def run() -> None:
        try:
            answer = work(look)
        except BaseException as error:
            _tell(loop, future, None, error)
        else:
            _tell(loop, future, answer, None)

    context = copy_context()
    context.run(_awaiting.set, loop)
    threading.Thread(target=context.run, args=(run,), daemon=True).start()
    try:
        return await future
    finally:
        gone.set()


def _tell(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[T],
    answer: Any,
    error: BaseException | None,
) -> None:
    def tell() -> None:
        if future.done():
            return
        if isinstance(error, StopIteration):  # no future takes one
            future.set_exception(RuntimeError("the embedder raised StopIteration"))
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer)

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:  # the loop was closed: nobody waits
        return
