"""Scores of rows one by one: with one vector, or with the row beside them."""

from __future__ import annotations

from ctypes import byref

import numpy as np
import numpy.typing as npt

from .arrow import address
from .column import column_info
from .handle import Handle
from .library import call
from .task import Task

# Bytes of rows that are scored in one call on this thread, which takes some milliseconds.
SHORT_BYTES = 20_000_000


def scores(
    column: Handle, other: Handle, metric: str, skip_bad: bool, threads: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the score of every row with the only row of `other`, or with its row there.

    Where either is null, the score is NaN and the second array False.
    """
    about = column_info(column)
    rows = int(about["rows"])
    out, valid = np.empty(rows, np.float32), np.zeros(rows, np.bool_)
    lent = out, valid
    asked = column.value, other.value, metric.encode(), int(skip_bad)
    if rows * about["dim"] * 4 <= SHORT_BYTES:
        call("rv_scores", *asked, 1, *map(address, lent))
    else:
        task = Task(lent=lent)
        call("rv_scores_start", *asked, threads, *map(address, lent), byref(task.cell))
        task.wait()
        task.result()
    return lent
