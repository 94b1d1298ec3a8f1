"""A frame of which only the columns are known: what a verb is asked about a lazy frame's answer."""

from __future__ import annotations

from typing import Any


class Outline:
    """The columns of a lazy frame; verbs take it for a frame, and answer without rows."""

    __slots__ = ("frame",)

    def __init__(self, frame: Any) -> None:
        self.frame = frame  # a polars DataFrame of no rows
