"""Answering the questions of a store that is written in Python: which threads do it, and how.

Of each store that a lake has registered one or two threads listen in the library for questions.
Who hears one answers it, after it has seen to it that somebody listens meanwhile. All are daemons:
they end with the lake, and nobody waits for them, least of all the interpreter at its end.
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

IDLE_MS = 10_000  # until a thread ends that is not the only one that listens
SPARE = 2  # threads that listen while nothing is asked
HANGING = 64  # calls that nobody waits for any more and that have not returned
LOOK_MS = 50  # between two looks whether one more call may run

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
        self._listening = 0
        self._busy: dict[int, int] = {}  # question of each thread that answers one
        self._watched = False  # whether a thread waits for calls to end

    def start(self) -> None:
        """Have somebody listen."""
        with self._lock:
            self._listening += 1
        self._send()

    def _send(self) -> None:
        """Start a thread that was counted as listening."""
        try:
            threading.Thread(target=self._listen, name="ruvector-adapter", daemon=True).start()
        except RuntimeError:  # the interpreter ends, or the system has no more threads
            with self._lock:
                self._listening -= 1

    def _listen(self) -> None:
        me = threading.get_ident()
        while True:
            try:
                question = native.next_question(self._store, IDLE_MS)
            except RuVectorError:  # the store is closed, or the process was forked
                with self._lock:
                    self._listening -= 1
                self._store.close()
                return
            with self._lock:
                if question is None and self._listening == 1:
                    continue
                self._listening -= 1
                if question is None:
                    return
                self._busy[me] = question.id
                alone = not self._listening
            if alone and not self._relieved():
                self._have_it_watched()
            self._reply(question)
            with self._lock:
                self._busy.pop(me, None)
                enough = len(self._busy) + self._listening >= self._most
                if self._listening and (enough or self._listening >= SPARE):
                    return
                if not enough:
                    self._listening += 1
            if enough:  # by those who came meanwhile, or by calls that hang
                if not self._relieved():
                    self._have_it_watched()
                return

    def _reply(self, question: Question) -> None:
        with contextlib.suppress(RuVectorError):  # the store is closed, or the process was forked
            if native.is_wanted(self._store, question.id):
                self._answer(self._store, question)

    def _relieved(self) -> bool:
        """Return whether somebody listens, who is sent if one more call may run."""
        with self._lock:
            if self._listening:
                return True
            running = set(self._busy.values())
        if len(running) >= self._most + HANGING:
            return False
        if len(running) >= self._most:
            try:
                wanted = sum(native.is_wanted(self._store, number) for number in running)
            except RuVectorError:  # closed: nobody is needed
                return True
            if wanted >= self._most:
                return False
        with self._lock:
            if self._listening:
                return True
            now = set(self._busy.values())
            if len(now) >= self._most and not now <= running:
                return False
            self._listening += 1
        self._send()
        return True

    def _have_it_watched(self) -> None:
        """Have a thread look until one more call may run."""
        with self._lock:
            if self._watched:
                return
            self._watched = True
        try:
            threading.Thread(target=self._watch, name="ruvector-adapter", daemon=True).start()
        except RuntimeError:  # the thread that has no time now will listen again
            self._watched = False

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_MS / 1e3)
            with self._lock:
                if self._listening:
                    self._watched = False
                    return
                running = len(self._busy)
            if running >= self._most + HANGING:
                self._refuse(running)
            else:
                self._relieved()

    def _refuse(self, running: int) -> None:
        """Answer a question, if there is one, with why it is not."""
        with contextlib.suppress(RuVectorError):
            question = native.next_question(self._store, 0)
            if question is not None:
                native.fail(
                    self._store, question.id, BackendError.kind, 0,
                    f"no thread is left for a call of it: {running} calls have not returned",
                )  # fmt: skip


def serve(store: Handle, answer: Answer, most: int) -> None:
    """Have the questions of a store answered until it is closed, on threads of their own."""
    Crew(store, answer, most).start()


def stop(store: Any) -> None:
    """End the answering; calls that run go on, and what they return is dropped."""
    with contextlib.suppress(RuVectorError):  # closed before, or in a forked child
        native.close_adapter(store)
