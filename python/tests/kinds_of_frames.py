"""The same rows as a frame of every kind that the verbs take, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import duckdb
import nanoarrow
import narwhals
import narwhals.stable.v1
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset


class Exporter:
    """Data of a library that nobody knows: it can export Arrow, and nothing else."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class Kind(NamedTuple):
    """A kind of frame: made of a pyarrow Table, what its answers are, read as a Table again."""

    make: Callable[[Any], Any]
    answer: type
    read: Callable[[Any], Any]
    once: bool = False  # whether it can be read once only


def _pandas(table: Any) -> pd.DataFrame:
    return pl.DataFrame(table).to_pandas() if table.num_columns else table.to_pandas()


def _table_of_pandas(frame: Any) -> Any:
    columns = {}
    for name in frame.columns:
        cells = [_plain(cell) for cell in frame[name].tolist()]
        columns[name] = pa.array(cells)
    return pa.table(columns)


def _plain(cell: Any) -> Any:
    if hasattr(cell, "tolist"):
        return cell.tolist()
    return None if not isinstance(cell, list) and pd.isna(cell) else cell


DUCKDB = duckdb.connect()

KINDS: dict[str, Kind] = {
    "pandas": Kind(_pandas, pd.DataFrame, _table_of_pandas),
    "polars": Kind(pl.DataFrame, pl.DataFrame, pa.table),
    "pyarrow Table": Kind(lambda table: table, pa.Table, pa.table),
    "pyarrow RecordBatch": Kind(
        lambda table: pa.RecordBatch.from_struct_array(
            table.to_struct_array().combine_chunks()
            if table.num_rows
            else pa.array([], pa.struct(list(table.schema)))
        ),
        pa.RecordBatch,
        lambda batch: pa.Table.from_batches([batch]),
    ),
    "pyarrow RecordBatchReader": Kind(
        lambda table: table.to_reader(), pa.RecordBatchReader, lambda r: r.read_all(), once=True
    ),
    "pyarrow Dataset": Kind(pa.dataset.dataset, pa.dataset.Dataset, lambda d: d.to_table()),
    "nanoarrow Array": Kind(nanoarrow.Array, nanoarrow.Array, pa.table),
    "nanoarrow ArrayStream": Kind(
        nanoarrow.ArrayStream, nanoarrow.ArrayStream, pa.table, once=True
    ),
    "Arrow exporter": Kind(Exporter, object, pa.table),
    "DuckDB relation": Kind(
        lambda table: DUCKDB.from_arrow(table), duckdb.DuckDBPyRelation, pa.table
    ),
    "narwhals of DuckDB": Kind(
        lambda table: narwhals.from_native(DUCKDB.from_arrow(table)),
        narwhals.LazyFrame,
        lambda frame: pa.table(frame.to_native()),
    ),
    "narwhals of polars": Kind(
        lambda table: narwhals.from_native(pl.DataFrame(table)),
        narwhals.DataFrame,
        lambda frame: pa.table(frame.to_native()),
    ),
    "narwhals of pandas": Kind(
        lambda table: narwhals.from_native(_pandas(table)),
        narwhals.DataFrame,
        lambda frame: _table_of_pandas(frame.to_native()),
    ),
    "narwhals v1 of pyarrow": Kind(
        narwhals.stable.v1.from_native, narwhals.stable.v1.DataFrame, lambda f: f.to_native()
    ),
}


def rows_of(kind: Kind, answer: Any) -> list[dict[str, Any]]:
    """Return an answer as rows of Python values."""
    assert isinstance(answer, kind.answer), type(answer)
    rows: list[dict[str, Any]] = kind.read(answer).to_pylist()
    return rows


__all__ = ["KINDS", "Exporter", "Kind", "rows_of"]
