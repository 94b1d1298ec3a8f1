"""polars frames. polars is imported by the user before this file is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ._errors import InvalidArgument
from ._frames import Added, ColumnFacts, not_groups, one_of
from ._mask import Mask, read_mask


class PolarsFrame:
    """A polars DataFrame; see `Frame`."""

    __slots__ = ("frame", "height")

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self.height = frame.height

    def names(self) -> list[Any]:
        return self.frame.columns

    def fact(self, position: int) -> ColumnFacts:
        return _facts(self.frame.to_series(position))

    def column(self, label: Any) -> pl.Series:
        return self.frame.to_series(one_of(self.names(), label))

    def column_at(self, position: int) -> pl.Series:
        return self.frame.to_series(position)

    def texts(self, label: Any) -> list[Any]:
        return self.column(label).cast(pl.String).to_list()

    def mask(self, where: Any) -> Mask:
        if isinstance(where, str):
            try:
                where = pl.sql_expr(where)
            except pl.exceptions.PolarsError as error:
                raise InvalidArgument(f"where={where!r} is not SQL: {error}") from error
        if isinstance(where, list | tuple) and where and isinstance(where[0], pl.Expr):
            all_of_them: Mask = np.logical_and.reduce([self.mask(part) for part in where])
            return all_of_them
        if isinstance(where, pl.Expr):
            where = self._evaluate(where)
        elif callable(where):
            return self.mask(where(self.frame))
        return read_mask(where, self.height)

    def _evaluate(self, where: pl.Expr) -> pl.Series:
        try:
            found = self.frame.select(where.alias("where"))
        except pl.exceptions.PolarsError as error:
            raise InvalidArgument(f"where={where} cannot be evaluated: {error}") from error
        series = found.to_series()
        if len(series) == 1 and self.height != 1:
            series = series.new_from_index(0, self.height)
        return series.cast(pl.Boolean) if series.dtype == pl.Null else series

    def group_codes(self, labels: Sequence[Any]) -> npt.NDArray[np.int64]:
        columns = [self.column(label) for label in labels]
        dtypes = ", ".join(str(column.dtype) for column in columns)
        for column in columns:
            if column.dtype == pl.Object:
                raise not_groups(column.name, "Object", TypeError("they are Python objects"))
        keys = [f"key {i}" for i in range(len(columns))]
        frame = pl.DataFrame([c.alias(key) for c, key in zip(columns, keys, strict=True)])
        try:
            rows = frame.with_row_index("row").group_by(keys, maintain_order=True).agg("row")["row"]
        except pl.exceptions.PolarsError as error:
            raise not_groups(", ".join(labels), dtypes, error) from error
        codes = np.empty(self.height, np.int64)
        if self.height:
            sizes = rows.list.len().to_numpy()
            codes[rows.explode().to_numpy()] = np.repeat(np.arange(len(rows)), sizes)
        return codes

    def take(
        self, rows: npt.NDArray[np.int64], columns: Sequence[Any] | None, added: Added
    ) -> pl.DataFrame:
        chosen = list(self.names() if columns is None else columns)
        for i, label in enumerate(chosen):
            one_of(self.names(), label)
            if label in chosen[:i]:
                raise InvalidArgument(f"columns= names {label!r} twice, and polars has each once")
        extra = []
        for name, values in added.items():
            if values.dtype.kind == "O":
                extra.append(pl.Series(name, values.tolist(), dtype=pl.String))
            elif values.dtype == np.int64:
                extra.append(pl.Series(name, values.astype(np.uint32)))
            else:
                extra.append(pl.Series(name, values))
        if not chosen:  # a polars frame without columns has no rows to take
            return pl.DataFrame(extra)
        return self.frame.select(chosen)[rows].with_columns(extra)

    def make(self, columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> pl.DataFrame:
        dtypes = {"int": pl.Int64(), "bool": pl.Boolean(), "text": pl.String()}
        return pl.DataFrame(columns, schema={name: dtypes[kind] for name, kind in kinds.items()})


def _facts(series: pl.Series) -> ColumnFacts:
    name, dtype = series.name, series.dtype
    if isinstance(dtype, pl.Array):
        if len(dtype.shape) == 1 and dtype.inner.is_numeric():
            return ColumnFacts(name, "vector", str(dtype), dtype.size)
    elif isinstance(dtype, pl.List):
        if dtype.inner.is_numeric():
            return ColumnFacts(name, "vector", str(dtype), _list_width(series))
    elif dtype in (pl.String, pl.Categorical, pl.Enum):
        return ColumnFacts(name, "text", str(dtype), None)
    elif dtype.is_numeric():
        return ColumnFacts(name, "number", str(dtype), None)
    elif dtype == pl.Object:
        return _object_facts(name, series)
    return ColumnFacts(name, "other", str(dtype), None)


def _list_width(series: pl.Series) -> int | None:
    present = series.drop_nulls() if series.null_count() else series
    return len(present[0]) if len(present) else None


def _object_facts(name: str, series: pl.Series) -> ColumnFacts:
    for cell in series:
        if isinstance(cell, np.ndarray) and cell.ndim == 1 and cell.dtype.kind in "fiu":
            return ColumnFacts(name, "vector", f"Object ({cell.dtype} arrays)", len(cell))
        if cell is not None:
            break
    return ColumnFacts(name, "other", "Object", None)
