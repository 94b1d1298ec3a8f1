"""A frame of any library behind the one interface that the verbs use."""

from __future__ import annotations

import sys
from typing import Any

from .._input.rows_as_queries import columns_read_by
from .outline import Outline
from .protocol import Frame, all_facts


def wrap(frame: Any) -> Frame:
    """Return `frame` behind the one interface that the verbs use.

    Answers of the interface are of the type that came in. A stream that can be read once is read.

    Raises
    ------
    InvalidArgument
        Not a frame; the message names the call that takes what it is.
    MissingExtra
        It takes a library that is not installed.
    """
    found = _native_frame(frame)
    if found is None:
        from .foreign.wrapping import wrap_foreign

        found = wrap_foreign(frame, wrap)
    if found is None:
        from .foreign.nonframes import refusal

        raise refusal(frame)
    return found


def _native_frame(frame: Any) -> Frame | None:
    """Return a frame of a library that is served natively, else None."""
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if isinstance(frame, Outline):
        from .polars import PolarsFrame

        return PolarsFrame(frame.frame, outline=True)
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        from .pandas import PandasFrame

        return PandasFrame(frame)
    if polars is not None and isinstance(frame, polars.DataFrame):
        from .polars import PolarsFrame

        return PolarsFrame(frame)
    if pyarrow is not None and isinstance(frame, pyarrow.Table):
        from .arrow import ArrowFrame

        return ArrowFrame(frame)
    return None


def is_frame(data: Any) -> bool:
    """Return whether `wrap` takes the data, without reading any of them."""
    if _native_frame(data) is not None:
        return True
    from .foreign.wrapping import is_foreign

    return is_foreign(data)


def _columns_of(frame: Any) -> list[tuple[Any, str]]:
    return [(fact.label, fact.kind) for fact in all_facts(wrap(frame))]


columns_read_by(_columns_of)
