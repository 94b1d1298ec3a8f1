"""Folders called ``key=value``, as Hive names them, made columns."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

from ..._errors import ColumnError

NULL: Final = "__HIVE_DEFAULT_PARTITION__"
_WHOLE: Final = re.compile(r"-?[0-9]{1,19}")
Value = int | float | bool | str | datetime.date | None
Texts = tuple[tuple[str, str | None], ...]  # key and text of each folder


class Constant(NamedTuple):
    """A column that has one value in all rows of a file."""

    name: str
    type: str  # as the library's scoring.Part takes it
    value: Value


def partitions_of(folders: Sequence[str]) -> Texts:
    """Return key and value of every folder called ``key=value``, decoded like URLs."""
    found = []
    for folder in folders:
        key, equals, value = folder.partition("=")
        if equals and key:
            found.append((unquote(key), None if value == NULL else unquote(value)))
    return tuple(found)


def typed(files: Sequence[tuple[str, Texts]]) -> list[tuple[Constant, ...]]:
    """Return the columns of each file: int64 where all values of a key are whole numbers.

    Parameters
    ----------
    files : sequence of (name, partitions)

    Raises
    ------
    ColumnError
        A key is met twice on the way to one file, or two files have different keys; names both.
    """
    if not files:
        return []
    first, expected = files[0][0], [key for key, _ in files[0][1]]
    for name, texts in files:
        keys = [key for key, _ in texts]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise ColumnError(
                f"{name}: two folders above it give a value of {twice!r}; which one is meant "
                "cannot be known: rename one of them"
            )
        if sorted(keys) != sorted(expected):
            raise ColumnError(
                f"{name} lies in folders that give {_said(keys)}, and {first} in folders that give "
                f"{_said(expected)}: score them apart, or pass files, whose folders are no columns"
            )
    values = [dict(texts) for _, texts in files]
    types = {key: _type([each[key] for each in values]) for key in expected}
    return [
        tuple(Constant(key, types[key], _value(types[key], each[key])) for key in expected)
        for each in values
    ]


def _said(keys: Sequence[str]) -> str:
    return "the columns " + ", ".join(map(repr, sorted(keys))) if keys else "no column"


def _type(texts: Sequence[str | None]) -> str:
    known = [text for text in texts if text is not None]
    whole = known and all(
        _WHOLE.fullmatch(text) and -(2**63) <= int(text) < 2**63 for text in known
    )
    return "int64" if whole else "string"


def _value(kind: str, text: str | None) -> Value:
    return int(text) if kind == "int64" and text is not None else text
