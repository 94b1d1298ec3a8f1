"""JSON of agents, read as far as it is what it should be: nothing here raises for its content.

Numbers stay as they were written. What peers send was parsed and limited by the library before;
what is missing, or of another type, reads as absent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
NOTHING: Json = {}


def decode(document: bytes | str) -> Any:
    """Return what a JSON document says, whole numbers exactly.

    Python refuses numbers of more than 4,300 digits, for the time that they take: they stay texts.
    """
    try:
        return json.loads(document)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(document, parse_int=_long)


def _long(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


def encode(value: Any) -> bytes:
    """Return JSON of `value`, which was checked: no NaN, no infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def text(value: Any) -> str | None:
    """Return a text, None for anything else."""
    return value if isinstance(value, str) else None


def word(value: Any) -> str:
    """Return a text, "" for anything else."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """Return a whole number, None for anything else; texts of digits are numbers in ProtoJSON."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) <= 20 and value.isascii():
        return int(value) if value.removeprefix("-").isdigit() else None
    return None


def amount(value: Any) -> float | None:
    """Return a number of 0 or more, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list; what is none is left out."""
    if not isinstance(value, list | tuple):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def mapping(value: Any) -> Json:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else NOTHING


def objects(value: Any) -> list[Json]:
    """Return the objects of a list; what is none is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def flat(value: Any) -> dict[str, str]:
    """Return an object of texts; of lists of texts the first counts."""
    found: dict[str, str] = {}
    for name, said in mapping(value).items():
        one = said[0] if isinstance(said, list) and said else said
        if isinstance(one, str):
            found[name] = one
    return found


def shown(value: str | None, most: int = 60) -> str:
    """Return a text of a peer for a repr: cut, escaped, in quotes."""
    if value is None:
        return "None"
    return repr(value if len(value) <= most else value[: most - 3] + "...")
