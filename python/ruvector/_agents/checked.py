"""Arguments of what is sent to agents: checked, with an error that names the argument."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import InvalidArgument

_MOST_BITS = 4096
_MOST_DEEP = 60  # the library refuses JSON of more than 64 levels; a message adds some


def said(value: Any) -> str:
    """Return what was given, for an error: short, whatever it is."""
    if isinstance(value, int) and abs(value) >= 2**128:
        return f"{'-' if value < 0 else ''}2**{value.bit_length() - 1} or more"
    return f"{value!r:.80}"


def name_of(what: str, value: Any) -> str:
    """Return a text that is not empty and can be written as UTF-8.

    Raises
    ------
    InvalidArgument
    """
    found = text_of(what, value)
    if not found:
        raise InvalidArgument(f"{what}='' says nothing; None stands for absent")
    return found


def text_of(what: str, value: Any) -> str:
    """Return a text that can be written as UTF-8.

    Raises
    ------
    InvalidArgument
    """
    if not isinstance(value, str):
        raise InvalidArgument(f"{what}={said(value)} must be a text, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"{what} has half of a surrogate pair at {error.start}, which is no character; clean "
            f"it: text.encode('utf-8', 'replace').decode()"
        ) from None
    return str(value)


def maybe(what: str, value: Any) -> str | None:
    """Return a text that is not empty, or None.

    Raises
    ------
    InvalidArgument
    """
    return None if value is None else name_of(what, value)


def names_of(what: str, value: Any) -> tuple[str, ...]:
    """Return texts, none of them empty; one text alone is a mistake, as it is a row of letters.

    Raises
    ------
    InvalidArgument
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        one = f"; write [{value!r:.40}]" if isinstance(value, str) else ""
        raise InvalidArgument(f"{what}={said(value)} must be a list of texts{one}")
    return tuple(name_of(f"{what}[{i}]", one) for i, one in enumerate(value))


def whole_of(what: str, value: Any, least: int = 0, most: int = 2**63 - 1) -> int:
    """Return a whole number within bounds.

    Raises
    ------
    InvalidArgument
    """
    try:
        number = value.__index__()
    except (AttributeError, TypeError):
        number = None
    if number is None or isinstance(value, bool):
        raise InvalidArgument(f"{what}={said(value)} must be a whole number")
    if not least <= number <= most:
        raise InvalidArgument(f"{what}={said(number)} must be between {least:,} and {most:,}")
    return int(number)


def amount_of(what: str, value: Any, least: float = 0.0, most: float = 1e15) -> float:
    """Return a number within bounds, which NaN is not.

    Raises
    ------
    InvalidArgument
    """
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise InvalidArgument(f"{what}={said(value)} must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isnan(number) or not least <= number <= most:
        raise InvalidArgument(f"{what}={said(value)} must be between {least:g} and {most:g}")
    return number


def flag_of(what: str, value: Any) -> bool:
    """Return True or False.

    Raises
    ------
    InvalidArgument
    """
    if not isinstance(value, bool):
        raise InvalidArgument(f"{what}={said(value)} must be True or False")
    return value


def object_of(what: str, value: Any) -> dict[str, Any]:
    """Return a mapping that can be written as a JSON object.

    Raises
    ------
    InvalidArgument
    """
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"{what}={said(value)} must be a mapping of texts to JSON values")
    found = json_of(what, value)
    return dict(found)


def json_of(what: str, value: Any, depth: int = 0) -> Any:
    """Return a copy of what can be written as JSON and read again as it is.

    NumPy's numbers and arrays become numbers and lists.

    Raises
    ------
    InvalidArgument
        It cannot; says which part of it.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > _MOST_BITS:
            raise InvalidArgument(f"{what} is {said(value)}, too long for JSON; make it a text")
        return value
    if isinstance(value, str):
        return text_of(what, value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidArgument(f"{what}={value!r} cannot be written as JSON; None stands for it")
        return float(value)
    if depth >= _MOST_DEEP:
        raise InvalidArgument(f"{what} is nested more than {_MOST_DEEP} levels deep")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidArgument(f"{what}: the key {key!r:.60} must be a text")
        return {
            text_of(f"{what}: a key", k): json_of(f"{what}[{k!r:.40}]", v, depth + 1)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [json_of(f"{what}[{i}]", one, depth + 1) for i, one in enumerate(value)]
    if hasattr(value, "tolist"):
        return json_of(what, value.tolist(), depth + 1)
    raise InvalidArgument(f"{what} is {type(value).__name__}, which JSON has no form of")
