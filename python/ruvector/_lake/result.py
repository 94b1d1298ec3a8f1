"""What a search of a lake returns: `LakeResult` and `LakeHit`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .._habits import LAKE_RESULT
from .._index.result import Found
from .._show import html
from .._show.plan import Plan
from .asking import Frame, frame_of, gathered
from .keys import Key

FrameT = TypeVar("FrameT")
Names = npt.NDArray[np.object_]
NO_ERRORS: Mapping[Key, BaseException] = MappingProxyType({})


class LakeHit(NamedTuple):
    """One row found: where it is, its id there, and its score."""

    backend: str
    collection: str
    id: Any
    score: float


class LakeResult(Found):
    """The rows found by a search of a lake, best first.

    Ties go to the target that was named first, then to the smaller row.

    Attributes
    ----------
    ids : ndarray of int64, uint64 or object, shape (n,) or (nq, k)
        The ids that the stores know the rows by. Objects, which are texts or whole numbers, where
        a collection has texts or collections differ. For one query exactly the rows found. In a
        batch absent cells are -1 (2**64 - 1, None).
    scores : ndarray of float32, same shape
        Absent cells are NaN.
    counts : ndarray of int64, shape (nq,)
        Rows found for each query.
    score_name : str
        What the scores mean, for example ``"l2_distance"``.
    errors : mapping of (backend, collection) to exception
        The collections that did not answer a federated search with ``partial=True``.
    plan : Plan
        What the search did; of a federated one that of all collections together.

    Notes
    -----
    Not iterable, so that ``ids, scores = lake.search_one(...)`` fails loudly: use `hits`.
    May be read from any thread and pickled.
    """

    __slots__ = ("_places", "_targets", "errors")

    errors: Mapping[Key, BaseException]
    _places: npt.NDArray[np.int32] | None  # which of the targets; None: the only one
    _targets: tuple[Key, ...]

    def __init__(
        self,
        ids: npt.NDArray[Any],
        scores: npt.NDArray[np.float32],
        counts: npt.NDArray[np.int64] | None,
        score_name: str,
        plan: Plan,
        single: bool,
        targets: tuple[Key, ...],
        places: npt.NDArray[np.int32] | None = None,
        errors: Mapping[Key, BaseException] = NO_ERRORS,
    ) -> None:
        self.ids = ids
        self.scores = scores
        self._counts = counts
        self.score_name = score_name
        self.plan = plan
        self._single = single
        self._targets = targets
        self._places = places
        self.errors = errors

    @property
    def backends(self) -> Names:
        """The store of each row found, shaped like `ids`; None in absent cells."""
        return self._named(0)

    @property
    def collections(self) -> Names:
        """The collection of each row found, shaped like `ids`; None in absent cells."""
        return self._named(1)

    def _named(self, part: int) -> Names:
        names = np.array([*(target[part] for target in self._targets), None], object)
        return names[self._cells()]

    def _cells(self) -> npt.NDArray[np.int32]:
        """Return the number of the target of each cell, -1 for absent ones."""
        if self._places is not None:
            return self._places
        cells = np.zeros(self.ids.shape, np.int32)
        if not self._single:
            cells[~self._present()] = -1
        return cells

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.ids, self.scores, self.counts, self.score_name, self.plan, self._single)
        return LakeResult, (*fields, self._targets, self._places, dict(self.errors))

    if not TYPE_CHECKING:  # which report it

        def __getattr__(self, name: str) -> Any:
            raise LAKE_RESULT.error(self, name)

    def hits(self) -> list[Any]:
        """Return the rows found as `LakeHit` tuples; for a batch a list of such lists."""
        if self._single:
            return self._hits(self._cells(), self.ids, self.scores)
        rows = zip(self._cells(), self.ids, self.scores, self.counts.tolist(), strict=True)
        return [self._hits(cells[:n], ids[:n], scores[:n]) for cells, ids, scores, n in rows]

    def _hits(
        self,
        cells: npt.NDArray[np.int32],
        ids: npt.NDArray[Any],
        scores: npt.NDArray[np.float32],
    ) -> list[LakeHit]:
        rows = zip(cells.tolist(), ids.tolist(), scores.tolist(), strict=True)
        of = self._targets
        return [LakeHit(of[at][0], of[at][1], name, score) for at, name, score in rows]

    def rows(self, frame: FrameT, *, ids_on: Any = None) -> FrameT:
        """Gather the rows found from `frame`, joined by their ids whichever store they are of.

        Parameters
        ----------
        frame : pandas or polars DataFrame, pyarrow Table
        ids_on : column label, optional
            The column that holds the ids; ``"id"`` when not given.

        Returns
        -------
        frame of the same type
            The user's rows and columns, then ``query_row`` and ``rank`` for a batch, then the
            score.

        Raises
        ------
        ColumnError
            It is not known which column holds the ids, or there is one of the score's name.
        UnknownId, DuplicateId
            `frame` lacks an id that was found, or has it twice.
        """
        found = frame_of(frame, ids_on)
        if found is None:
            raise InvalidArgument("frame=None is no frame")
        rows: FrameT = self._gathered(found)
        return rows

    def _gathered(self, frame: Frame) -> Any:
        columns = self._columns()
        ids = columns.pop("id")
        del columns["backend"], columns["collection"]
        return gathered(columns, ids, self.score_name, frame)

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        names = {"backend": self.backends, "collection": self.collections, "id": self.ids}
        return self._long({"query_row": np.arange(len(self.counts), dtype=np.int64)}, names)

    def __repr__(self) -> str:
        failed = f", {len(self.errors)} collections failed" if self.errors else ""
        if not self._single:
            nq, k = self.ids.shape
            rows = int(self.counts.sum())
            return f"LakeResult({nq} queries, k={k}, {rows} rows, {self.score_name}{failed})"
        hits = self.hits()
        best = ", ".join(
            f"{hit.backend}/{hit.collection}/{hit.id}: {hit.score:.4f}" for hit in hits[:5]
        )
        more = ", ..." if len(hits) > 5 else ""
        return f"LakeResult({len(hits)} rows, {self.score_name}: {{{best}{more}}}{failed})"

    def _repr_html_(self) -> str:
        table = self._grid(f"LakeResult ({self.counts.sum()} rows)")
        if not self.errors:
            return table
        failed = [["/".join(key), str(error)] for key, error in self.errors.items()]
        return table + html.grid("without an answer", ["collection", "error"], failed)
