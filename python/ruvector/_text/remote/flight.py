"""Jobs of questions on a few threads: what is found is handed out as it comes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar

from .calling import Call
from .server import Server

_SLICE_SECONDS: Final = 0.02  # between two looks at what is late

T = TypeVar("T")
J = TypeVar("J")


class Failed(Exception):
    """A question that has no answer: which job's, and why."""

    def __init__(self, job: Any, problem: str) -> None:
        super().__init__(problem)
        self.job = job
        self.problem = problem


class Flight(Generic[J, T]):
    """Some jobs on some threads."""

    def __init__(
        self,
        server: Server,
        jobs: Iterable[J],
        work: Callable[[J, Call], Iterator[T]],
        concurrency: int,
        look: Callable[[], object],
    ) -> None:
        self._jobs = deque(jobs)
        self._work = work
        self._look = look
        self._stop = threading.Event()
        self._over = threading.Event()
        self._found: SimpleQueue[tuple[T] | Failed | None] = SimpleQueue()
        count = max(1, min(concurrency, len(self._jobs)))
        self._calls = [Call(server, self._stop, self._over) for _ in range(count)]

    def results(self) -> Iterator[T]:
        """Yield what comes, then raise what failed first."""
        failure: Failed | None = None
        left = 0
        try:
            for call in self._calls:
                threading.Thread(target=self._run, args=(call,), daemon=True).start()
                left += 1
            while left:
                try:
                    item = self._found.get(timeout=_SLICE_SECONDS)
                except Empty:
                    now = time.monotonic()
                    for call in self._calls:
                        call.look(now)
                    self._look()
                    continue
                if item is None:
                    left -= 1
                elif isinstance(item, Failed):
                    failure = failure or item
                else:
                    yield item[0]
        except GeneratorExit:
            raise
        except BaseException:
            self._end()
            yield from self._rest()
            raise
        finally:
            self._end()
        if failure is not None:
            raise failure

    def _end(self) -> None:
        self._stop.set()
        self._jobs.clear()
        for call in self._calls:
            call.cut()

    def _rest(self) -> Iterator[T]:
        while True:
            try:
                item = self._found.get_nowait()
            except Empty:
                return
            if isinstance(item, tuple):
                yield item[0]

    def _run(self, call: Call) -> None:
        job: Any = None
        try:
            while not self._stop.is_set():
                try:
                    job = self._jobs.popleft()
                except IndexError:
                    return
                for found in self._work(job, call):
                    self._found.put((found,))
        except Failed as failed:
            self._fail(failed.job, failed.problem)
        except Exception as error:
            said = call.without_key(f"{type(error).__name__}: {error}")
            self._fail(job, f"could not be asked: {said:.200}")
        finally:
            self._found.put(None)

    def _fail(self, job: Any, problem: str) -> None:
        self._jobs.clear()
        self._over.set()
        self._found.put(Failed(job, problem))  # a new one, without the frames of this thread
