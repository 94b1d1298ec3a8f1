"""Where an input file lies, what it looks like from outside, and bytes of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from ..._errors import FileMissing, PersistError
from ..._native.task import aside
from .failing import file_error, foreign_error

T = TypeVar("T")


class Mark(NamedTuple):
    """What a file looks like from outside; another mark means another content."""

    size: int
    changed: str  # of a file of this machine its time of change in ns, else what the store says


class Place(Protocol):
    """Where one input file lies."""

    @property
    def name(self) -> str:
        """What errors and the manifest call the file: its path or URL."""
        ...

    @property
    def local(self) -> bool:
        """Whether the library can open the file by its name."""
        ...

    def mark(self) -> Mark:
        """Return what the file looks like now.

        Raises
        ------
        FileMissing
            It is not there (any more).
        PersistError
            It cannot be looked at, or is no file.
        """
        ...

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`.

        Raises
        ------
        PersistError
            The file has fewer, or cannot be read.
        """
        ...


class LocalPlace:
    """A file of this machine."""

    __slots__ = ("name",)

    local = True

    def __init__(self, path: str) -> None:
        self.name = path

    def mark(self) -> Mark:
        """Return size and time of change."""
        try:
            found = os.stat(self.name)
        except OSError as error:
            raise file_error(error, self.name, "an input cannot be read") from error
        if not stat.S_ISREG(found.st_mode):
            raise PersistError(f"{self.name} is not a file; pass parquet files, or their folder")
        return Mark(found.st_size, str(found.st_mtime_ns))

    def read(self, start: int, end: int) -> bytes:
        """Return some bytes of the file."""
        try:
            with open(self.name, "rb") as file:
                file.seek(start)
                return whole(self.name, file.read(end - start), start, end)
        except OSError as error:
            raise file_error(error, self.name, "an input cannot be read") from error


class Store(Protocol):
    """A file system that a user brings, as far as inputs need it."""

    def mark(self, key: str) -> Mark | None:
        """Return what a file looks like, None where there is none."""
        ...

    def below(self, key: str) -> Iterator[str]:
        """Yield the keys of all files below a folder, at any depth; none where there is none."""
        ...

    def read(self, key: str, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end` of a file."""
        ...

    def name(self, key: str) -> str:
        """Return what people call the file: a URL where that is known."""
        ...


class StoredPlace:
    """A file of a store that the user brought."""

    __slots__ = ("_key", "_store", "name")

    local = False

    def __init__(self, store: Store, key: str) -> None:
        self._store, self._key = store, key
        self.name = store.name(key)

    def mark(self) -> Mark:
        """Return what the store says of the file."""
        found = asked(self.name, "looked at", lambda: self._store.mark(self._key))
        if found is None:
            raise FileMissing(f"{self.name}: there is no such file (any more)", path=self.name)
        return found

    def read(self, start: int, end: int) -> bytes:
        """Return some bytes of the file."""
        data = asked(self.name, "read", lambda: self._store.read(self._key, start, end))
        return whole(self.name, data, start, end)


def asked(name: str, what: str, ask: Callable[[], T]) -> T:
    """Return what a user's file system answers; an interrupt does not wait for it.

    Raises
    ------
    PersistError
        For whatever it raises, naming the file.
    """
    try:
        return aside(lambda waiter: ask())
    except Exception as error:
        raise foreign_error(error, name, f"an input cannot be {what}") from error


def whole(name: str, data: bytes, start: int, end: int) -> bytes:
    """Return the bytes if they are all that were asked for."""
    if len(data) == end - start:
        return data
    raise PersistError(
        f"{name}: {len(data):,} bytes were read at {start:,} where {end - start:,} should be; the "
        "file was cut short while it was read"
    )
