"""`Index.build_parquet`: an index of vectors that stay in parquet files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import _native
from .._arguments import bits_of, bytes_of, limit, positive, seed_of, share, whole
from .._errors import ColumnError, InvalidArgument
from .._metric import MetricName, canonical
from .._settings import current
from .building import Kind, OnNull
from .method import method
from .provenance import made_in_files, remember

if TYPE_CHECKING:
    from .index import Index

Kept = Literal["files", "memory"]

_KEEP = {"files": "borrow", "memory": "copy", None: "none"}
_files: list[Callable[[Any, str], list[str]]] = []


def files_found_by(find: Callable[[Any, str], list[str]]) -> None:
    """Have paths, patterns and folders read by whoever knows them: ``find(paths, what)``."""
    _files[:] = [find]


def are_paths(vectors: Any) -> bool:
    """Return whether vectors are given by the paths of their files."""
    if isinstance(vectors, list | tuple) and vectors:
        return all(isinstance(item, str | os.PathLike) for item in vectors)
    return isinstance(vectors, str | os.PathLike)


def open_column(
    paths: Any, column: str | None, dim: int | None, dtype: Any, threads: int, what: str
) -> Any:
    """Return the column of vectors of files, which stay there; it is the caller's to close."""
    from .._native.parquet.stored import column_in_files  # here: importing the package stays short

    if column is not None and not isinstance(column, str):
        raise InvalidArgument(f"column={column!r} is {type(column).__name__}, not a name")
    width = 0 if dim is None else positive("dim", dim)
    name = None if dtype is None else _number(dtype)
    opened = column_in_files(_files[0](paths, what), column, width, name, threads)
    about = _native.column_info(opened)
    found = about["type"].split(" ")[0]
    if name is not None and found != name and about["rows"]:
        opened.close()
        raise ColumnError(f"dtype={dtype!r}, but the files hold {found}; leave dtype= out")
    return opened


def _number(dtype: Any) -> str:
    try:
        name = str(np.dtype(dtype).name)
    except TypeError:
        name = ""
    if name not in ("float32", "float64", "float16", "int8", "uint8"):
        raise InvalidArgument(
            f"dtype={dtype!r}; vectors are float32, float64, float16, int8 or uint8"
        )
    return name


@method
def build_parquet(
    cls: type[Index],
    paths: Any,
    column: str | None = None,
    *,
    ids: str | None = None,
    metric: MetricName = "cosine",
    kind: Kind = "auto",
    bits: int | None = None,
    cells: int | None = None,
    vectors: Kept | None = "files",
    recall: float = 0.95,
    nulls: OnNull = "error",
    seed: int = 42,
    memory: int | str | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    dim: int | None = None,
    dtype: Any = None,
) -> Index:
    """Build an index of the vectors of parquet files, of which few are in memory at a time.

    Files are read front to back, once for each pass of the build: two for kind ``flat``, four for
    ``ivf``, and one more for the hash by which an index knows its vectors. The index is, byte for
    byte, the one that `build` makes of the same vectors. Exact scores are measured on the
    files themselves: each search reads those rows again that bounds leave open, and keeps the last
    ones. Files must not change while the index is used; a search notices and says which has.

    Parameters
    ----------
    paths : path, or list of paths
        Parquet files of this machine: one file, a pattern (``"folder/*.parquet"``), a folder (its
        ``*.parquet`` files, and those of folders in it), or a list of them. Those of a pattern or
        folder come in the order of their paths. Rows are numbered through all files.
    column : str, optional
        Name of the column of vectors, with dots inside a structure; the only one when not given.
        Lists of float32, float64, float16, int8 or uint8, or bytes of a fixed length.
    ids : str, optional
        Name of a column of the same files that holds the ids: whole numbers or texts. Positions
        0..n-1 when not given.
    metric, kind, bits, cells, recall, seed, threads, progress
        As of `build`. Kind ``exact``, which ``auto`` takes up to 10,000 rows, reads all vectors
        for every search. For rows of bits (``hamming``, ``jaccard``) the numbers are uint8.
    vectors : {"files", "memory", None}
        Where exact scores are measured: on the files, on a copy in memory (float32, or float64),
        or nowhere: scores are then estimates of codes, with 8 bits unless `bits` says otherwise.
    nulls : {"error", "skip"}
        What a null row does: refuse the column, or never be found.
    memory : int or str, optional
        Bytes that the build may allocate, the index included, such as ``"2GB"``; LimitExceeded
        names the smallest that works. About 150 MB for reading come on top.
    dim, dtype : int, dtype, optional
        Numbers of a vector and their type, of a column of bytes of a fixed length, which does not
        say. Of lists, `dim` is what they must have.

    Returns
    -------
    Index
        Its ``info()["where"]`` says where the vectors are. `neighbors` is refused unless they are
        in memory, and so are added rows that would have all others coded anew.

    Raises
    ------
    FileMissing, PersistError
        A file is not there, cannot be read, or is damaged; names file and place.
    ColumnError, DimensionMismatch
        No such column, or one without vectors; files that differ.
    InvalidVector
        NaN, infinity, ragged or null rows; names the row, and the file that has it.
    VectorsChanged
        A file was changed during the build.
    InvalidArgument, LimitExceeded, DuplicateId
    KeyboardInterrupt
        Ctrl-C stops a build within a tenth of a second; nothing is left behind.

    Examples
    --------
    >>> ix = rv.Index.build_parquet("corpus/*.parquet", "embedding")  # doctest: +SKIP
    """
    metric_name = canonical(metric)
    if vectors not in _KEEP:
        raise InvalidArgument(
            f"vectors={vectors!r}; use 'files' to measure on the files, 'memory', or None for "
            "codes alone"
        )
    options = {
        "metric": metric_name,
        "kind": kind,
        "bits": 0 if bits is None else bits_of(bits),
        "cells": 0 if cells is None else positive("cells", cells),
        "budget": 0 if memory is None else bytes_of(memory),
        "keep": _KEEP[vectors],
        "recall": share(recall),
        "nulls": nulls,
        "bad": current.bad_vectors,
        "seed": seed_of(seed),
        "threads": current.threads if threads is None else limit(threads),
    }
    if ids is not None and not isinstance(ids, str):
        raise InvalidArgument(
            f"ids= is {type(ids).__name__}; name a column of the files that holds the ids"
        )
    from .._native.parquet.stored import build_from_files  # here, as in `open_column`

    handle = open_column(paths, column, dim, dtype, whole("threads", options["threads"]), "paths")
    try:
        made = made_in_files(_native.column_info(handle).get("makers"))
        found = _native.column_hash(handle)
        options["provenance"] = remember(made, None, None, None, found)
        shown = current.progress if progress is None else progress
        return cls._from_handle(
            build_from_files(handle, ids, options, shown), copied=vectors == "memory"
        )
    finally:
        handle.close()
