"""What a search returns: `SearchResult` and `Hit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import MissingExtra
from .._habits import RESULT
from .._show import html
from .._show.plan import Plan, Told, plan_of, remember_told

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

    from .index import Index

FrameT = TypeVar("FrameT")

# How rows of an answer are gathered from a user's frame, which this file knows nothing of.
_gather: list[Callable[[SearchResult, Any, Any], Any]] = []


def rows_gathered_by(gather: Callable[[SearchResult, Any, Any], Any]) -> None:
    """Have `SearchResult.rows` done by whoever knows frames: ``gather(result, frame, ids_on)``."""
    _gather[:] = [gather]


class Hit(NamedTuple):
    """One row found: its id and its score."""

    id: Any
    score: float


class Found:
    """What every answer has: ids, scores and counts, and the ways to read them as columns.

    May be read from any thread.
    """

    __slots__ = ("_counts", "_plan", "_single", "ids", "score_name", "scores")

    ids: npt.NDArray[Any]
    scores: npt.NDArray[np.float32]
    score_name: str
    _counts: npt.NDArray[np.int64] | None  # None: one query, made when asked for
    _plan: Plan | Told
    _single: bool

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Rows found for each query, shape (nq,)."""
        if self._counts is None:
            self._counts = np.array([len(self.ids)], np.int64)
        return self._counts

    @property
    def plan(self) -> Plan:
        """What the search did."""
        plan = self._plan
        return plan_of(plan) if isinstance(plan, list) else plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._plan = plan

    def __iter__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} is not iterable; use ids, scores = result.arrays(), "
            "for hit in result.hits(), or result.ids and result.scores"
        )

    if not TYPE_CHECKING:  # which report it

        def __getitem__(self, key: object) -> NoReturn:
            raise TypeError(
                f"a {type(self).__name__} is not subscriptable; use result.ids[0] and "
                "result.scores[0], or result.hits()[0]"
            )

    def arrays(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        """Return ``(ids, scores)``, the same arrays as the attributes."""
        return self.ids, self.scores

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows found as a pandas DataFrame; no absent cells.

        The columns say what was found and its score; of a batch before them the query and
        ``rank``.
        """
        try:
            import pandas as pd  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise missing_extra("pandas", "pandas") from error
        return pd.DataFrame(self._columns())

    def to_polars(self) -> pl.DataFrame:
        """Return the rows found as a polars DataFrame; see `to_pandas`.

        ``rank`` and ``query_row`` are UInt32. Ids of more than one type become texts.
        """
        try:
            import polars as pl
        except ImportError as error:
            raise missing_extra("polars", "polars") from error
        columns: dict[str, Any] = dict(self._columns())
        for name, values in columns.items():
            if name in ("query_row", "rank"):
                columns[name] = values.astype(np.uint32)
            elif values.dtype == object:
                columns[name] = pl.Series(_texts(values), dtype=pl.String)
        return pl.DataFrame(columns)

    def to_arrow(self) -> pa.Table:
        """Return the rows found as a pyarrow Table; see `to_polars`."""
        try:
            import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise missing_extra("pyarrow", "arrow") from error
        return pa.table(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a fresh Arrow stream capsule of the rows found; may be called any number of times.

        The schema is always ours; `requested_schema` is ignored, as the protocol allows.
        """
        columns = self._columns()
        values: list[Any] = [
            _texts(array) if array.dtype == object else array for array in columns.values()
        ]
        return _native.export_stream(list(columns), values)

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return the rows found in long form, without absent cells."""
        raise NotImplementedError

    def _present(self) -> npt.NDArray[np.bool_]:
        """Return which cells of a batch hold a row."""
        present: npt.NDArray[np.bool_] = np.arange(self.ids.shape[1]) < self.counts[:, None]
        return present

    def _long(
        self, asked: dict[str, npt.NDArray[Any]], cells: dict[str, npt.NDArray[Any]]
    ) -> dict[str, npt.NDArray[Any]]:
        """Return columns of the cells, in a batch after what names each query and the rank."""
        cells = {**cells, self.score_name: self.scores}
        if self._single:
            return cells
        nq, k = self.ids.shape
        found = self._present()
        return {
            **{name: np.repeat(values, self.counts) for name, values in asked.items()},
            "rank": np.broadcast_to(np.arange(1, k + 1, dtype=np.int64), (nq, k))[found],
            **{name: array[found] for name, array in cells.items()},
        }

    def _grid(self, title: str) -> str:
        columns = self._columns()
        shown = [values[:20].tolist() for values in columns.values()]
        rows = [
            [f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row]
            for row in zip(*shown, strict=True)
        ]
        return html.grid(title, [*columns], rows)


class SearchResult(Found):
    """The rows found by `Index.search`, best first, ties to the smaller row.

    Attributes
    ----------
    ids : ndarray of int64, uint64 or object (text), shape (n,) or (nq, k)
        For one query exactly the rows found. In a batch absent cells are -1 (2**64 - 1, None).
    scores : ndarray of float32, same shape
        Absent cells are NaN.
    counts : ndarray of int64, shape (nq,)
        Rows found for each query; in a batch this, not the fill values, says what is there.
    score_name : str
        What the scores mean, for example ``"cosine_similarity"``.
    plan : Plan
        What the search did.
    query_ids : ndarray, shape (nq,), or None
        The ids of the rows asked with (``neighbors``, ``search(id=[...])``). Frames made of the
        answer then have a column ``query_id`` where others have ``query_row``.

    Notes
    -----
    Not iterable, so that ``ids, scores = ix.search(...)`` fails loudly: use `arrays` or `hits`.
    May be read from any thread.
    """

    __slots__ = ("_index", "query_ids")

    query_ids: npt.NDArray[Any] | None
    _index: Index | None

    def __init__(
        self,
        ids: npt.NDArray[Any],
        scores: npt.NDArray[np.float32],
        counts: npt.NDArray[np.int64] | None,
        index: Index,
        plan: Plan,
        single: bool,
        query_ids: npt.NDArray[Any] | None = None,
    ) -> None:
        self.ids = ids
        self.scores = scores
        self._counts = counts
        self.score_name = index._score_name
        self._plan = plan
        self.query_ids = query_ids
        self._index = index
        self._single = single

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the answer without the index it came from; `rows` no longer works."""
        fields = (self.ids, self.scores, self.counts, self.score_name, self.plan, self._single)
        return _restore, (*fields, self.query_ids)

    if not TYPE_CHECKING:  # which report it

        def __getattr__(self, name: str) -> Any:
            raise RESULT.error(self, name)

    def hits(self) -> list[Any]:
        """Return the rows found as `Hit` tuples; for a batch a list of such lists."""
        ids, scores = self.ids.tolist(), self.scores.tolist()
        if self._single:
            return [Hit(i, s) for i, s in zip(ids, scores, strict=True)]
        counts = self.counts.tolist()
        return [
            [Hit(i, s) for i, s in zip(ids[q][:n], scores[q][:n], strict=True)]
            for q, n in enumerate(counts)
        ]

    def rows(self, frame: FrameT, *, ids_on: Any = None) -> FrameT:
        """Gather the rows found from `frame`.

        Rows are joined by their ids. An index without ids has those of the frame in its order; a
        column of the frame that holds its vectors or texts is compared with them first.

        Parameters
        ----------
        frame : pandas or polars DataFrame, pyarrow Table
        ids_on : column label, optional
            The column that holds the ids of the index; the one that
            ``build_index(ids="column")`` named when not given.

        Returns
        -------
        frame of the same type
            The user's rows and columns, then ``query_row`` and ``rank`` for a batch, then the
            score column.

        Raises
        ------
        ColumnError
            It is not known which column holds the ids; `frame` has another number of rows than an
            index without ids, not the column that was indexed, or a column of such a name.
        UnknownId, DuplicateId
            `frame` lacks an id that was found, or has it twice.
        VectorsChanged
            `frame` has other vectors or texts than the index, or in another order.
        """
        gathered: FrameT = _gather[0](self, frame, ids_on)
        return gathered

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        nq = len(self.counts)
        asked = {"query_row": np.arange(nq, dtype=np.int64)}
        if self.query_ids is not None:
            asked = {"query_id": self.query_ids}
        return self._long(asked, {"id": self.ids})

    def __repr__(self) -> str:
        if not self._single:
            nq, k = self.ids.shape
            return (
                f"SearchResult({nq} queries, k={k}, {int(self.counts.sum())} rows, "
                f"{self.score_name})"
            )
        best = ", ".join(
            f"{i}: {s:.4f}"
            for i, s in zip(self.ids[:5].tolist(), self.scores[:5].tolist(), strict=True)
        )
        more = ", ..." if len(self.ids) > 5 else ""
        return f"SearchResult({len(self.ids)} rows, {self.score_name}: {{{best}{more}}})"

    def _repr_html_(self) -> str:
        return self._grid(repr(self).partition(", " + self.score_name)[0] + ")")


_new = object.__new__


def one_found(
    index: Index,
    found: tuple[npt.NDArray[Any], npt.NDArray[np.float32], bytes],
    recall: float | None,
    calibrated: bool,
) -> SearchResult:
    """Return and remember what the short path found; half the time of calling `SearchResult`."""
    result = _new(SearchResult)
    result.ids, result.scores, raw = found
    result._counts = result.query_ids = None
    result.score_name = index._score_name
    result._plan = told = [raw, "given", recall, calibrated, ()]
    result._index = index
    result._single = True
    remember_told(told)
    return result


def missing_extra(module: str, extra: str) -> MissingExtra:
    """Return the error for a package that is not installed, with the command that does so."""
    pip = f"pip install 'ruvector-arrow[{extra}]'"
    return MissingExtra(f"{module} is not installed: {pip}", pip=pip)


def _texts(values: npt.NDArray[Any]) -> list[str]:
    """Return objects as texts."""
    return [value if isinstance(value, str) else str(value) for value in values.tolist()]


def absent_id(kind: np.dtype[Any]) -> Any:
    """Return what cells without an id hold."""
    if kind.kind == "O":
        return None
    return np.iinfo(np.uint64).max if kind.kind == "u" else -1


def widen(
    found: npt.NDArray[Any], scores: npt.NDArray[np.float32], k: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
    """Pad a batch that was searched for fewer than k rows with absent cells."""
    nq, have = found.shape
    wide = np.full((nq, k), absent_id(found.dtype), found.dtype)
    wide[:, :have] = found
    padded = np.full((nq, k), np.nan, np.float32)
    padded[:, :have] = scores
    return wide, padded


def _restore(
    ids: npt.NDArray[Any],
    scores: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int64],
    score_name: str,
    plan: Plan,
    single: bool,
    query_ids: npt.NDArray[Any] | None = None,
) -> SearchResult:
    result = object.__new__(SearchResult)
    result.ids, result.scores, result._counts = ids, scores, counts
    result.score_name, result.plan = score_name, plan
    result._index, result._single, result.query_ids = None, single, query_ids
    return result
