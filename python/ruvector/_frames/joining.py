"""Rows of an index that was given, as rows of the user's frame: by position, or by ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import ColumnError, DuplicateId, InvalidArgument, UnknownId
from .._index.provenance import recall
from .._index.result import SearchResult, rows_gathered_by
from .._input.masks import Mask, read_ids
from .._settings import current
from .._text.embedder import Embedder
from . import protocol
from .adapters import wrap
from .content import check_content, label_of
from .groups import NO_GROUP, Groups

if TYPE_CHECKING:
    from .._index.index import Index

Rows = npt.NDArray[np.int64]


class ByPosition:
    """Row i of the index is row i of the frame."""

    __slots__ = ("_index",)

    def __init__(
        self, index: Index, frame: protocol.Frame, label: Any, embedder: Embedder | None = None
    ) -> None:
        if index._changed:
            raise InvalidArgument(
                "rows were added to or deleted from the index, whose rows are no longer those of "
                "the frame: join the result to it by id, with ids_on= and a column of ids"
            )
        if len(index) != frame.height:
            raise InvalidArgument(
                f"the index has {len(index)} rows, the frame has {frame.height}: give the frame "
                "that it was built from (filter with where=), or join by ids with ids_on="
            )
        check_content(index, frame, label, embedder)
        self._index = index

    def limits(
        self, mask: Mask | None, groups: Groups | None
    ) -> tuple[Mask | None, Any, Groups | None]:
        """Return mask, ids and groups in the index's terms."""
        return mask, None, groups

    def rows(self, found: npt.NDArray[Any]) -> Rows:
        """Return the frame's rows of ids that were found."""
        return found.astype(np.int64, copy=False)

    def rows_of(self, rows: Rows) -> Rows:
        """Return the frame's rows of the index's."""
        return rows

    def all_rows(self) -> Rows:
        """Return the frame's row of every row of the index."""
        return np.arange(len(self._index))


class ById:
    """Rows of index and frame that have one id belong together.

    Raises
    ------
    ColumnError
        The column of ids is not known or not there, or holds none.
    UnknownId
        A row was found whose id the frame lacks.
    DuplicateId
        It has the id twice.
    """

    __slots__ = ("_ids", "_index", "_label")

    def __init__(self, index: Index | None, frame: protocol.Frame, label: Any) -> None:
        try:
            self._ids = read_ids(frame.column(label))
        except InvalidArgument as error:
            raise ColumnError(f"column {label!r} cannot be joined by: {error}") from error
        self._index = index
        self._label = label
        kind = "positions" if index is None else index._id_kind
        if (
            index is not None
            and len(self._ids)
            and isinstance(self._ids, list) != (kind == "string")
        ):
            texts, numbers = "texts", "whole numbers"
            raise ColumnError(
                f"column {label!r} holds {texts if isinstance(self._ids, list) else numbers}, the "
                f"ids of the index are {texts if kind == 'string' else numbers}: name the column "
                "that holds them with ids_on="
            )

    def limits(
        self, mask: Mask | None, groups: Groups | None
    ) -> tuple[Mask | None, Any, Groups | None]:
        """Return mask, ids and groups in the index's terms."""
        index = self._index
        assert index is not None
        if mask is None and groups is None:
            return None, None, None
        if index._changed:
            return self._limits_of_changed(index, mask, groups)
        rows = self._known(index)
        if mask is not None:
            rows = np.where(mask, rows, -1)
            mask = np.zeros(len(index), np.bool_)
            mask[rows[rows >= 0]] = True
        if groups is not None:
            of = np.full(len(index), NO_GROUP, np.uint32)
            place = np.flatnonzero(rows >= 0)
            self._once(rows[place], place)
            of[rows[place]] = groups.of[place]
            if mask is None and len(place) < len(index):
                missing = np.setdiff1d(np.arange(len(index)), rows[place])[0]
                self._refuse(_native.ids(index._handle)[missing])
            groups = Groups(of, groups.n)
        return mask, None, groups

    def _limits_of_changed(
        self, index: Index, mask: Mask | None, groups: Groups | None
    ) -> tuple[None, Any, None]:
        if groups is not None or mask is None:
            raise InvalidArgument(
                "by= needs the rows of the build, but rows were added to or deleted from the "
                "index: build it again, or search without by="
            )
        chosen = np.flatnonzero(mask & (self._known(index) >= 0))
        if isinstance(self._ids, list):
            return None, [self._ids[row] for row in chosen.tolist()], None
        return None, self._ids[chosen], None

    def _known(self, index: Index) -> Rows:
        """Return the index's row of each of the frame's, -1 where it has none."""
        if not len(self._ids):
            return np.empty(0, np.int64)
        return _native.lookup(index._handle, self._ids)

    def rows(self, found: npt.NDArray[Any]) -> Rows:
        """Return the frame's rows of ids that were found."""
        place = _places_of_texts if found.dtype == object else _places_of_numbers
        if isinstance(self._ids, list) != (found.dtype == object) and len(found):
            self._refuse(found[0])
        rows, twice = place(self._ids, found)
        if twice is not None:
            self._refuse_twice(*twice)
        unknown = np.flatnonzero(rows < 0)
        if len(unknown):
            self._refuse(found[unknown[0]])
        return rows

    def rows_of(self, rows: Rows) -> Rows:
        """Return the frame's rows of the index's."""
        index = self._index
        assert index is not None
        known = self._known(index)
        place = np.flatnonzero(known >= 0)
        back = np.full(len(index), -1, np.int64)
        back[known[place]] = place
        return back[rows]

    def all_rows(self) -> Rows:
        """Return the frame's row of every row of the index, -1 where it has none.

        Raises
        ------
        DuplicateId
            It has two.
        """
        index = self._index
        assert index is not None
        known = self._known(index)
        place = np.flatnonzero(known >= 0)
        self._once(known[place], place)
        return self.rows_of(np.arange(len(index)))

    def _once(self, rows: Rows, place: Rows) -> None:
        """Refuse a frame that has an id of the index twice."""
        order = np.argsort(rows, kind="stable")
        again = np.flatnonzero(np.diff(rows[order]) == 0)
        if len(again):
            at = int(again[0])
            self._refuse_twice(int(place[order[at]]), int(place[order[at + 1]]))

    def _refuse_twice(self, first: int, second: int) -> None:
        name = self._ids[first]
        raise DuplicateId(
            f"column {self._label!r} has the id {shown_id(name)} in rows {first} and {second}: a "
            "row of the index belongs to one row of the frame",
            row=second,
        )

    def _refuse(self, name: Any) -> None:
        raise UnknownId(
            f"the index found the id {shown_id(name)}, which column {self._label!r} of the frame "
            "lacks: give a frame that has it, or limit the search to the frame's rows, for "
            "example where=np.ones(len(frame), bool)"
        )


