"""What Python workers of Spark run: functions of Arrow batches, made on the driver.

Spark pickles what `answering` and the others return. It is unpickled in a worker after the fork,
so that the native library is loaded there and not in the daemon.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._clusters.answers import answer_stream
from .._clusters.asking import Asked, ask_index, placed, wide
from .._clusters.columns import Layout, conform
from .._clusters.extras import module
from .._clusters.opened import AtPath, Source, opened
from .._clusters.partial import Partial, markers, merge_bucket, numbered, search_stream
from .._clusters.routing import Routing, routed_schema, search_cell, send_left, send_right
from .._clusters.shards import Building, build_shard
from .._errors import RuVectorError

Batches = Callable[[Iterator[Any]], Iterator[Any]]
RESULT = "shard int, found binary, failed binary"


class SparkFile(tuple[str]):
    """A file that ``SparkContext.addFile`` sends to every machine."""

    __slots__ = ()

    def path(self) -> str:
        """Return where this machine has it."""
        SparkFiles = module("pyspark").SparkFiles

        return str(SparkFiles.get(self[0]))


def partition_here() -> int:
    """Return the number of the partition that this worker is at."""
    TaskContext = module("pyspark").TaskContext

    context = TaskContext.get()
    return 0 if context is None else int(context.partitionId())


def _tables(batches: Iterator[Any]) -> Iterator[Any]:
    for batch in batches:
        yield pa.Table.from_batches([batch])


def answering(source: Source, asked: Asked, layout: Layout, how: str) -> Batches:
    """Return what answers the left rows of a partition from an index."""

    def answer_partition(batches: Iterator[Any]) -> Iterator[Any]:
        tables = _tables(batches)
        for answer in answer_stream(tables, source, asked, layout, how, partition_here()):
            yield from answer.to_batches()

    return answer_partition


def asking_right(partial: Partial, queries: Any, asked: Asked, rows_at_once: int) -> Batches:
    """Return what finds the hits of all queries among the right rows of a partition.

    `queries` has ``value``, the table of them as Arrow bytes.
    """

    def ask_partition(batches: Iterator[Any]) -> Iterator[Any]:
        table = pa.ipc.open_stream(queries.value).read_all()
        rows = np.arange(len(table), dtype=np.int64)
        whole = _gathered(_tables(batches), rows_at_once, partition_here())
        found = search_stream(partial, table, rows, whole, asked)
        yield from found.to_batches()

    return ask_partition


def _gathered(tables: Iterator[Any], rows: int, partition: int) -> Iterator[tuple[Any, Any]]:
    """Yield tables of about so many rows, and the numbers of these."""
    held: list[Any] = []
    done = waiting = 0
    for table in tables:
        held.append(table)
        waiting += len(table)
        if waiting >= rows:
            yield pa.concat_tables(held).combine_chunks(), numbered(partition, done, waiting)
            held, done, waiting = [], done + waiting, 0
    if held:
        yield pa.concat_tables(held).combine_chunks(), numbered(partition, done, waiting)


def marking(partial: Partial) -> Batches:
    """Return what makes markers of left rows, whose last column are their numbers."""

    def mark_partition(batches: Iterator[Any]) -> Iterator[Any]:
        for table in _tables(batches):
            last = table.num_columns - 1
            numbers = table.column(last).to_numpy()
            yield from markers(partial, table.remove_column(last), numbers).to_batches()

    return mark_partition


def merging(
    partial: Partial, layout: Layout, asked: Asked, how: str, schema: Any
) -> Callable[[Any], Any]:
    """Return what merges the hits of a bucket, as a table of this schema."""

    def merge_group(table: Any) -> Any:
        return conform(merge_bucket(table, partial, layout, asked, how), schema)

    return merge_group


def sending(routing: Routing, partial: Partial, asked: Asked, side: str) -> Batches:
    """Return what sends the rows of a partition to their cells."""
    send = send_left if side == "left" else send_right

    def send_partition(batches: Iterator[Any]) -> Iterator[Any]:
        partition, row = partition_here(), 0
        for table in _tables(batches):
            numbers = numbered(partition, row, len(table))
            with placed(partition, row, side):
                sent = send(routing, partial, table, numbers, asked)
            yield from sent.to_batches()
            row += len(table)
        yield from routed_schema(partial).empty_table().to_batches()

    return send_partition


def searching_cell(partial: Partial, asked: Asked, schema: Any) -> Callable[[Any], Any]:
    """Return what searches the rows of one cell, as a table of this schema."""

    def search_group(table: Any) -> Any:
        return conform(search_cell(table, partial, asked), schema)

    return search_group


def reporting(work: Callable[[Iterator[Any], int], Iterator[tuple[int, bytes]]]) -> Batches:
    """Return what does `work` on a partition; errors of ours are told, not raised.

    So they reach the driver as what they are, with row and column, not as the text of a trace.
    """

    def report_partition(batches: Iterator[Any]) -> Iterator[Any]:
        partition = partition_here()
        try:
            told: list[tuple[int, bytes | None, bytes | None]]
            with placed(partition, 0):
                told = [(number_, found, None) for number_, found in work(batches, partition)]
        except RuVectorError as error:
            told = [(partition, None, pickle.dumps(error))]
        numbers, found, failed = zip(*told, strict=True) if told else ((), (), ())
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(numbers, pa.int32()), pa.array(found, pa.binary()),
                pa.array(failed, pa.binary()),
            ],
            names=["shard", "found", "failed"],
        )  # fmt: skip

    return report_partition


def building(how: Building) -> Batches:
    """Return what builds the shard of a partition."""

    def build(batches: Iterator[Any], partition: int) -> Iterator[tuple[int, bytes]]:
        tables = list(_tables(batches))
        if not tables:
            return
        built = build_shard(pa.concat_tables(tables), partition, how)
        if built is not None:
            yield partition, pickle.dumps(built)

    return reporting(build)


def searching_shards(paths: list[str], queries: Any, asked: Asked) -> Batches:
    """Return what searches shards; a partition has their numbers."""

    def search(batches: Iterator[Any], partition: int) -> Iterator[tuple[int, bytes]]:
        table = pa.ipc.open_stream(queries.value).read_all()
        for batch in batches:
            for shard in batch.column(0).to_pylist():
                index = opened(Source((AtPath(paths[shard]),))).indexes[0]
                pairs = ask_index(table, index, asked)
                yield shard, pickle.dumps(wide(pairs, len(table), asked))

    return reporting(search)
