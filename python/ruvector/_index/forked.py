"""What stands for an index in a forked child: a task that carries one must not vanish."""

from __future__ import annotations

import functools
from typing import Any, Final, TypeVar

from .._native import forked_error

T = TypeVar("T")

_OBJECT: Final = frozenset(dir(object))


def lost(cls: type[T]) -> T:
    """Return an object of the class whose every verb and property raises ForkedProcessError.

    A worker of a pool that fails while it reads its task dies with it, and the pool waits for ever;
    an error that the task itself raises reaches whoever waits for the task.
    """
    kind: Any = cls
    made: T = object.__new__(_lost_class(kind))
    return made


@functools.cache
def _lost_class(cls: Any) -> Any:
    parts: dict[str, Any] = {
        "__slots__": (),
        "__repr__": _shown,
        "__reduce__": _refused("__reduce__"),
        "__doc__": cls.__doc__,
    }
    for name in dir(cls):
        if name in _OBJECT or name in parts or name in ("__weakref__", "__getattr__"):
            continue
        made = _refusal(name, getattr(cls, name), _found(cls, name))
        if made is not None:
            parts[name] = made
    return type(cls.__name__, (cls,), parts)


def _found(cls: type[Any], name: str) -> Any:
    """Return what the class has under a name, not bound to it."""
    return next(vars(base)[name] for base in cls.__mro__ if name in vars(base))


def _refusal(name: str, value: Any, raw: Any) -> Any:
    if isinstance(raw, classmethod | staticmethod):
        return None  # makes an index, which the library itself refuses
    if callable(value):
        return _refused(name)
    return property(_refused(name)) if hasattr(type(raw), "__get__") else None


def _refused(name: str) -> Any:
    def refuse(self: Any, *args: Any, **keywords: Any) -> Any:
        raise forked_error()

    refuse.__name__ = name
    return refuse


def _shown(self: Any) -> str:
    return f"{type(self).__name__}(of the process that this one was forked from)"
