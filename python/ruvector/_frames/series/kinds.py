"""Columns of any library: which kind one is, as a frame of one column, and answers of its kind."""

from __future__ import annotations

import sys
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ..._errors import ColumnError
from .. import protocol
from ..adapters import wrap

Scores: TypeAlias = npt.NDArray[Any]

_UNNAMED: Final = "column"  # how messages call a column that has no name


def framed(column: Any) -> tuple[protocol.Frame, Any] | None:
    """Return a Series or Arrow array as a frame of one column with its label, else None."""
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(column, (pandas.Series, pandas.Index)):
        label = _UNNAMED if column.name is None else column.name
        return wrap(pandas.DataFrame({0: column.array}).set_axis([label], axis=1)), label
    if polars is not None and isinstance(column, polars.Series):
        label = column.name or _UNNAMED
        return wrap(column.alias(label).to_frame()), label
    if pyarrow is not None and isinstance(column, (pyarrow.Array, pyarrow.ChunkedArray)):
        return wrap(pyarrow.table({_UNNAMED: column})), _UNNAMED
    return None


def refuse_frames(column: Any, verb: str) -> None:
    """Refuse a whole frame where a column is expected.

    Raises
    ------
    ColumnError
        Names the way to pass one of its columns.
    """
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    what = type(column).__name__
    if polars is not None and isinstance(column, (polars.Expr, polars.LazyFrame)):
        raise ColumnError(
            f"{verb} takes a column; of a polars {what} it is an expression: "
            f"pl.col('emb').ruvector.{verb}(...)"
        )
    frames = [(pandas, "DataFrame"), (polars, "DataFrame"), (pyarrow, "Table")]
    frames.append((pyarrow, "RecordBatch"))
    for library, name in frames:
        if library is not None and isinstance(column, getattr(library, name)):
            raise ColumnError(
                f"{verb} takes a column, not a whole {what}: rv.{verb}(frame['emb'], ...)"
            )


def like(column: Any, values: Scores, valid: npt.NDArray[np.bool_], name: str) -> Any:
    """Return one value a row as a column of the same kind; null where not valid.

    pandas keeps the index (null is NaN for numbers), Arrow arrays stay arrays or chunked ones;
    whatever is no column of a frame library gets a NumPy array.
    """
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(column, pandas.Series):
        return column._constructor(values, index=column.index, name=name)
    if pandas is not None and isinstance(column, pandas.Index):
        return pandas.Index(values, name=name)
    if polars is not None and isinstance(column, polars.Series):
        found = polars.Series(name, values)
        if valid.all():
            return found
        return polars.select(polars.when(polars.Series(valid)).then(found).alias(name)).to_series()
    if pyarrow is not None and isinstance(column, (pyarrow.Array, pyarrow.ChunkedArray)):
        array = pyarrow.array(values, mask=None if valid.all() else ~valid)
        chunked = isinstance(column, pyarrow.ChunkedArray)
        return pyarrow.chunked_array([array]) if chunked else array
    return values
