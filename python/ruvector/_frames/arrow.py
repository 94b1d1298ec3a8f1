"""pyarrow tables. pyarrow is imported by the user before this file is."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._errors import InvalidArgument
from .._input.arrow_rows import codes_of, evaluate, is_text, plain, take_column, take_rows
from .._input.masks import Mask, read_mask, refuse_mapping
from .._input.text_columns import TextColumn
from .protocol import Added, ColumnFacts, Frame, joined_codes, not_groups, one_of, position_of


class ArrowFrame:
    """A pyarrow Table; see `Frame`."""

    __slots__ = ("frame", "height")

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.height = frame.num_rows

    @property
    def library(self) -> str:
        return "pyarrow"

    @property
    def outline(self) -> bool:
        return False

    def names(self) -> list[Any]:
        return list(self.frame.column_names)

    def fact(self, position: int) -> ColumnFacts:
        field = self.frame.schema.field(position)
        fact = arrow_facts(field.name, field.type)
        if fact.kind in ("vector", "bits") and fact.dim is None:
            width = _list_width(self.frame.column(position))
            packed = "binary" in fact.dtype and width is not None
            return fact._replace(dim=8 * width if packed and width else width)
        return fact

    def column(self, label: Any) -> Any:
        return self.frame.column(one_of(self.names(), label))

    def column_at(self, position: int) -> Any:
        return self.frame.column(position)

    def texts(self, label: Any) -> list[Any]:
        return list(plain(self.column(label)).to_pylist())

    def text_column(self, label: Any) -> TextColumn:
        return text_column(self.column(label))

    def mask(self, where: Any) -> Mask:
        if isinstance(where, Mapping):
            refuse_mapping(where, self.library)
        if _is_expression(where):
            try:
                where = evaluate(self.frame, where)
            except (pa.ArrowException, KeyError) as error:
                raise InvalidArgument(f"where={where} cannot be evaluated: {error}") from error
        if isinstance(where, str):
            raise InvalidArgument(
                "where= as text is for pandas and polars; for a pyarrow Table pass an "
                "expression: pyarrow.compute.field('year') > 2000"
            )
        if callable(where):
            return self.mask(where(self.frame))
        return read_mask(where, self.height)

    def group_codes(self, labels: Sequence[Any]) -> npt.NDArray[np.int64]:
        codes = None
        for label in labels:
            column = self.column(label)
            try:
                found = codes_of(column)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise not_groups(label, column.type, error) from error
            codes = found if codes is None else joined_codes(codes, found)
        assert codes is not None
        return codes

    def take(self, rows: npt.NDArray[np.int64], columns: Sequence[Any] | None, added: Added) -> Any:
        frame = self.frame
        if columns is not None:
            frame = frame.select([one_of(self.names(), label) for label in columns])
        extra = {
            name: pa.array(
                np.ma.getdata(values),
                type=pa.string() if values.dtype.kind == "O" else None,
                mask=np.ma.getmaskarray(values),
            )
            for name, values in added.items()
        }
        if not frame.num_columns:  # taking from no columns leaves no rows
            return pa.table(extra)
        out = take_rows(frame, rows)
        for name, array in extra.items():
            out = out.append_column(name, array)
        return out

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        out = self.frame
        for name, column in columns.items():
            out = out.append_column(name, column)
        return out

    def join_rows(
        self,
        rows: npt.NDArray[np.int64],
        other: Frame | None,
        other_rows: npt.NDArray[np.int64],
        columns: Sequence[tuple[int, Any]],
        added: Added,
        nullable: bool,
    ) -> Any:
        absent = other_rows < 0
        mine, theirs = self.frame, None if other is None else other.frame
        arrays, fields = take_rows(mine, rows).columns, list(mine.schema)
        for place, name in columns:
            assert theirs is not None
            arrays.append(take_column(theirs.column(place), other_rows, absent))
            field = theirs.schema.field(place).with_name(name)
            fields.append(field.with_nullable(True) if nullable else field)
        for name, values in added.items():
            kind = pa.string() if values.dtype.kind == "O" else None
            arrays.append(pa.array(values, kind, mask=absent if nullable else None))
            fields.append(pa.field(name, arrays[-1].type))
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields, mine.schema.metadata))

    def position(self, label: Any) -> int:
        return position_of(label, self.height)

    def structs(self, name: str, fields: Added, counts: npt.NDArray[np.int64]) -> Any:
        ends = pa.array(np.concatenate([[0], np.cumsum(counts)]))
        lists = [pa.LargeListArray.from_arrays(ends, pa.array(v)) for v in fields.values()]
        return pa.StructArray.from_arrays(lists, list(fields), mask=pa.array(counts == 0))

    def values(self, label: Any, rows: npt.NDArray[np.int64]) -> list[Any]:
        return list(take_column(plain(self.column(label)), rows).to_pylist())

    def series(self, values: npt.NDArray[Any], name: str) -> Any:
        return pa.chunked_array([pa.array(values)])

    def make(self, columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> Any:
        dtypes = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "text": pa.string()}
        return pa.table(
            {name: pa.array(columns[name], type=dtypes[kind]) for name, kind in kinds.items()}
        )


def text_column(column: Any) -> TextColumn:
    """Return a chunked column of text, encoded or not, or of nothing but nulls."""
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    types = pa.types
    if not types.is_string_view(column.type):
        column = plain(column)
    if not is_text(column.type):
        column = column.cast(pa.string())

    def pick(rows: npt.NDArray[np.int64] | None) -> list[Any]:
        texts: list[Any] = (column if rows is None else take_column(column, rows)).to_pylist()
        return texts

    return TextColumn.of_arrow(column, len(column), pick)


def _is_expression(where: Any) -> bool:
    compute = sys.modules.get("pyarrow.compute")
    return compute is not None and isinstance(where, compute.Expression)


def arrow_facts(label: Any, kind: Any) -> ColumnFacts:
    """Return what an Arrow type says of a column."""
    name = str(kind)
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if kind_of_cells(kind) != "other":
        fixed = pa.types.is_fixed_size_list(kind)
        return ColumnFacts(label, kind_of_cells(kind), name, kind.list_size if fixed else None)
    types = pa.types
    if types.is_fixed_size_binary(kind):
        return ColumnFacts(label, "bits", name, 8 * kind.byte_width)
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return ColumnFacts(label, "bits", name, None)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        kind = kind.value_type
    if is_text(kind):
        return ColumnFacts(label, "text", name, None)
    if types.is_floating(kind) or types.is_integer(kind):
        return ColumnFacts(label, "number", name, None)
    return ColumnFacts(label, "null" if types.is_null(kind) else "other", name, None)


def kind_of_cells(kind: Any) -> str:
    """Return whether lists of an Arrow type are a ``vector`` or ``bits``, else ``other``."""
    types = pa.types
    lists = types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)
    if not lists and not types.is_list_view(kind) and not types.is_large_list_view(kind):
        return "other"
    value = kind.value_type
    if types.is_boolean(value):
        return "bits"
    number = types.is_floating(value) or types.is_integer(value) or types.is_decimal(value)
    return "vector" if number else "other"


def _list_width(column: Any) -> int | None:
    for chunk in column.chunks:
        for i in range(len(chunk)):
            cell = chunk[i]
            if cell.is_valid:
                width = len(cell.as_py())
                if width:
                    return width
    return None
