"""`Index.load` and `Index.save`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .. import _native
from .._caller import warn
from .._input.bits import read_either
from .._native.files import file_path
from .method import method

if TYPE_CHECKING:
    from .index import Index


@method
def load(cls: type[Index], path: str | os.PathLike[str], *, vectors: Any = None) -> Index:
    """Read an index that `save` wrote.

    Parameters
    ----------
    path : path
        ``~`` is the home folder.
    vectors : column of vectors, optional
        The vectors that the file left out, in their original order: attached (borrowed) for
        exact scores.

    Raises
    ------
    NotAnIndex, FormatTooNew, CorruptIndex
        The file is not one of ours, newer than this library, or damaged; any bytes give a
        correct index or one of these.
    VectorsChanged, DimensionMismatch
        `vectors` are not those of the index.
    FileMissing
        There is no such file; a FileNotFoundError too.
    PersistError
        The file cannot be read, or is a fifo, a socket or a device; an OSError
        (PermissionError, IsADirectoryError, ...) too where the system gave the reason.
    InvalidArgument
        No file can have this name.
    """
    name = file_path(path)
    if vectors is None:
        return cls._from_handle(_native.load(name, None), copied=True)
    column = read_either(vectors)
    try:
        return cls._from_handle(_native.load(name, column.handle))
    finally:
        column.close()


@method
def save(self: Index, path: str | os.PathLike[str], *, vectors: bool | None = None) -> None:
    """Write the index to a file, complete or not at all.

    A file that is there is replaced and its owner, mode and access list are kept; of a
    symbolic link, the file that it points to.

    Parameters
    ----------
    path : path
        ``~`` is the home folder.
    vectors : bool, optional
        Store the vectors too. By default they are stored if the index holds a copy of its
        own; borrowed ones are left out, with one line that says so.

    Raises
    ------
    InvalidArgument
        Vectors were asked for, but the index has none.
    FileMissing
        There is no such folder; a FileNotFoundError too.
    PersistError
        The file cannot be written, or the path is that of a folder, fifo, socket or device;
        an OSError (PermissionError, IsADirectoryError, ...) too where the system gave the
        reason.
    """
    name = file_path(path)
    store, left_out = vectors, False
    if store is None:
        has_vectors = bool(_native.info(self._handle)["vectors"])
        store = has_vectors and (self._copied or self._changed)
        left_out = has_vectors and not store
    _native.save(self._handle, name, store)
    if left_out:
        warn(
            f"{name}: saved without the borrowed vectors; load it with "
            "Index.load(path, vectors=column), or save with vectors=True"
        )
