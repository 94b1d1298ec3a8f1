"""``df.ruvector`` and ``series.ruvector`` for polars, imported once polars is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from .._frames.verbs.describe import describe
from .._habits import SERIES
from .._input.matrices import to_matrix
from .._input.vectors import Float32Matrix
from .frame import FrameAccessor, LazyAccessor


class PolarsAccessor(FrameAccessor[pl.DataFrame]):
    """Vector search on a polars DataFrame."""

    __slots__ = ()


class PolarsLazyAccessor(LazyAccessor[pl.LazyFrame]):
    """Vector search on a polars LazyFrame."""

    __slots__ = ()


class PolarsSeriesAccessor:
    """Vector column functions on a polars Series."""

    __slots__ = ("_series",)

    def __init__(self, series: pl.Series) -> None:
        self._series = series

    if not TYPE_CHECKING:  # which report names that are absent

        def __getattr__(self, name: str) -> Any:
            raise SERIES.error(self, name)

    def to_matrix(self) -> Float32Matrix:
        """Return the column as float32, shape (n, d); see `ruvector.to_matrix`."""
        return to_matrix(self._series)

    def describe(self) -> pl.DataFrame:
        """Describe the column in one row; see ``df.ruvector.describe``."""
        return describe(self._series.to_frame(self._series.name or "column"))


def register() -> None:
    """Give polars objects their ``.ruvector``."""
    pl.api.register_dataframe_namespace("ruvector")(PolarsAccessor)
    pl.api.register_lazyframe_namespace("ruvector")(PolarsLazyAccessor)
    pl.api.register_series_namespace("ruvector")(PolarsSeriesAccessor)
