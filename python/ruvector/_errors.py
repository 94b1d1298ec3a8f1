"""The errors of ruvector.

::

    RuVectorError
    |- VectorIndexError
    |  |- DimensionMismatch (ValueError)
    |  |- InvalidVector (ValueError)
    |  |- EmptyIndex
    |  |- IndexClosed (ValueError)
    |  |- UnknownId (LookupError)
    |  |- DuplicateId (ValueError)
    |  `- VectorsChanged
    |- ColumnError (LookupError)
    |- MetricError (ValueError)
    |- PersistError (and an OSError where the system gave a reason)
    |  |- FileMissing (FileNotFoundError)
    |  |- NotAnIndex
    |  |- FormatTooNew
    |  `- CorruptIndex
    |- LimitExceeded (ValueError)
    |- LakeError (and a PersistError and OSError where the system gave a reason)
    |  |- BackendError
    |  |- UnknownBackend
    |  |- UnknownCollection
    |  |- WitnessMismatch
    |  `- CacheMissError
    |- InvalidArgument (ValueError)
    |- OutOfMemory (MemoryError)
    |- EmbedError
    |- MissingExtra (ImportError)
    |- A2aError: the tree below it is that of ``rv.a2a``
    |- ForkedProcessError (RuntimeError)
    `- NativeError
       `- Poisoned

Every class has a number, ``kind``, which is the same in Go, in C and here.
Cancellation is ``KeyboardInterrupt`` or ``asyncio.CancelledError``, never a class of ours.
"""

from __future__ import annotations

import itertools
import os
from errno import ENOENT
from typing import Any, ClassVar

CANCELLED = 17


class RuVectorError(Exception):
    """Base of all errors of this package.

    ``row`` and ``column`` (a position, not a name) say where, and are None where there is no such
    place.
    """

    kind: ClassVar[int] = 0

    def __init__(
        self, message: str = "", *, row: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(message)
        self.row = row
        self.column = column


class VectorIndexError(RuVectorError):
    """An index cannot do what was asked."""

    kind = 21


class DimensionMismatch(VectorIndexError, ValueError):
    """Vectors of different numbers of dimensions, or not the rows that an index was built from."""

    kind = 2


class InvalidVector(VectorIndexError, ValueError):
    """A vector with NaN, infinity, a null, the wrong length, or a norm out of range."""

    kind = 3


class EmptyIndex(VectorIndexError):
    """Rows are needed and there are none."""

    kind = 4


class IndexClosed(VectorIndexError, ValueError):
    """The index was closed."""

    kind = 5


class UnknownId(VectorIndexError, LookupError):
    """No row has this id."""

    kind = 6


class DuplicateId(VectorIndexError, ValueError):
    """Two rows have one id."""

    kind = 7


class VectorsChanged(VectorIndexError):
    """Borrowed vectors are not those that the index was built from."""

    kind = 8


class ColumnError(RuVectorError, LookupError):
    """A column is missing, ambiguous, or of a type that holds no vectors."""

    kind = 9


class MetricError(RuVectorError, ValueError):
    """An unknown metric, or one that does not fit the index or the threshold."""

    kind = 10


class PersistError(RuVectorError):
    """A file cannot be written or read.

    Where the system gave a reason, also the OSError that `open` would have raised
    (FileNotFoundError, PermissionError, IsADirectoryError, ...), with ``errno``, ``strerror`` and
    ``filename``.
    """

    kind = 11


class FileError(PersistError, OSError):
    """A PersistError for which the system gave a reason."""

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        path: str | bytes | None = None,
        row: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message, row=row, column=column)
        self.errno = code
        self.strerror = None if code is None else os.strerror(code)
        self.filename = path

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return again, (type(self), str(self), self.errno, self.filename)


class FileMissing(FileError, FileNotFoundError):
    """There is no such file, or no such folder to write it to."""

    kind = 31

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = ENOENT,
        path: str | bytes | None = None,
        row: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message, code=code, path=path, row=row, column=column)


class FileDenied(FileError, PermissionError):
    """The system does not allow it."""


class FileIsFolder(FileError, IsADirectoryError):
    """A folder lies where a file should."""


class FileInNoFolder(FileError, NotADirectoryError):
    """Something else lies where a folder should."""


class NotAnIndex(PersistError):
    """The bytes are something else than an index."""

    kind = 12


class FormatTooNew(PersistError):
    """The index was written by a later version."""

    kind = 13


class CorruptIndex(PersistError):
    """The bytes of an index are damaged."""

    kind = 14


