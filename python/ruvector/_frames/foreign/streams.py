"""Arrow data of any library: read with pyarrow or polars, answered with data of that library."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..._errors import MissingExtra
from ..._show import html

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

_SHOWN = 20


def reader_of_streams() -> Callable[[Any], Any]:
    """Return what reads Arrow data into a frame: of pyarrow or polars, loaded ones first.

    Raises
    ------
    MissingExtra
        Neither is installed.
    """
    for loaded in (True, False):
        for name, read in (("pyarrow", _table), ("polars", _polars_frame)):
            module: Any = sys.modules.get(name)
            if module is None and not loaded and importlib.util.find_spec(name) is not None:
                module = importlib.import_module(name)
            if module is not None:
                return read
    pip = "pip install 'ruvector-arrow[arrow]'"
    raise MissingExtra(
        f"Arrow data are read with pyarrow or polars, and neither is installed: {pip}",
        pip=pip,
    )


def _table(data: Any) -> Any:
    """Read into a pyarrow Table, without chunks of no rows, which pyarrow 26 cannot take from."""
    pyarrow: Any = sys.modules["pyarrow"]
    table = pyarrow.table(data)
    whole = [batch for batch in table.to_batches() if batch.num_rows]
    return pyarrow.Table.from_batches(whole, table.schema)


def _polars_frame(data: Any) -> Any:
    polars: Any = sys.modules["polars"]
    return polars.DataFrame(data)


def back_to(frame: Any) -> Callable[[Any], Any]:
    """Return what makes an answer data like `frame`: of its class where that reads Arrow data.

    Classes with ``from_arrow`` (arro3 and others) and nanoarrow's are known; for others the answer
    is `ArrowRows`.
    """
    kind, root = type(frame), type(frame).__module__.partition(".")[0]

    def back(answer: Any) -> Any:
        if not hasattr(answer, "__arrow_c_stream__"):
            return answer
        if root == "nanoarrow":
            nanoarrow: Any = sys.modules["nanoarrow"]
            stream = hasattr(frame, "__arrow_c_stream__") and not hasattr(
                frame, "__arrow_c_array__"
            )
            return nanoarrow.ArrayStream(answer) if stream else nanoarrow.Array(answer)
        if not hasattr(answer, "columns"):
            return answer  # a column, of the library that read the data
        if callable(getattr(kind, "from_arrow", None)):
            return kind.from_arrow(answer)
        return ArrowRows(answer)

    return back


class ArrowRows:
    """Rows found in Arrow data whose library has no frame that we know: Arrow data again.

    Any Arrow reader takes it (``__arrow_c_stream__``, any number of times). May be read from any
    thread.
    """

    __slots__ = ("_frame",)

    def __init__(self, frame: Any) -> None:
        self._frame = frame  # a pyarrow Table or a polars DataFrame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a fresh Arrow stream capsule of the rows."""
        return self._frame.__arrow_c_stream__(requested_schema)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        frame = self._frame
        return list(frame.column_names if hasattr(frame, "column_names") else frame.columns)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._frame)

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a pandas DataFrame."""
        frame: pd.DataFrame = self._frame.to_pandas()
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a polars DataFrame."""
        frame: pl.DataFrame = _module("polars", "polars").DataFrame(self._frame)
        return frame

    def to_arrow(self) -> pa.Table:
        """Return the rows as a pyarrow Table."""
        return _module("pyarrow", "arrow").table(self._frame)

    def __repr__(self) -> str:
        return f"ArrowRows({len(self)} rows: {', '.join(self.column_names)})"

    def _repr_html_(self) -> str:
        head = self._frame.slice(0, _SHOWN)
        rows = head.to_pylist() if hasattr(head, "to_pylist") else head.to_dicts()
        return html.grid(repr(self), self.column_names, [list(row.values()) for row in rows])


def _module(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        pip = f"pip install 'ruvector-arrow[{extra}]'"
        raise MissingExtra(f"{name} is not installed: {pip}", pip=pip) from error
