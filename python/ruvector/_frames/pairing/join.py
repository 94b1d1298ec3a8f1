"""What `sim_join` joins: both sides, the names of the answer, and the pairs that are found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..._arguments import whole
from ..._errors import ColumnError, EmbedError, InvalidArgument, InvalidVector
from ..._index.asking import check_reach, filter_of
from ..._index.index import Index
from ..._metric import SCORE_NAMES, check_bits
from ..._progress import Progress
from ..._settings import current
from ..._show.plan import Plan, nothing, remember
from ..._text.embedder import resolve
from .. import protocol
from ..adapters import wrap
from ..groups import Groups, labels_of
from ..question import Queries, Question, Ready, prepare
from ..target import Stages, Target
from .asking import Asking, of_side, open_asking
from .beside import keep_unmatched, names_beside
from .matching import match_rows
from .pairs import NO_PAIRS, Pairs, Searched, find_pairs

MOST_ROWS: Final = 100_000  # of the right frame beside one of the left, as in Spark's join


class Join(NamedTuple):
    """What is joined with what, as the arguments say it."""

    left: protocol.Frame
    right: protocol.Frame | None  # None: an index alone
    given: Index | None
    left_on: Any
    right_on: Any
    by: Any
    ids_on: Any
    embedder: Any
    where: Any
    metric: str
    bound: float | None


def sides(
    left: Any, right: Any, index: Index | None
) -> tuple[protocol.Frame, protocol.Frame | None, Index | None]:
    """Return both frames and the index; the right one is None for an index alone."""
    mine = wrap(left)
    if isinstance(right, Index):
        if index is not None:
            raise InvalidArgument(
                "right= is an Index, and index= is given as well: pass the frame whose rows are "
                "to stand beside the left ones as right=, or leave index= out for their ids"
            )
        return mine, None, right
    try:
        theirs = wrap(right)
    except InvalidArgument as error:
        raise InvalidArgument(f"right side: {error}. An Index is taken, too") from error
    if theirs.library != mine.library:
        way = _CONVERSIONS[mine.library].format(theirs.library)
        raise InvalidArgument(
            f"left is a {mine.library} frame and right a {theirs.library} one: convert one of "
            f"them, for example {way}"
        )
    return mine, theirs, index


_CONVERSIONS = {
    "pandas": "right.to_pandas()",
    "polars": "polars.from_{0}(right)",
    "pyarrow": "pyarrow.table(right)",
    "duckdb": "duckdb.from_arrow(right)",
}


def rows_of_each(k: Any) -> int:
    """Return `k` as the number of rows beside each; InvalidArgument outside 1 to 100,000."""
    count = whole("k", k)
    if not 1 <= count <= MOST_ROWS:
        raise InvalidArgument(f"k={count} must lie between 1 and {MOST_ROWS:,}")
    return count


class Answer:
    """What the answer is like: names are settled before anything is searched."""

    def __init__(self, asked: Join, how: str, suffix: Any) -> None:
        self._asked, self._nullable = asked, how == "left"
        self._score = current.score_column or SCORE_NAMES[asked.metric]
        names, places = ["id"], [0]
        if asked.right is not None:
            names = asked.right.names()
            equal = [] if asked.by is None else labels_of(asked.by)
            places = [i for i, name in enumerate(names) if not _is_one_of(name, equal)]
        elif asked.by is not None:
            raise InvalidArgument(
                "by= needs the columns of the right rows, and an Index has none: pass the frame "
                "as right= and the index as index="
            )
        chosen = [names[i] for i in places]
        added = ["rank", self._score]
        named = names_beside(asked.left.names(), chosen, suffix, added)
        self._columns = list(zip(places, named, strict=True))

    def take(self, pairs: Pairs) -> Any:
        """Return the pairs as a frame."""
        asked, left, place = self._asked, pairs.left, None
        others = pairs.found if asked.right is not None else np.zeros(len(left), np.int64)
        if self._nullable:
            left, others, place = keep_unmatched(asked.left.height, left, others)
        added: dict[str, npt.NDArray[Any]] = {"rank": pairs.ranks, self._score: pairs.scores}
        columns = self._columns
        if asked.right is None:
            added, columns = {columns[0][1]: pairs.found, **added}, []
        if place is not None:
            added = {name: _spread(values, place) for name, values in added.items()}
        return asked.left.join_rows(left, asked.right, others, columns, added, self._nullable)


def _is_one_of(name: Any, labels: list[Any]) -> bool:
    return any(protocol.same_label(name, label) for label in labels)


def _spread(values: npt.NDArray[Any], place: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Take values by place; where there is none, NaN, None, or 0."""
    missing: Any = {"f": np.nan, "O": None}.get(values.dtype.kind, 0)
    return np.append(values, np.array([missing], values.dtype))[place]


