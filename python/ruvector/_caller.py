"""The code that called us: where a user's names live, and where a warning belongs."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Final

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


def warn(message: str) -> None:
    """Issue a RuVectorWarning at the line that called us."""
    level, frame, outside = 1, sys._getframe(), caller()
    while frame is not outside and frame.f_back is not None:
        frame = frame.f_back
        level += 1
    warnings.warn(message, RuVectorWarning, stacklevel=level)
