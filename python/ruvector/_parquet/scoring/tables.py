"""Tables of pyiceberg and deltalake: their files, and what must be known to read them rightly."""

from __future__ import annotations

import datetime
import decimal
import importlib
import os
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from ..._errors import ColumnError, InvalidArgument, MissingExtra
from .filesystems import ObstoreStore, store_of_url
from .hive import Constant, Value
from .places import LocalPlace, Mark, Place, Store, StoredPlace, asked

# Features of a Delta table that change nothing in how its files are read as rows; deletion vectors
# and column mapping are looked into.
_HARMLESS: Final = frozenset(
    {
        "columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck",
        "variantType", "variantType-preview", "typeWidening", "typeWidening-preview",
        "catalogManaged",
    }
)  # fmt: skip
_TYPES: Final = {
    "long": "int64", "integer": "int64", "short": "int64", "byte": "int64", "string": "string",
    "double": "float64", "float": "float64", "boolean": "bool", "date": "date32",
}  # fmt: skip


class TableFile(NamedTuple):
    """A file of a table."""

    place: Place
    constants: tuple[Constant, ...]


class Fields(NamedTuple):
    """Columns of an Iceberg table, known by numbers whatever the files call them."""

    table: str
    names: dict[int, str]

    def check(self, file: str, columns: list[tuple[str, int | None]]) -> None:
        """Refuse a file whose columns are called otherwise now, or which has no numbers.

        Raises
        ------
        ColumnError
        """
        for name, number in columns:
            if number is None or number < 0:
                raise ColumnError(
                    f"{file}: column {name!r} has no field id, so what it is in table "
                    f"{self.table} cannot be known; rewrite the file with the table's own writer"
                )
            now = self.names.get(number)
            if now != name:
                known = f"is called {now!r} now" if now is not None else "was dropped since"
                raise ColumnError(
                    f"{file}: what this file calls {name!r} {known} in table {self.table}; "
                    "rewrite its files (compaction does), or score an older snapshot"
                )


class TableFiles(NamedTuple):
    """What was read of a table."""

    files: tuple[TableFile, ...]
    snapshot: str  # the table and its state, for the manifest
    fields: Fields | None


def read_table(item: Any) -> TableFiles | None:
    """Return the files of a table, None where `item` is none.

    Raises
    ------
    InvalidArgument
        The table has rows that were deleted without writing their file again, or something else
        that cannot be honoured; names it and the way out.
    """
    for cls in type(item).__mro__:
        package = cls.__module__.partition(".")[0]
        if package == "pyiceberg" and cls.__name__ in ("Table", "DataScan"):
            return _iceberg(item)
        if package == "deltalake" and cls.__name__ == "DeltaTable":
            return _delta(item)
    return None


# ---- Iceberg ----


class _IcebergStore:
    """The files of an Iceberg table, read with the table's own credentials."""

    __slots__ = ("_io",)

    def __init__(self, io: Any) -> None:
        self._io = io

    def mark(self, key: str) -> Mark | None:
        """Return the size: data files are written once."""
        file = self._io.new_input(key)
        return Mark(len(file), "") if file.exists() else None

    def below(self, key: str) -> Iterator[str]:
        """Yield nothing: the table says which files it has."""
        yield from ()

    def read(self, key: str, start: int, end: int) -> bytes:
        """Return some bytes."""
        with self._io.new_input(key).open(seekable=True) as file:
            file.seek(start)
            return bytes(file.read(end - start))

    def name(self, key: str) -> str:
        """Return the URL."""
        return key


def _iceberg(item: Any) -> TableFiles:
    scan = item.scan() if type(item).__name__ != "DataScan" and hasattr(item, "scan") else item
    _refuse_part_of_scan(scan)
    metadata = scan.table_metadata
    name = str(getattr(metadata, "location", "") or "an Iceberg table")
    snapshot = scan.snapshot()
    number = None if snapshot is None else snapshot.snapshot_id
    store = _IcebergStore(scan.io)
    files = []
    for task in asked(name, "planned", lambda: list(scan.plan_files())):
        path, kind = task.file.file_path, str(task.file.file_format).rpartition(".")[2]
        if kind.upper() != "PARQUET":
            raise InvalidArgument(
                f"table {name} has the file {path} of format {kind}: only parquet can be scored"
            )
        if task.delete_files:
            raise InvalidArgument(
                f"table {name}, snapshot {number}: rows of {path} were deleted by "
                f"{len(task.delete_files)} delete file(s), which are not applied here; compact the "
                "table (rewrite_data_files with delete-file-threshold=1), then score it"
            )
        files.append(TableFile(_iceberg_place(store, path), ()))
    schema = scan.table_metadata.schema() if snapshot is None else scan.projection()
    fields = Fields(name, {int(field.field_id): str(field.name) for field in schema.fields})
    return TableFiles(tuple(files), f"iceberg {metadata.table_uuid} snapshot {number}", fields)


