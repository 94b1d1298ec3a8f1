"""Rows of two sides that are near each other: the nearest right rows of every left row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ... import _native
from ..._metric import larger_is_better
from ..._native.groups import search_each
from ..._progress import Progress, reporter
from ..._settings import current
from ..groups import NO_GROUP, Groups, sum_of
from .asking import Asking

_PART: Final = 1024  # queries that are asked together; the engine takes 512 at once
_PART_CELLS: Final = 2**21  # of their answers, k each
_SHORT_PAIRS: Final = 4096  # queries x rows of a search that takes no thread of its own
_FEW: Final = 8  # rows are named, not masked, where they are fewer than one of so many

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


class Searched(NamedTuple):
    """What is searched, and who of it may be found."""

    handle: _native.Handle
    metric: str
    height: int
    mask: npt.NDArray[np.bool_] | None
    ids: Any
    id_kind: str
    source: _native.Handle | None


class Pairs(NamedTuple):
    """Pairs found, by left row, best first."""

    left: Rows
    found: npt.NDArray[Any]  # ids of the right
    scores: Scores
    ranks: Rows
    plan: _native.Plan | None


NO_PAIRS: Final = Pairs(
    np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.int64),
    None,
)  # fmt: skip


class _Parts:
    """What the parts of a search found."""

    def __init__(self, searched: Searched, bound: float | None) -> None:
        self._searched = searched
        self._larger = larger_is_better(searched.metric)
        with np.errstate(over="ignore"):  # infinity lets every row in
            self._bound = None if bound is None else np.float32(bound)
        self._parts: list[tuple[Rows, npt.NDArray[Any], Scores, Rows]] = []
        self._plans: list[_native.Plan] = []

    def ask(
        self, queries: npt.NDArray[Any], rows: Rows, k: int, recall: float, limits: tuple[Any, Any]
    ) -> None:
        """Search for the k nearest rows of queries, those of left rows, within (mask, ids)."""
        one = self._searched
        if not len(rows):
            return
        answer = _native.search_rows(
            one.handle, queries, k, recall=recall, mask=limits[0], ids=limits[1],
            texts=one.id_kind == "string", source=one.source, threads=current.threads,
        )  # fmt: skip
        self._put(rows, *answer)

    def ask_runs(
        self, queries: npt.NDArray[Any], rows: Rows, k: int, recall: float, runs: Runs
    ) -> None:
        """As `ask`, of runs of queries that search rows of their own."""
        one = self._searched
        answer = search_each(one.handle, queries, k, *runs, recall=recall, source=one.source)
        self._put(rows, *answer)

    def _put(
        self,
        rows: Rows,
        ids: npt.NDArray[Any],
        scores: Scores,
        counts: Rows,
        plan: _native.Plan,
    ) -> None:
        keep = np.arange(ids.shape[1]) < counts[:, None]
        if self._bound is not None:
            with np.errstate(invalid="ignore"):  # absent cells are NaN
                keep &= scores >= self._bound if self._larger else scores <= self._bound
        places = np.broadcast_to(np.arange(1, ids.shape[1] + 1), keep.shape)
        owners = np.repeat(rows, np.count_nonzero(keep, axis=1))
        self._parts.append((owners, ids[keep], scores[keep], places[keep]))
        self._plans.append(plan)

    def pairs(self) -> Pairs:
        """Return what was found, by left row."""
        plan = sum_of(self._plans) if self._plans else None
        if not self._parts:
            return NO_PAIRS
        left, found, scores, ranks = (
            np.concatenate(arrays) for arrays in zip(*self._parts, strict=True)
        )
        if np.any(left[1:] < left[:-1]):  # asked group by group
            order = np.argsort(left, kind="stable")
            left, found, scores, ranks = left[order], found[order], scores[order], ranks[order]
        if self._searched.id_kind == "uint64":
            found = found.view(np.uint64)
        return Pairs(left, found, scores, ranks, plan)


def find_pairs(
    asking: Asking,
    searched: Searched,
    groups: tuple[Rows, Groups] | None,
    k: int,
    recall: float,
    bound: float | None,
    progress: Progress,
) -> Pairs:
    """Return the k nearest right rows of every left row, those within the bound.

    `groups` are the numbers of left rows, and the groups of the right ones that are a match.
    """
    parts = _Parts(searched, bound)
    report = reporter(progress, "sim_join")
    cut = _alike(asking, searched, k) if groups is None else _by_group(asking, searched, groups, k)
    done, total = 0, len(asking.rows)
    try:
        for piece in cut:
            queries, rows = asking.part(piece.places)
            if piece.runs is None:
                parts.ask(queries, rows, piece.k, recall, (piece.mask, piece.ids))
            elif len(rows) == piece.size:
                parts.ask_runs(queries, rows, piece.k, recall, piece.runs)
            else:  # bad ones were left out
                for one in piece.one_by_one():
                    parts.ask(*asking.part(one.places), one.k, recall, (None, one.ids))
            done += piece.size
            report(done, total)
    finally:
        report(-1, -1)
    return parts.pairs()


class Runs(NamedTuple):
    """Runs of queries, and the rows that each may find; see `search_each`."""

    cuts: Rows
    rows: Rows
    begins: Rows
    ends: Rows


class _Piece(NamedTuple):
    """What is asked at once: left rows by their places, and the right ones that they may find."""

    places: slice | Rows
    k: int
    mask: npt.NDArray[np.bool_] | None = None
    ids: Any = None
    runs: Runs | None = None

    @property
    def size(self) -> int:
        """How many rows ask."""
        places = self.places
        return places.stop - places.start if isinstance(places, slice) else len(places)

    def one_by_one(self) -> Iterator[_Piece]:
        """Cut the piece into one for each run."""
        assert self.runs is not None and not isinstance(self.places, slice)
        cuts, rows, begins, ends = self.runs
        for i, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            yield _Piece(self.places[cuts[i] : cuts[i + 1]], self.k, ids=rows[begin:end])


def _alike(asking: Asking, searched: Searched, k: int) -> Iterator[_Piece]:
    k = min(k, searched.height)
    for lo, hi in _steps(0, len(asking.rows), k):
        yield _Piece(slice(lo, hi), k, searched.mask, searched.ids)


def _by_group(
    asking: Asking, searched: Searched, groups: tuple[Rows, Groups], k: int
) -> Iterator[_Piece]:
    """Ask the rows of every group within it: those of many small ones in one piece."""
    of_left, right = groups
    of = right.of.astype(np.int64)
    of[of == NO_GROUP] = right.n
    if searched.mask is not None:
        of[~searched.mask] = right.n
    theirs = np.argsort(of, kind="stable")
    ends = np.cumsum(np.bincount(of, minlength=right.n + 1))
    starts = ends - np.diff(ends, prepend=0)
    codes = of_left[asking.rows]
    codes[(codes >= 0) & (starts[codes] == ends[codes])] = -1
    mine = np.argsort(codes, kind="stable")
    numbers, first = np.unique(codes[mine], return_index=True)
    counts = np.diff(first, append=len(mine))
    present = numbers >= 0
    numbers, first, counts = numbers[present], first[present], counts[present]
    begins, ends = starts[numbers], ends[numbers]
    sizes = ends - begins
    few = _FEW * sizes < searched.height
    few &= searched.id_kind == "positions"
    short = few & (counts * sizes <= _SHORT_PAIRS) & (counts <= _PART)
    for part in _bundles(np.flatnonzero(short), counts, np.minimum(sizes, k)):
        cuts = np.concatenate([[0], np.cumsum(counts[part])])
        places = np.arange(cuts[-1]) + np.repeat(first[part] - cuts[:-1], counts[part])
        runs = Runs(cuts, theirs, begins[part], ends[part])
        yield _Piece(mine[places], min(k, int(sizes[part].max())), runs=runs)
    mask = np.zeros(searched.height, np.bool_)
    for i in np.flatnonzero(~short).tolist():
        rows, most = theirs[begins[i] : ends[i]], min(k, int(sizes[i]))
        if not few[i]:
            mask[rows] = True
        for lo, hi in _steps(int(first[i]), int(first[i] + counts[i]), most):
            ids, who = (rows, None) if few[i] else (None, mask)
            yield _Piece(mine[lo:hi], most, ids=ids, mask=who)
        mask[rows] = False


def _bundles(groups: Rows, counts: Rows, most: Rows) -> Iterator[Rows]:
    """Cut groups into bundles of about a thousand queries, fewer where answers are long."""
    cells = counts[groups] * np.maximum(most[groups], _PART_CELLS // _PART)
    bundle = np.cumsum(cells) // _PART_CELLS
    for part in np.split(groups, np.flatnonzero(np.diff(bundle)) + 1):
        if len(part):
            yield part


def _steps(start: int, stop: int, k: int) -> Iterator[tuple[int, int]]:
    step = max(1, min(_PART, _PART_CELLS // max(k, 1)))
    for lo in range(start, stop, step):
        yield lo, min(lo + step, stop)
