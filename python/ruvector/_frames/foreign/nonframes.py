"""What is no frame, and the call that takes it instead."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..._errors import InvalidArgument

_FRAMES: Final = (
    "a pandas or polars frame, pyarrow data, a DuckDB relation, an Arrow stream, or what narwhals "
    "takes"
)
_READERS: Final = {
    ".parquet": "read_parquet", ".csv": "read_csv", ".feather": "read_feather",
    ".arrow": "read_feather", ".json": "read_json", ".jsonl": "read_json", ".orc": "read_orc",
}  # fmt: skip
_LAST: Final = ("collect", "compute")  # which are lists of rows in libraries that have others, too
_COLUMN_WAYS: Final = (
    "or make one: column.to_frame('emb'); a column alone is searched by "
    "rv.Index.build(column).search(query)"
)


def refusal(data: Any) -> InvalidArgument:
    """Return the error for what is no frame; it names the call that takes such data."""
    what, way = _what_and_way(data)
    return InvalidArgument(f"{what} is not a frame: {way}. A frame is {_FRAMES}")


def _what_and_way(data: Any) -> tuple[str, str]:
    if data is None:
        return "None", "the first argument is the frame that is searched"
    if isinstance(data, str | os.PathLike):
        return _of_path(data)
    if isinstance(data, bytes | bytearray):
        return f"{type(data).__name__}", "read the file with the library whose format it is"
    found = _of_our_own(data) or _of_columns(data)
    if found:
        return found
    if isinstance(data, Mapping):
        values = list(data.values())
        if any(hasattr(value, "__len__") and not isinstance(value, str) for value in values):
            return f"a {type(data).__name__}", "make a frame of its columns: pandas.DataFrame(data)"
        return f"a {type(data).__name__}", "make a frame of one row: pandas.DataFrame([data])"
    if isinstance(data, list | tuple | set | frozenset):
        return _of_sequence(data)
    if _is_array(data) and not hasattr(data, "columns"):
        return _of_array(data)
    return _called(data), _lazy_way(data)


def _called(data: Any) -> str:
    module = type(data).__module__.partition(".")[0]
    name = type(data).__name__
    return name if module in ("builtins", "__main__") else f"{module} {name}"


def _of_path(data: Any) -> tuple[str, str]:
    path = os.fspath(data)
    text = path if isinstance(path, str) else path.decode("utf-8", "replace")
    ending = os.path.splitext(text)[1].lower()
    if ending == ".rvx":
        return f"the path {text!r}", f"open the index: rv.Index.load({text!r}).search(query)"
    reader = _READERS.get(ending)
    if reader is not None:
        return f"the path {text!r}", f"read it first: pandas.{reader}({text!r})"
    if isinstance(data, str):
        return f"the text {text[:40]!r}", "the frame comes first, then the query"
    return f"the path {text!r}", "read it first, for example pandas.read_parquet(path)"


def _of_our_own(data: Any) -> tuple[str, str] | None:
    """Return what to do with an index, or with what a search of one returned."""
    name = type(data).__name__
    if type(data).__module__.partition(".")[0] != __name__.partition(".")[0]:
        return None
    if hasattr(data, "to_pandas") and hasattr(data, "rows"):
        return name, "gather your rows with result.rows(frame), or take result.to_pandas()"
    if hasattr(data, "search"):
        return (
            f"an {name}" if name[0] in "AEIOU" else f"a {name}",
            "ask it directly, index.search(query), or pass it beside the frame that it was built "
            "from: rv.search(frame, query, index=index)",
        )
    return name, "pass the frame that holds the column"


def _of_columns(data: Any) -> tuple[str, str] | None:
    """Return what to do with a column of a frame library, or an expression for one."""
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(data, (pandas.Series, pandas.Index)):
        name = f"a pandas {type(data).__name__}"
        return name, f"pass the frame that has it, {_COLUMN_WAYS}"
    if polars is not None and isinstance(data, polars.Series):
        return "a polars Series", f"pass the frame that has it, {_COLUMN_WAYS}"
    if polars is not None and isinstance(data, polars.LazyFrame):
        return "a polars LazyFrame", "this verb needs the rows at once; collect() it first"
    if polars is not None and isinstance(data, polars.Expr):
        return "a polars expression", "pass the frame, and the column's name as on="
    if pandas is not None and type(data).__name__.endswith("GroupBy"):
        return type(data).__name__, "pass the frame, and the column as by="
    if polars is not None and isinstance(data, polars.dataframe.group_by.GroupBy):
        return "GroupBy", "pass the frame, and the column as by="
    if pyarrow is not None and isinstance(data, (pyarrow.Array, pyarrow.ChunkedArray)):
        way = "put it into a table, pyarrow.table({'emb': array}), or build an index of it: "
        return f"a pyarrow {type(data).__name__}", way + "rv.Index.build(array).search(query)"
    dataset = sys.modules.get("pyarrow.dataset")
    if dataset is not None and isinstance(data, dataset.Scanner):
        return "a pyarrow Scanner", "read it: scanner.to_table(), or scanner.to_reader()"
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        return (
            f"{_called(data)}, one Arrow column without a name,",
            "put it into a table with a named column, or build an index of it: "
            "rv.Index.build(column).search(query)",
        )
    return None


def _of_sequence(data: Any) -> tuple[str, str]:
    name = type(data).__name__
    first = next(iter(data), None)
    if isinstance(first, Mapping):
        return f"a {name} of {type(first).__name__}s", "make a frame: pandas.DataFrame(rows)"
    if isinstance(first, str):
        way = "make a frame with a column of text: pandas.DataFrame({'text': texts}), then text="
        return f"a {name} of texts", way + "'text'"
    if isinstance(first, int | float):
        return f"a {name} of numbers", "one vector is a query; the frame comes first"
    if first is None:
        return f"an empty {name}", "pass a frame with a column of vectors or text"
    way = "build an index of vectors, rv.Index.build(vectors).search(query), or put them into a "
    return f"a {name}", way + "column: pandas.DataFrame({'emb': list(vectors)})"


def _is_array(data: Any) -> bool:
    return isinstance(data, np.ndarray | np.generic | memoryview) or any(
        hasattr(data, name) for name in ("__array__", "__array_interface__", "__dlpack__")
    )


def _of_array(data: Any) -> tuple[str, str]:
    names = getattr(getattr(data, "dtype", None), "names", None)
    if names:
        return "an array of NumPy records", "make a frame of it: pandas.DataFrame(records)"
    shape = getattr(data, "shape", None)
    what = _called(data)
    shown = f"a {what}" + (f" of shape {tuple(shape)}" if shape is not None else "")
    if shape is not None and len(shape) == 1:
        return shown, "one vector is a query; the frame comes first"
    return (
        shown,
        "build an index of it, rv.Index.build(array).search(query), or put it into a column: "
        "frame['emb'] = rv.to_column(array, like=frame)",
    )


def _lazy_way(data: Any) -> str:
    """Return how to read what a query engine would compute."""
    for name in ("to_arrow_table", "to_arrow", "toArrow", "to_pyarrow", "toPandas", *_LAST):
        if callable(getattr(data, name, None)):
            return f"read it first: .{name}()"
    if callable(getattr(data, "to_pandas", None)):
        return "read it first: .to_pandas()"
    if callable(data):
        return "call it, and pass what it returns"
    return "make one of it first, for example pandas.DataFrame(data)"
