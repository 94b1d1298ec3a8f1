"""Groups: the rows that share their values of some columns, and the best rows of each."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument, LimitExceeded
from .._native import Handle, Plan
from .._native.groups import search_groups as ask_groups
from .._native.params import ADDED_UP
from .._settings import current
from .protocol import Frame

MOST_PLACES: Final = 2**28  # of the answer to one query: groups x k
_PART_PLACES: Final = 2**22  # of the queries that are asked together
NO_GROUP: Final = 2**32 - 1

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


class Groups(NamedTuple):
    """The group of every row, from 0 on, 2**32 - 1 for none, and the number of groups."""

    of: npt.NDArray[np.uint32]
    n: int


class GroupHits(NamedTuple):
    """Rows found, query by query: groups in order of their best row, in a group best first."""

    rows: Rows
    scores: Scores
    ranks: npt.NDArray[np.int64]  # in the group, from 1
    counts: npt.NDArray[np.int64]  # rows of each query
    plan: Plan


def group_rows(frame: Frame, by: Any) -> Groups:
    """Put the rows of a frame into groups by the columns ``by=`` names.

    Raises
    ------
    ColumnError
        A column is missing or there more than once, or its values cannot be compared.
    InvalidArgument
        ``by=`` is not a column's name or a list of them.
    """
    codes = frame.group_codes(labels_of(by))
    n = int(codes.max()) + 1 if len(codes) else 0
    return Groups(codes.astype(np.uint32), n)  # -1, no group, becomes 2**32 - 1


def labels_of(by: Any) -> list[Any]:
    """Return the columns that ``by=`` names, each once.

    Raises
    ------
    InvalidArgument
        ``by=`` is not a column's name or a list of them.
    """
    labels = by if isinstance(by, list) else [by]
    if not labels:
        raise InvalidArgument("by=[] names no column; leave by= out to search all rows together")
    for label in labels:
        if not _is_label(label):
            raise InvalidArgument(
                f"by={type(label).__name__} is not the name of a column; put the values into a "
                "column of the frame and name it"
            )
    return [label for i, label in enumerate(labels) if label not in labels[:i]]


def _is_label(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:
        return False
    return isinstance(label == label, bool | np.bool_)  # an expression makes another of it


def search_groups(
    handle: Handle,
    queries: npt.NDArray[Any],
    k: int,
    groups: Groups,
    *,
    larger: bool,
    recall: float,
    mask: npt.NDArray[np.bool_] | None,
    source: Handle | None,
) -> GroupHits:
    """Return the k best rows of every group for each query, (nq, d), packed bits being uint8.

    ``larger`` says whether larger scores are better. Queries are asked a part at a time, so that
    their answers fit into memory.

    Raises
    ------
    LimitExceeded
        The groups are so many, or k is so large, that not even one query's answer fits.
    """
    sizes = np.bincount(groups.of[groups.of != NO_GROUP], minlength=1)
    k = min(k, int(sizes.max()))
    places = groups.n * k
    if places > MOST_PLACES:
        raise LimitExceeded(
            f"k={k:,} in {groups.n:,} groups is an answer of {places:,} places for one query, more "
            f"than {MOST_PLACES:,}; ask for fewer rows of each group"
        )
    step = max(1, _PART_PLACES // max(places, 1))
    parts: list[GroupHits] = []
    for start in range(0, max(len(queries), 1), step):
        rows, scores, counts, plan = ask_groups(
            handle, queries[start : start + step], k, groups.of, groups.n, recall=recall,
            mask=mask, source=source, threads=current.threads,
        )  # fmt: skip
        parts.append(_in_order(rows, scores, counts, plan, larger))
    rows, scores, ranks, counts = (
        np.concatenate([part[i] for part in parts]) for i in range(len(GroupHits._fields) - 1)
    )
    return GroupHits(rows, scores, ranks, counts, sum_of([part.plan for part in parts]))


def _in_order(rows: Rows, scores: Scores, counts: Rows, plan: Plan, larger: bool) -> GroupHits:
    """Put each query's groups in order of their best score, equal ones by the row that has it."""
    taken: list[tuple[Rows, Scores, Rows]] = []
    places = np.arange(rows.shape[2])
    for found, values, sizes in zip(rows, scores, counts, strict=True):
        used = np.flatnonzero(sizes)
        if not len(used):
            continue
        best = values[used, 0]
        order = used[np.lexsort((found[used, 0], -best if larger else best))]
        present = places < sizes[order][:, None]
        ranks = np.broadcast_to(places + 1, present.shape)
        taken.append((found[order][present], values[order][present], ranks[present]))
    empty = np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.int64)
    whole = [np.concatenate(arrays) for arrays in zip(*(taken or [empty]), strict=True)]
    return GroupHits(whole[0], whole[1], whole[2], counts.sum(axis=1), plan)


def sum_of(plans: list[Plan]) -> Plan:
    """Add up what the parts of one search did."""
    total = plans[0]
    for plan in plans[1:]:
        for name in ADDED_UP:
            setattr(total, name, getattr(total, name) + getattr(plan, name))
    return total
