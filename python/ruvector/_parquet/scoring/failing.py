"""Errors of files, as the system or a user's file system gives them, made ours."""

from __future__ import annotations

import errno
from typing import Final

from ..._errors import FileError, FileMissing, PersistError, error_of

# The place for output is used up or cannot be written: nothing an input file could be blamed for.
NO_ROOM: Final = frozenset(
    number
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS")
    if (number := getattr(errno, name, None)) is not None
)


def file_error(error: OSError, path: str, what: str) -> PersistError:
    """Return the PersistError for what the system says of a file; also its kind of OSError."""
    code = error.errno or 0
    reason = error.strerror or str(error) or type(error).__name__
    kind = FileMissing.kind if code in (errno.ENOENT,) else PersistError.kind
    if not code and isinstance(error, FileNotFoundError):
        return FileMissing(f"{what}: {path}: {reason}", path=path)
    made = error_of(kind, f"{what}: {path}: {reason}", code=code)
    assert isinstance(made, PersistError)
    if isinstance(made, FileError):
        made.filename = path
    return made


def foreign_error(error: Exception, name: str, what: str) -> PersistError:
    """Return the PersistError for what a user's file system raised about one of its files."""
    if isinstance(error, PersistError):
        return error
    if isinstance(error, OSError) and error.errno:
        return file_error(error, name, what)
    first = str(error).strip().partition("\n")[0][:300]
    text = f"{what}: {name}: {type(error).__name__}: {first}"
    return (
        FileMissing(text, path=name)
        if isinstance(error, FileNotFoundError)
        else (PersistError(text))
    )
