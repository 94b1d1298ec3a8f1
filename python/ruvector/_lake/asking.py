"""What a lake is asked: collections, queries, who may be found, how new answers must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._arguments import places, positive, share
from .._errors import ColumnError, InvalidArgument
from .._frames import protocol
from .._frames.adapters import wrap
from .._frames.joining import ById
from .._input.masks import Mask, read_ids, read_mask
from .._input.queries import read_queries
from .._native.lake.search import Asked, Target
from .._settings import current
from .consistency import AS_BEFORE, asked
from .keys import Key, key_of, name_of

if TYPE_CHECKING:
    from .lake import RuLake

MOST_CELLS = 1 << 20  # an answer of more is asked for only where there are so many rows


class Filter(NamedTuple):
    """Who may be found: a mask or ids, at most one of them."""

    mask: Mask | None = None
    ids: Any = None
    lenient: bool = False  # ids that no row has are fine


class Frame(NamedTuple):
    """The user's frame that rows are gathered from, and which of its columns holds their ids."""

    adapter: protocol.Frame
    ids_on: Any


NOBODY = Filter()


def terms_of(
    lake: RuLake, consistency: Any, rerank_factor: Any, recall: Any, session: int = 0
) -> Asked:
    """Return how a lake is asked.

    Raises
    ------
    InvalidArgument
    """
    plain = lake._plainly
    if consistency is None and rerank_factor is None and recall is None and not session:
        return plain
    mode, ttl = AS_BEFORE if consistency is None else asked(consistency)
    factor = plain.factor
    if rerank_factor is not None:
        factor = positive("rerank_factor", rerank_factor)
    return Asked(mode, ttl, session, factor, 0.0 if recall is None else share(recall))


def names_of(collection: Any, backend: Any) -> tuple[str | None, str]:
    """Return the names that a collection is asked for with.

    Raises
    ------
    InvalidArgument
    """
    if isinstance(collection, tuple | list):
        raise InvalidArgument(
            f"collection={collection!r:.80} is a pair; name the store with backend="
        )
    name = name_of("collection", collection)
    return (None if backend is None else name_of("backend", backend)), name


def one_query(query: Any) -> npt.NDArray[Any]:
    """Return one query as a matrix of one row.

    Raises
    ------
    InvalidArgument
        It is a batch.
    InvalidVector
    """
    queries, single = read_queries(query, 0)
    if not single:
        raise InvalidArgument(
            f"query is a batch of {len(queries)} vectors; use search_batch, or give one 1-D vector"
        )
    return queries


def many_queries(queries: Any) -> npt.NDArray[Any]:
    """Return a batch of queries as a matrix.

    Raises
    ------
    InvalidArgument
        It is one query.
    InvalidVector
    """
    matrix, single = read_queries(queries, 0)
    if single:
        raise InvalidArgument("queries is one 1-D vector; use search_one, or give a batch, 2-D")
    return matrix


def count_of(k: Any, queries: int) -> int:
    """Return ``k=`` as an int.

    Raises
    ------
    InvalidArgument, LimitExceeded
    """
    count = places(k, queries)
    if count < 0:
        raise InvalidArgument(f"k={count} must be 0 or more")
    return count


def is_large(target: Target, k: int, queries: int) -> bool:
    """Whether an answer may have more cells than there are rows, which are not known yet."""
    return target.known is None and k * queries > MOST_CELLS