def _refuse_part_of_scan(scan: Any) -> None:
    """Refuse a scan of some rows or columns only."""
    for what, plain in (("row_filter", "AlwaysTrue()"), ("limit", "None")):
        if str(getattr(scan, what, plain)) != plain:
            raise InvalidArgument(
                f"the scan has {what}={getattr(scan, what)}, which is not applied here: pass the "
                "table, or table.scan(snapshot_id=...), and choose columns with columns="
            )
    if tuple(scan.selected_fields) != ("*",):
        raise InvalidArgument("the scan selects fields: pass the table, and choose with columns=")


def _iceberg_place(store: Store, path: str) -> Place:
    local = _local_path(path)
    return StoredPlace(store, path) if local is None else LocalPlace(local)


def _local_path(url: str) -> str | None:
    """Return the path of a file of this machine, None of another."""
    if url.startswith("/"):
        return url
    parts = urlsplit(url)
    # Iceberg writes paths as they are: only deltalake's are URLs that have to be decoded.
    return parts.path if parts.scheme == "file" and parts.netloc in ("", "localhost") else None


# ---- Delta ----


def _delta(table: Any) -> TableFiles:
    uri, version = str(table.table_uri), int(table.version())
    name = f"table {uri}, version {version}"
    _refuse_features(table, name)
    kinds = {field["name"]: field["type"] for field in _fields_of(table)}
    partitions = [str(column) for column in table.metadata().partition_columns]
    for column in partitions:
        if kinds.get(column) not in _TYPES:
            raise InvalidArgument(
                f"{name} is partitioned by {column!r} of type {kinds.get(column)}, which cannot "
                f"become a column here; those of {', '.join(sorted(_TYPES))} can"
            )
    actions = table.get_add_actions(flatten=True)
    paths = actions.column("path").to_pylist()
    values = {column: actions.column(f"partition.{column}").to_pylist() for column in partitions}
    place_of = _delta_places(table, uri)
    files = tuple(
        TableFile(
            place_of(unquote(str(path))),
            tuple(
                Constant(column, _TYPES[kinds[column]], _plain(values[column][i]))
                for column in partitions
            ),
        )
        for i, path in enumerate(paths)
    )
    return TableFiles(files, f"delta {table.metadata().id} version {version}", None)


def _fields_of(table: Any) -> list[dict[str, Any]]:
    import json

    fields: list[dict[str, Any]] = json.loads(table.schema().to_json())["fields"]
    return fields


def _refuse_features(table: Any, name: str) -> None:
    features = {str(feature) for feature in table.protocol().reader_features or ()}
    strange = sorted(features - _HARMLESS)
    if strange:
        raise InvalidArgument(
            f"{name} uses {', '.join(strange)}, which is not known here: write its rows into a "
            "table without, or into parquet files"
        )
    mode = str(table.metadata().configuration.get("delta.columnMapping.mode", "none"))
    if mode != "none":
        raise InvalidArgument(
            f"{name} maps columns by {mode}: its files have other names than the table; write its "
            "rows into a table without column mapping, or into parquet files"
        )
    if "deletionVectors" not in features:
        return
    way = "compact it (dt.optimize.compact(), or REORG TABLE ... APPLY (PURGE)), then score it"
    if not hasattr(table, "deletion_vectors"):
        raise InvalidArgument(
            f"{name} may have deletion vectors, which this deltalake does not tell: {way}, or "
            "install deltalake 1.6 or later"
        )
    for batch in table.deletion_vectors():
        for path in batch.column("filepath").to_pylist():
            raise InvalidArgument(
                f"{name}: rows of {path} were deleted by a deletion vector, which is not applied "
                f"here: {way}"
            )


def _delta_places(table: Any, uri: str) -> Any:
    """Return what makes a place of a path within the table."""
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        root = unquote(parts.path) if parts.scheme else uri

        def local(path: str) -> Place:
            inside = unquote(urlsplit(path).path) if path.startswith("file://") else path
            return LocalPlace(os.path.join(root, inside))  # an absolute path stays what it is

        return local
    store, prefix = _delta_store(table, uri)
    return lambda path: StoredPlace(store, f"{prefix}{path}")


def _delta_store(table: Any, uri: str) -> tuple[Store, str]:
    """Return the store of a table that lies elsewhere, by the options that it was opened with."""
    options = dict(getattr(table, "_storage_options", None) or {})
    try:
        make = importlib.import_module("obstore.store").from_url
    except ImportError:
        if options:
            pip = "pip install obstore"
            raise MissingExtra(
                f"{uri}: reading the files with the table's storage_options needs obstore, which "
                f"is not installed: {pip}",
                pip=pip,
            ) from None
        store, key = store_of_url(uri)
        return store, key.rstrip("/") + "/"
    return ObstoreStore(asked(uri, "opened", lambda: make(uri, **options))), ""


def _plain(value: Any) -> Value:
    """Return a value of a partition as the library takes it."""
    if value is None or isinstance(value, bool | int | float | str | datetime.date):
        return value
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise InvalidArgument(f"a partition has the value {value!r}, which cannot become a column here")
