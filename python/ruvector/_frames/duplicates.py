"""Which rows of a frame are within a threshold of a row kept before them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .._metric import SCORE_NAMES, canonical, check_bits, larger_is_better, threshold
from .._native.task import Progress
from .._native.within import dedup as find_duplicates
from .._settings import current
from .._show.plan import Plan, nothing, remember
from . import protocol
from .adapters import wrap
from .groups import group_rows
from .target import Stages, open_index, open_target

KEEPS: Final = ("first", "last")
# From here on rows have codes: comparing all rows with each other reads them much faster than
# vectors.
CODED_ROWS: Final = 1_000


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
        handle, origin, vectors = open_index(target, name, 0.95, stages, CODED_ROWS)
        kept, scores, raw = find_duplicates(
            handle,
            wrapped.height,
            name,
            bound,
            last=keep == "last",
            groups=groups,
            source=vectors.handle,
            threads=current.threads,
            progress=current.progress if progress is None else progress,
        )
        remember(Plan(raw, origin, None, False, tuple(stages.spent)))
    called = current.score_column or SCORE_NAMES[name]
    return Duplicates(wrapped, target.label, target.text, kept, scores, called)


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
