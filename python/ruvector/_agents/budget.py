"""`GlobalBudget`: what all clients that share it may spend a minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn

from .._errors import InvalidArgument
from .._native.agents import ask, begin
from .asking import ok
from .checked import amount_of, whole_of
from .reading import encode, mapping

_MOST_USD: Final = 1e9
_MOST_TOKENS: Final = 10**15
_MOST_TASKS: Final = 10**6


@dataclass(frozen=True, slots=True)
class BudgetSnapshot:
    """What a budget has spent in the last 60 seconds.

    Attributes
    ----------
    usd, tokens, tasks : float, int, int
        Reserved for tasks that run, and spent by those that ended.
    open : int
        Tasks that run.
    queued : int
        Tasks that wait for room.
    """

    usd: float
    tokens: int
    tasks: int
    open: int
    queued: int


class GlobalBudget:
    """What all clients that share it may spend a minute, of the whole process.

    What a task is expected to take (``est_tokens``, ``est_cost_usd``) is reserved before it is
    sent, and made right by what the agent reports when it has ended.

    Parameters
    ----------
    max_usd_per_minute : float, optional
    max_tokens_per_minute, max_tasks_per_minute : int, optional
        None is no limit. A minute is any 60 seconds.
    overflow : {"shed", "queue"}
        A task that finds no room fails, or waits for it, in the order of calls.
    max_queue : int
        How many wait; those beyond fail.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Thread-safe, and of any number of event loops. Cannot be pickled, nor used in a forked child.

    Examples
    --------
    >>> import ruvector as rv
    >>> rv.a2a.GlobalBudget(max_tasks_per_minute=2).snapshot().tasks
    0
    """

    __slots__ = ("__weakref__", "_handle", "_said")

    def __init__(
        self,
        *,
        max_usd_per_minute: float | None = None,
        max_tokens_per_minute: int | None = None,
        max_tasks_per_minute: int | None = None,
        overflow: Literal["shed", "queue"] = "shed",
        max_queue: int = 1000,
    ) -> None:
        said: dict[str, Any] = {}
        if max_usd_per_minute is not None:
            name = "max_usd_per_minute"
            said[name] = amount_of(name, max_usd_per_minute, 0, _MOST_USD)
        for name, value, most in (
            ("max_tokens_per_minute", max_tokens_per_minute, _MOST_TOKENS),
            ("max_tasks_per_minute", max_tasks_per_minute, _MOST_TASKS),
        ):
            if value is not None:
                said[name] = whole_of(name, value, 0, most)
        if overflow not in ("shed", "queue"):
            raise InvalidArgument(f"overflow={overflow!r:.80} must be 'shed' or 'queue'")
        asked = {
            **said,
            "overflow": overflow,
            "max_queue": whole_of("max_queue", max_queue, 1, _MOST_TASKS),
        }
        self._said = {**said, **({"overflow": overflow} if overflow != "shed" else {})}
        reply = begin("budget", encode(asked)).wait()
        ok(reply.document)
        self._handle = reply.made

    def snapshot(self) -> BudgetSnapshot:
        """Return what is spent now."""
        said = mapping(ok(ask(self._handle, "snapshot")))
        return BudgetSnapshot(**{name: said[name] for name in BudgetSnapshot.__slots__})

    def __repr__(self) -> str:
        return f"GlobalBudget({', '.join(f'{k}={v!r}' for k, v in self._said.items())})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a GlobalBudget is of one process, and cannot be pickled")
