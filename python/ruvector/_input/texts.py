"""Queries that are text: one, or a batch."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .._errors import InvalidVector
from .rows_as_queries import refuse_rows
from .values import is_batch, is_null, is_objects, values_of


def texts_of(query: Any, label: str = "query") -> list[str] | None:
    """Return the texts of a query that is text (one or a batch), None when it is vectors.

    A column or array whose type is text is a batch of texts, even when it has no rows; of one
    that may hold anything, such as a list, one text among the rows decides.

    Raises
    ------
    InvalidVector
        Null, or texts mixed with something else; names the row.
    """
    if isinstance(query, str):
        return [str(query)]
    refuse_rows(query)
    typed = typed_text(query)
    if typed is False or (typed is None and not any(isinstance(v, str) for v in query)):
        return None
    texts: list[Any] = values_of(query).tolist()
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            null = is_null(text)
            what, way = ("null", "; leave nulls out") if null else (f"{text!r:.40}", "")
            raise InvalidVector(f"{label}: row {row} is {what}, not text{way}", row=row)
    return texts


def typed_text(query: Any) -> bool | None:
    """Return whether the type of a batch says that it is text, None if the values must."""
    if isinstance(query, np.ndarray):
        if query.ndim != 1 or query.dtype.kind not in "UTO":
            return False
        return None if query.dtype.kind == "O" else True
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(
        query, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)
    ):
        return _pandas_text(pandas, query.dtype)
    if polars is not None and isinstance(query, polars.Series):
        if query.dtype in (polars.Object, polars.Null):
            return None
        return query.dtype in (polars.String, polars.Categorical, polars.Enum)
    if pyarrow is not None and isinstance(query, (pyarrow.Array, pyarrow.ChunkedArray)):
        return _arrow_text(query.type)
    return None if is_batch(query) else False


def _pandas_text(pandas: Any, dtype: Any) -> bool | None:
    if isinstance(dtype, pandas.CategoricalDtype):
        return None if dtype.categories is None else _pandas_text(pandas, dtype.categories.dtype)
    if is_objects(dtype):
        return None
    if hasattr(dtype, "pyarrow_dtype"):
        return _arrow_text(dtype.pyarrow_dtype)
    return bool(pandas.api.types.is_string_dtype(dtype))


def _arrow_text(kind: Any) -> bool | None:
    from .arrow_rows import is_text

    return None if sys.modules["pyarrow"].types.is_null(kind) else is_text(kind)
