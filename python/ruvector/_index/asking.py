"""What an index is asked: queries, who may be found, the recall aimed for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _native
from .._caller import warn
from .._errors import InvalidArgument, UnknownId
from .._input.bits import read_bit_queries
from .._input.masks import Mask, Rows, read_ids, read_mask
from .._input.queries import FLOAT32, read_queries
from .._input.texts import texts_of
from .._native import Facts
from .._native.params import Names
from .texts import queries_of_texts

if TYPE_CHECKING:
    from .index import Index


def plain(index: Index, query: Any) -> bool:
    """Return whether a query is one vector that the library reads as it is."""
    return (
        type(query) is np.ndarray
        and query.dtype is FLOAT32
        and query.ndim == 1
        and len(query) == index.dim > 0
        and query.flags.c_contiguous
        and not index._packed
    )


def queries_of(index: Index, query: Any, embedder: Any = None) -> tuple[npt.NDArray[Any], bool]:
    """Return ``(queries, single)``: vectors, rows of bits, or texts made vectors."""
    texts = texts_of(query)
    if texts is None:
        if index._packed:
            return read_bit_queries(query, index.dim, index._metric)
        return read_queries(query, index.dim)
    if not texts:
        return read_queries([], index.dim)
    return queries_of_texts(index, texts, isinstance(query, str), embedder)


def filter_of(index: Index, where: Any, ids: Any, facts: Facts) -> tuple[Mask | None, Any]:
    """Return ``(mask, ids)`` of which at most one is not None."""
    if where is not None and facts.changed:
        raise InvalidArgument(
            "where= has a value for each row in the order of the build, but rows were added or "
            "deleted since: limit the search with ids="
        )
    mask = None if where is None else read_mask(where, facts.rows)
    if ids is None:
        return mask, None
    names = read_ids(ids)
    if mask is None:
        return None, names
    chosen = np.zeros(facts.rows, np.bool_)
    chosen[_known_rows(index, names)] = True
    return mask & chosen, None


def _known_rows(index: Index, names: Names) -> Rows:
    """Return the row of each id; UnknownId where an id has none."""
    rows = _rows_of(index, names)
    unknown = np.flatnonzero(rows < 0)
    if unknown.size:
        first = names[int(unknown[0])]
        first = first.item() if isinstance(first, np.generic) else first
        raise UnknownId(f"{unknown.size} of {len(rows)} ids are not in the index, first {first!r}")
    return rows


def _rows_of(index: Index, names: Names) -> Rows:
    """Return the row of each id, -1 where there is none."""
    if not len(names):
        return np.empty(0, np.int64)
    facts = index._facts
    found, changed = None, facts.changed
    if facts.id_kind != "positions" and not changed:
        found = _native.lookup(index._handle, names)
        # Of a version that was asked for afterwards: if it is not changed, that one was not.
        changed = bool(_native.info(index._handle)["changed"])
    if changed:
        raise InvalidArgument(
            "rows were added to or deleted from the index, whose rows are no longer those of "
            "the frame: join the result to it by id"
        )
    if found is not None:
        return found
    rows = np.full(len(names), -1, np.int64)
    if isinstance(names, np.ndarray):
        known = (names >= 0) & (names < facts.rows)
        rows[known] = names[known]
    return rows


def check_reach(index: Index, target: float) -> None:
    """Say once that a recall target needs vectors, which this index has not."""
    unreached = index._facts.unreached
    if index._warned or unreached is None or target < unreached:
        return
    index._warned = True
    warn(
        f"recall={target:g} is out of reach of codes without vectors: load the index with "
        "Index.load(path, vectors=column), or build it with keep='borrow' or 'copy'"
    )
