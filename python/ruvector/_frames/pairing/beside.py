"""Columns of one frame beside those of another: what they are called, and which rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._errors import ColumnError, InvalidArgument
from ..protocol import same_label, times

Rows = npt.NDArray[np.int64]


def names_beside(
    mine: Sequence[Any], theirs: Sequence[Any], suffix: Any, added: Sequence[str]
) -> list[Any]:
    """Return what columns of the right frame are called beside those of the left.

    Raises
    ------
    ColumnError
        Two columns of the answer would have one name; names both, and the way out.
    """
    if not isinstance(suffix, str):
        raise InvalidArgument(f"suffix={suffix!r} is not a text, such as '_right'")
    mine, theirs = list(mine), list(theirs)
    for name in added:
        if times(mine, name):
            raise _taken(f"the left frame's column {name!r}", name)
    named = [_suffixed(name, suffix) if times(mine, name) else name for name in theirs]
    for name, old in zip(named, theirs, strict=True):
        what = f"the right frame's column {old!r}"
        for other in added:
            if same_label(name, other):
                raise _taken(what, other)
        if name is old or same_label(name, old):
            if not times(mine, old):
                continue
            raise ColumnError(
                f"{what} and the left frame's have one name, and suffix={suffix!r} changes "
                "nothing: give another suffix"
            )
        if times(mine, name) or times(theirs, name):
            side = "left" if times(mine, name) else "right"
            raise ColumnError(
                f"{what} is called {name!r} beside the left frame's {old!r}, but the {side} frame "
                f"has a column {name!r} already: give another suffix=, or rename one of them"
            )
    return named


def _taken(what: str, name: str) -> ColumnError:
    way = "rename or drop it"
    if name != "rank":
        way += ', or name the score column: with rv.config(score_column="...")'
    return ColumnError(f"{what} has the name of a column {name!r} that the join adds: {way}")


def _suffixed(name: Any, suffix: str) -> Any:
    if isinstance(name, tuple):
        return (_suffixed(name[0], suffix), *name[1:])
    return f"{name}{suffix}"


def keep_unmatched(height: int, left: Rows, right: Rows) -> tuple[Rows, Rows, Rows]:
    """Put left rows without a pair among the pairs, in order.

    Parameters
    ----------
    height : int
        Left rows.
    left, right : ndarray of int64
        The pairs, by left row.

    Returns
    -------
    left, right, place : ndarray of int64
        All left rows at least once; the right row, and the place of the pair, -1 where there is
        none.
    """
    counts = np.bincount(left, minlength=height)
    rows = np.repeat(np.arange(height), np.maximum(counts, 1))
    place = np.full(len(rows), -1, np.int64)
    place[np.repeat(counts > 0, np.maximum(counts, 1))] = np.arange(len(left))
    others = np.full(len(rows), -1, np.int64)
    others[place >= 0] = right
    return rows, others, place
