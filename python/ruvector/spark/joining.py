"""`score`, `sim_join`, `search` and `search_shards` on Spark."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, Literal

from .._arguments import places, positive, share
from .._clusters.asking import Asked
from .._clusters.extras import engine, module
from .._clusters.plans import ClusterPlan, memory_of
from .._clusters.preparing import (
    Sizes,
    Wanted,
    decide,
    last_plan,
    prepare,
    remember,
    vector_bytes,
)
from .._clusters.questions import VECTOR, read_questions, search_layout
from .._clusters.rights import right_of
from .._errors import InvalidArgument
from .._habits import told
from .._index.merge import merge_topk
from .._index.result import SearchResult
from .._metric import MetricName
from . import tasks
from .building import found_of
from .frames import (
    ID_TYPES,
    arrow_schema,
    checked,
    cores_of,
    is_frame,
    send,
)
from .running import Join, by_queries, run

__all__ = ["explain", "last_plan", "score", "search", "search_shards", "sim_join"]

_ROWS_AT_ONCE = 100_000  # right rows that all queries are asked of at once


@told
def score(
    df: Any,
    index: Any,
    *,
    on: str | None = None,
    k: int = 10,
    columns: Sequence[str] | None = None,
    embedder: Any = None,
    where: Any = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    recall: float = 0.95,
    threads: int | None = None,
) -> Any:
    """Find for every row of a DataFrame the `k` nearest rows of an index.

    Parameters
    ----------
    df : DataFrame
    index : Index, Shards, or path
        A path that all machines see, of one index or of a folder of shards. An `Index` is sent.
    on : str, optional
        The column that asks: arrays of numbers, or text, which the embedder of the index embeds.
        The only column of vectors when not given.
    k : int
    columns : sequence of str, optional
        Columns of `df` that the answer has; all but `on` when not given.
    embedder, where, min_similarity, max_distance, recall
        As in `ruvector.Index.search` and `ruvector.sim_join`.
    threads : int, optional
        Of one worker; ``spark.task.cpus`` when not given.

    Returns
    -------
    DataFrame
        `columns`, ``rank`` (long, from 1), ``id`` (long, string, or decimal(20, 0) of unsigned
        ids) and the score (float). Rows without a vector have no answer.

    Raises
    ------
    ColumnError, InvalidArgument, MetricError, FileMissing, NotAnIndex, MissingExtra
        Here. What rows do wrong is raised by the action that runs them, see `error_of`.
    """
    session = _session(df)
    right = right_of(index, None, is_frame(index))
    if right.kind == "frame":
        raise InvalidArgument("score takes an index; sim_join joins the rows of two DataFrames")
    wanted = Wanted(
        on,
        None,
        None,
        k,
        "inner",
        embedder,
        where,
        min_similarity,
        max_distance,
        recall,
        "",
        "auto",
    )
    each = _threads(session, threads)
    prepared = prepare(
        wanted, arrow_schema(df), None, right, ID_TYPES[right.id_kind], each, columns, True
    )
    plan = ClusterPlan("index", "scoring", cores_of(session)[0], each, right_rows=right.rows)
    return run(Join(df, None, right, prepared, plan))


@told
def sim_join(
    left: Any,
    right: Any,
    *,
    on: str | None = None,
    left_on: str | None = None,
    right_on: str | None = None,
    k: int = 1,
    how: Literal["inner", "left"] = "inner",
    embedder: Any = None,
    where_right: Any = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    metric: MetricName | None = None,
    recall: float = 0.95,
    suffix: str = "_right",
    plan: Literal["auto", "index", "queries", "routed"] = "auto",
    memory: int | str | None = None,
    cells: int | None = None,
    threads: int | None = None,
) -> Any:
    """Put beside every row of a DataFrame the rows of another that are nearest to it.

    Parameters
    ----------
    left : DataFrame
    right : DataFrame, Index, Shards, or path
        Of an index or of shards, the ids; a path is one that all machines see.
    on, left_on, right_on, k, how, min_similarity, max_distance, metric, recall, suffix
        As in `ruvector.sim_join`.
    embedder
        Of left texts, where `right` is an index that does not know its own.
    where_right : Column, SQL text, or n booleans, optional
        Right rows that may be found; booleans for an index.
    plan : {"auto", "index", "queries", "routed"}
        ``index`` builds an index of the right rows on the driver and sends it to every worker;
        ``queries`` sends left rows to every worker and merges what the partitions find;
        ``routed`` sends rows of both sides to the workers of their cells, for a recall that is
        measured on a sample. ``auto`` counts rows where that decides.
    memory : int or str, optional
        Bytes of right vectors that every worker may hold, ``"2GB"``; half a GiB when not given.
    cells : int, optional
        Of ``routed``.
    threads : int, optional
        Of one worker; ``spark.task.cpus`` when not given.

    Returns
    -------
    DataFrame
        Left columns, right columns (or ``id``), ``rank`` from 1 and the score as float; no
        columns of ours. Ties go to the smaller row number of the right side. The schema is known
        before anything runs. Rows have no order.

    Raises
    ------
    ColumnError, InvalidArgument, MetricError, FileMissing, NotAnIndex, MissingExtra
        Here. What rows do wrong is raised by the action that runs them, see `error_of`.

    Notes
    -----
    The contract is that of Spark's ``nearestByJoin``: at most `k` rows of each left row. With
    ``recall=1.0`` all plans give the same rows. ``queries`` and ``routed`` number rows by
    partition and place: a DataFrame whose rows change places between two evaluations is to be
    cached or written first.
    """
    found = _joined(
        left, right,
        Wanted(
            on, left_on, right_on, k, how, embedder, where_right, min_similarity, max_distance,
            recall, suffix, plan,
        ),
        metric, memory, threads,
    )  # fmt: skip
    return run(found, cells)


@told
def explain(
    left: Any,
    right: Any,
    *,
    on: str | None = None,
    left_on: str | None = None,
    right_on: str | None = None,
    k: int = 1,
    metric: MetricName | None = None,
    recall: float = 0.95,
    plan: str = "auto",
    memory: int | str | None = None,
    threads: int | None = None,
) -> ClusterPlan:
    """Return the plan that `sim_join` would take, and why; joins nothing.

    Parameters are those of `sim_join`. Rows are counted where that decides.
    """
    wanted = Wanted(
        on, left_on, right_on, k, "inner", None, None, None, None, recall, "_right", plan
    )
    return _joined(left, right, wanted, metric, memory, threads).plan


@told
def search(
    df: Any,
    query: Any,
    *,
    k: int = 10,
    on: str | None = None,
    embedder: Any = None,
    metric: MetricName = "cosine",
    recall: float = 0.95,
    where: Any = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    threads: int | None = None,
) -> Any:
    """Find the rows of a DataFrame nearest to a query, or to each of a batch.

    Queries go to every partition, and the best of all partitions are merged.

    Parameters
    ----------
    df : DataFrame
    query : str, 1-D vector, or a batch of either
        Texts are embedded by what made the vectors of an index; name it with `embedder` where
        that is not known, or cannot be found again by name.
    k, on, embedder, metric, recall, min_similarity, max_distance
        As in `ruvector.search`.
    where : Column or SQL text, optional
        Rows that may be found.
    threads : int, optional

    Returns
    -------
    DataFrame
        The rows found, best first, with all their columns, then ``query_row``, ``query`` (of
        texts) and ``rank`` of a batch, then the score.

    Raises
    ------
    As `sim_join`.
    """
    session = _session(df)
    right = right_of(df, metric, True)
    questions = read_questions(query, right, embedder)
    rows = df if where is None else df.filter(where)
    theirs = arrow_schema(rows)
    wanted = Wanted(
        None, VECTOR, on, k, "inner", None, None, min_similarity, max_distance, recall, "_right",
        "queries",
    )  # fmt: skip
    each = _threads(session, threads)
    prepared = prepare(wanted, questions.table.schema, theirs, right, None, each)
    layout = search_layout(prepared.layout, questions)
    plan = ClusterPlan(
        "queries", "a search", cores_of(session)[0], each, left_rows=len(questions.table)
    )
    remember(plan)
    prepared = prepared._replace(layout=layout)
    found = by_queries(questions.table, Join(None, rows, right, prepared, plan), session)
    found = found.orderBy(*([] if questions.single else ["query_row"]), "rank")
    return found.drop("rank") if questions.single else found


@told
def search_shards(
    shards: Any,
    query: Any,
    k: int = 10,
    *,
    recall: float = 0.95,
    embedder: Any = None,
    threads: int | None = None,
    session: Any = None,
) -> SearchResult:
    """Search a folder of shards on the cluster, a task a shard, and merge what they find.

    Parameters
    ----------
    shards : Shards or path
    query, k, recall, embedder
        As in `ruvector.Index.search`.
    threads : int, optional
        Of one worker.
    session : SparkSession, optional
        The active one when not given.

    Returns
    -------
    SearchResult
        Merged by `ruvector.merge_topk`: with ``recall=1.0`` that of one index of all rows.
    """
    engine("spark")
    SparkSession = module("pyspark.sql").SparkSession

    session = session or SparkSession.getActiveSession()
    if session is None:
        raise InvalidArgument("there is no active SparkSession: pass session=")
    right = right_of(shards, None, False)
    if right.kind != "shards":
        raise InvalidArgument("search_shards takes a folder of shards; an index has search()")
    questions = read_questions(query, right, embedder)
    each = _threads(session, threads)
    wanted = places(k, len(questions.table))
    asked = Asked(VECTOR, VECTOR, positive("k", wanted), right.metric, None, share(recall), each)
    remember(ClusterPlan("queries", "a search of shards", cores_of(session)[0], each))
    paths = [place.path() for place in right.files]
    numbers = session.range(0, len(paths), 1, len(paths))
    sent = send(session, questions.table.select([VECTOR]))
    told_ = numbers.mapInArrow(tasks.searching_shards(paths, sent, asked), tasks.RESULT).collect()
    found = merge_topk([pickle.loads(one) for one in found_of(told_)], asked.k)
    return single_of(found) if questions.single else found


def single_of(found: SearchResult) -> SearchResult:
    """Return the result of a batch of one query as that of one query."""
    from .._index.result import _restore

    n = int(found.counts[0])
    return _restore(
        found.ids[0, :n], found.scores[0, :n], found.counts, found.score_name, found.plan, True
    )


def _session(df: Any) -> Any:
    engine("spark")
    return checked(df, "df").sparkSession


def _threads(session: Any, threads: int | None) -> int:
    return cores_of(session)[1] if threads is None else positive("threads", threads)


def _joined(
    left: Any, right: Any, wanted: Wanted, metric: Any, memory: Any, threads: int | None
) -> Join:
    engine("spark")
    session = checked(left, "left").sparkSession
    side = right_of(right, metric, is_frame(right))
    rows = ids = theirs = None
    if side.kind == "frame":
        rows = right if wanted.where is None else right.filter(wanted.where)
        theirs = arrow_schema(rows)
    else:
        ids = ID_TYPES[side.id_kind]
    each = _threads(session, threads)
    prepared = prepare(wanted, arrow_schema(left), theirs, side, ids, each)

    def right_bytes() -> int:
        if rows is None or theirs is None:
            return side.bytes
        name = prepared.asked.right_on
        first = rows.select(name).where(rows[name].isNotNull()).head()
        return vector_bytes(
            theirs.field(name).type, rows.count(), 0 if first is None else len(first[0])
        )

    sizes = Sizes(right_bytes, left.count, memory_of(memory), cores_of(session)[0], each)
    return Join(left, rows, side, prepared, decide(prepared, side, sizes))
