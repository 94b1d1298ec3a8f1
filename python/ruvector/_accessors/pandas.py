"""``df.ruvector`` and ``series.ruvector`` for pandas, imported once pandas is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd  # type: ignore[import-untyped,unused-ignore]

from .._frames.verbs.describe import describe
from .._habits import SERIES
from .._input.matrices import to_matrix
from .._input.vectors import Float32Matrix
from .frame import FrameAccessor


class PandasAccessor(FrameAccessor[pd.DataFrame]):
    """Vector search on a pandas DataFrame."""

    __slots__ = ()


class PandasSeriesAccessor:
    """Vector column functions on a pandas Series."""

    __slots__ = ("_series",)

    def __init__(self, series: pd.Series) -> None:
        self._series = series

    if not TYPE_CHECKING:  # which report names that are absent

        def __getattr__(self, name: str) -> Any:
            raise SERIES.error(self, name)

    def to_matrix(self) -> Float32Matrix:
        """Return the column as float32, shape (n, d); see `ruvector.to_matrix`."""
        return to_matrix(self._series)

    def describe(self) -> pd.DataFrame:
        """Describe the column in one row; see ``df.ruvector.describe``."""
        name = "column" if self._series.name is None else self._series.name
        return describe(self._series.to_frame(name))


def register() -> None:
    """Give pandas objects their ``.ruvector``."""
    pd.api.extensions.register_dataframe_accessor("ruvector")(PandasAccessor)
    pd.api.extensions.register_series_accessor("ruvector")(PandasSeriesAccessor)