def find(asked: Join, k: int, recall: float, progress: Progress) -> Pairs:
    """Return the pairs; what is found are the right frame's rows, or ids."""
    if asked.right is None:
        return _find_ids(asked, k, recall, progress)
    mask = None if asked.where is None else asked.right.mask(asked.where)
    codes = None if asked.by is None else match_rows(asked.left, asked.right, asked.by)
    opened: list[Asking] = []

    def open_left(question: Question, target: Target, stages: Stages) -> Queries:
        if target.vectors is None or target.vectors.handle is not None:
            opened.append(_open_left(asked, target, stages))
        return np.empty((0, 0), np.float32), False, None

    question = Question(
        asked.right, None, asked.right_on, None, asked.given, asked.ids_on, asked.embedder,
        asked.metric, None, None, asked.bound,
    )  # fmt: skip
    with _right_side():
        ready = prepare(
            question, None if codes is None else _groups(codes), mask, recall, open_left
        )
    if not isinstance(ready, Ready):
        return NO_PAIRS
    if asked.given is not None:
        check_reach(asked.given, recall)
    searched = Searched(
        ready.handle, asked.metric, ready.height, ready.mask, ready.ids, ready.id_kind,
        ready.source,
    )  # fmt: skip
    groups = None if codes is None or ready.groups is None else (codes[0], ready.groups)
    pairs = find_pairs(opened[0], searched, groups, k, recall, asked.bound, progress)
    calibrated = asked.given is not None and asked.given._calibrated
    _remember(pairs, ready.origin, recall, calibrated, ready.stages)
    return pairs if ready.joined is None else pairs._replace(found=ready.joined.rows(pairs.found))


def _find_ids(asked: Join, k: int, recall: float, progress: Progress) -> Pairs:
    """Return pairs of left rows and ids of an index."""
    index, stages = asked.given, Stages()
    assert index is not None
    right_on = None if asked.right_on is asked.left_on else asked.right_on
    for name, label in (("right_on", right_on), ("ids_on", asked.ids_on)):
        if label is not None:
            raise InvalidArgument(
                f"{name}={label!r} names a column, and an Index has none: leave it out, or pass "
                "the frame as right= and the index as index="
            )
    check_bits(asked.metric, asked.bound, index.dim)
    maker = None if asked.embedder is None else resolve(asked.embedder)
    asking = _open_left(asked, Target("the index", None, maker), stages)
    facts = index._facts
    check_reach(index, recall)
    mask, ids = filter_of(index, asked.where, None, facts)
    searched = Searched(index._handle, asked.metric, facts.rows, mask, ids, facts.id_kind, None)
    pairs = find_pairs(asking, searched, None, k, recall, asked.bound, progress)
    _remember(pairs, "given", recall, facts.calibrated, stages)
    return pairs


def _open_left(asked: Join, target: Target, stages: Stages) -> Asking:
    return open_asking(
        asked.left, asked.left_on, target, asked.given, asked.embedder, asked.metric, stages
    )


@contextmanager
def _right_side() -> Iterator[None]:
    """Say of errors that do not name their side that it is the right one."""
    try:
        yield
    except ColumnError as error:
        if str(error).startswith(("left ", "right ")):
            raise
        raise of_side("right", error) from error
    except (InvalidVector, EmbedError) as error:
        if str(error).startswith(("left ", "right ")):
            raise
        raise type(error)(f"right {error}", row=error.row, column=error.column) from error


def _groups(codes: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]) -> Groups:
    """Return the groups of the right rows; -1, no group, becomes 2**32 - 1."""
    n = max(int(side.max(initial=-1)) for side in codes) + 1
    return Groups(codes[1].astype(np.uint32), n)


def _remember(pairs: Pairs, origin: str, recall: float, calibrated: bool, stages: Stages) -> None:
    """Make what was done the last plan."""
    spent = tuple(stages.spent)
    if pairs.plan is None:
        return remember(nothing(0, 0, spent))
    aim = None if pairs.plan.kind == 1 else recall  # an exact index aims for no recall
    remember(Plan(pairs.plan, origin, aim, calibrated, spent))
