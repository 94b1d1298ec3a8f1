"""Rows as frames of the library that is meant."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any, Final

from .._caller import names_of_caller
from .._errors import InvalidArgument, MissingExtra

LIBRARIES: Final = ("pandas", "polars", "pyarrow")
COLUMNS: Final = ("text", "path", "start", "end", "heading", "page")
FINGERPRINT: Final = "fingerprint"
_NUMBERS: Final = ("start", "end", "page")


def library_meant(frame: str | None) -> str:
    """Return the library of the answer: the one named, one that is imported, one that is there.

    Raises
    ------
    InvalidArgument, MissingExtra
    """
    if frame is not None:
        if frame not in LIBRARIES:
            raise InvalidArgument(f"frame={frame!r} must be 'pandas', 'polars' or 'pyarrow'")
        _module(frame)
        return frame
    imported = [name for name in LIBRARIES[:2] if name in sys.modules]
    if len(imported) > 1:
        mine, others = names_of_caller()
        held = {id(value) for value in (*mine.values(), *others.values())}
        imported = [n for n in imported if id(sys.modules[n]) in held] or imported
    if imported:
        return imported[0]
    from importlib.util import find_spec

    for name in LIBRARIES:
        if find_spec(name) is not None:
            return name
    return str(_module("pandas"))


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        extra = "arrow" if name == "pyarrow" else name
        pip = f"pip install 'ruvector-arrow[{extra}]'"
        raise MissingExtra(
            f"the answer is a frame of {name}, which is not installed: {pip}", pip=pip
        ) from error


def make_frame(library: str, columns: Mapping[str, list[Any]]) -> Any:
    """Return a frame of columns: numbers are int64 (pages, of which some are null, nullable)."""
    module = _module(library)
    if library == "pandas":
        text = "str" if int(module.__version__.split(".")[0]) > 2 else object
        types = {"start": "int64", "end": "int64", "page": "Int64"}
        return module.DataFrame(
            {n: module.Series(v, dtype=types.get(n, text)) for n, v in columns.items()}
        )
    if library == "polars":
        kinds = {n: module.Int64 if n in _NUMBERS else module.String for n in columns}
        return module.DataFrame(dict(columns), schema=kinds)
    return module.table(
        {
            name: module.array(values, module.int64() if name in _NUMBERS else module.string())
            for name, values in columns.items()
        }
    )