def shown_id(name: Any) -> str:
    """Return an id as errors show it: a number as Python writes it."""
    return repr(name.item() if isinstance(name, np.generic) else name)


def _places_of_texts(ids: Any, found: Any) -> tuple[Rows, tuple[int, int] | None]:
    """Return the place of each text found, -1 for none, and a pair of places with the same."""
    wanted: dict[Any, int] = dict.fromkeys(found.tolist(), -1)
    for row, name in enumerate(ids):
        if name in wanted:
            if wanted[name] >= 0:
                return np.empty(0, np.int64), (wanted[name], row)
            wanted[name] = row
    return np.array([wanted[name] for name in found.tolist()], np.int64), None


def _places_of_numbers(ids: Any, found: Any) -> tuple[Rows, tuple[int, int] | None]:
    """Return the place of each number found, -1 for none, and a pair of places with the same."""
    rows = np.full(len(found), -1, np.int64)
    fits = np.ones(len(found), np.bool_)
    if ids.dtype != found.dtype:  # int64 and uint64: equal where both can say the number
        fits = found >= 0 if found.dtype == np.int64 else found <= np.iinfo(np.int64).max
    names, back = np.unique(found[fits].astype(ids.dtype), return_inverse=True)
    if not len(names):
        return rows, None
    at = np.minimum(np.searchsorted(names, ids), len(names) - 1)
    place = np.flatnonzero(names[at] == ids)
    first = np.full(len(names), -1, np.int64)
    first[at[place][::-1]] = place[::-1]
    again = np.flatnonzero(first[at[place]] != place)
    if len(again):
        second = int(place[again[0]])
        return rows, (int(first[at[second]]), second)
    rows[fits] = first[back]
    return rows, None


def join(
    index: Index,
    frame: protocol.Frame,
    label: Any,
    ids_on: Any,
    embedder: Embedder | None = None,
) -> ByPosition | ById:
    """Return how rows of the index become rows of the frame.

    Raises
    ------
    ColumnError
        The index has ids, and the column of the frame that holds them is not known or not there.
    VectorsChanged
        It has none, and the frame's content is another or in another order.
    """
    if ids_on is None and index._id_kind == "positions":
        return ByPosition(index, frame, label, embedder)
    name = recall(index._origin).ids if ids_on is None else ids_on
    if name is None:
        raise ColumnError(
            "the index has ids of its own, and it is not known which column of the frame holds "
            "them: name it with ids_on=, or build with rv.build_index(frame, ids='the column')"
        )
    if ids_on is None and not protocol.times(frame.names(), name):
        raise ColumnError(
            f"the ids of the index were column {name!r}, which the frame has not: name the "
            "column that holds them with ids_on="
        )
    return ById(index, frame, name)


def join_result(index: Index | None, frame: protocol.Frame, ids_on: Any) -> ByPosition | ById:
    """Return how rows that were found become rows of a frame; the index may be left behind.

    Raises
    ------
    ColumnError
        As `join`; the frame has another number of rows than an index without ids.
    VectorsChanged
    """
    if index is None:
        return ById(None, frame, ids_on)
    if ids_on is None and index._id_kind == "positions":
        if not index._changed and frame.height != len(index):
            raise ColumnError(
                f"the frame has {frame.height} rows, the index has {len(index)}: pass the "
                "frame that the index was built from"
            )
        return ByPosition(index, frame, label_of(index, frame, None, None))
    return join(index, frame, None, ids_on)


def gather_rows(result: SearchResult, frame: Any, ids_on: Any) -> Any:
    """`SearchResult.rows`: the rows of a frame that were found, with ranks and scores."""
    columns = result._columns()
    ids = columns.pop("id")
    index = result._index
    if index is None and ids_on is None:
        raise InvalidArgument(
            "a result that was pickled or merged has left its index behind: name the column "
            "of the frame that holds the ids with ids_on="
        )
    adapter = wrap(frame)
    if ids_on is not None:
        protocol.one_of(adapter.names(), ids_on)
    joined = join_result(index, adapter, ids_on)
    if current.score_column is not None:
        columns[current.score_column] = columns.pop(result.score_name)
    protocol.check_clash(adapter.names(), list(columns))
    return adapter.take(joined.rows(ids), None, columns)


rows_gathered_by(gather_rows)
