"""JSON of servers, read so that no shape of it does harm, and no thread is kept waiting for long.

The reader of the standard library keeps the interpreter to itself until it has read everything: a
long list is read an element at a time, and what is made of one replaces it at once.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")

_TURN_LETTERS: Final = 64 << 10  # a millisecond of lists of numbers
_TURN_SECONDS: Final = 5e-5  # none would not do: whoever waits is not awake by then
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


class NotJSON(ValueError):
    """What was sent is not JSON, or nested deeper than anything of use."""


def whole(body: bytes) -> Any:
    """Return what JSON says.

    Raises
    ------
    NotJSON
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotJSON(_why(error)) from None


def with_list(body: bytes, name: str, made: Callable[[Any], T]) -> tuple[dict[str, Any], list[T]]:
    """Return the members of an object but one, and what is made of each element of that list.

    Raises
    ------
    NotJSON
        It is no object, or has no such list.
    Exception
        What `made` raises.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotJSON("it is not valid UTF-8") from None
    reader = _Reader(text)
    others: dict[str, Any] = {}
    found: list[T] | None = None
    reader.take("{")
    while not reader.ended("}", bool(others) or found is not None):
        key = reader.value()
        reader.take(":")
        if key == name and reader.next() == "[":
            found = []
            reader.take("[")
            while not reader.ended("]", bool(found)):
                found.append(made(reader.value()))
                if reader.far():
                    time.sleep(_TURN_SECONDS)
        else:
            others[str(key)] = reader.value()
    if reader.next():
        raise NotJSON("more follows behind its end")
    if found is None:
        raise NotJSON(f"it has no list {name!r}")
    return others, found


class _Reader:
    __slots__ = ("_at", "_text", "_turn")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._turn = _TURN_LETTERS

    def far(self) -> bool:
        """Return whether so much was read that others should have their turn."""
        if self._at < self._turn:
            return False
        self._turn = self._at + _TURN_LETTERS
        return True

    def next(self) -> str:
        """Return the next letter that is no space, empty at the end."""
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space is not None else self._at
        return self._text[self._at : self._at + 1]

    def take(self, mark: str) -> None:
        if self.next() != mark:
            raise NotJSON(f"{mark!r} is missing at letter {self._at}")
        self._at += 1

    def ended(self, mark: str, comma: bool) -> bool:
        """Return whether the end of a list is here; else be at its next element."""
        if self.next() == mark:
            self._at += 1
            return True
        if comma:
            self.take(",")
        return False

    def value(self) -> Any:
        self.next()
        try:
            found, self._at = _DECODER.raw_decode(self._text, self._at)
        except (ValueError, RecursionError) as error:
            raise NotJSON(_why(error)) from None
        return found


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return f"{error!s:.120}"
