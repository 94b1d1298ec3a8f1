"""Methods of `RuLake` that are written in files of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .._habits import told

F = TypeVar("F", bound=Callable[..., object])


def method(function: F) -> F:
    """Name a function as what it is, and have arguments that it has not told of by `told`."""
    return told(named(function))


def named(function: F) -> F:
    """Name a function as what it is: errors and help say ``RuLake.search_one``."""
    function.__qualname__ = f"RuLake.{function.__name__}"
    function.__module__ = f"{__package__}.lake"
    function.__annotations__.pop("self", None)
    return function
