"""`read_vectors`: the vectors of parquet files as one column in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .._arguments import limit, positive
from .._errors import ColumnError, InvalidArgument
from .._habits import told
from .._index.provenance import made_in_files
from .._native import info
from .._native.files import file_path
from .._native.parquet import vectors as _native
from .._progress import Progress

if TYPE_CHECKING:
    from .._text.provenance import Provenance

Path: TypeAlias = str | os.PathLike[str]


class VectorColumn:
    """Vectors that were read from parquet files, in memory: what `read_vectors` returns.

    Taken wherever a column of vectors is: `Index.build`, `to_matrix`, `search`. NumPy, pyarrow and
    polars read it without a copy (``np.asarray(column)``, ``pyarrow.chunked_array(column)``,
    ``polars.Series(column)``). Rows count from 0 over all files. Safe for concurrent reading.

    Attributes
    ----------
    dim : int
        The numbers of a vector; 0 where no row tells it.
    dtype : numpy.dtype
        Of the numbers, as the files have them: float32, float64, float16, int8 or uint8.
    null_count : int
        Rows that are null, whose numbers are 0 in memory.
    valid : ndarray of bool, shape (n,), or None
        False where a row is null; None where none is.
    column : str
        The name of the column in the files.
    paths : tuple of str
        The files, in the order of their rows.
    embedder : dict or None
        What made the vectors, where all files tell: see `write_parquet`.
    """

    __slots__ = ("_made", "_matrix", "column", "dim", "dtype", "null_count", "paths", "valid")

    def __init__(
        self,
        matrix: npt.NDArray[Any],
        valid: npt.NDArray[np.bool_] | None,
        column: str,
        paths: tuple[str, ...],
        made: Provenance | None = None,
    ) -> None:
        self._matrix = matrix
        self._made = made
        self.valid = valid
        self.column = column
        self.paths = paths
        self.dim: int = matrix.shape[1]
        self.dtype: np.dtype[Any] = matrix.dtype
        self.null_count = 0 if valid is None else len(valid) - int(np.count_nonzero(valid))

    @property
    def embedder(self) -> dict[str, Any] | None:
        """What made the vectors, where all files tell: its id and what else is known of it."""
        return None if self._made is None else self._made.to_dict()

    def __len__(self) -> int:
        """Return the number of rows, null rows included."""
        return len(self._matrix)

    def __repr__(self) -> str:
        files = self.paths[0] if len(self.paths) == 1 else f"{len(self.paths)} files"
        nulls = f", {self.null_count:,} null" if self.null_count else ""
        return (
            f"<{len(self):,} vectors of {self.dim} {self.dtype}{nulls}: {self.column!r} of {files}>"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return all rows, shape (n, dim): a read-only view where the numbers are as asked.

        Null rows become NaN, in a copy; of integers they are an error.

        Raises
        ------
        ColumnError
            Integers with null rows, unless a type of floats is asked for.
        ValueError
            ``copy=False``, but a copy is needed.
        """
        wanted = self.dtype if dtype is None else np.dtype(dtype)
        if not self.null_count and wanted == self.dtype and not copy:
            view = self._matrix.view()
            view.flags.writeable = False
            return view
        if copy is False:
            raise ValueError(f"{self!r} is no array of {wanted} without a copy")
        out = self._matrix.astype(wanted)
        if self.null_count:
            if wanted.kind != "f":
                raise ColumnError(
                    f"{self.null_count} rows are null, which {wanted} cannot say; ask for "
                    "floats, np.asarray(column, 'float32'), or use column.valid"
                )
            out[~self.valid] = np.nan  # type: ignore[operator]  # there are null rows
        return out

    def __arrow_c_schema__(self) -> Any:
        """Return a capsule of the Arrow type, FixedSizeList of ``dim`` numbers."""
        return _native.schema_of(self._matrix)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return a capsule of a stream of one FixedSizeList array, whose memory is this column's.

        ``requested_schema`` is left to who reads the stream, as the protocol allows.
        """
        return _native.lend_stream(self._matrix, self.valid)

    def _ruvector_rows(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None, str]:
        """Return matrix, validity and layout for who reads columns of vectors."""
        return self._matrix, self.valid, f"parquet {self.dtype}"


_DTYPES: Final = ("float32", "float64", "float16", "int8", "uint8")


@told
def read_vectors(
    paths: Path | Sequence[Path],
    column: str | None = None,
    *,
    dim: int | None = None,
    dtype: Any = None,
    threads: int = 0,
    limits: Mapping[str, int] | None = None,
    progress: Progress = None,
) -> VectorColumn:
    """Read the vectors of parquet files into memory.

    Lists of one length are read without a Python object or an Arrow array a row: row groups in
    parallel, numbers in bulk, and every page against its checksum where the file has one.

    Parameters
    ----------
    paths : path, or sequence of paths
        Files, patterns (``data/*.parquet``) or folders, whose files ``*.parquet`` are read in the
        order of their names. ``~`` is the home folder. Folders of Delta and Iceberg tables are
        refused: they hold deleted rows, too.
    column : str, optional
        The column, with dots where it lies in a structure. By default the only one that holds
        lists of numbers.
    dim : int, optional
        How many numbers a vector must have. Needed for a column of bytes of fixed length.
    dtype : dtype, optional
        The numbers in a column of bytes of fixed length, little-endian; float32 by default. Of
        lists the file says it, and another one is refused.
    threads : int
        0: all cores.
    limits : mapping, optional
        What files may ask for, against forged ones: ``footer``, ``page``, ``page_decoded`` and
        ``decoded`` (bytes; of the footer, of a page as stored and unpacked, of a row group's
        vectors), ``ratio`` (bytes that become of one that is read), ``list`` (numbers of a
        vector), ``columns`` and ``groups``.
    progress : bool or callable, optional
        True shows a line, False none; a callable is told (rows done, rows).

    Returns
    -------
    VectorColumn
        Rows of all files in their order, of the type of numbers that the files have: float32,
        float64, float16, int8 or uint8.

    Raises
    ------
    FileMissing
        There is no such file, no file in the folder, or none that the pattern means.
    PersistError
        A file is no parquet file, is encrypted, damaged, or cannot be read; names row group and
        column.
    ColumnError
        No such column; it holds no vectors; none is named and there are several; files differ in
        the type of numbers.
    DimensionMismatch
        Files differ in the number of dimensions, or are not of `dim`.
    InvalidVector
        A row has another number of dimensions, has none, or a null in it; names file and row.
    EmbedError
        Two files tell of embedders whose vectors do not compare; names both.
    LimitExceeded
        A file asks for more than `limits` allow; names the limit.

    Notes
    -----
    Numbers are not looked at: NaN and infinity are found by who builds an index.

    Examples
    --------
    >>> import ruvector as rv
    >>> column = rv.read_vectors("embeddings/*.parquet")  # doctest: +SKIP
    >>> rv.Index.build(column, metric="cosine")  # doctest: +SKIP
    """
    from .scoring.globs import local_files  # no part of a start

    files = tuple(file for path in _each(paths) for file, _ in local_files(file_path(path)))
    asked = _native.params(0 if dim is None else positive("dim", dim), _number(dtype), 0, limits)
    count = limit(threads)
    opened = _native.open_files(files, "" if column is None else _name(column), asked)
    try:
        about = info(opened)
        if dtype is not None and about["type"] != _number(dtype):
            raise ColumnError(
                f"dtype={dtype!r}, but column {about['column']!r} holds {about['type']}; read it "
                "without dtype=, then convert it"
            )
        made = made_in_files(about.get("makers"))
        matrix, valid = _native.read_all(opened, count, progress, "read")
    finally:
        opened.close()
    return VectorColumn(matrix, None if valid.all() else valid, about["column"], files, made)


def _each(paths: Any) -> Iterator[Any]:
    if isinstance(paths, (str, bytes, os.PathLike)):
        yield paths
        return
    try:
        found = list(paths)
    except TypeError:
        raise InvalidArgument(
            f"paths={paths!r} is {type(paths).__name__}; pass a path, a pattern, a folder or a list"
        ) from None
    if not found:
        raise InvalidArgument("paths is empty; pass one file at least")
    for path in found:
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise InvalidArgument(f"paths has {path!r}, which is {type(path).__name__}, no path")
        yield path


def _name(column: Any) -> str:
    if not isinstance(column, str) or not column:
        raise InvalidArgument(f"column={column!r} is no name of a column")
    return column


def _number(dtype: Any) -> str | None:
    if dtype is None:
        return None
    try:
        name = str(np.dtype(dtype).name)
    except TypeError:
        name = str(dtype)
    if name not in _DTYPES:
        raise InvalidArgument(f"dtype={dtype!r} must be one of {', '.join(_DTYPES)}")
    return name
