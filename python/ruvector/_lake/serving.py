"""Answering the questions of a store that is written in Python: which threads do it, and how.

Of each store that a lake has registered one thread, the dispatcher, waits in the library for
questions and hands them to a few others, which call the store. All are daemons: they end with the
lake, and nobody waits for them, least of all the interpreter at its end.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from .._errors import BackendError, RuVectorError
from .._locks import Lock
from .._native.handle import Handle
from .._native.lake import adapter as native
from .._native.lake.adapter import Question

IDLE = 10.0  # seconds until a thread that has nothing to do ends
HANGING = 64  # calls that nobody waits for any more and that have not returned
LOOK_MS = 50  # between two looks whether a question that waits may be answered now
QUIET_MS = 60_000

Answer = Callable[[Handle, Question], object]


class Crew:
    """Threads that answer questions of one store.

    At most `most` calls that somebody waits for run at once; others wait for one of them to end.
    A call whose caller has gone does not count, up to `HANGING` of them.
    """

    def __init__(self, store: Handle, answer: Answer, most: int) -> None:
        self._store = store
        self._answer = answer
        self._most = most
        self._lock = Lock()
        self._waiting: list[Question] = []
        self._idle: list[threading.Event] = []
        self._busy: dict[int, int] = {}  # question of each thread that answers one
        self._starting = 0  # threads that have no question yet
        self._made = 0
        self._over = False

    def take(self, question: Question) -> None:
        """Have a question answered."""
        with self._lock:
            self._waiting.append(question)
        self.stir()

    @property
    def behind(self) -> bool:
        """Whether questions wait for a thread."""
        return bool(self._waiting)

    def stir(self) -> None:
        """Wake or start a thread if a question waits and may be answered now."""
        with self._lock:
            if len(self._waiting) <= self._starting:
                return
            if self._idle:
                self._idle.pop().set()
                return
            running, coming = list(self._busy.values()), self._starting
        # Asked without the lock: the library may be busy.
        wanted = sum(native.is_wanted(self._store, number) for number in running)
        if len(running) >= self._most + HANGING:
            self._give_up(len(running))
        elif wanted + coming < self._most:
            self._start()

    def end(self) -> None:
        """Have the threads end that have nothing to do."""
        with self._lock:
            self._over = True
            for wake in self._idle:
                wake.set()

    def _start(self) -> None:
        with self._lock:
            self._made += 1
            self._starting += 1
            name = f"ruvector-adapter-{self._made}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except RuntimeError:  # the interpreter ends, or the system has no more threads
            with self._lock:
                self._starting -= 1
            self._give_up(len(self._busy))

    def _give_up(self, running: int) -> None:
        with self._lock:
            questions, self._waiting = self._waiting, []
        why = f"no thread is left for a call of it: {running} calls have not returned"
        for question in questions:
            native.fail(self._store, question.id, BackendError.kind, 0, why)

    def _work(self) -> None:
        me, first = threading.get_ident(), True
        while True:
            question = self._next(me, first)
            first = False
            if question is None:
                return
            try:
                if native.is_wanted(self._store, question.id):
                    self._answer(self._store, question)
            except RuVectorError:  # the store is closed, or the process was forked
                pass
            finally:
                with self._lock:
                    self._busy.pop(me, None)

    def _next(self, me: int, first: bool) -> Question | None:
        """Wait for a question; None after a while without one."""
        until = time.monotonic() + IDLE
        while True:
            with self._lock:
                self._starting -= first
                first = False
                if self._waiting:
                    question = self._waiting.pop(0)
                    self._busy[me] = question.id
                    return question
                if self._over or time.monotonic() > until:
                    return None
                wake = threading.Event()
                self._idle.append(wake)
            if not wake.wait(IDLE):
                with self._lock:
                    if wake in self._idle:
                        self._idle.remove(wake)


def serve(store: Handle, answer: Answer, most: int) -> None:
    """Have the questions of a store answered until it is closed, on threads of their own."""
    crew = Crew(store, answer, most)
    threading.Thread(
        target=_dispatch, args=(store, crew), name="ruvector-adapter", daemon=True
    ).start()


def _dispatch(store: Handle, crew: Crew) -> None:
    while True:
        try:
            question = native.next_question(store, LOOK_MS if crew.behind else QUIET_MS)
            if question is None:
                crew.stir()
            else:
                crew.take(question)
        except RuVectorError:  # the store is closed, or the process was forked
            break
    crew.end()
    store.close()


def stop(store: Any) -> None:
    """End the answering; calls that run go on, and what they return is dropped."""
    with contextlib.suppress(RuVectorError):  # closed before, or in a forked child
        native.close_adapter(store)
