"""How new an answer must be: `Consistency`."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final, NoReturn, final

from .._errors import InvalidArgument

FRESH: Final = "fresh"
EVENTUAL: Final = "eventual"
FROZEN: Final = "frozen"
_NUMBERS: Final = {FRESH: 0, EVENTUAL: 1, FROZEN: 2}
AS_BEFORE: Final = -1, 0  # mode and nanoseconds of what says nothing: the collection or lake does
_LONGEST: Final = 2**63 / 1e9


@final
class Consistency:
    """How new the data must be that a search answers from.

    ``Consistency.FRESH`` asks the store before every search whether its data are still those in
    the cache. ``Consistency.EVENTUAL(ttl=seconds)`` asks when the last answer to that question is
    older. ``Consistency.FROZEN`` never asks: what was primed or warmed answers, and where there is
    nothing a search raises `CacheMissError`.

    Immutable, hashable; may be used from any thread and pickled.

    Examples
    --------
    >>> import ruvector as rv
    >>> rv.Consistency.EVENTUAL(ttl=1.5)
    Consistency.EVENTUAL(ttl=1.5)
    """

    __slots__ = ("_mode", "_ttl")

    FRESH: ClassVar[Consistency]
    FROZEN: ClassVar[Consistency]

    _mode: str
    _ttl: float

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError(
            "use Consistency.FRESH, Consistency.FROZEN or Consistency.EVENTUAL(ttl=seconds)"
        )

    @staticmethod
    def EVENTUAL(ttl: float) -> Consistency:
        """Return the consistency that looks again after `ttl` seconds.

        Raises
        ------
        InvalidArgument
            `ttl` is not a number of seconds, 0 or more.
        """
        good = isinstance(ttl, int | float) and not isinstance(ttl, bool)
        if not good or not 0 <= ttl < _LONGEST:  # NaN is not
            raise InvalidArgument(
                f"ttl={ttl!r} must be seconds, 0 or more; what never looks again is "
                "Consistency.FROZEN"
            )
        return _made(EVENTUAL, float(ttl))

    @property
    def mode(self) -> str:
        """``"fresh"``, ``"eventual"`` or ``"frozen"``."""
        return self._mode

    @property
    def ttl(self) -> float | None:
        """Seconds between two looks, for ``"eventual"``; None for the others."""
        return self._ttl if self._mode == EVENTUAL else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Consistency):
            return NotImplemented
        return self._mode == other._mode and self._ttl == other._ttl

    def __hash__(self) -> int:
        return hash((self._mode, self._ttl))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Consistency cannot be changed: {name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self._mode, self._ttl)

    def __repr__(self) -> str:
        ttl = f"(ttl={self._ttl:g})" if self._mode == EVENTUAL else ""
        return f"Consistency.{self._mode.upper()}{ttl}"


def _made(mode: str, ttl: float) -> Consistency:
    made = object.__new__(Consistency)
    object.__setattr__(made, "_mode", mode)
    object.__setattr__(made, "_ttl", ttl)
    return made


Consistency.FRESH = _made(FRESH, 0.0)
Consistency.FROZEN = _made(FROZEN, 0.0)


def checked(consistency: Any) -> Consistency:
    """Return the argument ``consistency=`` if it is one.

    Raises
    ------
    InvalidArgument
        It is something else; says what it could be.
    """
    if isinstance(consistency, Consistency):
        return consistency
    way = "Consistency.FRESH, Consistency.FROZEN or Consistency.EVENTUAL(ttl=seconds)"
    if consistency is Consistency.EVENTUAL:
        way = "Consistency.EVENTUAL(ttl=seconds), with the seconds after which to look again"
    raise InvalidArgument(f"consistency={consistency!r} is no Consistency; use {way}")


def asked(consistency: Any) -> tuple[int, int]:
    """Return the mode's number and the nanoseconds of ``consistency=`` as the library takes them.

    Raises
    ------
    InvalidArgument
    """
    if consistency is None:
        return AS_BEFORE
    given = checked(consistency)
    return _NUMBERS[given._mode], math.floor(given._ttl * 1e9)
