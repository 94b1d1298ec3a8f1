"""`LanceDBBackend`: tables of LanceDB."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from typing import Any, ClassVar

from ..._errors import InvalidArgument, UnknownCollection
from ..._habits import told
from ..adapter import BackendAdapter
from .content import listed, names_of, text_of


class LanceDBBackend(BackendAdapter):
    """Tables of a LanceDB database: a collection a table.

    Parameters
    ----------
    name : str
        Of the store; unique in a lake.
    connection : lancedb.DBConnection
        What ``lancedb.connect`` returned.
    ids : str
        The column of ids: whole numbers or texts, each once.
    column : str
        The column of vectors. Rows where it is null are left out.
    table : str or sequence of str, optional
        The tables that are collections; all that have both columns when not given.

    Notes
    -----
    The generation is the version of the table and the time at which it was made, so that a table
    that was dropped and made again is another. A pull reads that version, whatever others commit.
    Read only. Thread-safe.
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
    ) -> None:
        self.id = text_of("name", name)
        if not hasattr(connection, "open_table"):
            raise InvalidArgument(
                f"connection={connection!r:.60} is no connection; pass lancedb.connect(...)"
            )
        self._connection = connection
        self._ids, self._column = text_of("ids", ids), text_of("column", column)
        self._tables = names_of("table", table)

    def __repr__(self) -> str:
        return f"LanceDBBackend({self.id!r}, {self._where!r})"

    @property
    def _where(self) -> str:
        return str(getattr(self._connection, "uri", ""))

    def list_collections(self) -> list[str]:
        """Return the tables that have both columns."""
        found = []
        for name in self._all():
            if self._tables is not None and name not in self._tables:
                continue
            columns = set(self._connection.open_table(name).schema.names)
            if {self._ids, self._column} <= columns:
                found.append(name)
        return found

    def generation(self, collection: str) -> str:
        """Return version and time of the table."""
        return _version_of(self._open(collection))[1]

    def pull_vectors(self, collection: str) -> Any:
        """Return the rows of the version that is the last one now."""
        table = self._open(collection)
        number, generation = _version_of(table)
        table.checkout(number)
        query = table.search().select([self._ids, self._column])
        rows = query.where(f"`{self._column}` IS NOT NULL").to_arrow()
        rows = rows.select([self._ids, self._column]).rename_columns(["id", "vector"])
        return rows, generation

    def data_ref(self, collection: str) -> str:
        """Return the database, the table and the columns."""
        if not self._where:
            return super().data_ref(collection)
        parts = {"table": collection, "ids": self._ids, "column": self._column}
        return f"lancedb+{self._where}?{urllib.parse.urlencode(parts)}"

    def _all(self) -> list[str]:
        names: list[str] = []
        token = None
        while True:
            page = self._connection.list_tables(page_token=token)
            names += [str(name) for name in page.tables]
            token = page.page_token
            if not token:
                return names

    def _open(self, collection: str) -> Any:
        if self._tables is not None and collection not in self._tables:
            raise UnknownCollection(
                f"table {collection!r} was not given to this store, which has "
                f"{listed(self._tables)}"
            )
        try:
            table = self._connection.open_table(collection)
        except (ValueError, FileNotFoundError) as error:
            if collection in self._all():
                raise
            raise UnknownCollection(f"there is no table {collection!r}") from error
        columns = list(table.schema.names)
        for column in (self._ids, self._column):
            if column not in columns:
                raise UnknownCollection(
                    f"table {collection!r} has no column {column!r}, but {listed(columns)}"
                )
        return table


def _version_of(table: Any) -> tuple[int, str]:
    """Return the number of the table's version, and its generation."""
    number = int(table.version)
    for version in reversed(table.list_versions()):
        if int(version["version"]) == number:
            return number, f"{number}-{version['timestamp'].isoformat()}"
    return number, str(number)  # it was cleaned up between the two calls
