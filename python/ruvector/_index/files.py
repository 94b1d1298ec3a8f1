"""`Index.load` and `Index.save`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .. import _native
from .._arguments import bytes_of
from .._caller import warn
from .._errors import InvalidArgument
from .._input.bits import read_either
from .._metric import BINARY
from .._native.files import file_path
from .._native.files import verify as verify_file
from .._progress import Progress
from .._settings import current
from .method import method
from .stored import are_paths, open_column

if TYPE_CHECKING:
    from .index import Index


@method
def load(
    cls: type[Index],
    path: str | os.PathLike[str],
    *,
    vectors: Any = None,
    column: str | None = None,
    mmap: bool = False,
    memory: int | str | None = None,
) -> Index:
    """Read an index that `save` wrote, or map it.

    Parameters
    ----------
    path : path
        ``~`` is the home folder.
    vectors : column of vectors, or path or paths, optional
        The vectors that the file left out, in their original order: attached (borrowed) for
        exact scores. Paths, patterns and folders of parquet files as `build_parquet` takes
        them: rows are then read from the files where a search measures them.
    column : str, optional
        With paths, the name of their column of vectors; the only one when not given.
    mmap : bool
        Leave the file where it is instead of reading it: codes and vectors are read where the
        system maps them, and each part of the file is verified when it is first used. The index
        may be larger than memory, and opens in the time of its small parts. The file must not be
        written to or cut meanwhile; `save` to the same path replaces it, which is fine.
    memory : int or str, optional
        With ``mmap=True``: the most bytes that the index and its searches may hold beside the
        pages of the file, which the system takes back when it needs them; a number, or text like
        ``"200MB"``. At most four calls then run at a time, and what needs memory for every row
        (`compact`, `neighbors`, duplicates, searches by groups) is refused. Answers, and rows added
        later, are not counted.

    Raises
    ------
    NotAnIndex, FormatTooNew, CorruptIndex
        The file is not one of ours, newer than this library, or damaged; any bytes give a
        correct index or one of these. With ``mmap=True``, CorruptIndex comes from the call that
        meets what is damaged, or from `verify`.
    VectorsChanged, DimensionMismatch
        `vectors` are not those of the index.
    FileMissing
        There is no such file; a FileNotFoundError too.
    PersistError
        The file cannot be read, or is a fifo, a socket or a device; an OSError
        (PermissionError, IsADirectoryError, ...) too where the system gave the reason. With
        ``mmap=True`` also from every later call once the file was cut or written to.
    LimitExceeded
        `memory` is too little; the least is named.
    InvalidArgument
        No file can have this name, or `memory` is no size, or given without ``mmap=True``.
    """
    name = file_path(path)
    most = 0 if memory is None else bytes_of(memory)
    if most and not mmap:
        raise InvalidArgument(
            f"memory={memory!r} limits what a mapped index holds; add mmap=True, or leave it out"
        )
    if column is not None and not are_paths(vectors):
        raise InvalidArgument(f"column={column!r} goes with vectors=, the paths of parquet files")
    if vectors is None:
        return cls._from_handle(_native.load(name, None, mmap=mmap, memory=most), copied=True)
    if are_paths(vectors):
        handle = _native.load(name, None, mmap=mmap, memory=most)
        return _with_files(cls, handle, vectors, column)
    given = read_either(vectors)
    try:
        return cls._from_handle(_native.load(name, given.handle, mmap=mmap, memory=most))
    finally:
        given.close()


def _with_files(cls: type[Index], handle: _native.Handle, paths: Any, column: str | None) -> Index:
    files = None
    try:
        about = _native.info(handle)
        width = about["dim"] // (8 if about["metric"] in BINARY else 1)
        # What a column of bytes of a fixed length holds is not stored in it.
        number = "uint8" if about["metric"] in BINARY else None
        files = open_column(paths, column, width or None, number, current.threads, "vectors")
        _native.attach(handle, files)
        return cls._from_handle(handle)
    except BaseException:
        _native.close_index(handle)
        raise
    finally:
        if files is not None:
            files.close()


@method
def verify(self: Index, *, progress: Progress = None) -> None:
    """Look at every part of a file that was loaded with ``mmap=True``.

    What is in memory was verified when it was read; of borrowed vectors it is verified that they
    are the same. Thread-safe; searches go on meanwhile.

    Parameters
    ----------
    progress : bool or callable, optional
        Show a progress line, by default after one second; or called with (blocks done, blocks),
        of 256 KiB.

    Raises
    ------
    CorruptIndex
        A part is damaged; its section and offset are named.
    PersistError
        The file was cut or written to since it was mapped, or cannot be read.
    VectorsChanged
        The borrowed vectors were changed.
    """
    shown = current.progress if progress is None else progress
    verify_file(self._handle, current.threads, shown)


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
    where = self._facts.where
    _native.save(self._handle, name, store)
    if left_out:
        warn(
            f"{name}: saved without the vectors, which are in {where}; load it with "
            "Index.load(path, vectors=paths), or save with vectors=True"
            if where
            else f"{name}: saved without the borrowed vectors; load it with "
            "Index.load(path, vectors=column), or save with vectors=True"
        )
