"""What an accessor shows when it is looked at: its verbs, one line each."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from .._show import html


class Listed:
    """An object that shows its public methods with the first line of their help."""

    __slots__ = ()

    _called: ClassVar[str] = "ruvector"

    def _verbs(self) -> dict[str, str]:
        """Return the first line of the help of every verb, by its name."""
        found: dict[str, str] = {}
        for kind in reversed(type(self).__mro__):
            for name, value in vars(kind).items():
                if not name.startswith("_") and inspect.isfunction(value):
                    found[name] = _first_line(value)
        return {name: line for name, line in sorted(found.items()) if self._has(name)}

    def _has(self, name: str) -> bool:
        """Return whether this object's kind takes the verb."""
        return True

    def __dir__(self) -> list[str]:
        hidden = [name for name in object.__dir__(self) if name.startswith("_")]
        return [*hidden, *self._verbs()]

    def __repr__(self) -> str:
        verbs = self._verbs()
        width = max(map(len, verbs), default=0)
        lines = [f"  .{name:<{width}}  {line}" for name, line in verbs.items()]
        return "\n".join([f"{self._called}: {len(verbs)} verbs", *lines])

    def _repr_html_(self) -> str:
        return html.facts(self._called, [(f".{n}", line) for n, line in self._verbs().items()])


def _first_line(function: Any) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]
