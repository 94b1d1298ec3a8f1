"""Which rows of a frame are within a threshold of a row kept before them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import InvalidArgument, InvalidVector
from .._input.vectors import Vectors, from_matrix
from .._metric import BINARY, SCORE_NAMES, canonical, check_bits, larger_is_better, threshold
from .._native import Handle
from .._native.task import Progress
from .._native.within import dedup as find_duplicates
from .._settings import current
from .._show.plan import Plan, nothing, remember
from . import protocol
from .adapters import wrap
from .groups import NO_GROUP, group_rows
from .target import CODE_BITS, Stages, Target, open_index, open_target

KEEPS: Final = ("first", "last")
# From here on rows have codes: comparing all rows with each other reads them much faster than
# vectors.
CODED_ROWS: Final = 1_000
# In a space of few dimensions nearly all cells are far from a row, in many none is.
CELL_ROWS: Final = 5_000
CELL_DIM: Final = 16
_TRIED: Final = 2_000


class Duplicates(NamedTuple):
    """What greedy removal of duplicates decides about every row of a frame."""

    frame: protocol.Frame
    label: Any  # of the column compared, or the list of columns
    text: bool  # whether that is text
    kept: npt.NDArray[np.int64]  # the row that a row was dropped for; -1: it is kept
    scores: npt.NDArray[np.float32]  # of the two; NaN for rows kept
    score_name: str


def duplicates(
    frame: Any,
    on: Any,
    text: Any,
    min_similarity: float | None,
    max_distance: float | None,
    keep: str,
    by: Any,
    embedder: Any,
    metric: str | None,
    progress: Progress,
) -> Duplicates:
    """Decide about every row; the arguments are those of `dedup`."""
    wrapped = wrap(frame)
    name = canonical("cosine" if metric is None else metric)
    bound = threshold(name, min_similarity, max_distance)
    if bound is None:
        raise _no_threshold(name, on, text)
    if not isinstance(keep, str) or keep not in KEEPS:
        raise InvalidArgument(
            f"keep={keep!r} must be 'first' or 'last': which of two rows that are near each other "
            "stays, in the order of rows"
        )
    stages = Stages()
    groups = None if by is None else group_rows(wrapped, by).of
    target = open_target(wrapped, on, text, embedder, stages, name)
    vectors = target.vectors
    kept = np.full(wrapped.height, -1, np.int64)
    scores = np.full(wrapped.height, np.nan, np.float32)
    if vectors is None or vectors.handle is None:
        remember(nothing(wrapped.height, 0, tuple(stages.spent)))
    else:
        check_bits(name, bound, 8 * vectors.dim)
        told = current.progress if progress is None else progress
        asked = _Asked(name, bound, keep == "last", told)
        kept, scores = _compare(target, asked, groups, stages)
    called = current.score_column or SCORE_NAMES[name]
    return Duplicates(wrapped, target.label, target.text, kept, scores, called)


class _Asked(NamedTuple):
    """What is asked of an index, whatever its rows."""

    metric: str
    bound: float
    last: bool
    progress: Progress

    def of(
        self, handle: Handle, rows: int, groups: npt.NDArray[np.uint32] | None, source: Handle
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], _native.Plan]:
        return find_duplicates(
            handle,
            rows,
            self.metric,
            self.bound,
            last=self.last,
            groups=groups,
            source=source,
            threads=current.threads,
            progress=self.progress,
        )


def _compare(
    target: Target, asked: _Asked, groups: npt.NDArray[np.uint32] | None, stages: Stages
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the row that each row was dropped for, -1 for rows kept, and their scores."""
    vectors = target.vectors
    assert vectors is not None
    cells = vectors.rows > CELL_ROWS and vectors.dim <= CELL_DIM and asked.metric != "dot"
    apart = vectors.rows > CODED_ROWS and asked.metric not in BINARY and not cells
    if groups is not None and apart and (groups[1:] < groups[:-1]).any():
        found = _gathered(vectors, asked, groups, stages)
        if found is not None:
            return found
    kind = "ivf" if cells and _many_stay(vectors, asked) else "flat"
    handle, origin, vectors = open_index(target, asked.metric, 0.95, stages, CODED_ROWS, kind)
    kept, scores, raw = asked.of(handle, vectors.rows, groups, vectors.handle)
    remember(Plan(raw, origin, None, False, tuple(stages.spent)))
    return kept, scores


def _many_stay(vectors: Vectors, asked: _Asked) -> bool:
    """Return whether most of some rows, evenly spread, would be kept.

    Else few of all are, so that comparing with all of those is soon done, and finding cells among
    points that lie in few places would take most of the time.
    """
    numbers = vectors.numbers()
    spread = numbers[:: max(1, len(numbers) // _TRIED)]
    some = np.ascontiguousarray(spread[np.isfinite(spread).all(axis=1)])
    if not len(some):
        return False
    options = {"metric": asked.metric, "kind": "exact", "keep": "borrow", "recall": 1.0}
    options |= {"nulls": "skip", "bad": "skip", "threads": current.threads}
    column = from_matrix(some, None, False, "some rows")
    handle = _native.build_from(column.handle, None, options, False)
    kept, _, _ = asked._replace(progress=False).of(handle, len(some), None, column.handle)
    return bool(2 * np.count_nonzero(kept < 0) > len(some))


def _gathered(
    vectors: Vectors, asked: _Asked, groups: npt.NDArray[np.uint32], stages: Stages
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]] | None:
    """Compare rows that lie scattered in their groups on a copy in which these lie together.

    So a row is compared with its own group alone. None if the copy cannot tell null rows from bad
    ones, or there are bad ones, which are to be told by their rows.
    """
    order = np.argsort(groups, kind="stable")
    order = order[: np.count_nonzero(groups != NO_GROUP)]
    with stages.measure("gather"):
        numbers, valid = vectors.numbers(), None
        if vectors.nulls:
            null = np.zeros(len(numbers), np.bool_)
            np.isnan(numbers).all(axis=1, out=null)
            if np.count_nonzero(null) != vectors.nulls:
                return None
            valid = ~null[order]
        matrix = np.ascontiguousarray(numbers[order])
    copy = from_matrix(matrix, valid, True, "groups")
    options = {
        "metric": asked.metric, "kind": "flat", "bits": CODE_BITS, "keep": "none",
        "nulls": "skip", "bad": current.bad_vectors, "threads": current.threads,
    }  # fmt: skip
    try:
        with stages.measure("build"):
            handle = _native.build_from(copy.handle, None, options, asked.progress)
    except InvalidVector:
        return None
    found, values, raw = asked.of(handle, len(order), groups[order], copy.handle)
    remember(Plan(raw, "built", None, False, tuple(stages.spent)))
    kept = np.full(vectors.rows, -1, np.int64)
    scores = np.full(vectors.rows, np.nan, np.float32)
    kept[order] = np.where(found < 0, -1, order[found])
    scores[order] = values
    return kept, scores


def _no_threshold(metric: str, on: Any, text: Any) -> InvalidArgument:
    """Return the error for a threshold that was not given, and how to find one."""
    given = f"on={on!r}" if on is not None else f"text={text!r}" if text is not None else ""
    given += "" if metric == "cosine" else (", " if given else "") + f"metric={metric!r}"
    name = "min_similarity" if larger_is_better(metric) else "max_distance"
    return InvalidArgument(
        f"how near duplicates are to each other must be said: give {name}=. It has no default, as "
        "it differs by what made the vectors. similarity_quantiles"
        f"({given or '...'}) shows how near rows have their nearest, and what random rows have: "
        "choose a value between the two, then look at duplicate_groups"
    )