def room_of(target: Target, k: int, queries: int) -> int:
    """Return for how many rows of each query an answer needs room.

    Where k is large that is a little more than there are, so that rows that come meanwhile fit.
    """
    known = target.known
    if known is None or k * queries <= MOST_CELLS:
        return k
    return min(k, known[1].rows + known[1].rows // 4 + 1000)


def filter_of(where: Any, ids: Any, frame: Frame | None) -> Filter:
    """Return who may be found.

    Raises
    ------
    InvalidArgument
        Both are given without a frame; no mask, or no ids.
    """
    if where is None:
        return NOBODY if ids is None else Filter(ids=read_ids(ids))
    if frame is not None:
        chosen = _ids_where(frame, where)
        return Filter(ids=chosen if ids is None else _both(chosen, read_ids(ids)), lenient=True)
    if ids is not None:
        raise InvalidArgument(
            "where= and ids= at once: the ids of a mask are those of the collection's rows, which "
            "are in the store; pass frame= with where=, or only one of the two"
        )
    return Filter(mask=read_mask(where, None))


def _ids_where(frame: Frame, where: Any) -> Any:
    """Return the ids of the rows of a frame that are chosen."""
    mask = frame.adapter.mask(where)
    try:
        ids = read_ids(frame.adapter.column(frame.ids_on))
    except InvalidArgument as error:
        raise ColumnError(f"column {frame.ids_on!r} cannot be joined by: {error}") from error
    if isinstance(ids, list):
        return [ids[row] for row in np.flatnonzero(mask).tolist()]
    return ids[mask]


def _both(some: Any, others: Any) -> Any:
    """Return the ids that are in both."""
    if isinstance(some, list) or isinstance(others, list):
        if not isinstance(some, list) or not isinstance(others, list):
            return np.empty(0, np.int64)  # no number is a text
        known = set(others)
        return [name for name in some if name in known]
    known = set(others.tolist())
    keep = np.fromiter((name in known for name in some.tolist()), np.bool_, len(some))
    return some[keep]


def frame_of(frame: Any, ids_on: Any) -> Frame | None:
    """Return the frame to gather rows from, None where there is none.

    Raises
    ------
    ColumnError
        It is not known which of its columns holds the ids.
    InvalidArgument
        ``ids_on=`` without a frame, or something that is no frame.
    """
    if frame is None:
        if ids_on is not None:
            raise InvalidArgument(
                f"ids_on={ids_on!r} names the column of frame= that holds the ids, and no frame= "
                "is given"
            )
        return None
    adapter = wrap(frame)
    names = adapter.names()
    if ids_on is None:
        if protocol.times(names, "id") != 1:
            raise ColumnError(
                "it is not known which column of the frame holds the ids of the collection: name "
                f"it with ids_on=; the frame has {', '.join(map(repr, names[:20]))}"
            )
        ids_on = "id"
    protocol.one_of(names, ids_on)
    return Frame(adapter, ids_on)


def gathered(
    columns: dict[str, npt.NDArray[Any]], ids: npt.NDArray[Any], score_name: str, frame: Frame
) -> Any:
    """Return the rows of a frame that were found, with columns of the answer added.

    Raises
    ------
    UnknownId, DuplicateId, ColumnError
        The frame lacks an id that was found, has it twice, or has a column of such a name.
    """
    if current.score_column is not None:
        columns[current.score_column] = columns.pop(score_name)
    protocol.check_clash(frame.adapter.names(), list(columns))
    rows = ById(None, frame.adapter, frame.ids_on).rows(ids)
    return frame.adapter.take(rows, None, columns)


def targets_of(targets: Any) -> list[Key] | None:
    """Return ``targets=`` as a list of pairs, None for all.

    Raises
    ------
    InvalidArgument
        One is no pair, or comes twice.
    """
    if targets is None:
        return None
    if isinstance(targets, str) or not hasattr(targets, "__iter__"):
        raise InvalidArgument(
            f"targets={targets!r:.80} must be a list of pairs, (backend, collection)"
        )
    keys = [key_of(target, f"targets[{i}]") for i, target in enumerate(targets)]
    if len(set(keys)) < len(keys):
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise InvalidArgument(f"targets= names {twice!r} twice: its rows would come twice")
    return keys


def deadline_of(deadline: Any) -> int:
    """Return ``deadline=`` in nanoseconds, 0 for none.

    Raises
    ------
    InvalidArgument
    """
    if deadline is None:
        return 0
    good = isinstance(deadline, int | float) and not isinstance(deadline, bool)
    if not good or not 0 < deadline < 2**63 / 1e9:  # NaN is not
        raise InvalidArgument(f"deadline={deadline!r} must be seconds from now, above 0")
    return max(1, int(deadline * 1e9))
