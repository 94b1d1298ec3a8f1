"""The three plans of a join on Ray Data, once it is known what is joined."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .._clusters.answers import take_pairs
from .._clusters.asking import Asked, long_form
from .._clusters.broadcast import folder_of_run, write_index
from .._clusters.extras import engine, module
from .._clusters.opened import Source
from .._clusters.partial import BUCKET, Partial, markers
from .._clusters.plans import ClusterPlan
from .._clusters.preparing import (
    Prepared,
    remember,
)
from .._clusters.rights import Right
from .._clusters.routing import CELL, SAMPLE, train
from .._errors import RuVectorError
from .._index.merge import merge_topk
from .._index.result import SearchResult
from . import tasks
from .datasets import (
    collected,
    grouped,
    mapped,
    numbered,
    source_of,
    stored,
)


class Join(NamedTuple):
    """Both sides of a join and what was prepared of it."""

    left: Any
    mine: Any  # Arrow schema of the left side
    rows: Any  # right Dataset, or None
    theirs: Any
    right: Right
    prepared: Prepared
    plan: ClusterPlan


def run(join: Join, cells: int | None = None) -> Any:
    """Return the answer of a join by its plan; `cells` are of the routed one."""
    remember(join.plan)
    if join.plan.plan == "routed":
        return _routed(join, cells)
    if join.plan.plan == "queries":
        return by_queries(collected(join.left, join.mine), join)
    asked, layout, how, _ = join.prepared
    if join.rows is None:
        source = source_of(join.right)
    else:
        index, rows = write_index(collected(join.rows, join.theirs), asked, folder_of_run())
        source = Source((stored(index),), stored(rows))
    given = source, asked, layout, how
    plan = join.plan
    return mapped(numbered(join.left), tasks.RuvectorAnswer, given, plan.workers, plan.threads)


def by_queries(left: Any, join: Join) -> Any:
    """Left rows, a table, to all right ones; the best of all blocks are merged."""
    ray = module("ray")

    asked, layout, how, _ = join.prepared
    many, each = join.plan.workers, join.plan.threads
    if join.rows is None:
        queries = left.select([asked.left_on])
        found = long_form(of_shards(queries, join.right, asked, many))
        return ray.data.from_arrow(take_pairs(left, found, None, layout, how))
    queries, height = ray.put(left.select([asked.left_on])), left.num_rows
    left = left.select(layout.left)
    partial = Partial(left.schema, join.theirs, 2 * many)
    given = partial, queries, asked
    found = mapped(numbered(join.rows), tasks.RuvectorAskRight, given, many, each)
    marked = markers(partial, left, np.arange(height, dtype=np.int64))
    return _merged(found.union(ray.data.from_arrow(marked)), partial, join)


def _routed(join: Join, cells: int | None) -> Any:
    """Rows of both sides to their cells; what cells find is merged by left row."""
    ray = module("ray")

    asked, plan = join.prepared.asked, join.plan
    counts = join.left.count(), join.rows.count()
    samples = [
        _sample(data, schema, label, count)
        for data, schema, label, count in (
            (join.left, join.mine, asked.left_on, counts[0]),
            (join.rows, join.theirs, asked.right_on, counts[1]),
        )
    ]
    routing = train(samples[0], samples[1], counts, asked, plan.workers, cells)
    remember(
        replace(
            plan, left_rows=counts[0], right_rows=counts[1], cells=len(routing.centroids),
            probes=routing.probes, hot=routing.hot,
        )
    )  # fmt: skip
    partial = Partial(join.mine, join.theirs, 2 * plan.workers)
    sent = ray.put(routing)
    sides = [
        mapped(numbered(data), tasks.RuvectorSend, (sent, partial, asked, side),
               max(1, plan.workers // 2), plan.threads)
        for data, side in ((join.left, "left"), (join.rows, "right"))
    ]  # fmt: skip
    both = sides[0].union(sides[1])
    given = {"partial": partial, "asked": asked}
    parts = 2 * plan.workers
    found = grouped(both, CELL, tasks.ruvector_search_cell, given, parts)
    return _merged(found, partial, join)


def _sample(data: Any, schema: Any, label: str, count: int) -> Any:
    rows = data.select_columns([label])
    if count > SAMPLE:
        rows = rows.random_sample(min(1.0, 1.2 * SAMPLE / count), seed=7).limit(SAMPLE)
    return collected(rows, schema.empty_table().select([label]).schema)


def _merged(found: Any, partial: Partial, join: Join) -> Any:
    asked, layout, how, _ = join.prepared
    given = {"partial": partial, "layout": layout, "asked": asked, "how": how}
    return grouped(found, BUCKET, tasks.ruvector_merge, given, partial.buckets)


def of_shards(queries: Any, right: Right, asked: Asked, workers: int) -> SearchResult:
    """Return what all shards find; at most two tasks for each worker wait at a time."""
    ray = engine("ray")
    task = ray.remote(tasks.ruvector_search_shard).options(num_cpus=asked.threads or 1)
    sent = ray.put(queries)
    waiting: list[Any] = []
    parts: list[SearchResult] = []
    ahead = [place.path() for place in right.files]
    while ahead or waiting:
        while ahead and len(waiting) < 2 * workers:
            waiting.append(task.remote(ahead.pop(0), sent, asked))
        try:
            parts.append(ray.get(waiting.pop(0)))
        except RuVectorError as error:
            for one in waiting:
                ray.cancel(one)
            raise getattr(error, "cause", None) or error from None
        if len(parts) == 8:
            parts = [merge_topk(parts, asked.k)]
    return merge_topk(parts, asked.k)
