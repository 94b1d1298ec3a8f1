"""A frame of any library behind the one interface that the verbs use."""

from __future__ import annotations

import sys
from typing import Any

from .._errors import InvalidArgument
from .._input.rows_as_queries import columns_read_by
from .protocol import Frame, all_facts


def wrap(frame: Any) -> Frame:
    """Return `frame` behind the one interface that the verbs use.

    Raises
    ------
    InvalidArgument
        Not a pandas or polars DataFrame or pyarrow Table.
    """
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        from .pandas import PandasFrame

        return PandasFrame(frame)
    if polars is not None and isinstance(frame, polars.DataFrame):
        from .polars import PolarsFrame

        return PolarsFrame(frame)
    if pyarrow is not None and isinstance(frame, pyarrow.Table):
        from .arrow import ArrowFrame

        return ArrowFrame(frame)
    advice = ""
    if polars is not None and isinstance(frame, polars.LazyFrame):
        advice = "; collect() it first"
    elif pyarrow is not None and isinstance(frame, pyarrow.RecordBatch):
        advice = "; make a table of it: pyarrow.Table.from_batches([batch])"
    raise InvalidArgument(
        f"{type(frame).__name__} is not a pandas or polars DataFrame or a pyarrow Table{advice}"
    )


columns_read_by(lambda frame: [(fact.label, fact.kind) for fact in all_facts(wrap(frame))])
