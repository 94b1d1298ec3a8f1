"""Locks that a forked child can take, whoever held them in its parent."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from types import TracebackType


class Lock:
    """A lock that is free in a forked child: the thread that held it did not come along.

    Parameters
    ----------
    repair : callable, optional
        Called in a child that was forked while the lock was held, where what it guards may be half
        done. Runs before anything else in the child; it must not take a lock.
    """

    __slots__ = ("__weakref__", "_inner", "_repair")

    def __init__(self, repair: Callable[[], object] | None = None) -> None:
        self._inner = threading.Lock()
        self._repair = repair
        _all.add(self)

    def __enter__(self) -> None:
        self._inner.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inner.release()

    def renew(self) -> None:
        """Be free, in a child that has one thread and was just forked."""
        held = self._inner.locked()
        self._inner = threading.Lock()
        if held and self._repair is not None:
            self._repair()


_all: weakref.WeakSet[Lock] = weakref.WeakSet()


def _renew_all() -> None:
    for lock in _all:
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
