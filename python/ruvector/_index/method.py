"""Methods of `Index` that are written in files of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TypeVar

from .._habits import told, told_when_awaited

F = TypeVar("F", bound=Callable[..., object])


def method(function: F) -> F:
    """Name a function as what it is: errors, help and pickle say ``Index.search``.

    Arguments that it does not have are told of by `told`.

    Its file knows `Index` only for type checkers, so whoever reads the hints of the method at run
    time is told what one written in the class would tell: nothing of ``self``, and ``Self``.
    """
    return told(named(function))


def coroutine_method(function: F) -> F:
    """As `method`, for a coroutine function."""
    return told_when_awaited(named(function))


def named(function: F) -> F:
    """As `method`, for a function whose calls are watched by another wrapper."""
    function.__qualname__ = f"Index.{function.__name__}"
    function.__module__ = f"{__package__}.index"
    hints = function.__annotations__
    hints.pop("self", None)
    hints.pop("cls", None)
    if hints.get("return") == "Index":
        hints["return"] = Self
    return function
