"""What a join on a cluster is, from its arguments and the schemas of both sides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._arguments import share
from .._errors import InvalidArgument
from .._frames.pairing.join import rows_of_each
from .._input.masks import read_mask
from .._metric import threshold
from .._text.embedder import resolve
from .asking import Asked
from .columns import Layout, compared, join_layout, score_layout, text_type
from .plans import ClusterPlan, checked, choose
from .rights import Right

_thread = threading.local()


class Wanted(NamedTuple):
    """Arguments of a join that all engines share, as the user gave them."""

    on: Any
    left_on: Any
    right_on: Any
    k: Any
    how: str
    embedder: Any
    where: Any
    min_similarity: float | None
    max_distance: float | None
    recall: float
    suffix: Any
    plan: str


class Prepared(NamedTuple):
    """A join whose columns and answer are known; nothing has run."""

    asked: Asked
    layout: Layout
    how: str
    plan: str


class Sizes(NamedTuple):
    """What decides between plans, asked only where it does.

    Attributes
    ----------
    right_bytes : callable
        Of the right side's vectors, or files.
    left_rows : callable
    memory : int
        Bytes of the right side that every worker may hold.
    workers, threads : int
    """

    right_bytes: Callable[[], int]
    left_rows: Callable[[], int]
    memory: int
    workers: int
    threads: int


def prepare(
    wanted: Wanted, left: Any, rights: Any, right: Right, ids: Any, threads: int,
    columns: Sequence[str] | None = None, scoring: bool = False,
) -> Prepared:  # fmt: skip
    """Check what can be checked before anything runs.

    Parameters
    ----------
    wanted : Wanted
    left : pyarrow.Schema
    rights : pyarrow.Schema or None
        Of right rows.
    right : Right
    ids : pyarrow.DataType or None
        Of an index's ids.
    threads : int
        Of one worker.
    columns : list of str, optional
        Of a scoring.
    scoring : bool
        The answer is that of `score`, not of `sim_join`.

    Raises
    ------
    ColumnError, InvalidArgument, MetricError, EmbedError
    """
    k, metric = rows_of_each(wanted.k), right.metric
    if wanted.how not in ("inner", "left"):
        raise InvalidArgument(f"how={wanted.how!r} must be 'inner' or 'left'")
    plan = checked(wanted.plan, right.kind, metric)
    mine = wanted.on if wanted.left_on is None else wanted.left_on
    theirs = wanted.on if wanted.right_on is None else wanted.right_on
    left_on = compared(left, mine, "left", metric, texts=rights is None)
    right_on = left_on
    if rights is not None:
        right_on = compared(rights, theirs, "right", metric, texts=False)
    elif wanted.right_on is not None:
        raise InvalidArgument(
            f"right_on={wanted.right_on!r} names a column, and an index has none: leave it out"
        )
    embedder = wanted.embedder
    if embedder is not None and not text_type(left.field(left_on).type):
        embedder = None
    asked = Asked(
        left_on, right_on, k, metric,
        threshold(metric, wanted.min_similarity, wanted.max_distance), share(wanted.recall),
        threads, None if embedder is None else resolve(embedder), _mask(wanted, right, rights),
    )  # fmt: skip
    if scoring:
        names = [name for name in left.names if name != left_on] if columns is None else columns
        layout = score_layout(left, list(names), ids, metric)
    else:
        layout = join_layout(left, rights, ids, metric, wanted.suffix, wanted.how)
    return Prepared(asked, layout, wanted.how, plan)


def _mask(wanted: Wanted, right: Right, rights: Any) -> Any:
    if wanted.where is None or rights is not None:
        return None
    if right.kind == "shards":
        raise InvalidArgument(
            "where_right= has one boolean for each row of an index, and shards have no one order: "
            "filter the rows before the build"
        )
    return np.asarray(read_mask(wanted.where, right.rows), np.bool_)


def decide(prepared: Prepared, right: Right, sizes: Sizes) -> ClusterPlan:
    """Return the plan of a join: the user's, or the one that its sizes call for."""
    asked = prepared.asked
    facts: dict[str, Any] = {
        "workers": sizes.workers, "threads": sizes.threads,
        "right_rows": right.rows if right.kind != "frame" else None,
    }  # fmt: skip
    if prepared.plan != "auto":
        return ClusterPlan(prepared.plan, "asked for", **facts)
    size = 0 if right.kind == "index" else sizes.right_bytes()
    counted: list[int] = []

    def left_rows() -> int:
        counted.append(sizes.left_rows())
        return counted[-1]

    plan, why = choose(right.kind, asked.metric, asked.recall, size, sizes.memory, left_rows)
    return ClusterPlan(
        plan, why, right_bytes=size or None, left_rows=counted[-1] if counted else None, **facts
    )  # fmt: skip


def remember(plan: ClusterPlan) -> None:
    """Remember the plan of this thread's last verb."""
    _thread.plan = plan


def last_plan() -> ClusterPlan | None:
    """Return the plan of the last verb that this thread called, None before the first.

    The plan is made when the verb is called; rows flow when the engine asks for them.
    """
    found: ClusterPlan | None = getattr(_thread, "plan", None)
    return found


def vector_bytes(kind: Any, rows: int, dim: int) -> int:
    """Return the bytes of the vectors of a column of an Arrow list type."""
    value = getattr(getattr(kind, "storage_type", kind), "value_type", None)
    width = 32 if value is None else value.bit_width
    return rows * dim * width // 8
