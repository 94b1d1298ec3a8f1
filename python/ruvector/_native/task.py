"""Waiting for long work of the library, so that Ctrl-C works and progress can be seen."""

from __future__ import annotations

import _thread
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from ctypes import byref, c_int32, c_int64, c_uint64
from typing import Any, TypeVar

from .._errors import RuVectorError
from .._progress import Progress as Progress
from .._progress import reporter as reporter
from . import library as _library
from .arrow import collect
from .library import call, library

# An interrupt waits for the end of a slice, then for the operation: together under 100 ms.
SLICE_MS = 20

T = TypeVar("T")


# When an interrupt is raised again that a finalizer had: it has ended by then.
_SOON = 0.002


def finalizing(free: Callable[..., None]) -> Callable[..., None]:
    """Return what frees as `free` does, to be run by a finalizer, and loses no interrupt.

    Python drops what a finalizer raises, so that Ctrl-C would not be heard when it arrives while
    one runs. What was to be freed is freed, which does no harm twice, and the interrupt is raised
    again a moment later.
    """

    def run(*arguments: Any) -> None:
        interrupted = False
        while True:
            try:
                free(*arguments)
                break
            except KeyboardInterrupt:
                interrupted = True
        if interrupted:  # from another thread: here it would be raised within this very call
            with suppress(RuntimeError):  # no thread begins any more: the interpreter ends
                _thread.start_new_thread(_interrupt, ())

    return run


def _interrupt() -> None:
    import signal  # here: it is needed once in a great while

    time.sleep(_SOON)
    # A signal, not a flag: the main thread may sleep in the system by now.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def free(cell: c_uint64) -> None:
    """Give up the handle in a cell. Does nothing in a forked child, where nothing can be done."""
    # Freed first, forgotten after: an interrupt in between leaves a number that nothing has any
    # more, and freeing that again is refused without harm.
    if cell.value and not _library.forked:
        library().rv_free(cell.value, None)
    cell.value = 0


def _free_task(cell: c_uint64, lent: object) -> None:
    """Free a task; the memory lent to it lives until here, that is until the task has ended."""
    left = cell.value and not _library.forked
    free(cell)
    if left:  # it may have been the last user of a column
        collect()


_free_task_later = finalizing(_free_task)


class Task:
    """A running operation: start it by passing ``byref(task.cell)`` to a ``rv_*_start`` function.

    ``lent`` is kept alive until the operation has ended, whatever happens to this object.
    """

    __slots__ = ("__weakref__", "_done", "_finalizer", "cell")

    def __init__(self, lent: object = None) -> None:
        # Made before the operation: an interrupt right after its start finds it here.
        self.cell = c_uint64(0)
        self._done = c_int32(0)
        self._finalizer = weakref.finalize(self, _free_task_later, self.cell, lent)
        self._finalizer.atexit = False

    def wait(self, progress: Progress = False, label: str = "") -> None:
        """Wait for the end. An interrupt cancels the operation and is raised once it has ended."""
        try:
            if self._ended(SLICE_MS):
                return
            report = reporter(progress, label)
            try:
                while not self._ended(SLICE_MS):
                    report(*self.progress())
            finally:
                report(-1, -1)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Cancel and wait for the end, whatever else is interrupted meanwhile."""
        while True:
            try:
                call("rv_task_cancel", self.cell.value)
                while not self._ended(SLICE_MS):
                    pass
                return
            except KeyboardInterrupt:
                continue
            except RuVectorError:  # in a forked child there is nothing to wait for
                return

    def watch(self, queue: int, token: int) -> None:
        """Have a token appear in the queue of a loop at the end."""
        call("rv_queue_watch", queue, self.cell.value, token)

    def cancel(self) -> None:
        """Ask the operation to end, and do not wait for it."""
        with suppress(RuVectorError):  # in a forked child there is nothing to cancel
            call("rv_task_cancel", self.cell.value)

    def drop(self) -> None:
        """Free a task that has ended, whose result nobody wants."""
        self._finalizer()

    def progress(self) -> tuple[int, int]:
        """Return the work done and the work in all, 0 and 0 when nothing is known."""
        done, total = c_int64(0), c_int64(0)
        call("rv_task_progress", self.cell.value, byref(done), byref(total))
        return done.value, total.value

    def result(self, out: Any = None) -> None:
        """Raise the operation's error, or put its handle into the cell ``out``; free the task."""
        cell = c_uint64(0) if out is None else out
        try:
            call("rv_task_result", self.cell.value, byref(cell))
        finally:
            free(self.cell)  # here, so that the finalizer is still there if this is interrupted
            self._finalizer.detach()

    def _ended(self, ms: int) -> bool:
        call("rv_task_wait", self.cell.value, ms, byref(self._done))
        return bool(self._done.value)


class Waiter:
    """Tells work on another thread whether somebody waits for it, and is told how far it is."""

    __slots__ = ("done", "gone")

    def __init__(self) -> None:
        self.gone = False
        self.done = 0


def aside(work: Callable[[Waiter], T], told: Callable[[int], object] = bool) -> T:
    """Return what `work` returns. It runs on a thread of its own, where no interrupt reaches it.

    For calls of foreign code that are long, let other threads run, and make objects: Python runs
    its collector there, whose callbacks swallow an interrupt. One is raised at once; the work is
    told by its `Waiter` and ends by itself, and what it returns is dropped. `told` gets what the
    work says of its progress.
    """
    answer: list[T] = []
    failure: list[BaseException] = []
    ended = threading.Event()
    waiter = Waiter()

    def run() -> None:
        try:
            answer.append(work(waiter))
        except BaseException as error:
            failure.append(error)
        finally:
            ended.set()

    try:
        threading.Thread(target=run, daemon=True).start()
        while not ended.wait(SLICE_MS / 1e3):
            told(waiter.done)
    finally:
        waiter.gone = True
    if failure:
        raise failure[0]
    return answer[0]
