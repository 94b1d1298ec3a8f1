"""Rows that come and go: `Index.add`, `upsert`, `delete`, `compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from .._arguments import limit
from .._errors import DimensionMismatch, InvalidArgument, InvalidVector
from .._input.bits import read_bits
from .._input.masks import read_row_ids, read_some_ids
from .._input.vectors import read_vectors
from .._native import update
from .._settings import current
from .method import method
from .texts import new_rows, vectors_of_texts

if TYPE_CHECKING:
    from .index import Index


@method
def add(
    self: Index,
    ids: Any,
    vectors: Any = None,
    *,
    replace: bool = False,
    embedder: Any = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> int:
    """Add rows; all of them or none.

    Parameters
    ----------
    ids : sequence of n whole numbers or texts, None, or a frame
        What the rows are called, of the type that the index has. None continues an index whose
        ids are positions. Of a frame alone, ``ix.add(frame)``, ids and texts or vectors are the
        columns of those names that ``build_index(frame, ids="column")`` read; its rows without
        a vector are left out, as they are never found.
    vectors : column of n vectors, shape (n, dim), or n texts
        Copied: unlike those of a build, they may change afterwards. An index of codes alone
        keeps codes alone. Texts are embedded by what made the index's vectors.
    replace : bool
        Replace rows of the same ids, as `upsert` does, rather than refuse them.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of texts, where what made those of the index is not known or cannot be
        loaded by name.
    threads : int, optional
    progress : bool, optional
        Show a progress line; by default after one second.

    Returns
    -------
    int
        Rows replaced.

    Raises
    ------
    DuplicateId
        An id is in the index already, or twice in `ids`.
    ColumnError
        The index does not remember its columns, or the frame has not got them.
    EmbedError
        A text has nothing to embed, or it is not known what made the vectors.
    InvalidVector, DimensionMismatch
        NaN, infinity or null in a row; rows of other dimensions.
    InvalidArgument
        Another number of ids than of rows, ids of another type, or the two arguments swapped.
    IndexClosed
    KeyboardInterrupt

    Notes
    -----
    The rows are coded with what the build learned, at a cost in proportion to their number.
    Rows more than twice as long as the longest (dot, l2, sqeuclidean) have the index built
    anew.
    `info` tells the drift of added rows and advises when a new build is due.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> ix = rv.Index.build(np.eye(3, dtype="float32"))
    >>> ix.add(None, np.ones((1, 3), "float32"))
    0
    >>> len(ix)
    4
    """
    limited = current.threads if threads is None else limit(threads)
    if not self._packed and update.few(vectors):  # numbers alone, not swapped: the short way
        names = None if ids is None else read_row_ids(ids)
        return update.add_matrix(self._handle, vectors, names, replace, limited)[0]
    shown = current.progress if progress is None else progress
    if vectors is None and (rows := new_rows(self, ids, replace, embedder, shown)) is not None:
        ids, vectors = rows
    else:
        swapped(ids, vectors)
        made = vectors_of_texts(self, vectors, embedder, shown)
        vectors = vectors if made is None else made
    names = None if ids is None else read_row_ids(ids)
    column = read_bits(vectors, self._metric) if self._packed else read_vectors(vectors)
    try:
        if column.handle is None:
            if column.rows:
                raise InvalidVector("row 0 is null; nothing was added", row=0)
            if names is not None and len(names) != column.rows:
                raise InvalidArgument(f"{len(names)} ids for {column.rows} rows")
            return 0  # no rows at all
        numbers = column.rows * max(self.dim, 1)
        return update.add(self._handle, column.handle, names, replace, numbers, limited, shown)[0]
    finally:
        column.close()


@method
def upsert(
    self: Index,
    ids: Any,
    vectors: Any = None,
    *,
    embedder: Any = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> int:
    """Add rows of new ids and replace rows of known ones; all of them or none.

    Returns
    -------
    int
        Rows replaced.

    See Also
    --------
    add : takes the same arguments and raises the same errors.
    """
    return self.add(
        ids, vectors, replace=True, embedder=embedder, threads=threads, progress=progress
    )


@method
def delete(self: Index, ids: Any, *, missing: Literal["error", "ignore"] = "error") -> int:
    """Delete rows; all of them or none.

    Parameters
    ----------
    ids : one id, or a sequence of ids
    missing : {"error", "ignore"}
        What an id of no row does.

    Returns
    -------
    int
        Rows deleted. An id that comes twice counts once.

    Raises
    ------
    UnknownId
        An id is not in the index, and ``missing="error"``.
    InvalidArgument
        Ids of another type than the index has.
    IndexClosed

    Notes
    -----
    Deleted rows are never found; their memory comes back with `compact`.
    """
    if missing not in ("error", "ignore"):
        raise InvalidArgument(f"missing={missing!r}; use 'error' or 'ignore'")
    names, _ = read_some_ids(ids)
    return update.delete(self._handle, names, missing == "ignore")


@method
def compact(self: Index, *, threads: int | None = None) -> None:
    """Give the memory of deleted rows back, and make added rows as fast as built ones.

    Needs memory for the old and the new codes while it runs; searches go on with the old ones.
    Ids stay, and so do borrowed vectors.

    Raises
    ------
    OutOfMemory, IndexClosed
    KeyboardInterrupt
        The index is then as it was.
    """
    update.compact(self._handle, current.threads if threads is None else limit(threads))


def swapped(ids: Any, vectors: Any) -> None:
    """Recognise vectors given as ids and ids given as vectors by their shapes."""
    shape, other = getattr(ids, "shape", None), getattr(vectors, "shape", None)
    if shape is not None and len(shape) == 2 and other is not None and len(other) == 1:
        raise InvalidArgument(
            f"ids has shape {tuple(shape)} and vectors {tuple(other)}: they seem to be swapped; "
            "use add(ids, vectors)"
        )
    if ids is not None and vectors is None:
        raise DimensionMismatch("no vectors; use add(ids, vectors), or add(None, vectors)")