class LimitExceeded(RuVectorError, ValueError):
    """More rows, dimensions or bytes than are supported."""

    kind = 15


class LakeError(RuVectorError):
    """A lake, or a store of many collections, cannot do what was asked."""

    kind = 22


class LakeFileError(LakeError, FileError):
    """A LakeError for which the system gave a reason."""


class BackendError(LakeError):
    """A store failed, or gave what is no collection; names both."""

    kind = 23


class UnknownBackend(LakeError):
    """A lake has no store of this name."""

    kind = 24


class UnknownCollection(LakeError):
    """No store, or not the one that was named, has a collection of this name."""

    kind = 25


class WitnessMismatch(LakeError):
    """Data do not have the witness that they should have; names both."""

    kind = 26


class CacheMissError(LakeError):
    """A look-up that must not build found nothing."""

    kind = 27


class InvalidArgument(RuVectorError, ValueError):
    """An argument that has no meaning."""

    kind = 1


class OutOfMemory(RuVectorError, MemoryError):
    """No memory for what was asked."""

    kind = 16


class EmbedError(RuVectorError):
    """Text cannot be embedded."""

    kind = 28


class MissingExtra(RuVectorError, ImportError):
    """A package is needed that is not installed; ``pip`` is the command that installs it."""

    kind = 29

    def __init__(
        self,
        message: str = "",
        *,
        pip: str | None = None,
        row: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message, row=row, column=column)
        self.pip = pip


class A2aError(RuVectorError):
    """Another agent, or the way to it, failed. The classes below it are those of ``rv.a2a``.

    Attributes
    ----------
    op : str or None
        What was asked for: ``"connect"``, ``"send_task"``.
    url : str or None
        What was asked, without its query.
    task_id : str or None
        The task that the agent named.
    attempts : int
        How often it was asked; 0 where nothing was sent.
    """

    kind = 30

    def __init__(
        self,
        message: str = "",
        *,
        op: str | None = None,
        url: str | None = None,
        task_id: str | None = None,
        attempts: int = 0,
        row: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message, row=row, column=column)
        self.op = op
        self.url = url
        self.task_id = task_id
        self.attempts = attempts


class ForkedProcessError(RuVectorError, RuntimeError):
    """The library was used before this process was forked and cannot work in the child."""

    kind = 18


class NativeError(RuVectorError):
    """A defect of the library: please report it."""

    kind = 19


class Poisoned(NativeError):
    """An object that met a NativeError before and may be damaged."""

    kind = 20


def again(cls: type[FileError], message: str, code: int | None, path: Any) -> FileError:
    """Return the error that was pickled."""
    return cls(message, code=code, path=path)


def _tree(cls: type[RuVectorError]) -> dict[int, type[RuVectorError]]:
    found = {cls.kind: cls} if "kind" in vars(cls) else {}
    for sub in cls.__subclasses__():
        found.update(_tree(sub))
    return found


CLASSES: dict[int, type[RuVectorError]] = _tree(RuVectorError)


_BY_BUILTIN: dict[type[OSError], type[FileError]] = {
    FileNotFoundError: FileMissing, PermissionError: FileDenied,
    IsADirectoryError: FileIsFolder, NotADirectoryError: FileInNoFolder,
}  # fmt: skip


def error_of(
    kind: int, message: str, row: int = -1, column: int = -1, code: int = 0
) -> BaseException:
    """Return the exception for an error kind of the library; negative places mean none.

    ``code`` is the system's errno, 0 if it gave none.
    """
    if kind == CANCELLED:
        return KeyboardInterrupt(message)
    if code and kind == LakeError.kind:
        return LakeFileError(message, code=code)
    if code and kind in (PersistError.kind, FileMissing.kind):
        return _BY_BUILTIN.get(type(OSError(code, "")), FileError)(message, code=code)
    cls = CLASSES.get(kind, NativeError)
    error = cls(message, row=row if row >= 0 else None, column=column if column >= 0 else None)
    if code and issubclass(cls, LakeError):
        error.__cause__ = _causes.get(code)
    return error


_MOST_CAUSES = 64
_causes: dict[int, BaseException] = {}
_codes = itertools.count(1)


def keep_cause(cause: BaseException) -> int:
    """Keep what a store raised; the code that is returned makes it the cause of `error_of`'s.

    So many are kept, the last ones: as an error passes the library before anybody sees it, nothing
    says when it is not needed any more.
    """
    code = next(_codes) % (2**31 - 1) + 1
    _causes[code] = cause
    for old in list(_causes)[:-_MOST_CAUSES]:
        _causes.pop(old, None)
    return code
