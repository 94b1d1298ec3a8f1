"""`DuckDBBackend`: tables of DuckDB."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from typing import Any, ClassVar

from ..._errors import BackendError, InvalidArgument, UnknownCollection
from ..._habits import told
from ..adapter import BackendAdapter, generation_of
from .content import listed, names_of, quoted, text_of


class DuckDBBackend(BackendAdapter):
    """Tables of a DuckDB database: a collection a table.

    Parameters
    ----------
    name : str
        Of the store; unique in a lake.
    connection : duckdb.DuckDBPyConnection
        To the database. It is not used itself: cursors of it are, which see what is committed, and
        none of its temporary tables.
    ids : str
        The column of ids: whole numbers or texts, each once.
    column : str
        The column of vectors: an array or list of numbers. Rows where it is NULL are left out.
    table : str or sequence of str, optional
        The tables (or views) of the current schema that are collections; all that have both
        columns when not given.
    generation : str, optional
        A query of one value, a number that grows or a text, that changes with every change of a
        collection; ``$collection`` in it is the name of the table. Without it a generation is a
        hash of all rows, which DuckDB makes in one pass: it knows no version of a table.

    Notes
    -----
    Without ``generation=`` a search that must be fresh reads the whole table: say
    ``Consistency.EVENTUAL``, or keep a version. A pull is one transaction, so that rows and
    generation belong together whatever others commit. Read only. Thread-safe.
    """

    _owned: ClassVar[bool] = True

    @told
    def __init__(
        self,
        name: str,
        connection: Any,
        *,
        ids: str,
        column: str,
        table: str | Sequence[str] | None = None,
        generation: str | None = None,
    ) -> None:
        self.id = text_of("name", name)
        if not hasattr(connection, "cursor") or not hasattr(connection, "sql"):
            raise InvalidArgument(
                f"connection={connection!r:.60} is no connection; pass duckdb.connect(...)"
            )
        self._connection = connection
        self._ids, self._column = text_of("ids", ids), text_of("column", column)
        self._tables = names_of("table", table)
        self._query = None if generation is None else text_of("generation", generation)
        where = [row[2] for row in connection.cursor().execute("PRAGMA database_list").fetchall()]
        self._path = where[0] if len(where) == 1 else None

    def __repr__(self) -> str:
        return f"DuckDBBackend({self.id!r}, {self._path or 'memory'!r})"

    def list_collections(self) -> list[str]:
        """Return the tables that have both columns."""
        cursor = self._connection.cursor()
        try:
            found = cursor.execute(
                "SELECT table_name FROM information_schema.columns "
                "WHERE table_schema = current_schema() AND table_catalog = current_database() "
                "GROUP BY table_name "
                "HAVING bool_or(column_name = ?) AND bool_or(column_name = ?)",
                [self._ids, self._column],
            ).fetchall()
        finally:
            cursor.close()
        names = [str(row[0]) for row in found]
        return names if self._tables is None else [n for n in names if n in self._tables]

    def generation(self, collection: str) -> int | str:
        """Return a hash of the rows, or what the query says."""
        cursor = self._connection.cursor()
        try:
            self._check(cursor, collection)
            return self._state(cursor, collection)
        finally:
            cursor.close()

    def pull_vectors(self, collection: str) -> Any:
        """Return a stream of the rows and their generation, of one transaction."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION")
            self._check(cursor, collection)
            generation = self._state(cursor, collection)
            ids, column, table = map(quoted, (self._ids, self._column, collection))
            rows = cursor.sql(
                f'SELECT {ids} AS "id", {column} AS "vector" FROM {table} '
                f"WHERE {column} IS NOT NULL"
            )
        except BaseException:
            cursor.close()
            raise
        return Rows(rows, cursor), generation

    def data_ref(self, collection: str) -> str:
        """Return the file, the table and the columns."""
        if not self._path or self._query is not None:
            return super().data_ref(collection)
        parts = {"table": collection, "ids": self._ids, "column": self._column}
        path = urllib.parse.quote(str(self._path))
        return f"duckdb://{path}?{urllib.parse.urlencode(parts)}"

    def _check(self, cursor: Any, collection: str) -> None:
        if self._tables is not None and collection not in self._tables:
            raise UnknownCollection(
                f"table {collection!r} was not given to this store, which has "
                f"{listed(self._tables)}"
            )
        found = cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = ? "
            "AND table_schema = current_schema() AND table_catalog = current_database()",
            [collection],
        ).fetchall()
        columns = [str(row[0]) for row in found]
        if not columns:
            raise UnknownCollection(f"there is no table {collection!r}")
        for column in (self._ids, self._column):
            if column not in columns:
                raise UnknownCollection(
                    f"table {collection!r} has no column {column!r}, but {listed(columns)}"
                )

    def _state(self, cursor: Any, collection: str) -> int | str:
        if self._query is None:
            ids, column, table = map(quoted, (self._ids, self._column, collection))
            rows, total, mixed = cursor.execute(
                f"SELECT count(*), sum(hash({ids}, {column})), bit_xor(hash({column}, {ids}, 1)) "
                f"FROM {table} WHERE {column} IS NOT NULL"
            ).fetchall()[0]
            return f"{rows}-{int(total or 0):x}-{int(mixed or 0):x}"
        named = {"collection": collection} if "$collection" in self._query else {}
        found = cursor.execute(self._query, named).fetchall()
        if len(found) != 1 or len(found[0]) != 1:
            raise BackendError(f"generation={self._query!r} returned {found!r:.60}, not one value")
        return generation_of(found[0][0], f"the value of generation={self._query!r}")


class Rows:
    """Rows of a transaction that lasts until they were read."""

    def __init__(self, rows: Any, cursor: Any) -> None:
        self._rows: Any = rows
        self._cursor = cursor

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the stream."""
        return self._rows.__arrow_c_stream__()

    def _ruvector_done(self) -> None:
        """End the transaction."""
        self._rows = None
        self._cursor.close()
