"""The answer on standard output: tables and facts for people, or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

UNITS = "B", "kB", "MB", "GB", "TB", "PB"


def document(answer: Any) -> None:
    """Print an answer as JSON; what is no number of JSON (NaN, infinity) is null."""
    print(json.dumps(_plain(answer), allow_nan=False))


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line, values below each other."""
    told = [(name, str(value)) for name, value in pairs if value not in (None, "")]
    wide = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        print(f"{name:{wide}}  {value}")


def table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below their names: numbers to the right, text to the left."""
    cells = [[f"{c:.6g}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    wide = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    right = [bool(rows) and isinstance(rows[0][i], int | float) for i in range(len(names))]
    for row in (list(names), *cells):
        line = (f"{c:>{w}}" if r else f"{c:{w}}" for c, w, r in zip(row, wide, right, strict=True))
        print("  ".join(line).rstrip())


def size(count: int) -> str:
    """Return bytes in the largest unit that leaves at least 1."""
    value = float(count)
    for unit in UNITS[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {UNITS[-1]}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and value - value != 0:
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
