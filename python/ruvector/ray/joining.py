"""`score`, `sim_join`, `search` and `search_shards` on Ray Data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from .._arguments import places, positive, share
from .._clusters.asking import Asked
from .._clusters.columns import ID_TYPES
from .._clusters.extras import engine
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
from .._index.result import SearchResult
from .._metric import MetricName
from .datasets import (
    arrow_schema,
    checked,
    divided,
    is_dataset,
)
from .running import Join, by_queries, of_shards, run

__all__ = ["explain", "last_plan", "score", "search", "search_shards", "sim_join"]


@told
def score(
    ds: Any,
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
    workers: int | None = None,
    threads: int | None = None,
) -> Any:
    """Find for every row of a Dataset the `k` nearest rows of an index.

    Parameters
    ----------
    ds : Dataset
    index : Index, Shards, or path
        A path that all machines see, of one index or of a folder of shards. An `Index` is put
        into the object store, and every machine writes one copy of it to its disk.
    on : str, optional
        The column that asks: lists or tensors of numbers, or text, which the embedder of the
        index embeds. The only column of vectors when not given.
    k : int
    columns : sequence of str, optional
        Columns of `ds` that the answer has; all but `on` when not given.
    embedder, where, min_similarity, max_distance, recall
        As in `ruvector.Index.search` and `ruvector.sim_join`.
    workers, threads : int, optional
        Actors, and the threads of each: they divide the cores of the cluster. An actor a core
        when neither is given.

    Returns
    -------
    Dataset
        Lazy: `columns`, ``rank`` (int64, from 1), ``id`` and the score (float32). Rows without a
        vector have no answer.

    Raises
    ------
    ColumnError, InvalidArgument, MetricError, FileMissing, NotAnIndex, MissingExtra
        Here. What rows do wrong is raised by what runs them, typed as in `ruvector.sim_join`; the
        message names the task as partition, and the row there.
    """
    engine("ray")
    checked(ds, "ds")
    right = right_of(index, None, is_dataset(index))
    if right.kind == "frame":
        raise InvalidArgument("score takes an index; sim_join joins the rows of two Datasets")
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
    many, each = divided(workers, threads)
    mine = arrow_schema(ds, "ds")
    prepared = prepare(wanted, mine, None, right, ID_TYPES[right.id_kind], each, columns, True)
    plan = ClusterPlan("index", "scoring", many, each, right_rows=right.rows)
    return run(Join(ds, mine, None, None, right, prepared, plan))


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
    workers: int | None = None,
    threads: int | None = None,
) -> Any:
    """Put beside every row of a Dataset the rows of another that are nearest to it.

    Parameters
    ----------
    left : Dataset
    right : Dataset, Index, Shards, or path
        Of an index or of shards, the ids; a path is one that all machines see.
    on, left_on, right_on, k, how, min_similarity, max_distance, metric, recall, suffix
        As in `ruvector.sim_join`.
    embedder
        Of left texts, where `right` is an index that does not know its own.
    where_right : expression, or n booleans, optional
        Right rows that may be found: what ``Dataset.filter(expr=...)`` takes, or booleans for an
        index.
    plan : {"auto", "index", "queries", "routed"}
        ``index`` builds an index of the right rows here and sends it to every worker;
        ``queries`` sends left rows to every worker and merges what the blocks find; ``routed``
        sends rows of both sides to the workers of their cells, for a recall that is measured on a
        sample. ``auto`` counts rows where that decides.
    memory : int or str, optional
        Bytes of right vectors that every worker may hold, ``"2GB"``; half a GiB when not given.
    cells : int, optional
        Of ``routed``.
    workers, threads : int, optional
        Actors, and the threads of each: they divide the cores of the cluster.

    Returns
    -------
    Dataset
        Lazy: left columns, right columns (or ``id``), ``rank`` from 1 and the score as float32;
        no columns of ours. Ties go to the smaller row number of the right side. Rows have no
        order.

    Raises
    ------
    ColumnError, InvalidArgument, MetricError, FileMissing, NotAnIndex, MissingExtra
        Here. What rows do wrong is raised by what runs them, typed as in `ruvector.sim_join`.

    Notes
    -----
    At most `k` rows of each left row; with ``recall=1.0`` all plans give the same rows.
    ``queries`` and ``routed`` number rows by the task that reads them and their place there.
    """
    wanted = Wanted(
        on, left_on, right_on, k, how, embedder, where_right, min_similarity, max_distance, recall,
        suffix, plan,
    )  # fmt: skip
    return run(_joined(left, right, wanted, metric, memory, (workers, threads)), cells)


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
    workers: int | None = None,
    threads: int | None = None,
) -> ClusterPlan:
    """Return the plan that `sim_join` would take, and why; joins nothing.

    Parameters are those of `sim_join`. Rows are counted where that decides.
    """
    wanted = Wanted(
        on, left_on, right_on, k, "inner", None, None, None, None, recall, "_right", plan
    )
    return _joined(left, right, wanted, metric, memory, (workers, threads)).plan


@told
def search(
    ds: Any,
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
    workers: int | None = None,
    threads: int | None = None,
) -> Any:
    """Find the rows of a Dataset nearest to a query, or to each of a batch.

    Queries go to every worker, and the best of all blocks are merged.

    Parameters
    ----------
    ds : Dataset
    query : str, 1-D vector, or a batch of either
        Texts are embedded by what made the vectors of an index; name it with `embedder` where
        that is not known, or cannot be found again by name.
    k, on, embedder, metric, recall, min_similarity, max_distance
        As in `ruvector.search`.
    where : expression, optional
        Rows that may be found: what ``Dataset.filter(expr=...)`` takes.
    workers, threads : int, optional

    Returns
    -------
    Dataset
        The rows found, best first, with all their columns, then ``query_row``, ``query`` (of
        texts) and ``rank`` of a batch, then the score.

    Raises
    ------
    As `sim_join`.
    """
    engine("ray")
    right = right_of(checked(ds, "ds"), metric, True)
    questions = read_questions(query, right, embedder)
    rows = ds if where is None else ds.filter(expr=where)
    theirs = arrow_schema(rows, "ds")
    wanted = Wanted(
        None, VECTOR, on, k, "inner", None, None, min_similarity, max_distance, recall, "_right",
        "queries",
    )  # fmt: skip
    many, each = divided(workers, threads)
    mine = questions.table.schema
    prepared = prepare(wanted, mine, theirs, right, None, each)
    prepared = prepared._replace(layout=search_layout(prepared.layout, questions))
    plan = ClusterPlan("queries", "a search", many, each, left_rows=len(questions.table))
    remember(plan)
    join = Join(None, mine, rows, theirs, right, prepared, plan)
    found = by_queries(questions.table, join)
    found = found.sort(["rank"] if questions.single else ["query_row", "rank"])
    return found.drop_columns(["rank"]) if questions.single else found


@told
def search_shards(
    shards: Any,
    query: Any,
    k: int = 10,
    *,
    recall: float = 0.95,
    embedder: Any = None,
    workers: int | None = None,
    threads: int | None = None,
) -> SearchResult:
    """Search a folder of shards on the cluster, a task a shard, and merge what they find.

    Parameters
    ----------
    shards : Shards or path
    query, k, recall, embedder
        As in `ruvector.Index.search`.
    workers, threads : int, optional
        Tasks at once, and the threads of each.

    Returns
    -------
    SearchResult
        Merged by `ruvector.merge_topk`: with ``recall=1.0`` that of one index of all rows.
    """
    engine("ray")
    right = right_of(shards, None, False)
    if right.kind != "shards":
        raise InvalidArgument("search_shards takes a folder of shards; an index has search()")
    questions = read_questions(query, right, embedder)
    wanted = positive("k", places(k, len(questions.table)))
    many, each = divided(workers, threads)
    asked = Asked(VECTOR, VECTOR, wanted, right.metric, None, share(recall), each)
    remember(ClusterPlan("queries", "a search of shards", many, each))
    found = of_shards(questions.table.select([VECTOR]), right, asked, many)
    return single_of(found) if questions.single else found


def single_of(found: SearchResult) -> SearchResult:
    """Return the result of a batch of one query as that of one query."""
    from .._index.result import _restore

    n = int(found.counts[0])
    return _restore(
        found.ids[0, :n], found.scores[0, :n], found.counts, found.score_name, found.plan, True
    )


def _joined(
    left: Any, right: Any, wanted: Wanted, metric: Any, memory: Any, shared: tuple[Any, Any]
) -> Join:
    engine("ray")
    mine = arrow_schema(checked(left, "left"), "left")
    side = right_of(right, metric, is_dataset(right))
    rows = ids = theirs = None
    if side.kind == "frame":
        rows = right if wanted.where is None else right.filter(expr=wanted.where)
        theirs = arrow_schema(rows, "right")
    else:
        ids = ID_TYPES[side.id_kind]
    many, each = divided(*shared)
    prepared = prepare(wanted, mine, theirs, side, ids, each)

    def right_bytes() -> int:
        if rows is None or theirs is None:
            return side.bytes
        name = prepared.asked.right_on
        first = next((row[name] for row in rows.select_columns([name]).take(1)), None)
        return vector_bytes(
            theirs.field(name).type, rows.count(), 0 if first is None else len(first)
        )

    sizes = Sizes(right_bytes, left.count, memory_of(memory), many, each)
    return Join(left, mine, rows, theirs, side, prepared, decide(prepared, side, sizes))
