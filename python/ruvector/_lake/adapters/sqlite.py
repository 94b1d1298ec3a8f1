"""`SQLiteBackend`: tables of SQLite."""

from __future__ import annotations

import contextlib
import json
import os
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import numpy as np

from ..._errors import BackendError, InvalidArgument, UnknownCollection
from ..._habits import told
from ..._input.vectors import read_vectors
from ..._locks import Lock
from ..adapter import BackendAdapter, generation_of
from .content import content_generation, listed, names_of, quoted, same_length, text_of

_NUMBERS: Final = ("float32", "float64", "float16", "int8", "uint8")


class SQLiteBackend(BackendAdapter):
    """Tables of a SQLite database: a collection a table.

    Parameters
    ----------
    name : str
        Of the store; unique in a lake.
    database : path, or sqlite3.Connection
        A file, ``file:`` URI, or a connection. Of a connection to a file the file is opened
        again, read-only; one to a database in memory is used itself, and must have been made with
        ``check_same_thread=False``.
    ids : str
        The column of ids: whole numbers or texts, each once.
    column : str
        The column of vectors: blobs of little-endian numbers, or texts that are lists in JSON.
        Rows where it is NULL are left out.
    table : str or sequence of str, optional
        The tables (or views) that are collections; all that have both columns when not given.
    dtype : {"float32", "float64", "float16", "int8", "uint8"}
        Of the numbers in blobs.
    generation : str, optional
        A query of one value, a number that grows or a text, that changes with every change of a
        collection; ``:collection`` in it is the name of the table. Without it a generation is
        made of the content: see Notes.

    Notes
    -----
    Without ``generation=`` every committed change is seen, whoever made it: the database's
    ``PRAGMA data_version`` says that something was committed, and the table is then read and
    hashed again. Where nothing was committed that costs microseconds; changes of other tables
    cost a hash and no new index. Equal content has one generation in every process. Changes that
    are not committed are not seen, except through a connection to memory, which has one state.
    Read only. Thread-safe.
    """

    _owned: ClassVar[bool] = True

    @told
    def __init__(
        self,
        name: str,
        database: Any,
        *,
        ids: str,
        column: str,
        table: str | Sequence[str] | None = None,
        dtype: str = "float32",
        generation: str | None = None,
    ) -> None:
        self.id = text_of("name", name)
        self._ids, self._column = text_of("ids", ids), text_of("column", column)
        self._tables = names_of("table", table)
        if dtype not in _NUMBERS:
            raise InvalidArgument(f"dtype={dtype!r:.40}; use one of {', '.join(_NUMBERS)}")
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._query = None if generation is None else text_of("generation", generation)
        self._uri, self._path, self._shared = _opened(database)
        self._lock = Lock()
        self._watching: Any = None  # the connection that is asked whether others have committed
        self._inode: Any = None
        self._known: dict[str, tuple[Any, str]] = {}

    def __repr__(self) -> str:
        return f"SQLiteBackend({self.id!r}, {self._path or 'memory'!r})"

    def list_collections(self) -> list[str]:
        """Return the tables that have both columns."""
        with self._reading() as base:
            found = [
                str(row[0])
                for row in base.execute(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
                )
            ]
            return [
                name for name in found
                if (self._tables is None or name in self._tables) and self._fits(base, name)
            ]  # fmt: skip

    def generation(self, collection: str) -> int | str:
        """Return a hash of the rows, or what the query says."""
        if self._query is not None:
            with self._reading() as base:
                self._check(base, collection)
                return self._asked(base, collection)
        state = self._state()
        if state is not None:
            with self._lock:
                known = self._known.get(collection)
            if known is not None and known[0] == state:
                return known[1]
        with self._reading() as base:
            made = content_generation(*self._rows(base, collection))
        with self._lock:
            if state is not None:
                self._known[collection] = (state, made)
        return made

    def pull_vectors(self, collection: str) -> Any:
        """Return ids, vectors, and the generation that these rows are."""
        with self._reading() as base:
            ids, vectors = self._rows(base, collection)
            if self._query is not None:
                return ids, vectors, self._asked(base, collection)
        column = read_vectors(vectors, "vectors", warn=False)
        return ids, column, content_generation(ids, column)

    def data_ref(self, collection: str) -> str:
        """Return the file, the table and the columns."""
        if self._path is None or self._query is not None:
            return super().data_ref(collection)
        parts = {"table": collection, "ids": self._ids, "column": self._column}
        if self._dtype != np.dtype("<f4"):
            parts["dtype"] = self._dtype.name
        path = urllib.parse.quote(self._path)
        return f"sqlite://{path}?{urllib.parse.urlencode(parts)}"

    def _fits(self, base: Any, table: str) -> bool:
        columns = {str(row[1]) for row in base.execute(f"PRAGMA table_info({quoted(table)})")}
        return {self._ids, self._column} <= columns

    def _check(self, base: Any, collection: str) -> None:
        if self._tables is not None and collection not in self._tables:
            raise UnknownCollection(
                f"table {collection!r} was not given to this store, which has "
                f"{listed(self._tables)}"
            )
        there = "SELECT 1 FROM sqlite_master WHERE name = ? AND type IN ('table', 'view')"
        columns = []
        if base.execute(there, [collection]).fetchone() is not None:
            about = base.execute(f"PRAGMA table_info({quoted(collection)})")
            columns = [str(row[1]) for row in about]
        if not columns:
            raise UnknownCollection(f"there is no table {collection!r}")
        for column in (self._ids, self._column):
            if column not in columns:
                raise UnknownCollection(
                    f"table {collection!r} has no column {column!r}, but {listed(columns)}"
                )

    def _asked(self, base: Any, collection: str) -> int | str:
        row = base.execute(self._query, {"collection": collection}).fetchone()
        if row is None or len(row) != 1:
            raise BackendError(f"generation={self._query!r} returned {row!r:.60}, not one value")
        return generation_of(row[0], f"the value of generation={self._query!r}")

    def _rows(self, base: Any, collection: str) -> tuple[list[Any], Any]:
        """Return ids, and vectors as a matrix or as lists."""
        self._check(base, collection)
        ids, column, table = map(quoted, (self._ids, self._column, collection))
        rows = base.execute(
            f"SELECT {ids}, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {ids}"
        )
        names: list[Any] = []
        blobs, lists, width = bytearray(), [], -1
        for row, (name, value) in enumerate(rows):
            names.append(name)
            if isinstance(value, bytes):
                width = len(value) if width < 0 else width
                same_length(width, len(value), row, name, "bytes")
                blobs += value
            elif isinstance(value, str):
                lists.append(_list_of(value, row, name))
            else:
                raise BackendError(
                    f"row {row}, id {name!r:.60}: {self._column!r} holds {value!r:.40}, which is "
                    "neither a blob nor a list in JSON",
                    row=row,
                )
            if lists and width >= 0:
                raise BackendError(
                    f"row {row}, id {name!r:.60}: {self._column!r} holds blobs and texts; store "
                    "all vectors one way",
                    row=row,
                )
        if lists:
            return names, lists
        size = self._dtype.itemsize
        if names and (width % size or not width):
            raise BackendError(
                f"blobs of {width} bytes are no vectors of {self._dtype.name}; say dtype="
            )
        dim = max(width, 0) // size
        return names, np.frombuffer(blobs, self._dtype).reshape(len(names), dim)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Any]:
        """Yield a connection that sees one state of the database."""
        if self._shared is not None:
            with self._lock:
                yield self._shared
            return
        base = self._connect()
        try:
            base.execute("BEGIN")
            yield base
        finally:
            base.close()

    def _connect(self) -> Any:
        import sqlite3  # here, so that importing the package stays short

        if self._path is not None and not os.path.exists(self._path):
            raise BackendError(f"there is no file {self._path!r}")
        return sqlite3.connect(self._uri, uri=True, check_same_thread=False, isolation_level=None)

    def _state(self) -> Any:
        """Return what is equal as long as nothing was committed; None where nobody can tell."""
        with self._lock:
            if self._shared is not None:
                if self._shared.in_transaction:  # what is seen may be taken back
                    return None
                base, counted = self._shared, self._shared.total_changes
            else:
                base, counted = self._watch(), 0
            version = base.execute("PRAGMA data_version").fetchone()[0]
            return version, base.execute("PRAGMA schema_version").fetchone()[0], counted, id(base)

    def _watch(self) -> Any:
        """Return the connection that watches, to the file that is there now; the lock is held."""
        inode = None
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):
                about = os.stat(self._path)
                inode = about.st_dev, about.st_ino
        if self._watching is None or inode != self._inode:
            self._known.clear()
            if self._watching is not None:
                self._watching.close()
                self._watching = None
            self._watching, self._inode = self._connect(), inode
        return self._watching


