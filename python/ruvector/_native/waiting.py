"""Waiting for long work in an event loop, which does other things meanwhile.

Imported by the first ``_async`` verb: nothing of it is made, and asyncio is not imported, before.
Each loop has a queue of the library with a descriptor that the loop reads. The loop alone holds the
queue: with the last reference, which closing the loop drops, it closes. A loop that cannot read
descriptors is told by a thread.
"""

from __future__ import annotations

import asyncio
import select
import threading
import weakref
from collections.abc import Callable
from contextvars import Context
from ctypes import byref, c_int32, c_int64, c_uint64
from typing import Protocol

from .._locks import Lock
from .library import call
from .task import Progress, Task, finalizing, free, reporter

_free_later = finalizing(free)

_ROOM = 16  # tokens taken in one turn of a loop, so that others have theirs soon
_LOOK_SECONDS = 0.1  # between two looks at how far work is, and whether a loop is closed
_LINGER = 10  # looks without work until a thread that tells a loop ends


class Work(Protocol):
    """What a loop waits for."""

    def watch(self, queue: int, token: int) -> None:
        """Have the token appear in a queue at the end, or once there is something to read."""

    def cancel(self) -> None:
        """Nobody waits any more."""

    def drop(self) -> None:
        """It is ready, and nobody waits any more."""


async def awaited(task: Task, progress: Progress = False, label: str = "") -> None:
    """Wait until a started task has ended; `Task.result` then says how.

    Who waits may be cancelled: that cancels the operation in the same turn of the loop, and does
    not wait for its end. When it has ended the task is freed, and with it what was lent to it.

    Raises
    ------
    RuntimeError
        No event loop of asyncio runs on this thread.
    """
    loop = running_loop()
    future = watch(loop, task)
    stop = None if progress is False else _report(loop, task, future, progress, label)
    try:
        await future
    finally:
        if not future.done():  # the coroutine was closed
            _abandon(loop, future)
        if stop is not None:
            stop()


def _abandon(loop: asyncio.AbstractEventLoop, future: Ended) -> None:
    """Cancel what nobody waits for any more, in a loop that may be closed."""
    if loop.is_closed():
        future.work.cancel()
    else:
        future.cancel()


def running_loop(twin: str = "") -> asyncio.AbstractEventLoop:
    """Return the loop that runs on this thread.

    Raises
    ------
    RuntimeError
        There is none; `twin` is what to call instead.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        instead = f", or call {twin}" if twin else ""
        raise RuntimeError(
            "no event loop of asyncio is running on this thread: await this inside async def"
            + instead
        ) from None


def _report(
    loop: asyncio.AbstractEventLoop, task: Task, future: Ended, progress: Progress, label: str
) -> Callable[[], None]:
    """Have the loop show how far a task is; return what ends that."""
    report = reporter(progress, label)
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        if not future.done():
            report(*task.progress())
            timer = loop.call_later(_LOOK_SECONDS, look)

    def stop() -> None:
        timer.cancel()
        report(-1, -1)

    timer = loop.call_later(_LOOK_SECONDS, look)
    return stop


_queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Queue]]
_queues = weakref.WeakKeyDictionary()
_lock = Lock()


def watch(loop: asyncio.AbstractEventLoop, work: Work) -> Ended:
    """Return a future of the running loop that ends when work does, or can be read."""
    while True:
        known = _queues.get(loop)
        queue = None if known is None else known()
        if queue is None:
            queue = _queue_for(loop)
        future = queue.watch(work, loop)
        if future is not None:
            return future
        with _lock:
            if _queues.get(loop) is known:
                del _queues[loop]


def _queue_for(loop: asyncio.AbstractEventLoop) -> Queue:
    queue = Queue()
    try:
        # In a context of its own, or the loop would keep that of the first who waits.
        Context().run(loop.add_reader, queue.fd, queue.ready)
    except NotImplementedError:
        queue = Relay(loop)
    with _lock:
        _queues[loop] = weakref.ref(queue)
    return queue


class Ended(asyncio.Future[None]):
    """The end of work. Cancelling it cancels the work at once, not in the next turn."""

    def __init__(self, work: Work, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.work = work

    def cancel(self, msg: object = None) -> bool:
        """Cancel the work, then the future."""
        if not self.done():
            self.work.cancel()
        return super().cancel(msg)


class Queue:
    """What one loop waits for. Belongs to the loop's thread."""

    __slots__ = ("__weakref__", "_cell", "_last", "_n", "_over", "_tokens", "_waiting", "fd")

    def __init__(self) -> None:
        self._waiting: dict[int, Ended] = {}
        self._over = False
        self._last = 0
        self._tokens = (c_uint64 * _ROOM)()
        self._n = c_int64(0)
        self._cell = c_uint64(0)
        weakref.finalize(self, _free_later, self._cell).atexit = False
        fd = c_int32(-1)
        call("rv_queue_new", byref(self._cell), byref(fd))
        self.fd = fd.value

    def watch(self, work: Work, loop: asyncio.AbstractEventLoop) -> Ended | None:
        """Return the end of work; None when the queue itself is at its end."""
        if self._over:
            return None
        future = Ended(work, loop)
        self._last += 1
        self._waiting[self._last] = future
        try:
            work.watch(self._cell.value, self._last)
        except BaseException:
            self._waiting.pop(self._last, None)
            raise
        return future

    def ready(self) -> None:
        """Tell who waits, once the descriptor can be read."""
        try:
            tokens = self._take()
        except Exception as error:
            self._fail(error)
        else:
            self._tell(tokens)

    def _take(self) -> list[int]:
        call("rv_queue_drain", self._cell.value, self._tokens, _ROOM, byref(self._n))
        return self._tokens[: self._n.value]

    def _tell(self, tokens: list[int]) -> None:
        for token in tokens:
            future = self._waiting.pop(token, None)
            if future is None:
                continue
            if future.done():
                future.work.drop()
            else:
                future.set_result(None)

    def _fail(self, error: Exception) -> None:
        """Tell all who wait that the queue is damaged, and be used no more."""
        self._over = True
        self._detach()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()

    def _detach(self) -> None:
        running_loop().remove_reader(self.fd)


class Relay(Queue):
    """The queue of a loop that cannot read descriptors: a thread reads and tells it.

    The thread ends a second after the last task, or with the loop.
    """

    __slots__ = ("_lock", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = weakref.ref(loop)
        self._lock = Lock()  # of the decision to end
        threading.Thread(target=self._run, name="ruvector-relay", daemon=True).start()

    def watch(self, work: Work, loop: asyncio.AbstractEventLoop) -> Ended | None:
        """Return the end of work; None when the thread has ended."""
        with self._lock:
            return super().watch(work, loop)

    def _detach(self) -> None:
        pass  # the thread sees that the queue is over

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        idle = 0
        while not self._over and (idle < _LINGER or not self._ends()):
            poll.poll(_LOOK_SECONDS * 1e3)
            loop = self._loop()
            try:
                if loop is None or not self._relay(loop):
                    idle += 1
                else:
                    idle = 0
            except RuntimeError:  # the loop was closed
                self._over = True
                return

    def _relay(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Hand over what has ended; whether anything had, or is waited for.

        Raises RuntimeError when the loop is closed.
        """
        try:
            tokens = self._take()
        except Exception as error:
            loop.call_soon_threadsafe(self._fail, error)
            return False
        if tokens:
            loop.call_soon_threadsafe(self._tell, tokens)
        elif loop.is_closed():
            raise RuntimeError("closed")
        return bool(self._waiting)

    def _ends(self) -> bool:
        with self._lock:
            self._over = not self._waiting
        return self._over
