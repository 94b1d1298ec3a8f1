"""Rows and values of Arrow columns of every type, those that pyarrow has no kernels for as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]


def is_text(kind: Any) -> bool:
    """Return whether an Arrow type holds text, encoded or in an extension type as well."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def take_rows(table: Any, rows: npt.NDArray[np.int64]) -> Any:
    """Return a table of these rows, with the schema of `table`."""
    try:
        return table.take(pa.array(rows))
    except (pa.ArrowNotImplementedError, pa.ArrowIndexError):
        columns = [take_column(column, rows) for column in table.columns]
        return pa.Table.from_arrays(columns, schema=table.schema)


def take_column(
    column: Any, rows: npt.NDArray[np.int64], absent: npt.NDArray[np.bool_] | None = None
) -> Any:
    """Return these rows of a chunked column, of the same type; null where one is absent."""
    if absent is not None and not absent.any():
        absent = None
    if not all(map(len, column.chunks)):  # imported ones pyarrow 26 cannot take from
        column = pa.chunked_array([chunk for chunk in column.chunks if len(chunk)], column.type)
    try:
        return column.take(pa.array(rows, mask=absent))
    except pa.ArrowNotImplementedError:
        if absent is not None:
            column = pa.chunked_array([*column.chunks, _null_of(column.type)], column.type)
            rows = np.where(absent, len(column) - 1, rows)
        return pa.chunked_array([_gather(column, rows)] if len(rows) else [], column.type)


def _null_of(kind: Any) -> Any:
    """Return an array of one null."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _null_of(kind.storage_type))
    if pa.types.is_run_end_encoded(kind):
        ends = pa.array([1], kind.run_end_type)
        return pa.RunEndEncodedArray.from_arrays(ends, _null_of(kind.value_type), kind)
    return pa.array([None], kind)


def _gather(column: Any, rows: npt.NDArray[np.int64]) -> Any:
    """Take rows, at least one, without a kernel: by value, else by slices of one row."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _gather(storage_of(column), rows))
    if _is_view(kind):  # slices of views would each bring all the buffers along
        return pa.array([column[row].as_py() for row in rows.tolist()], kind)
    parts = [column.slice(row, 1).chunks for row in rows.tolist()]
    return pa.concat_arrays([next(chunk for chunk in part if len(chunk)) for part in parts])


def storage_of(column: Any) -> Any:
    """Return a chunked column of an extension type as one of the type that it is stored in."""
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)


def plain(column: Any) -> Any:
    """Return the values of a column in a type that kernels compare.

    Extension types become their storage, dictionaries and runs their values, views strings.
    """
    kind, types = column.type, pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return plain(storage_of(column))
    if types.is_run_end_encoded(kind):
        chunks = [_decoded(chunk) for chunk in column.chunks]
        return pa.chunked_array(chunks, plain_type(kind.value_type))
    if types.is_dictionary(kind):  # whose values may repeat, or be null
        value = plain_type(kind.value_type)
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.indices, _cast(chunk.dictionary)).cast(value)
            for chunk in column.chunks
        ]
        return pa.chunked_array(chunks, value)
    return _cast(column)


def plain_type(kind: Any) -> Any:
    """Return the type of text or bytes in one piece for one of views; others as they are."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(kind) else kind


def _decoded(chunk: Any) -> Any:
    ends = chunk.run_ends.to_numpy()
    first = chunk.find_physical_offset()
    at = np.searchsorted(ends, np.arange(len(chunk)) + chunk.offset, "right")
    values = _cast(chunk.values).slice(first, chunk.find_physical_length())
    return values.take(pa.array(at - first))


def _cast(column: Any) -> Any:
    return column.cast(plain_type(column.type)) if _is_view(column.type) else column


def _is_view(kind: Any) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def evaluate(table: Any, where: Any) -> Any:
    """Return an expression's value in every row; only the columns that it names are read."""
    try:
        return _project(table, where)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        columns = [plain(column) for column in table.columns]
        return _project(pa.Table.from_arrays(columns, table.column_names), where)


def _project(table: Any, where: Any) -> Any:
    import pyarrow.acero as acero  # type: ignore[import-untyped,unused-ignore]

    source = acero.Declaration("table_source", acero.TableSourceNodeOptions(table))
    options = acero.ProjectNodeOptions([where], ["where"])
    value = acero.Declaration("project", options, [source])
    return value.to_table(use_threads=False).column(0)


def codes_of(column: Any) -> npt.NDArray[np.int64]:
    """Number the values of a column, null as one of them."""
    coded = plain(column).dictionary_encode("mask").unify_dictionaries()
    chunks = [c.indices.fill_null(-1).to_numpy(zero_copy_only=False) for c in coded.chunks]
    codes = np.concatenate([np.empty(0, np.int64), *chunks]).astype(np.int64)
    codes[codes < 0] = codes.max(initial=-1) + 1
    return codes


__all__ = ["codes_of", "evaluate", "plain", "plain_type", "storage_of", "take_column", "take_rows"]
