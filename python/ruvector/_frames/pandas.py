"""pandas frames. pandas is imported by the user before this file is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped,unused-ignore]

from .._caller import names_of_caller
from .._errors import DuplicateId, InvalidArgument, UnknownId
from .._input.cells import what_are
from .._input.masks import Mask, read_mask, refuse_mapping
from .._input.text_columns import TextColumn
from .._input.values import is_null, is_objects
from .protocol import Added, ColumnFacts, Frame, Labels, joined_codes, not_groups, one_of


class PandasFrame:
    """A pandas DataFrame or subclass; see `Frame`. Rows are positions, whatever the index."""

    __slots__ = ("frame", "height")

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.height = len(frame)

    @property
    def library(self) -> str:
        return "pandas"

    @property
    def outline(self) -> bool:
        return False

    def names(self) -> list[Any]:
        return Labels(self.frame.columns, self.frame.index.names)

    def fact(self, position: int) -> ColumnFacts:
        return _facts(self.frame.columns[position], self.frame.iloc[:, position])

    def column(self, label: Any) -> Any:
        return self.frame.iloc[:, one_of(self.names(), label)]

    def column_at(self, position: int) -> Any:
        return self.frame.iloc[:, position]

    def texts(self, label: Any) -> list[Any]:
        cells: list[Any] = self.column(label).tolist()
        if set(map(type, cells)) == {str}:
            return cells
        return [None if is_null(cell) else cell for cell in cells]

    def text_column(self, label: Any) -> TextColumn:
        series = self.column(label)
        if _is_arrow_text(series.dtype):
            from .arrow import text_column

            return text_column(series.array.__arrow_array__())
        return TextColumn.of_list(series.tolist())

    def mask(self, where: Any) -> Mask:
        if isinstance(where, Mapping):
            refuse_mapping(where, self.library)
        frame = self.frame
        if isinstance(where, str):
            where = self._evaluate(where)
        elif _is_expression(where):
            where = frame.assign(**{"__where__": where})["__where__"]
        elif callable(where):
            return self.mask(where(frame))
        if isinstance(where, pd.Series) and not where.index.equals(frame.index):
            raise InvalidArgument(
                f"where= is a Series with another index than the frame's ({len(where)} and "
                f"{len(frame)} rows); make it from this frame, or pass where=series.to_numpy() "
                "to go by position"
            )
        return read_mask(where, self.height)

    def _evaluate(self, text: str) -> Any:
        near, far = names_of_caller()
        try:
            found = self.frame.eval(text, local_dict=near, global_dict=far)
        except (SyntaxError, NameError, TypeError, ValueError, KeyError) as error:
            raise InvalidArgument(f"where={text!r} cannot be evaluated: {error}") from error
        if isinstance(found, pd.DataFrame):
            raise InvalidArgument(
                f"where={text!r} sets a column, it does not compare; in df.eval equality is =="
            )
        return found

    def group_codes(self, labels: Sequence[Any]) -> npt.NDArray[np.int64]:
        codes = None
        for label in labels:
            column = self.column(label)
            try:
                found = np.asarray(pd.factorize(_of_machine(column))[0], np.int64)
            except (TypeError, ValueError, NotImplementedError) as error:
                raise not_groups(label, column.dtype, error) from error
            codes = found if codes is None else joined_codes(codes, found)
        assert codes is not None
        return codes

    def take(self, rows: npt.NDArray[np.int64], columns: Sequence[Any] | None, added: Added) -> Any:
        frame = self.frame
        if columns is not None:
            frame = frame.iloc[:, [one_of(self.names(), label) for label in columns]]
        try:
            out = frame.iloc[rows].copy()  # or pandas 2 warns users who write to their answer
        except ValueError:  # pandas takes no rows of columns of another byte order
            frame = frame.apply(_of_machine)
            out = frame.iloc[rows].copy()
        except NotImplementedError:  # of pyarrow, for types that it has no kernel for
            out = _take_columns(frame, rows)
        texts = pd.Series(["text"]).dtype  # which pandas 3 tells from cells, of which there may be
        for name, values in added.items():  # none
            held = pd.array(values, dtype=texts) if values.dtype.kind == "O" else values
            _append(out, {name: held})
        return out

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        out = self.frame.assign()  # a new frame of the same class, copied where pandas copies
        _append(out, columns)
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
        mine, absent = self.take(rows, None, {}), other_rows < 0
        theirs = []
        if other is not None:
            chosen = other.frame.iloc[:, [place for place, _ in columns]]
            theirs = [_rows_or_null(chosen, other_rows, absent)]
        new = {name: _or_null(values, absent, nullable) for name, values in added.items()}
        parts = [part.set_axis(mine.index, axis=0) for part in (*theirs, pd.DataFrame(new))]
        out = pd.concat([mine, *parts], axis=1).__finalize__(self.frame)
        out.columns = _more_labels(self.frame.columns, [*(name for _, name in columns), *added])
        return out

    def position(self, label: Any) -> int:
        try:
            found = self.frame.index.get_loc(label)
        except (KeyError, TypeError, ValueError, pd.errors.InvalidIndexError) as error:
            raise UnknownId(
                f"no row has the index label {label!r} (the index is of {self.frame.index.dtype}); "
                "the label of row i is frame.index[i]"
            ) from error
        if isinstance(found, int | np.integer):  # an IntervalIndex gives numbers of NumPy
            return int(found)
        rows = np.arange(self.height)[found]
        if len(rows) != 1:
            shown = ", ".join(map(str, rows[:10].tolist())) + (", ..." if len(rows) > 10 else "")
            raise DuplicateId(
                f"{len(rows)} rows have the index label {label!r} (positions {shown}): give a "
                "label that one row has, or number the rows first: frame.reset_index()"
            )
        return int(rows[0])

    def structs(self, name: str, fields: Added, counts: npt.NDArray[np.int64]) -> Any:
        ends = np.cumsum(counts)
        bounds = list(zip((ends - counts).tolist(), ends.tolist(), strict=True))
        cells = np.empty(len(counts), object)
        cells[:] = [
            {field: values[a:b] for field, values in fields.items()} if b > a else None
            for a, b in bounds
        ]
        return pd.Series(cells, index=self.frame.index, name=name)

    def values(self, label: Any, rows: npt.NDArray[np.int64]) -> list[Any]:
        return list(self.column(label).iloc[rows].tolist())

    def series(self, values: npt.NDArray[Any], name: str) -> Any:
        return pd.Series(values, index=self.frame.index, name=name)

    def make(self, columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> Any:
        dtypes = {"int": "Int64", "float": "float64", "bool": "boolean", "text": "object"}
        return pd.DataFrame(
            {name: pd.array(columns[name], dtype=dtypes[kind]) for name, kind in kinds.items()}
        )


def _is_arrow_text(dtype: Any) -> bool:
    """Return whether a column's texts lie in Arrow memory."""
    if isinstance(dtype, pd.StringDtype):
        return bool(dtype.storage.startswith("pyarrow"))
    if not hasattr(dtype, "pyarrow_dtype"):
        return False
    from .._input.arrow_rows import is_text

    return is_text(dtype.pyarrow_dtype)


