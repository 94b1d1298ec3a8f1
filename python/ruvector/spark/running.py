"""The three plans of a join on Spark, once it is known what is joined."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._clusters.broadcast import folder_of_run, write_index
from .._clusters.columns import conform
from .._clusters.extras import module
from .._clusters.opened import Source
from .._clusters.partial import BUCKET, Partial
from .._clusters.plans import ClusterPlan
from .._clusters.preparing import (
    Prepared,
    remember,
)
from .._clusters.rights import Right
from .._clusters.routing import CELL, SAMPLE, routed_schema, train
from .._index.merge import merge_topk
from . import tasks
from .building import found_of
from .frames import (
    add_file,
    arrow_schema,
    send,
    source_of,
    struct_of,
    struct_of_arrow,
    to_arrow,
)

_ROWS_AT_ONCE = 100_000  # right rows that all queries are asked of at once


class Join(NamedTuple):
    """Both sides of a join and what was prepared of it."""

    left: Any
    rows: Any  # right DataFrame, or None
    right: Right
    prepared: Prepared
    plan: ClusterPlan


def run(join: Join, cells: int | None = None) -> Any:
    """Return the answer of a join by its plan; `cells` are of the routed one."""
    remember(join.plan)
    session = join.left.sparkSession
    if join.plan.plan == "routed":
        return _routed(join, session, cells)
    if join.plan.plan == "queries":
        return by_queries(join.left.toArrow(), join, session)
    asked, layout, how, _ = join.prepared
    if join.rows is None:
        source = source_of(session, join.right)
    else:
        paths = write_index(join.rows.toArrow(), asked, folder_of_run())
        source = Source((add_file(session, paths[0]),), add_file(session, paths[1]))
    struct = struct_of(layout, join.left.schema, None if join.rows is None else join.rows.schema)
    return join.left.mapInArrow(tasks.answering(source, asked, layout, how), struct)


def by_queries(left: Any, join: Join, session: Any) -> Any:
    """Left rows, a table, to every partition of the right ones; the best of all are merged."""
    from_arrow_schema = module("pyspark.sql.pandas.types").from_arrow_schema

    asked, layout, _, _ = join.prepared
    if join.rows is None:
        return _by_queries_of_shards(left, join, session)
    queries, height = send(session, left.select([asked.left_on])), left.num_rows
    if join.left is None:  # a search
        left = left.select(layout.left)
        mine = from_arrow_schema(left.schema)
    else:
        left, mine = conform(left, arrow_schema(join.left)), join.left.schema
    partial = Partial(left.schema, arrow_schema(join.rows), _buckets(session))
    struct = struct_of_arrow(partial.schema, mine, join.rows.schema)
    found = join.rows.mapInArrow(tasks.asking_right(partial, queries, asked, _ROWS_AT_ONCE), struct)
    numbers = pa.array(np.arange(height, dtype=np.int64))
    names = [f"l{i}" for i in range(left.num_columns)]
    table = pa.Table.from_arrays([*left.columns, numbers], names=[*names, "row"])
    marked = session.createDataFrame(table, struct_of_arrow(table.schema, mine, mine))
    marked = marked.mapInArrow(tasks.marking(partial), struct)
    return _merged(found.union(marked), partial, join, mine, join.rows.schema)


def _by_queries_of_shards(left: Any, join: Join, session: Any) -> Any:
    """Left rows to every shard: the answer is an index's, so it is merged on the driver."""
    from .._clusters.answers import take_pairs
    from .._clusters.asking import long_form

    asked, layout, how, _ = join.prepared
    paths = [place.path() for place in join.right.files]
    sent = send(session, left.select([asked.left_on]))
    numbers = session.range(0, len(paths), 1, len(paths))
    told_ = numbers.mapInArrow(tasks.searching_shards(paths, sent, asked), tasks.RESULT).collect()
    found = merge_topk([pickle.loads(one) for one in found_of(told_)], asked.k)
    left = conform(left, arrow_schema(join.left))
    answer = take_pairs(left, long_form(found), None, layout, how)
    return session.createDataFrame(answer, struct_of(layout, join.left.schema, None))


def _routed(join: Join, session: Any, cells: int | None) -> Any:
    """Rows of both sides to their cells; what cells find is merged by left row."""
    asked = join.prepared.asked
    mine, theirs = arrow_schema(join.left), arrow_schema(join.rows)
    counts = join.left.count(), join.rows.count()
    samples = [
        _sample(frame, label, count)
        for frame, label, count in zip(
            (join.left, join.rows), (asked.left_on, asked.right_on), counts, strict=True
        )
    ]
    workers = max(1, join.plan.workers)
    routing = train(samples[0], samples[1], counts, asked, workers, cells)
    remember(
        replace(
            join.plan, left_rows=counts[0], right_rows=counts[1], cells=len(routing.centroids),
            probes=routing.probes, hot=routing.hot,
        )
    )  # fmt: skip
    partial = Partial(mine, theirs, _buckets(session))
    sent = struct_of_arrow(routed_schema(partial), join.left.schema, join.rows.schema)
    both = join.left.mapInArrow(tasks.sending(routing, partial, asked, "left"), sent).union(
        join.rows.mapInArrow(tasks.sending(routing, partial, asked, "right"), sent)
    )
    struct = struct_of_arrow(partial.schema, join.left.schema, join.rows.schema)
    search = tasks.searching_cell(partial, asked, to_arrow(struct, session, "UTC"))
    found = both.groupBy(CELL).applyInArrow(search, struct)
    return _merged(found, partial, join, join.left.schema, join.rows.schema)


def _sample(frame: Any, label: str, count: int) -> Any:
    rows = frame.select(label)
    if count > SAMPLE:
        rows = rows.sample(min(1.0, 1.2 * SAMPLE / count), 7).limit(SAMPLE)
    return rows.toArrow()


def _merged(found: Any, partial: Partial, join: Join, mine: Any, theirs: Any) -> Any:
    asked, layout, how, _ = join.prepared
    struct = struct_of(layout, mine, theirs)
    schema = to_arrow(struct, found.sparkSession, "UTC")
    merge = tasks.merging(partial, layout, asked, how, schema)
    return found.groupBy(BUCKET).applyInArrow(merge, struct)


def _buckets(session: Any) -> int:
    return int(session.conf.get("spark.sql.shuffle.partitions"))
