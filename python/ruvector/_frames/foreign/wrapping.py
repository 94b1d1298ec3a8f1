"""Frames of libraries that others stand in for: kinds of pyarrow, Arrow streams, narwhals.

None of these libraries is imported here but narwhals, and that only where a frame of its is met,
and pyarrow or polars, to read an Arrow stream with.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakSet

from ..._errors import InvalidArgument, MissingExtra
from ..._native.peek import taken
from ..protocol import Frame
from .converted import ConvertedFrame

Wrap = Callable[[Any], Frame]
_read: WeakSet[Any] = WeakSet()  # the readers of pyarrow that were read to their end here

# Libraries whose frames narwhals serves and that are not met here already.
_SERVED_BY_NARWHALS: Final = ("modin", "cudf")
_NO_FRAMES: Final = ("pandas", "polars", "pyarrow", "numpy", "torch", "ruvector")
_OURS: Final = ("ruvector._frames.foreign.streams", "ruvector._native.peek")


def wrap_foreign(frame: Any, wrap: Wrap) -> Frame | None:
    """Return a frame that is not of pandas, polars or a pyarrow Table behind our interface.

    Returns None for what is no frame.
    """
    found = _of_pyarrow(frame, wrap)
    if found is None and is_relation(frame):
        from .duckdb import DuckDBFrame

        found = DuckDBFrame(frame)
    if found is None:
        found = _of_narwhals(frame, wrap)
    if found is None and exports_arrow(frame):
        found = _of_stream(frame, wrap)
    return found


def is_foreign(data: Any) -> bool:
    """Return whether `wrap_foreign` takes the data, without reading any of them."""
    if _pyarrow_kind(data) or is_relation(data) or _narwhals_kind(data):
        return True
    return hasattr(data, "__arrow_c_array__") and exports_arrow(data) and _holds_columns(data)


def is_relation(frame: Any) -> bool:
    """Return whether this is a relation of DuckDB."""
    duckdb = sys.modules.get("duckdb")
    kind = getattr(duckdb, "DuckDBPyRelation", None)
    return kind is not None and isinstance(frame, kind)


def _pyarrow_kind(frame: Any) -> str:
    """Return which of pyarrow's kinds of data this is, "" for none of them."""
    pyarrow, dataset = map(sys.modules.get, ("pyarrow", "pyarrow.dataset"))
    if pyarrow is None:
        return ""
    if isinstance(frame, pyarrow.RecordBatch):
        return "batch"
    if isinstance(frame, pyarrow.RecordBatchReader):
        return "reader"
    return "dataset" if dataset is not None and isinstance(frame, dataset.Dataset) else ""


def _of_pyarrow(frame: Any, wrap: Wrap) -> Frame | None:
    kind = _pyarrow_kind(frame)
    if not kind:
        return None
    pyarrow: Any = sys.modules["pyarrow"]
    if kind == "batch":
        return ConvertedFrame(wrap(pyarrow.Table.from_batches([frame])), _batch_of)
    if kind == "reader":
        return ConvertedFrame(wrap(_read_all(pyarrow, frame)), _reader_of)
    return ConvertedFrame(wrap(frame.to_table()), _dataset_of)


def _read_all(pyarrow: Any, reader: Any) -> Any:
    """Read all batches; a reader that was read by us is an error, not a frame without rows."""
    try:
        if reader not in _read:
            table = reader.read_all()
            _read.add(reader)
            return table
    except (pyarrow.ArrowInvalid, ValueError) as error:
        if "released" not in str(error) and "closed" not in str(error):
            raise
    raise InvalidArgument(
        "this RecordBatchReader was read before, and a stream is read once: make another, or keep "
        "table = reader.read_all() and search that"
    )


def _batch_of(table: Any) -> Any:
    pyarrow: Any = sys.modules["pyarrow"]
    if not isinstance(table, pyarrow.Table):
        return table
    columns = [_in_one_piece(pyarrow, column) for column in table.columns]
    return pyarrow.RecordBatch.from_arrays(columns, schema=table.schema)


