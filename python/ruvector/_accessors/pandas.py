"""``df.ruvector`` and ``series.ruvector`` for pandas, imported once pandas is."""

from __future__ import annotations

import pandas as pd  # type: ignore[import-untyped,unused-ignore]

from .frame import FrameAccessor
from .series import SeriesAccessor


class PandasAccessor(FrameAccessor[pd.DataFrame]):
    """Vector search on a pandas DataFrame."""

    __slots__ = ()


class PandasSeriesAccessor(SeriesAccessor[pd.Series]):
    """A pandas Series of vectors."""

    __slots__ = ()


def register() -> None:
    """Give pandas objects their ``.ruvector``."""
    pd.api.extensions.register_dataframe_accessor("ruvector")(PandasAccessor)
    pd.api.extensions.register_series_accessor("ruvector")(PandasSeriesAccessor)