def _append(frame: Any, columns: Mapping[str, Any]) -> None:
    """Put columns at the end of a frame."""
    below = ("",) * (frame.columns.nlevels - 1)  # names of the further levels of a MultiIndex
    for name, values in columns.items():
        held = values.filled(np.nan) if isinstance(values, np.ma.MaskedArray) else values
        frame.insert(len(frame.columns), (name, *below) if below else name, held)


def _of_machine(column: Any) -> Any:
    """Return a column in the byte order of this machine, without which pandas cannot work."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and not dtype.isnative:
        return column.astype(dtype.newbyteorder("="))
    return column


def _take_columns(frame: Any, rows: npt.NDArray[np.int64]) -> Any:
    """Take rows of a frame of which some columns are of Arrow types without a kernel."""
    out = frame.iloc[rows, :0].copy()
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        try:
            taken = column.iloc[rows]
        except NotImplementedError:
            taken = _take_chunks(column, rows, None).set_axis(out.index)
        out.insert(position, frame.columns[position], taken, allow_duplicates=True)
    return out


def _take_chunks(column: Any, rows: npt.NDArray[np.int64], absent: Mask | None) -> Any:
    """Take rows of a column of an Arrow type."""
    from .._input.arrow_rows import take_column

    chunks = take_column(column.array.__arrow_array__(), rows, absent)
    return pd.Series(pd.arrays.ArrowExtensionArray(chunks))


def _rows_or_null(frame: Any, rows: npt.NDArray[np.int64], absent: Mask) -> Any:
    """Take rows as `merge` does: types that have no null change where a row is absent."""
    frame = pd.DataFrame(frame).set_axis(pd.RangeIndex(len(frame)), axis=0)
    if not absent.any():
        return PandasFrame(frame).take(rows, None, {})
    try:
        return frame.reindex(rows)
    except ValueError:  # as in `take`
        return frame.apply(_of_machine).reindex(rows)
    except NotImplementedError:
        columns = [frame.iloc[:, position] for position in range(frame.shape[1])]
        taken = [_column_or_null(column, rows, absent) for column in columns]
        return pd.concat([part.reset_index(drop=True) for part in taken], axis=1)


def _column_or_null(column: Any, rows: npt.NDArray[np.int64], absent: Mask) -> Any:
    try:
        return column.reindex(rows)
    except NotImplementedError:
        return _take_chunks(column, rows, absent)


def _or_null(values: npt.NDArray[Any], absent: Mask, nullable: bool) -> Any:
    """Return a column that is added; whole numbers have a type with null where null may come."""
    if nullable and values.dtype.kind in "iu":
        return pd.arrays.IntegerArray(values, absent)
    return values


def _more_labels(labels: Any, more: list[Any]) -> Any:
    """Return labels of columns with others behind, all of as many levels as those with most."""
    depths = [len(label) if isinstance(label, tuple) else 1 for label in more]
    levels = max([labels.nlevels, *depths]) if labels.nlevels > 1 else 1
    if levels == 1:
        return labels.append(pd.Index(more, tupleize_cols=False)).rename(labels.name)
    tuples = [label if isinstance(label, tuple) else (label,) for label in [*labels, *more]]
    deep = [label + ("",) * (levels - len(label)) for label in tuples]
    names = [*labels.names, *[None] * (levels - labels.nlevels)]
    return pd.MultiIndex.from_tuples(deep, names=names)


def _is_expression(where: Any) -> bool:
    """Return whether `where` is made of ``pd.col`` (such objects are callable too)."""
    kind = getattr(getattr(pd.api, "typing", None), "Expression", None)
    return kind is not None and isinstance(where, kind)


def _facts(label: Any, series: Any) -> ColumnFacts:
    dtype = series.dtype
    name = str(dtype)
    if is_objects(dtype):
        kind, what, dim = what_are(series.array)
        return ColumnFacts(label, kind, f"object ({what})", dim)
    arrow = getattr(dtype, "pyarrow_dtype", None)
    if arrow is not None:
        from .arrow import arrow_facts

        return arrow_facts(label, arrow)
    if pd.api.types.is_bool_dtype(dtype):
        return ColumnFacts(label, "other", name, None)
    if pd.api.types.is_numeric_dtype(dtype):
        return ColumnFacts(label, "number", name, None)
    if isinstance(dtype, pd.CategoricalDtype):
        if dtype.categories is None or not len(dtype.categories):
            return ColumnFacts(label, "null", name, None)
        text = pd.api.types.is_string_dtype(dtype.categories.dtype)
        return ColumnFacts(label, "text" if text else "other", name, None)
    if pd.api.types.is_string_dtype(dtype):
        return ColumnFacts(label, "text", name, None)
    return ColumnFacts(label, "other", name, None)
