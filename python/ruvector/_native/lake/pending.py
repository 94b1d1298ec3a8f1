"""What was begun: waited for in slices on this thread, or awaited in an event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ..handle import Handle
from ..task import Progress, Task

T = TypeVar("T")


class Pending(Generic[T]):
    """A running operation and what its end is made into. To be waited for once."""

    __slots__ = ("_finish", "_label", "_task")

    def __init__(self, task: Task, finish: Callable[[Handle], T], label: str = "") -> None:
        """``finish`` gets the handle that the task made (value 0 if it made none)."""
        self._task = task
        self._finish = finish
        self._label = label

    def wait(self, progress: Progress = False) -> T:
        """Return the answer. An interrupt cancels the operation and is raised."""
        self._task.wait(progress, self._label)
        return self._ended()

    async def awaited(self) -> T:
        """Return the answer, in an event loop. Cancelling the caller cancels the operation."""
        from ..waiting import awaited  # here, so that importing the package stays short

        await awaited(self._task)
        return self._ended()

    def _ended(self) -> T:
        made = Handle()
        self._task.result(made.cell)
        return self._finish(made.adopt())
