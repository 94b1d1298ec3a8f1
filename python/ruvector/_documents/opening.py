"""Bytes of files, of which nothing can be held up, and nothing grows beyond a limit."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final, NamedTuple

from .._errors import FileDenied, FileError, FileMissing, LimitExceeded, PersistError
from .document import Fault

MOST_BYTES: Final = 1 << 30  # of one file; its text and chunks take several times as much
_KINDS: Final = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


class Mark(NamedTuple):
    """What a file system says of a file: bytes, and nanoseconds of its last change."""

    size: int
    changed: int


def mark_of(path: str) -> Mark:
    """Return size and time of a file; nothing is opened.

    Raises
    ------
    Fault
        There is none, it may not be seen, or it is no file: a pipe, a device, a socket.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise fault_of(error) from error
    return _regular(found)


def _regular(found: os.stat_result) -> Mark:
    if not stat.S_ISREG(found.st_mode):
        what = next((name for test, name in _KINDS if test(found.st_mode)), "no file")
        raise Fault(f"it is {what}, which is not opened; copy what it holds to a file")
    return Mark(found.st_size, found.st_mtime_ns)


def read_bytes(path: str, most: int = MOST_BYTES) -> tuple[bytes, Mark]:
    """Return what a file holds, and its mark.

    Raises
    ------
    Fault
        As `mark_of`; it cannot be read, or has more than `most` bytes.
    """
    mark_of(path)  # so that a pipe is never opened
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        handle = os.open(path, flags)
        with open(handle, "rb") as file:
            mark = _regular(os.fstat(handle))
            refuse_large(mark.size, most)
            data = file.read(mark.size + 1) if mark.size else b""
    except OSError as error:
        raise fault_of(error) from error
    except MemoryError:
        raise Fault("there is no memory for its bytes; split it", LimitExceeded) from None
    if len(data) > mark.size:
        raise Fault("it grew while it was read; read it again when nothing writes to it")
    return data, mark


def refuse_large(size: int, most: int) -> None:
    """Refuse a file of more than `most` bytes."""
    if size > most:
        raise Fault(
            f"it has {size:,} bytes, more than the {most:,} that are read of such a file; split it",
            LimitExceeded,
        )


def fault_of(error: OSError) -> Fault:
    """Return what the system says of a file."""
    code = error.errno or 0
    if code in (errno.ENOENT, errno.ENOTDIR):
        return Fault("it is not there (any more)", FileMissing)
    if code in (errno.EACCES, errno.EPERM):
        return Fault("it may not be read (permission denied)", FileDenied)
    if code == errno.ELOOP:
        return Fault("it is a link that leads to itself", FileError)
    return Fault(f"it cannot be read: {error.strerror or error}", PersistError)
