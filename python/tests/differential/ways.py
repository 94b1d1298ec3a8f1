"""Other kinds of frame with the same rows: a verb asked of one, its answer read as the first kind.

What holds of a frame then holds of those that come to the verbs another way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds

from .drawing import Case, require

Verb = Callable[..., Any]


class Exporter:
    """Arrow data of a library that nobody knows."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def _batch(table: Any) -> Any:
    whole = table.combine_chunks()
    columns = [c.chunk(0) if c.num_chunks else pa.array([], c.type) for c in whole.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


_ARROW: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "batch": (_batch, lambda batch: pa.Table.from_batches([batch])),
    "reader": (lambda table: table.to_reader(), lambda reader: reader.read_all()),
    "dataset": (ds.dataset, lambda dataset: dataset.to_table()),
    "exporter": (Exporter, pa.table),
}


def other_way(case: Case, library: str, verb: Verb) -> Verb:
    """Return the verb, or one that comes to it with a frame of another kind."""
    if library == "polars" and case.chance(0.3):
        engine = case.pick(["in-memory", "streaming"])
        case.note("lazy", engine)
        return _lazily(verb, engine)
    if library == "pyarrow" and case.chance(0.4):
        name = case.pick(list(_ARROW))
        case.note("as a", name)
        make, read = _ARROW[name]
        return lambda frame, *args, **named: read(verb(make(frame), *args, **named))
    return verb


def _lazily(verb: Verb, engine: Any) -> Verb:
    def ask(frame: pl.DataFrame, *arguments: Any, **named: Any) -> pl.DataFrame:
        planned = verb(frame.lazy(), *arguments, **named)
        told = planned.collect_schema()
        found: pl.DataFrame = planned.collect(engine=engine)
        require(found.schema == told, "schema of a plan", f"{found.schema} was {told}")
        return found

    return ask
