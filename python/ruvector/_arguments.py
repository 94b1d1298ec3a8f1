"""Numbers that users pass: read once, with an error that names the argument."""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ._errors import InvalidArgument, LimitExceeded

MOST_CELLS = 2**31  # of one answer: queries x k
_NUMBERS = int, float, np.floating  # a union is made anew by every call that names one
_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip


def whole(name: str, value: Any) -> int:
    """Return `value` as an int; InvalidArgument when it is not a whole number."""
    try:
        return operator.index(value)
    except TypeError:
        raise InvalidArgument(f"{name}={value!r} must be a whole number") from None


def positive(name: str, value: Any) -> int:
    """Return `value` as an int; InvalidArgument when it is not a whole number above 0."""
    count = whole(name, value)
    if not 0 < count < 2**63:
        raise InvalidArgument(f"{name}={count} must be 1 or more, and less than 2**63")
    return count


def places(k: Any, queries: int) -> int:
    """Return ``k=`` as an int; LimitExceeded where that many `queries` would fill the memory."""
    count = whole("k", k)
    if queries * count > MOST_CELLS:
        raise LimitExceeded(
            f"k={count:,} for {queries:,} queries is an answer of {queries * count:,} cells, more "
            f"than {MOST_CELLS:,}; ask for fewer rows, or for fewer queries at once"
        )
    return count


def limit(threads: Any) -> int:
    """Return ``threads=`` as an int, 0 for all; InvalidArgument below 0."""
    count = whole("threads", threads)
    if count < 0:
        raise InvalidArgument(f"threads={count} must be 0 (all cores) or more")
    return count


def bits_of(bits: Any) -> int:
    """Return ``bits=`` as an int; InvalidArgument outside 1 to 9."""
    value = whole("bits", bits)
    if not 1 <= value <= 9:
        raise InvalidArgument(f"bits={value} must lie between 1 and 9")
    return value


def seed_of(seed: Any) -> int:
    """Return ``seed=`` as an int; InvalidArgument outside 64 bits."""
    value = whole("seed", seed)
    if not 0 <= value < 2**64:
        raise InvalidArgument(f"seed={value} must lie between 0 and 2**64 - 1")
    return value


def depth(rerank: Any) -> int:
    """Return ``rerank=`` as an int; InvalidArgument below 0."""
    count = whole("rerank", rerank)
    if count < 0:
        raise InvalidArgument(f"rerank={count} must be 0 or more, or None to close the bounds")
    return count


def bytes_of(memory: Any) -> int:
    """Return ``memory=`` in bytes: a number, or text such as "2GB" or "512 MiB"."""
    if isinstance(memory, str):
        parts = re.fullmatch(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", memory)
        if parts is None or parts[2].lower() not in _UNITS:
            raise InvalidArgument(
                f"memory={memory!r} is not a size; write bytes, or for example '2GB' or '512MiB'"
            )
        count = int(float(parts[1]) * _UNITS[parts[2].lower()])
    elif isinstance(memory, bool):
        raise InvalidArgument(f"memory={memory!r} must be a number of bytes, or text like '2GB'")
    elif isinstance(memory, float) and memory.is_integer():
        count = int(memory)
    else:
        count = whole("memory", memory)
    if count < 1:
        raise InvalidArgument(f"memory={memory!r} must be 1 byte or more")
    return count


def share(recall: float) -> float:
    """Return a recall target as a float; InvalidArgument outside (0, 1]."""
    if not isinstance(recall, _NUMBERS) or not 0 < recall <= 1:
        raise InvalidArgument(f"recall={recall!r} must lie above 0 and at most 1")
    return float(recall)


def first_parameter(function: Callable[..., Any]) -> str:
    """Return the name of a function's first parameter, in a fraction of a signature's time."""
    name: str = cast("Any", inspect.unwrap(function)).__code__.co_varnames[0]
    return name
