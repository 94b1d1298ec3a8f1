"""``right=``: columns of the rows that are found, beside the rows that ask."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._errors import ColumnError, InvalidArgument, MissingExtra
from ..._frames.adapters import is_frame, wrap
from ..._frames.content import label_of
from ..._frames.joining import join
from ..._frames.pairing.beside import names_beside
from ..._frames.protocol import Frame
from ..._index.index import Index
from ..._index.provenance import recall
from ..._native.files import file_path
from ..._native.parquet.scoring import Right
from ..._native.task import aside
from ..._text.embedder import Embedder

SUFFIX = "_right"


class Beside:
    """Columns for each row of an index, as Arrow, and the digest of what they hold."""

    __slots__ = ("_made", "_place", "_rows", "_table", "digest", "names")

    def __init__(self, table: Any, place: Any, rows: int) -> None:
        self._table, self._place, self._rows = table, place, rows
        self.names: list[str] = _names(table)
        self.digest = aside(lambda waiter: _digest(table, place))
        self._made: Right | None = None

    def named(self, mine: list[str], added: tuple[str, ...]) -> Right:
        """Return the columns as they are called beside others.

        Raises
        ------
        ColumnError
            Two columns would have one name, or one is of a type that cannot be written.
        """
        names = names_beside(mine, self.names, SUFFIX, added)
        if self._made is None:
            table = _renamed(self._table, [str(name) for name in names])
            self._made = Right(table, rows=self._rows, place=self._place)
        return self._made

    def close(self) -> None:
        """Give up what the library has of the columns."""
        if self._made is not None:
            self._made.close()


def read_right(right: Any, index: Index, ids_on: Any, maker: Embedder | None) -> Beside:
    """Return the columns of a frame or of a parquet file.

    The column of vectors or ids that the index was built from is left out: ``id`` is there.

    Raises
    ------
    ColumnError, DuplicateId, InvalidArgument, VectorsChanged
        Its rows cannot be told to be those of the index.
    MissingExtra
        Neither pyarrow nor polars is there to read it.
    """
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(right, polars.LazyFrame):
        raise InvalidArgument("right= is a LazyFrame; collect it: right.collect()")
    if isinstance(right, str | os.PathLike):
        right = _read_file(file_path(right))
    elif not is_frame(right):
        raise InvalidArgument(
            f"right= is of type {type(right).__name__}: pass a frame or the path of a parquet file"
        )
    table = _arrow(right)
    frame = wrap(table)
    place = _places(index, frame, ids_on, maker)
    known = recall(index._origin)
    unwanted = [known.column] if not isinstance(known.column, list) else []
    unwanted.append(known.ids if ids_on is None else ids_on)
    kept = [name for name in _names(table) if name not in unwanted]
    table = table.select(kept)
    same = len(place) == frame.height and bool((place == np.arange(len(place))).all())
    return Beside(table, None if same else place, len(index))


def _places(
    index: Index, frame: Frame, ids_on: Any, maker: Embedder | None
) -> npt.NDArray[np.int64]:
    """Return the row of the frame for every row of the index, -1 where it has none."""
    label = None
    if ids_on is None and index._id_kind == "positions" and not index._changed:
        label = label_of(index, frame, None, None)
        # A frame that has the vectors must have those of the index; one without is told by its
        # length alone.
        if label is None and len(index) == frame.height:
            return np.arange(len(index), dtype=np.int64)
    joined = join(index, frame, label, ids_on, maker)
    return np.ascontiguousarray(joined.all_rows(), np.int64)


def _read_file(path: str) -> Any:
    if not os.path.exists(path):
        from .places import LocalPlace

        LocalPlace(path).mark()  # says why
    for module, function in (("pyarrow.parquet", "read_table"), ("polars", "read_parquet")):
        try:
            return getattr(importlib.import_module(module), function)(path)
        except ImportError:
            continue
    raise _missing(f"right={path!r}")


def _arrow(right: Any) -> Any:
    """Return a pyarrow table or a polars frame with the columns of a frame."""
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(right, polars.DataFrame):
        return right.rechunk()
    try:
        pyarrow = importlib.import_module("pyarrow")
    except ImportError:
        if hasattr(right, "__arrow_c_stream__") and polars is not None:
            return polars.DataFrame(right).rechunk()
        raise _missing(f"right= of type {type(right).__name__}") from None
    if isinstance(right, pyarrow.Table):
        return right
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(right, pandas.DataFrame):
        odd = next((name for name in right.columns if not isinstance(name, str)), None)
        if odd is not None:
            raise ColumnError(f"right= has a column {odd!r}: names of columns of files are texts")
        return pyarrow.Table.from_pandas(right, preserve_index=False)
    return pyarrow.table(right)


def _missing(what: str) -> MissingExtra:
    pip = "pip install 'ruvector-arrow[arrow]'"
    return MissingExtra(f"{what} needs pyarrow or polars, and neither is installed: {pip}", pip=pip)


def _names(table: Any) -> list[str]:
    names = getattr(table, "column_names", None)
    return list(table.columns if names is None else names)


def _renamed(table: Any, names: list[str]) -> Any:
    if hasattr(table, "rename_columns"):
        return table.rename_columns(names)
    return table.rename(dict(zip(_names(table), names, strict=True)))


class _Hash:
    """A file that keeps the digest of what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return memoryview(data).nbytes

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def _digest(table: Any, place: Any) -> str:
    """Return the digest of a table's content as an Arrow stream, and of its order."""
    sink = _Hash()
    if hasattr(table, "combine_chunks"):
        ipc = importlib.import_module("pyarrow").ipc
        whole = table.replace_schema_metadata(None).combine_chunks()
        with ipc.new_stream(sink, whole.schema) as writer:
            writer.write_table(whole)
    else:
        table.write_ipc_stream(sink)
    if place is not None:
        sink.digest.update(place.tobytes())
    return sink.digest.hexdigest()
