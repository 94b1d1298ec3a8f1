"""Stores of ours: `LocalBackend`, `FsBackend`, `ParquetBackend`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np

from .._arguments import positive
from .._errors import InvalidArgument
from .._habits import told
from .._input.masks import read_row_ids, read_some_ids
from .._input.vectors import read_vectors
from .._native.handle import Handle
from .._native.lake import calls
from .._native.lake.pending import Pending
from .keys import folder_of, name_of

if TYPE_CHECKING:
    from .lake import RuLake

Missing = Literal["error", "ignore"]


class Store:
    """What the stores of ours have in common. Not a store itself."""

    __slots__ = ("__weakref__", "_handle", "_id")

    _handle: Handle
    _id: str

    def _open(self, kind: str, name: Any, **options: Any) -> None:
        self._id = name_of("name", name)
        self._handle = calls.new_store({"type": kind, "id": self._id, **options})

    @property
    def id(self) -> str:
        """The name of the store, which is unique in a lake."""
        return self._id

    def _handle_for(self, lake: RuLake) -> Handle:
        """Return the store for a lake that registers it."""
        return self._handle

    def _changing(self, verb: str, collection: Any, ids: Any, vectors: Any) -> Pending[int]:
        """Begin to put, append or upsert rows."""
        name = name_of("collection", collection)
        column = read_vectors(vectors, "vectors")
        try:
            if column.handle is None:
                raise InvalidArgument(
                    f"{column.rows} vectors that tell no number of dimensions; pass one at least, "
                    "or an array of shape (0, dim)"
                )
            if ids is None:
                if verb != "put":
                    raise InvalidArgument(f"ids=None: {verb} needs the ids of the rows")
                names: Any = np.arange(column.rows, dtype=np.int64)
            else:
                names = read_row_ids(ids)
            if len(names) != column.rows:
                raise InvalidArgument(f"{len(names)} ids for {column.rows} vectors")
            return calls.change(self._handle, verb, name, names, column.handle)
        finally:
            column.close()


class LocalBackend(Store):
    """Collections in the memory of this process.

    Parameters
    ----------
    name : str
        Of the store; unique in a lake.

    Notes
    -----
    What is given is copied: it may be changed afterwards. Thread-safe: readers see the rows before
    a change or those after it. Every change has all its effect or none, and gives the collection a
    new generation, so that lakes which must be fresh read it again.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> store = rv.LocalBackend("mine")
    >>> store.put("docs", [7, 42], np.eye(2, dtype="float32"))
    >>> rv.RuLake([store]).search_one("docs", [1.0, 0.0], k=1).ids.tolist()
    [7]
    """

    __slots__ = ()

    def __init__(self, name: str) -> None:
        self._open("local", name)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a LocalBackend holds its rows in this process and cannot be pickled: {self._id!r}; "
            "use an FsBackend or a ParquetBackend, which other processes can open"
        )

    def __repr__(self) -> str:
        return f"LocalBackend({self._id!r})"

    @told
    def put(self, collection: str, ids: Any, vectors: Any) -> None:
        """Make a collection of these rows, in place of all it had.

        Parameters
        ----------
        collection : str
            At most 255 bytes of printable UTF-8, without ``/``, ``\\`` and ``:``.
        ids : sequence of n whole numbers or texts, or None
            What the rows are called; their positions 0..n-1 when None.
        vectors : column of n vectors, shape (n, d)
            What `Index.build` takes; float32, float64, int8 and uint8 keep their type.

        Raises
        ------
        DuplicateId
            An id comes twice; names the row.
        InvalidVector
            NaN, infinity or null in a row; names row and column.
        InvalidArgument, ColumnError, LimitExceeded, OutOfMemory
        KeyboardInterrupt
            The collection is then as it was.
        """
        self._changing("put", collection, ids, vectors).wait()

    @told
    def append(self, collection: str, ids: Any, vectors: Any) -> None:
        """Add rows of new ids to a collection that is there; all of them or none.

        Raises
        ------
        UnknownCollection
        DuplicateId
            An id is in the collection already, or twice in `ids`.
        DimensionMismatch, InvalidVector, InvalidArgument, KeyboardInterrupt

        See Also
        --------
        put : takes the same arguments.
        """
        self._changing("append", collection, ids, vectors).wait()

    @told
    def upsert(self, collection: str, ids: Any, vectors: Any) -> int:
        """Add rows of new ids and replace those of known ones; all of them or none.

        Returns
        -------
        int
            Rows replaced.

        Raises
        ------
        UnknownCollection, DimensionMismatch, DuplicateId, InvalidVector, InvalidArgument
        KeyboardInterrupt

        See Also
        --------
        put : takes the same arguments.
        """
        return self._changing("upsert", collection, ids, vectors).wait()

    @told
    def delete(self, collection: str, ids: Any, *, missing: Missing = "error") -> int:
        """Delete rows; all of them or none.

        Parameters
        ----------
        collection : str
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
            An id is not in the collection, and ``missing="error"``.
        UnknownCollection, InvalidArgument, KeyboardInterrupt
        """
        return self._deleting(collection, ids, missing).wait()

    async def put_async(self, collection: str, ids: Any, vectors: Any) -> None:
        """`put` in an event loop."""
        await self._changing("put", collection, ids, vectors).awaited()

    async def append_async(self, collection: str, ids: Any, vectors: Any) -> None:
        """`append` in an event loop."""
        await self._changing("append", collection, ids, vectors).awaited()

    async def upsert_async(self, collection: str, ids: Any, vectors: Any) -> int:
        """`upsert` in an event loop."""
        return await self._changing("upsert", collection, ids, vectors).awaited()

    async def delete_async(self, collection: str, ids: Any, *, missing: Missing = "error") -> int:
        """`delete` in an event loop."""
        return await self._deleting(collection, ids, missing).awaited()

    def _deleting(self, collection: Any, ids: Any, missing: Any) -> Pending[int]:
        if missing not in ("error", "ignore"):
            raise InvalidArgument(f"missing={missing!r}; use 'error' or 'ignore'")
        name = name_of("collection", collection)
        names, _ = read_some_ids(ids)
        return calls.change(self._handle, "delete", name, names, missing=missing == "ignore")


class FsBackend(Store):
    """A folder with one file a collection: ``ruvec1``, or an index in ``.rvx``.

    Parameters
    ----------
    name : str
        Of the store; unique in a lake.
    root : path
        The folder, which is made if it is not there. Nothing outside it is read, whatever links
        say.

    Notes
    -----
    ``docs.ruvec1`` or ``docs.rvx`` is the collection ``docs``; having both is an error. An index
    must store its vectors; its rows are read from it, not its codes. The generation is made of
    size, modification time in nanoseconds and a digest of the file, so that one that was replaced
    is seen whoever did it. A file is read once it has been left alone for 20 ms; one that is
    written in place while it is read is a `BackendError`, one that is replaced is read whole.
    Thread-safe. Pickled as name and folder.
    """

    __slots__ = ("_root",)

    def __init__(self, name: str, root: Any) -> None:
        self._root = folder_of("root", root)
        self._open("fs", name, root=self._root)

    def __reduce__(self) -> tuple[Any, ...]:
        return FsBackend, (self._id, self._root)

    def __repr__(self) -> str:
        return f"FsBackend({self._id!r}, {self._root!r})"

    @property
    def root(self) -> str:
        """The folder, as it was given."""
        return self._root

    @told
    def put(self, collection: str, ids: Any, vectors: Any) -> None:
        """Write a collection as a ``ruvec1`` file, in place of what it had.

        Parameters
        ----------
        collection : str
            Its name is that of the file. At most 255 bytes of printable UTF-8, without ``/``,
            ``\\`` and ``:``.
        ids : sequence of n whole numbers from 0 on, or None
            What the rows are called; their positions when None. They come back as uint64.
        vectors : column of n vectors, shape (n, d)
            Written as float32, to which float64 is rounded.

        Raises
        ------
        LakeError
            A name that no file may have.
        InvalidArgument
            Ids that are text or negative, packed bits, or a collection that is an index file: save
            an index for these.
        InvalidVector
            NaN, infinity, null or a number outside float32 in a row; names row and column.
        BackendError
            The file cannot be written, for example because the disk is full; the old one is still
            there.
        DuplicateId, ColumnError, LimitExceeded, OutOfMemory, KeyboardInterrupt
        """
        self._changing("put", collection, ids, vectors).wait()

    async def put_async(self, collection: str, ids: Any, vectors: Any) -> None:
        """`put` in an event loop."""
        await self._changing("put", collection, ids, vectors).awaited()


class ParquetBackend(Store):
    """A folder of parquet files: a file, or a folder of files, is a collection.

    Parameters
    ----------
    name : str
        Of the store; unique in a lake.
    root : path
        The folder. Nothing outside it is read, whatever links say.
    column : str, optional
        The column of vectors; the only one when not given.
    ids : str, optional
        The column of ids; rows are called by their positions when not given.
    dim : int, optional
        Numbers of a row, for columns of bytes of fixed length, which do not say.

    Notes
    -----
    ``docs.parquet``, or the files that end so in the folder ``docs``, in the order of their names,
    is the collection ``docs``; having both is an error, and so are folders within. What begins
    with a dot or an underscore is left out. The generation is made of name, size, modification time
    in nanoseconds and footer of every file. Read only. Thread-safe. Pickled as its arguments.
    """

    __slots__ = ("_columns", "_root")

    def __init__(
        self,
        name: str,
        root: Any,
        *,
        column: str | None = None,
        ids: str | None = None,
        dim: int | None = None,
    ) -> None:
        self._root = folder_of("root", root)
        self._columns = column, ids, dim
        options: dict[str, Any] = {}
        if column is not None:
            options["column"] = name_of("column", column)
        if ids is not None:
            options["ids"] = name_of("ids", ids)
        if dim is not None:
            options["dim"] = positive("dim", dim)
        self._open("parquet", name, root=self._root, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        return _parquet, (self._id, self._root, *self._columns)

    def __repr__(self) -> str:
        given = zip(("column", "ids", "dim"), self._columns, strict=True)
        said = "".join(f", {name}={value!r}" for name, value in given if value is not None)
        return f"ParquetBackend({self._id!r}, {self._root!r}{said})"

    @property
    def root(self) -> str:
        """The folder, as it was given."""
        return self._root


def _parquet(
    name: str, root: str, column: str | None, ids: str | None, dim: int | None
) -> ParquetBackend:
    return ParquetBackend(name, root, column=column, ids=ids, dim=dim)
