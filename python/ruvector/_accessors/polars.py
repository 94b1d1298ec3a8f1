"""``df.ruvector`` and ``series.ruvector`` for polars, imported once polars is."""

from __future__ import annotations

import polars as pl

from .frame import FrameAccessor, LazyAccessor
from .series import SeriesAccessor


class PolarsAccessor(FrameAccessor[pl.DataFrame]):
    """Vector search on a polars DataFrame."""

    __slots__ = ()


class PolarsLazyAccessor(LazyAccessor[pl.LazyFrame]):
    """Vector search on a polars LazyFrame."""

    __slots__ = ()


class PolarsSeriesAccessor(SeriesAccessor[pl.Series, pl.DataFrame]):
    """A polars Series of vectors."""

    __slots__ = ()


def register() -> None:
    """Give polars objects their ``.ruvector``."""
    pl.api.register_dataframe_namespace("ruvector")(PolarsAccessor)
    pl.api.register_lazyframe_namespace("ruvector")(PolarsLazyAccessor)
    pl.api.register_series_namespace("ruvector")(PolarsSeriesAccessor)
