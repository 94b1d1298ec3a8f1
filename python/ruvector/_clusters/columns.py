"""Columns of both sides and of the answer, known from schemas alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._errors import ColumnError
from .._frames.pairing.beside import names_beside
from .._metric import BINARY, SCORE_NAMES
from .._settings import current

ID_TYPES: Final = {
    "positions": pa.int64(), "int64": pa.int64(), "uint64": pa.uint64(), "string": pa.string(),
}  # fmt: skip


class Layout(NamedTuple):
    """What an answer is made of.

    Attributes
    ----------
    left : list of str
        Columns of the left side that the answer has, first.
    right : list of (str, str) or None
        Columns of the right side and what the answer calls them; None where the right side is
        an index, of which the answer has ids.
    id : str
        What the answer calls ids.
    score : str
        The score column.
    schema : pyarrow.Schema
        Of the answer.
    """

    left: list[str]
    right: list[tuple[str, str]] | None
    id: str
    score: str
    schema: Any


def vector_type(kind: Any) -> bool:
    """Return whether a column of this Arrow type holds vectors: lists of numbers."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if not (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        return False
    return bool(pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))


def text_type(kind: Any) -> bool:
    """Return whether a column of this Arrow type holds text."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def compared(schema: Any, label: Any, side: str, metric: str, *, texts: bool) -> str:
    """Return the name of the column that is compared.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of one side.
    label : str or None
        What the user named; None takes the only column of vectors.
    side : str
        ``"left"`` or ``"right"``, for messages.
    metric : str
    texts : bool
        Whether a column of text may be compared, too.

    Raises
    ------
    ColumnError
        There is no such column, none that can be compared, or several.
    """
    names = list(schema.names)
    if label is not None:
        if not isinstance(label, str) or names.count(label) != 1:
            what = "two columns" if names.count(label) > 1 else "no column"
            raise ColumnError(f"{side} side: {what} {label!r}; there are {', '.join(names)}")
        kind = schema.field(label).type
        if vector_type(kind) or metric in BINARY or (texts and text_type(kind)):
            return label
        way = "embed it first with rv.embed" if text_type(kind) else "vectors are lists of numbers"
        raise ColumnError(f"{side} side: column {label!r} is {kind}, which is no vector: {way}")
    found = [field.name for field in schema if vector_type(field.type)]
    if len(found) == 1 and metric not in BINARY:
        return str(found[0])
    listed = ", ".join(f"{field.name!r} ({field.type})" for field in schema)
    what = f"{len(found)} columns of vectors" if found else "no column of vectors"
    raise ColumnError(f"{side} side has {what}; name one with on=. It has {listed}")


def join_layout(left: Any, right: Any, ids: Any, metric: str, suffix: Any, how: str) -> Layout:
    """Return the layout of a join: left columns, right columns or ``id``, ``rank``, score.

    Parameters
    ----------
    left, right : pyarrow.Schema
        `right` is None where the right side is an index.
    ids : pyarrow.DataType or None
        Of the index's ids.
    metric, suffix, how : str

    Raises
    ------
    ColumnError
        Two columns of the answer would have one name.
    """
    score = current.score_column or SCORE_NAMES[metric]
    theirs = ["id"] if right is None else list(right.names)
    named = names_beside(list(left.names), theirs, suffix, ["rank", score])
    fields = list(left)
    nullable = how == "left"
    if right is None:
        fields.append(pa.field(named[0], ids, nullable))
    else:
        for name, field in zip(named, right, strict=True):
            fields.append(pa.field(name, field.type, nullable or field.nullable))
    fields.append(pa.field("rank", pa.int64(), nullable))
    fields.append(pa.field(score, pa.float32(), nullable))
    pairs = None if right is None else list(zip(theirs, named, strict=True))
    return Layout(list(left.names), pairs, named[0], score, pa.schema(fields))


def score_layout(left: Any, columns: Sequence[str], ids: Any, metric: str) -> Layout:
    """Return the layout of a scoring: `columns`, ``rank``, ``id``, score.

    Raises
    ------
    ColumnError
        A column is missing, or has the name of one that is added.
    """
    score = current.score_column or SCORE_NAMES[metric]
    for name in columns:
        if left.names.count(name) != 1:
            raise ColumnError(f"columns=: no column {name!r}; there are {', '.join(left.names)}")
    for name in ("rank", "id", score):
        if name in columns:
            raise ColumnError(
                f"column {name!r} has the name of a column that scoring adds: leave it out with "
                "columns=, or rename it"
            )
    fields = [left.field(name) for name in columns]
    fields += [
        pa.field("rank", pa.int64(), False),
        pa.field("id", ids, False),
        pa.field(score, pa.float32(), False),
    ]
    return Layout(list(columns), None, "id", score, pa.schema(fields))


def assemble(layout: Layout, columns: dict[str, Any], height: int) -> Any:
    """Return columns, by name, as a table of the layout's schema.

    A column that is absent is null in every row; types are cast where they differ.
    """
    arrays = []
    for field in layout.schema:
        values = columns.get(field.name)
        if values is None:
            values = nulls(field.type, height)
        elif values.type != field.type:
            values = cast(values, field.type)
        arrays.append(values)
    return pa.Table.from_arrays(arrays, schema=layout.schema)


def conform(table: Any, schema: Any) -> Any:
    """Return a table as one of this schema, whose names it has; equal types are not touched.

    pyarrow refuses to cast null structs with fields that cannot be null, even to their own type.
    """
    columns = [
        values if values.type == field.type else values.cast(field.type)
        for values, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def nulls(kind: Any, height: int) -> Any:
    """Return `height` nulls of an Arrow type, extension types too."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.nulls(height, kind.storage_type))
    return pa.nulls(height, kind)


def cast(values: Any, kind: Any) -> Any:
    """Return a column as another Arrow type."""
    if isinstance(values.type, pa.BaseExtensionType) and not isinstance(kind, pa.BaseExtensionType):
        values = storage(values)
    return values.cast(kind)


def storage(values: Any) -> Any:
    """Return the storage of a column of an extension type (Ray's tensors), others as they are."""
    if not isinstance(values.type, pa.BaseExtensionType):
        return values
    if isinstance(values, pa.ChunkedArray):
        kind = values.type.storage_type
        return pa.chunked_array([chunk.storage for chunk in values.chunks], type=kind)
    return values.storage