def _in_one_piece(pyarrow: Any, column: Any) -> Any:
    if column.num_chunks == 1:
        return column.chunk(0)
    whole = column.combine_chunks()
    if not isinstance(whole, pyarrow.ChunkedArray):
        return whole
    if whole.num_chunks == 1:
        return whole.chunk(0)
    if not whole.num_chunks:
        return pyarrow.array([], column.type)
    raise InvalidArgument(
        f"the answer holds a column of {column.type} that is too long for one RecordBatch; search "
        "the table: pyarrow.Table.from_batches([batch])"
    )


def _reader_of(table: Any) -> Any:
    pyarrow: Any = sys.modules["pyarrow"]
    return table.to_reader() if isinstance(table, pyarrow.Table) else table


def _dataset_of(table: Any) -> Any:
    pyarrow: Any = sys.modules["pyarrow"]
    if not isinstance(table, pyarrow.Table):
        return table
    return sys.modules["pyarrow.dataset"].dataset(table)


# ---- narwhals ----


def _narwhals_kind(frame: Any) -> str:
    """Return ``eager`` or ``lazy`` for a frame of narwhals itself, "" for another."""
    narwhals = sys.modules.get("narwhals")
    for name, kind in (("DataFrame", "eager"), ("LazyFrame", "lazy")):
        found = getattr(narwhals, name, None)
        if found is not None and isinstance(frame, found):
            return kind
    return ""


def _of_narwhals(frame: Any, wrap: Wrap) -> Frame | None:
    kind = _narwhals_kind(frame)
    if kind:
        native = frame.to_native()
        if kind == "lazy" and not is_relation(native):
            raise InvalidArgument(
                f"a {_root(frame)} LazyFrame of {_root(native)} is lazy, and its rows must be "
                "here to be searched: rv.search(frame.collect(), ...). Of lazy frames polars' and "
                "DuckDB's are taken as they are"
            )
        return ConvertedFrame(_native_of_narwhals(frame, native, wrap), from_native_as(frame))
    root = _root(frame)
    if root not in _SERVED_BY_NARWHALS:
        return None
    try:
        narwhals: Any = importlib.import_module("narwhals")
    except ImportError as error:
        pip = "pip install narwhals"
        raise MissingExtra(f"frames of {root} are read by narwhals: {pip}", pip=pip) from error
    met = narwhals.from_native(frame, pass_through=True)
    if _narwhals_kind(met) != "eager":
        return None
    from .narwhals import NarwhalsFrame

    return NarwhalsFrame(met, wrap(met.to_pandas()))


def _native_of_narwhals(frame: Any, native: Any, wrap: Wrap) -> Frame:
    """Return the frame behind one of narwhals: as it is where we know it, else by narwhals."""
    if _root(native) not in _SERVED_BY_NARWHALS:
        return wrap(native)
    from .narwhals import NarwhalsFrame

    return NarwhalsFrame(frame, wrap(frame.to_pandas()))


def from_native_as(frame: Any) -> Callable[[Any], Any]:
    """Return what makes a native frame or column one of the narwhals that `frame` is of.

    narwhals has several interfaces, ``narwhals.stable.v1`` for one, each with its own classes.
    """
    home = sys.modules[type(frame).__module__]
    from_native = getattr(home, "from_native", None) or sys.modules["narwhals"].from_native

    def back(answer: Any) -> Any:
        return from_native(answer, allow_series=True, pass_through=True)

    return back


def _root(frame: Any) -> str:
    return type(frame).__module__.partition(".")[0]


# ---- any Arrow data ----


def exports_arrow(frame: Any) -> bool:
    """Return whether this is Arrow data of a library that we do not know."""
    home = type(frame).__module__
    if home.partition(".")[0] in _NO_FRAMES and home not in _OURS:
        return False
    return hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__")


def _holds_columns(frame: Any) -> bool:
    return taken(frame).format == "+s"


def _of_stream(frame: Any, wrap: Wrap) -> Frame | None:
    from .streams import back_to, reader_of_streams

    held = taken(frame)
    if held.format != "+s":
        return None
    return ConvertedFrame(wrap(reader_of_streams()(held)), back_to(frame))