def _opened(database: Any) -> tuple[str, str | None, Any]:
    """Return URI, path if it is a file, and the connection if it is to memory."""
    if hasattr(database, "execute") and hasattr(database, "total_changes"):
        main = [row for row in database.execute("PRAGMA database_list") if row[1] == "main"]
        if not main or not main[0][2]:
            return "", None, database
        database = main[0][2]
    try:
        path = os.fsdecode(database)
    except TypeError:
        raise InvalidArgument(
            f"database={database!r:.60} must be a path or a sqlite3.Connection"
        ) from None
    if path.startswith("file:"):
        rest, _, options = path[len("file:") :].partition("?")
        memory = "mode=memory" in options or rest.startswith(":memory:")
        return path, None if memory else os.path.abspath(urllib.parse.unquote(rest)), None
    if path == ":memory:" or not path:
        raise InvalidArgument(
            f"database={path!r} would be a new, empty database; pass the connection"
        )
    path = os.path.abspath(path)
    return f"file:{urllib.parse.quote(path)}?mode=ro", path, None


def _list_of(text: str, row: int, name: Any) -> list[Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BackendError(
            f"row {row}, id {name!r:.60}: the text {text!r:.40} is no JSON ({error})", row=row
        ) from error
    if not isinstance(value, list):
        raise BackendError(
            f"row {row}, id {name!r:.60}: the JSON {text!r:.40} is no list of numbers", row=row
        )
    return value
