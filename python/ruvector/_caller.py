"""The code that called us: where a user's names live, and where a warning belongs."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any, Final

_PACKAGE: Final = __name__.partition(".")[0]


class RuVectorWarning(UserWarning):
    """Something works but costs more than it must; the text says what to change."""


def caller() -> FrameType:
    """Return the innermost Python frame that is not ours."""
    frame = sys._getframe()
    while frame.f_back is not None:
        name = frame.f_globals.get("__name__", "")
        if name != _PACKAGE and not name.startswith(_PACKAGE + "."):
            break
        frame = frame.f_back
    return frame


def names_of_caller() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the local and global variables of the code that wrote the call, by name.

    That is the innermost code which is neither ours nor pandas', through which ``df.pipe`` calls
    us. Without any, as in a thread that runs a function of ours, there are none.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in (_PACKAGE, "pandas"):
            return dict(frame.f_locals), dict(frame.f_globals)
        frame = frame.f_back
    return {}, {}


def warn(message: str) -> None:
    """Issue a RuVectorWarning at the line that called us."""
    level, frame, outside = 1, sys._getframe(), caller()
    while frame is not outside and frame.f_back is not None:
        frame = frame.f_back
        level += 1
    warnings.warn(message, RuVectorWarning, stacklevel=level)
