"""The rows of one table that ask, and what an index, or several shards, answer them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._errors import RuVectorError
from .._frames.adapters import wrap
from .._frames.pairing.join import Join, find
from .._frames.pairing.pairs import NO_PAIRS, Pairs
from .._index.index import Index
from .._index.merge import merge_topk
from .._index.result import SearchResult, _restore, absent_id
from .._metric import SCORE_NAMES
from .._native.merge import new_plan
from .._settings import config
from .._show.plan import Plan
from .columns import storage

PLACE_BITS = 33  # a row's number: its partition in the upper bits, its place there in the lower


class Asked(NamedTuple):
    """What every row asks; can be sent to a worker.

    Attributes
    ----------
    left_on, right_on : str
        The columns compared; the second is not read where an index is asked.
    k : int
    metric : str
    bound : float or None
        The threshold of the score.
    recall : float
    threads : int
        Of one worker; 0 for all cores.
    embedder : object or None
    where : ndarray of bool, optional
        Rows of the index that may be found.
    """

    left_on: str
    right_on: str
    k: int
    metric: str
    bound: float | None
    recall: float
    threads: int = 0
    embedder: Any = None
    where: Any = None


def ask_index(table: Any, index: Index, asked: Asked) -> Pairs:
    """Return the rows of an index that are nearest to each row of a table.

    Raises
    ------
    InvalidVector
        NaN, infinity or ragged rows; ``row`` counts within the table.
    ColumnError, DimensionMismatch, EmbedError
    """
    join = Join(
        wrap(_only(table, asked.left_on)), None, index, asked.left_on, asked.left_on, None, None,
        asked.embedder, asked.where, asked.metric, asked.bound,
    )  # fmt: skip
    with config(threads=asked.threads or None):
        return find(join, asked.k, asked.recall, False)


def ask_rows(queries: Any, rows: Any, asked: Asked) -> Pairs:
    """Return the rows of a table that are nearest to each row of `queries`.

    Raises
    ------
    InvalidVector
        As `ask_index`, of either table; the message names the side.
    """
    if not len(queries) or not len(rows):
        return NO_PAIRS
    join = Join(
        wrap(_only(queries, asked.left_on)), wrap(_only(rows, asked.right_on)), None,
        asked.left_on, asked.right_on, None, None, None, None, asked.metric, asked.bound,
    )  # fmt: skip
    with config(threads=asked.threads or None):
        return find(join, asked.k, asked.recall, False)


def ask_shards(table: Any, shards: Sequence[Index], asked: Asked) -> Pairs:
    """Return the k best of several indexes, as one index of all their rows would have them."""
    if len(shards) == 1:
        return ask_index(table, shards[0], asked)
    parts = [ask_index(table, shard, asked) for shard in shards]
    parts = [part for part in parts if len(part.left)]
    if not parts:
        return NO_PAIRS
    return long_form(merge_topk([wide(part, len(table), asked) for part in parts], asked.k))


def wide(pairs: Pairs, height: int, asked: Asked) -> SearchResult:
    """Return pairs as the result of a batch of `height` queries."""
    k = int(pairs.ranks.max()) if len(pairs.ranks) else 0
    ids: npt.NDArray[Any] = np.full((height, k), absent_id(pairs.found.dtype), pairs.found.dtype)
    scores = np.full((height, k), np.nan, np.float32)
    ids[pairs.left, pairs.ranks - 1] = pairs.found
    scores[pairs.left, pairs.ranks - 1] = pairs.scores
    counts = np.bincount(pairs.left, minlength=height).astype(np.int64)
    plan = Plan(new_plan() if pairs.plan is None else pairs.plan, "given", asked.recall, True)
    return _restore(ids, scores, counts, SCORE_NAMES[asked.metric], plan, False)


def long_form(result: SearchResult) -> Pairs:
    """Return the result of a batch as pairs, by query, best first."""
    nq, k = result.ids.shape
    there = np.arange(k) < result.counts[:, None]
    left = np.repeat(np.arange(nq, dtype=np.int64), result.counts)
    ranks = np.broadcast_to(np.arange(1, k + 1, dtype=np.int64), (nq, k))[there]
    return Pairs(left, result.ids[there], result.scores[there], ranks, result.plan._raw)


def _only(table: Any, label: str) -> Any:
    return pa.table({label: storage(table.column(label))})


@contextmanager
def placed(partition: int | None, first: int, side: str = "left") -> Iterator[None]:
    """Have errors that name a row of one batch name partition and row instead.

    Parameters
    ----------
    partition : int or None
        None where it is not known.
    first : int
        Row of the partition that is row 0 of the batch.
    side : {"left", "right"}
        The side that the batch is of: rows of the other are left as they are.
    """
    try:
        yield
    except RuVectorError as error:
        if str(error).startswith("right" if side == "left" else "left"):
            raise
        where = "" if partition is None else f"partition {partition}, "
        if error.row is None:
            if not where:
                raise
            again = type(error)(f"{where}rows from {first} on: {error}")
        else:
            row = first + error.row
            said = str(error).replace(f"row {error.row}", f"row {row}", 1)
            again = type(error)(f"{where}row {row}: {said}", row=row, column=error.column)
        raise again from error
