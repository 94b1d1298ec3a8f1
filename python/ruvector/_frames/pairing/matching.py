"""Rows of two frames that have equal values in columns of one name."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._errors import ColumnError
from ..groups import labels_of
from ..protocol import Frame, joined_codes, one_of

Codes = npt.NDArray[np.int64]


def match_rows(left: Frame, right: Frame, by: Any) -> tuple[Codes, Codes]:
    """Return a number for every row of each frame, equal where all columns of ``by=`` are.

    As in SQL, null equals nothing, and neither does NaN: such rows have -1.

    Raises
    ------
    ColumnError
        A frame lacks a column, or holds what cannot be equal to what the other holds.
    """
    codes = None
    for label in labels_of(by):
        for side, frame in (("left", left), ("right", right)):
            try:
                one_of(frame.names(), label)
            except ColumnError as error:
                raise ColumnError(f"by={label!r}, {side} frame: {error}") from error
        found = np.concatenate(_match(left, right, label))
        codes = found if codes is None else joined_codes(codes, found)
    assert codes is not None
    return codes[: left.height], codes[left.height :]


def _match(left: Frame, right: Frame, label: Any) -> tuple[Codes, Codes]:
    numbers: dict[Any, int] = {}
    mine, values = _distinct(left, label)
    theirs, others = _distinct(right, label)
    _check_kinds(label, values, others)
    out = []
    for codes, distinct in ((mine, values), (theirs, others)):
        place = [
            numbers.setdefault(value, len(numbers)) if _equals_itself(value) else -1
            for value in distinct
        ]
        out.append(np.array([*place, -1], np.int64)[codes])  # the last place is that of -1
    return out[0], out[1]


def _distinct(frame: Frame, label: Any) -> tuple[Codes, list[Any]]:
    """Return a number for every row, from 0 on without gaps, -1 for some nulls, and the values."""
    codes = frame.group_codes([label])
    numbers, first, codes = np.unique(codes, return_index=True, return_inverse=True)
    if len(numbers) and numbers[0] < 0:
        first, codes = first[1:], codes - 1
    return codes, frame.values(label, first.astype(np.int64))


def _equals_itself(value: Any) -> bool:
    """Return whether a value is neither null nor NaN, which are not equal to themselves."""
    equal = value == value
    return value is not None and isinstance(equal, bool | np.bool_) and bool(equal)


def _check_kinds(label: Any, values: list[Any], others: list[Any]) -> None:
    """Refuse columns of which no value can be equal to one of the other."""
    mine, theirs = _kinds(values), _kinds(others)
    if mine and theirs and not mine & theirs:
        raise ColumnError(
            f"by={label!r} holds {_listed(mine)} in the left frame and {_listed(theirs)} in the "
            "right one, which are never equal: cast one of the two columns"
        )


def _kinds(values: list[Any]) -> set[str]:
    present = {type(value): value for value in values if _equals_itself(value)}
    return {_kind(value) for value in present.values()}


def _kind(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "booleans"
    if isinstance(value, Number):
        return "numbers"
    if isinstance(value, datetime.datetime):
        return "times" if value.tzinfo is None else "times with a zone"
    return {"str": "texts", "date": "dates"}.get(type(value).__name__, type(value).__name__)


def _listed(kinds: Iterable[str]) -> str:
    return " and ".join(sorted(kinds))
