"""`ObjectStoreBackend`: parquet files in an object store."""

from __future__ import annotations

import hashlib
import importlib
import io
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from ..._errors import BackendError, InvalidArgument, MissingExtra, UnknownCollection
from ..._habits import told
from ..._parquet.scoring.filesystems import store_of
from ..._parquet.scoring.places import Mark, Store
from ..adapter import BackendAdapter
from .content import listed, text_of

_ENDING: Final = ".parquet"
_ROWS: Final = 65_536  # of a batch that is sent

Files = dict[str, Mark]  # by key, sorted


class ObjectStoreBackend(BackendAdapter):
    """Parquet files in an object store: a collection a file, or a folder of files.

    Parameters
    ----------
    name : str
        Of the store; unique in a lake.
    store : obstore store, fsspec or pyarrow file system
        Where the files are.
    prefix : str
        The folder in it: ``prefix/NAME.parquet`` and ``prefix/NAME/*.parquet`` are the collection
        NAME.
    column : str
        The column of vectors.
    ids : str, optional
        The column of ids; rows are called by their positions when not given.

    Notes
    -----
    The generation is a hash of the keys, sizes and ETags (or times of change) of the files: listing
    them is all that is done where nothing changed. Of a file the footer and the two columns are
    read, by ranges. Needs pyarrow. Read only. Thread-safe.
    """

    _owned: ClassVar[bool] = True

    @told
    def __init__(
        self, name: str, store: Any, prefix: str = "", *, column: str, ids: str | None = None
    ) -> None:
        self.id = text_of("name", name)
        found = store_of(store)
        if found is None:
            raise InvalidArgument(
                f"store={store!r:.60} is no store; pass one of obstore, or a file system of fsspec "
                "or pyarrow"
            )
        self._store: Store = found
        self._prefix = text_of("prefix", prefix).rstrip("/") if prefix else ""
        self._column = text_of("column", column)
        self._ids = None if ids is None else text_of("ids", ids)

    def __repr__(self) -> str:
        return f"ObjectStoreBackend({self.id!r}, {self._store.name(self._prefix)!r})"

    def list_collections(self) -> list[str]:
        """Return the names of files and folders."""
        return sorted({name for _, name in self._keys()})

    def generation(self, collection: str) -> str:
        """Return a hash of what the files look like from outside."""
        return _generation(self._files(collection))

    def pull_vectors(self, collection: str) -> Any:
        """Return a stream that reads the files; it breaks if one of them changes meanwhile."""
        try:
            pyarrow: Any = importlib.import_module("pyarrow")
        except ImportError:
            raise MissingExtra(
                "ObjectStoreBackend reads parquet files with pyarrow, which is not installed: "
                "pip install 'ruvector[arrow]'",
                pip="pip install 'ruvector[arrow]'",
            ) from None
        files = self._files(collection)
        parts = self._parts(files, collection)
        first = next(parts, None)
        if first is None:
            raise BackendError("its files have no rows, not even a schema")
        return (
            pyarrow.RecordBatchReader.from_batches(first.schema, _again(first, parts)),
            _generation(files),
        )

    def data_ref(self, collection: str) -> str:
        """Return where the files are, and the columns."""
        where = self._store.name(f"{self._prefix}/{collection}" if self._prefix else collection)
        return f"{where}?column={self._column}&ids={self._ids or ''}"

    def _keys(self) -> Iterator[tuple[str, str]]:
        """Yield key and collection of every file that belongs to one."""
        start = f"{self._prefix}/" if self._prefix else ""
        for key in self._store.below(self._prefix):
            place = key.find(start) if start else 0
            if place < 0 or (place and key[place - 1] != "/"):
                continue
            rest = key[place + len(start) :].lstrip("/")
            parts = rest.split("/")
            if not rest.endswith(_ENDING) or len(parts) > 2 or parts[-1].startswith((".", "_")):
                continue
            yield key, parts[0] if len(parts) == 2 else rest[: -len(_ENDING)]

    def _files(self, collection: str) -> Files:
        """Return the files of a collection as they look now."""
        where = f"{self._prefix}/{collection}" if self._prefix else collection
        files = {}
        for key in (where + _ENDING, *sorted(self._store.below(where))):
            name = key.rpartition("/")[2]
            direct = key == where + _ENDING or key.rpartition("/")[0].endswith(where)
            if direct and name.endswith(_ENDING) and not name.startswith((".", "_")):
                mark = self._store.mark(key)
                if mark is not None:
                    files[key] = mark
        if not files:
            raise UnknownCollection(
                f"there is neither {collection}{_ENDING} nor a folder {collection} of such files "
                f"in {self._store.name(self._prefix)}"
            )
        return files

    def _parts(self, files: Files, collection: str) -> Iterator[Any]:
        """Yield batches of "id" and "vector"."""
        counted = 0
        for key, mark in files.items():
            changed = f"{key} changed while it was read; try again"
            try:
                for batch in self._batches(key, mark.size):
                    yield self._named(batch, counted)
                    counted += len(batch)
            except Exception as error:  # what is read of two states may fail in any way
                if self._store.mark(key) != mark:
                    raise BackendError(changed) from error
                raise
            if self._store.mark(key) != mark:
                raise BackendError(changed)
        if self._files(collection).keys() != files.keys():
            raise BackendError("files came or went while they were read; try again")

    def _batches(self, key: str, size: int) -> Iterator[Any]:
        """Yield the rows of a file; first none, which says the types of a file that has none."""
        pyarrow, parquet = map(importlib.import_module, ("pyarrow", "pyarrow.parquet"))
        file = parquet.ParquetFile(_Ranges(self._store, key, size))
        names = file.schema_arrow.names
        wanted = [self._column] if self._ids is None else [self._ids, self._column]
        for column in wanted:
            if column not in names:
                raise BackendError(f"{key} has no column {column!r}, but {listed(names)}")
        kinds = pyarrow.schema([file.schema_arrow.field(name) for name in wanted])
        yield pyarrow.RecordBatch.from_pylist([], kinds)
        yield from file.iter_batches(_ROWS, columns=wanted)

    def _named(self, batch: Any, counted: int) -> Any:
        pyarrow = importlib.import_module("pyarrow")
        vectors = batch.column(self._column)
        if self._ids is None:
            ids = pyarrow.array(range(counted, counted + len(batch)), pyarrow.int64())
        else:
            ids = batch.column(self._ids)
        return pyarrow.RecordBatch.from_arrays([ids, vectors], names=["id", "vector"])


def _again(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _generation(files: Files) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for key, mark in files.items():
        for text in (key, str(mark.size), mark.changed):
            raw = text.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "little"))
            digest.update(raw)
    return f"{len(files)}-{digest.hexdigest()}"


class _Ranges(io.RawIOBase):
    """A file of which ranges are read where they are asked for."""

    def __init__(self, store: Store, key: str, size: int) -> None:
        self._store, self._key, self._size, self._at = store, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        if end <= self._at:
            return b""
        found = self._store.read(self._key, self._at, end)
        if len(found) != end - self._at:
            raise BackendError(
                f"{self._key} has no bytes {self._at} to {end}: it was cut while it was read"
            )
        self._at = end
        return found

    def readinto(self, buffer: Any) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)
