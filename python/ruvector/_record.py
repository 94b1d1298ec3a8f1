"""`Record`: values by name, for use inside; a class of these is made in a tenth of a NamedTuple's
time, and `import ruvector` makes all of them."""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record:
    """What a subclass annotates, in that order; a value of the class is the default.

    Raises
    ------
    TypeError
        Values are missing, or are too many.
    """

    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._names = tuple(cls.__annotations__)

    def __init__(self, *values: Any, **named: Any) -> None:
        names = self._names
        given = dict(zip(names, values, strict=False), **named)
        odd = [name for name in given if name not in names]
        odd += [name for name in names if name not in given and not hasattr(self, name)]
        if odd or len(given) != len(values) + len(named):
            raise TypeError(f"{type(self).__name__} is made of {', '.join(names)}")
        self.__dict__.update(given)
