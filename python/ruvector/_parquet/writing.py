"""`write_parquet`: frames in parquet files that tell what made their columns of vectors."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from contextlib import suppress
from typing import Any

from .._errors import ColumnError, FileMissing, MissingExtra
from .._frames.adapters import wrap
from .._frames.origin import maker_of_column, told_by, told_of
from .._frames.protocol import all_facts
from .._habits import told
from .._native.files import file_path


@told
def write_parquet(frame: Any, path: str | os.PathLike[str], **options: Any) -> str:
    """Write a frame to a parquet file that tells what made its columns of vectors.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
    path : path
        ``~`` is the home folder. Complete or not at all; a file that is there is replaced.
    options
        Passed to ``pyarrow.parquet.write_table``.

    Returns
    -------
    str
        The path.

    Raises
    ------
    MissingExtra
        pyarrow is not installed.
    ColumnError
        A column cannot be written, or is not called by a text.
    FileMissing
        There is no such folder.
    OSError
        The file cannot be written.

    Notes
    -----
    Columns that `embed` made carry what made them in the metadata of their Arrow field, under
    ``ruvector.embedder``: JSON with the embedder's id and, as far as they are known, ``sha256``,
    ``dim``, ``normalized``, ``query_prefix``, ``document_prefix``, ``max_tokens`` and ``pooling``.
    `read_vectors`, `Index.build_parquet` and `score_parquet` read that, and so does `search` of a
    table that ``pyarrow.parquet.read_table`` returns: texts are then embedded by what made the
    column, and another embedder is refused. polars and pandas drop metadata of fields.

    Examples
    --------
    >>> import ruvector as rv
    >>> rv.write_parquet(rv.embed(df, "body"), "kb.parquet")  # doctest: +SKIP
    >>> rv.Index.build_parquet("kb.parquet").search("how do I rotate keys?")  # doctest: +SKIP
    """
    name = file_path(path)
    try:
        pyarrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        pip = "pip install 'ruvector-arrow[arrow]'"
        raise MissingExtra(
            f"write_parquet needs pyarrow, which is not installed: {pip}", pip=pip
        ) from None
    wrapped = wrap(frame)
    table = _table(pyarrow, wrapped.frame if hasattr(wrapped, "frame") else frame)
    for fact in all_facts(wrapped):
        if fact.kind == "vector" and isinstance(fact.label, str):
            maker = maker_of_column(wrapped, fact.label) or told_of(wrapped, fact.label)
            if maker is not None:
                table = told_by(table, "pyarrow", fact.label, maker)
    folder = os.path.dirname(os.path.abspath(name))
    if not os.path.isdir(folder):
        raise FileMissing(f"{name}: there is no folder {folder}; make it first", path=folder)
    handle, hidden = tempfile.mkstemp(prefix=f".{os.path.basename(name)}.", dir=folder)
    os.close(handle)
    try:
        parquet.write_table(table, hidden, **options)
        os.replace(hidden, name)
    except BaseException:
        with suppress(FileNotFoundError):  # pyarrow removes what it could not finish
            os.unlink(hidden)
        raise
    return name


def _table(pyarrow: Any, frame: Any) -> Any:
    """Return a frame as a pyarrow table."""
    if isinstance(frame, pyarrow.Table):
        return frame
    pandas = sys.modules.get("pandas")
    try:
        if pandas is not None and isinstance(frame, pandas.DataFrame):
            odd = next((name for name in frame.columns if not isinstance(name, str)), None)
            if odd is not None:
                raise ColumnError(f"column {odd!r}: names of columns of files are texts; rename it")
            return pyarrow.Table.from_pandas(frame)
        return pyarrow.table(frame)
    except (pyarrow.ArrowException, TypeError) as error:
        raise ColumnError(f"the frame cannot be written to parquet: {error}") from error
