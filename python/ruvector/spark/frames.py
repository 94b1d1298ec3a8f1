"""DataFrames of Spark: their schemas, their sizes, and what is sent beside them."""

from __future__ import annotations

import os
import shutil
import uuid
from typing import Any, Final

import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._clusters.broadcast import folder_of_run, save_index
from .._clusters.columns import Layout
from .._clusters.extras import module
from .._clusters.opened import AtPath, Source
from .._clusters.rights import Right
from .._errors import InvalidArgument
from .tasks import SparkFile

ID_TYPES: Final = {
    "positions": pa.int64(), "int64": pa.int64(), "string": pa.string(),
    "uint64": pa.decimal128(20, 0),  # what Spark itself reads unsigned numbers as
}  # fmt: skip


def is_frame(data: Any) -> bool:
    """Return whether something is a DataFrame of Spark, also of Spark Connect."""
    return any(
        kind.__module__.startswith("pyspark.sql") and kind.__name__ == "DataFrame"
        for kind in type(data).__mro__
    )


def checked(data: Any, name: str) -> Any:
    """Return a DataFrame; InvalidArgument for other objects."""
    if not is_frame(data):
        raise InvalidArgument(
            f"{name} is {type(data).__name__}, not a Spark DataFrame: spark.createDataFrame(...)"
        )
    return data


def arrow_schema(frame: Any) -> Any:
    """Return the Arrow schema that workers see of a DataFrame."""
    return to_arrow(frame.schema, frame.sparkSession)


def to_arrow(struct: Any, session: Any, zone: str | None = None) -> Any:
    """Return a StructType as the Arrow schema that workers see.

    `zone` is that of times: the session's, but what ``applyInArrow`` returns must be in UTC.
    """
    to_arrow_schema = module("pyspark.sql.pandas.types").to_arrow_schema

    large = session.conf.get("spark.sql.execution.arrow.useLargeVarTypes", "false") == "true"
    zone = zone or session.conf.get("spark.sql.session.timeZone")
    return to_arrow_schema(struct, timezone=zone, prefers_large_types=large)


def struct_of(layout: Layout, left: Any, right: Any) -> Any:
    """Return the StructType of an answer, without running anything.

    Parameters
    ----------
    layout : Layout
    left, right : StructType
        `right` is None where the answer has ids.
    """
    t = module("pyspark.sql.types")

    known = {name: left[name].dataType for name in layout.left}
    if layout.right is None:
        known[layout.id] = _id_type(layout.schema.field(layout.id).type)
    for name, named in layout.right or []:
        known[named] = right[name].dataType
    known["rank"], known[layout.score] = t.LongType(), t.FloatType()
    return t.StructType(
        [t.StructField(field.name, known[field.name], field.nullable) for field in layout.schema]
    )


def _id_type(kind: Any) -> Any:
    t = module("pyspark.sql.types")

    if pa.types.is_decimal(kind):
        return t.DecimalType(20, 0)
    return t.StringType() if pa.types.is_string(kind) else t.LongType()


def struct_of_arrow(schema: Any, left: Any, right: Any) -> Any:
    """Return the StructType of a table with columns ``l0, ...`` and ``r0, ...`` of two sides."""
    t = module("pyspark.sql.types")

    ours = {pa.int64(): t.LongType(), pa.int8(): t.ByteType(), pa.float32(): t.FloatType()}
    fields = []
    for field in schema:
        side = {"l": left, "r": right}.get(field.name[0])
        if side is not None and field.name[1:].isdigit():
            kind = side[int(field.name[1:])].dataType
        else:
            kind = ours[field.type]
        fields.append(t.StructField(field.name, kind, True))
    return t.StructType(fields)


class _Sent:
    """Bytes that stand for a broadcast where there is none."""

    def __init__(self, value: bytes) -> None:
        self.value = value


def send(session: Any, table: Any) -> Any:
    """Return a table for all workers: ``value`` of what is returned is its Arrow bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data = sink.getvalue().to_pybytes()
    context = context_of(session)
    return _Sent(data) if context is None else context.broadcast(data)


def context_of(session: Any) -> Any:
    """Return the SparkContext, None with Spark Connect."""
    try:
        return session.sparkContext
    except Exception:  # Connect raises types of its own
        return None


def source_of(session: Any, right: Right) -> Source:
    """Return an index for workers to open: its path, or a file sent to every machine."""
    if right.held is None:
        return Source(right.files)
    path = os.path.join(folder_of_run(), "index.rvx")
    save_index(right.held, path)
    return Source((add_file(session, path),))


def add_file(session: Any, path: str) -> Any:
    """Send a file to every machine, under a name of its own.

    Raises
    ------
    InvalidArgument
        With Spark Connect, which has no such files.
    """
    context = context_of(session)
    if context is None:
        raise InvalidArgument(
            "with Spark Connect an index in memory cannot be sent to workers: save it where all "
            "machines see it and pass the path, or build shards"
        )
    if context.master.startswith("local[") or context.master == "local":
        return AtPath(path)  # workers are on this machine
    named = os.path.join(os.path.dirname(path), f"{uuid.uuid4().hex}{os.path.splitext(path)[1]}")
    shutil.move(path, named)
    context.addFile(named)
    return SparkFile((os.path.basename(named),))


def cores_of(session: Any) -> tuple[int, int]:
    """Return how many tasks run at once, 0 where not known, and the cores of each."""
    context = context_of(session)
    each = int(session.conf.get("spark.task.cpus", "1"))
    return (0 if context is None else max(1, context.defaultParallelism // each)), each
