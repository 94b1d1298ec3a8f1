"""``.ruvector`` of what polars has: frames, Series, expressions. Imported once polars is."""

from __future__ import annotations

import polars as pl

from .expression import PolarsExprAccessor, PolarsSeriesAccessor
from .frame import FrameAccessor, LazyAccessor


class PolarsAccessor(FrameAccessor[pl.DataFrame]):
    """Vector search on a polars DataFrame."""

    __slots__ = ()


class PolarsLazyAccessor(LazyAccessor[pl.LazyFrame]):
    """Vector search on a polars LazyFrame."""

    __slots__ = ()


def register() -> None:
    """Give polars objects their ``.ruvector``."""
    pl.api.register_dataframe_namespace("ruvector")(PolarsAccessor)
    pl.api.register_lazyframe_namespace("ruvector")(PolarsLazyAccessor)
    pl.api.register_series_namespace("ruvector")(PolarsSeriesAccessor)
    pl.api.register_expr_namespace("ruvector")(PolarsExprAccessor)
