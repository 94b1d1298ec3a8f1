"""polars frames. polars is imported by the user before this file is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from .._errors import InvalidArgument
from .._input.cells import what_are
from .._input.masks import Mask, read_mask, refuse_mapping
from .._input.text_columns import TextColumn
from .._input.vectors import polars_storage
from .protocol import Added, ColumnFacts, Frame, not_groups, one_of, position_of


class PolarsFrame:
    """A polars DataFrame; see `Frame`."""

    __slots__ = ("frame", "height", "outline")

    def __init__(self, frame: pl.DataFrame, *, outline: bool = False) -> None:
        self.frame = frame
        self.height = frame.height
        self.outline = outline

    @property
    def library(self) -> str:
        return "polars"

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

    def text_column(self, label: Any) -> TextColumn:
        column = self.column(label)
        if column.dtype == pl.Object:
            return TextColumn.of_list(column.to_list())
        texts = column.cast(pl.String)

        def pick(rows: npt.NDArray[np.int64] | None) -> list[Any]:
            return (texts if rows is None else texts.gather(rows)).to_list()

        return TextColumn.of_arrow(texts, len(texts), pick)

    def mask(self, where: Any) -> Mask:
        if isinstance(where, Mapping):
            refuse_mapping(where, self.library)
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
            return self.mask(where(self.frame) if not self.outline else [])
        if self.outline:
            return read_mask(where, len(where))[:0]
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
        extra = [_added(name, values) for name, values in added.items()]
        if not chosen:  # a polars frame without columns has no rows to take
            return self._of_class(pl.DataFrame(extra))
        return self._of_class(self.frame.select(chosen)[rows].with_columns(extra))

    def with_columns(self, columns: Mapping[str, Any]) -> pl.DataFrame:
        added = [column.alias(name) for name, column in columns.items()]
        return self._of_class(self.frame.with_columns(added))

    def join_rows(
        self,
        rows: npt.NDArray[np.int64],
        other: Frame | None,
        other_rows: npt.NDArray[np.int64],
        columns: Sequence[tuple[int, Any]],
        added: Added,
        nullable: bool,
    ) -> pl.DataFrame:
        absent = other_rows < 0
        out = self.frame[rows].get_columns() if self.names() else []
        if other is not None:
            chosen = [other.column_at(place).alias(name) for place, name in columns]
            wanted = _null_where(pl.Series("rows", np.where(absent, 0, other_rows)), absent)
            out += _of_columns(chosen).select(pl.all().gather(pl.lit(wanted))).get_columns()
        out += [_null_where(_added(name, values), absent) for name, values in added.items()]
        return self._of_class(_of_columns(out))

    def _of_class(self, answer: pl.DataFrame) -> pl.DataFrame:
        """Return an answer as the user's subclass of frames, made as polars makes its own."""
        kind = type(self.frame)
        return answer if kind is pl.DataFrame else kind._from_pydf(answer._df)

    def position(self, label: Any) -> int:
        if self.outline:  # which row that is, the rows will say
            return 0 * position_of(label, 2**62)
        return position_of(label, self.height)

    def structs(self, name: str, fields: Added, counts: npt.NDArray[np.int64]) -> pl.Series:
        width = int(counts.max(initial=1))
        present = np.arange(width) < counts[:, None]
        columns = [pl.Series("count", counts), pl.Series("present", counts > 0)]
        for field, values in fields.items():
            padded = np.zeros(present.shape, values.dtype)
            padded[present] = values
            inner = pl.Series(values[:0]).dtype
            columns.append(pl.Series(field, padded, dtype=pl.Array(inner, width)))
        lists = pl.struct([pl.col(field).arr.to_list().list.head("count") for field in fields])
        cell = pl.when("present").then(lists).otherwise(None).alias(name)
        return pl.DataFrame(columns).select(cell).to_series()

    def values(self, label: Any, rows: npt.NDArray[np.int64]) -> list[Any]:
        return self.column(label)[rows].to_list()

    def series(self, values: npt.NDArray[Any], name: str) -> pl.Series:
        return pl.Series(name, values)

    def make(self, columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> pl.DataFrame:
        dtypes = {
            "int": pl.Int64(),
            "float": pl.Float64(),
            "bool": pl.Boolean(),
            "text": pl.String(),
        }
        return pl.DataFrame(columns, schema={name: dtypes[kind] for name, kind in kinds.items()})


def _added(name: str, values: npt.NDArray[Any]) -> pl.Series:
    if isinstance(values, np.ma.MaskedArray):
        return _null_where(pl.Series(name, values.data), np.ma.getmaskarray(values))
    if values.dtype.kind == "O":
        return pl.Series(name, values.tolist(), dtype=pl.String)
    counts = values.dtype == np.int64 and (name == "rank" or name.endswith(("_row", "_rank")))
    return pl.Series(name, values.astype(np.uint32) if counts else values)


def _of_columns(columns: Sequence[pl.Series]) -> pl.DataFrame:
    """Return columns as a frame; of a list polars would name one that has no name."""
    return pl.DataFrame({column.name: column for column in columns})


def _null_where(series: pl.Series, absent: Mask) -> pl.Series:
    return series.set(pl.Series(absent), None) if absent.any() else series


def _facts(series: pl.Series) -> ColumnFacts:
    name, held = series.name, str(series.dtype)
    stored = polars_storage(pl, series)
    dtype = stored.dtype
    if isinstance(dtype, pl.Array | pl.List):
        kind = "vector" if dtype.inner.is_numeric() else "other"
        kind = "bits" if dtype.inner == pl.Boolean else kind
        if kind != "other":
            width = dtype.size if isinstance(dtype, pl.Array) else _list_width(stored)
            return ColumnFacts(name, kind, held, width)
    elif dtype == pl.Binary:
        width = next((8 * len(cell) for cell in stored if cell is not None), None)
        return ColumnFacts(name, "bits", held, width)
    elif dtype in (pl.String, pl.Categorical, pl.Enum):
        return ColumnFacts(name, "text", held, None)
    elif dtype.is_numeric():
        return ColumnFacts(name, "number", held, None)
    elif dtype == pl.Object:
        kind, what, dim = what_are(stored)
        return ColumnFacts(name, kind, f"Object ({what})", dim)
    return ColumnFacts(name, "null" if dtype == pl.Null else "other", held, None)


def _list_width(series: pl.Series) -> int | None:
    present = series.drop_nulls() if series.null_count() else series
    return next((len(cell) for cell in present.head(64) if len(cell)), None)
