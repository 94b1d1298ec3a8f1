"""Waiting for long work of the library, so that Ctrl-C works and progress can be seen."""

from __future__ import annotations

import importlib
import sys
import threading
import time
import weakref
from collections.abc import Callable
from ctypes import byref, c_int32, c_int64, c_uint64
from typing import Any, TypeVar

from .._errors import RuVectorError
from . import library as _library
from .library import call, library

# An interrupt waits for the end of a slice, then for the operation: together under 100 ms.
SLICE_MS = 20
QUIET_SECONDS = 1.0

Progress = Callable[[int, int], object] | bool | None

T = TypeVar("T")


def free(cell: c_uint64) -> None:
    """Give up the handle in a cell. Does nothing in a forked child, where nothing can be done."""
    # Freed first, forgotten after: an interrupt in between leaves a number that nothing has any
    # more, and freeing that again is refused without harm.
    if cell.value and not _library.forked:
        library().rv_free(cell.value, None)
    cell.value = 0


def _free_task(cell: c_uint64, lent: object) -> None:
    """Free a task; the memory lent to it lives until here, that is until the task has ended."""
    free(cell)


class Task:
    """A running operation: start it by passing ``byref(task.cell)`` to a ``rv_*_start`` function.

    ``lent`` is kept alive until the operation has ended, whatever happens to this object.
    """

    __slots__ = ("__weakref__", "_done", "_finalizer", "cell")

    def __init__(self, lent: object = None) -> None:
        # Made before the operation: an interrupt right after its start finds it here.
        self.cell = c_uint64(0)
        self._done = c_int32(0)
        self._finalizer = weakref.finalize(self, _free_task, self.cell, lent)
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
            self._finalizer()

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


def reporter(progress: Progress, label: str) -> Callable[[int, int], object]:
    """Return what is told (done, total) now and then, and (-1, -1) at the end."""
    if callable(progress):
        tell = progress
        return lambda done, total: tell(done, total) if done >= 0 else None
    if progress is False or (progress is None and not _watched()):
        return lambda done, total: None
    return _Line(label)


def _watched() -> bool:
    """Whether somebody looks at the output: a terminal or a notebook."""
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())


class _Line:
    """One line of progress, from one second on: tqdm's if it is installed, else our own."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._begin = time.monotonic()
        self._bar: Any = None
        self._written = False

    def __call__(self, done: int, total: int) -> None:
        if done < 0:
            self._close()
        elif total > 0 and time.monotonic() - self._begin >= QUIET_SECONDS:
            self._show(done, total)

    def _show(self, done: int, total: int) -> None:
        if self._bar is None and not self._written:
            self._bar = _tqdm(self._label, total)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
            return
        seconds = time.monotonic() - self._begin
        sys.stderr.write(f"\r{self._label}: {100 * done // total} % of {total:,}, {seconds:.0f} s ")
        sys.stderr.flush()
        self._written = True

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._written:
            sys.stderr.write("\n")


def _tqdm(label: str, total: int) -> Any:
    try:
        tqdm = importlib.import_module("tqdm.auto")
    except ImportError:
        return None
    return tqdm.tqdm(desc=label, total=total, unit="rows", unit_scale=True)
