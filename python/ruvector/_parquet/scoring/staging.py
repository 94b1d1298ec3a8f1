"""Input files as the library opens them: those that lie elsewhere through a file of this machine.

Such a file has no name, the size of the other, and holds its footer and the row groups of one part
alone; all else are holes. So a part needs no more disk than its row groups.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from ..._errors import PersistError
from .failing import file_error
from .places import Mark, Place

_TAIL: Final = 64 << 10  # most footers are shorter
_READ: Final = 16 << 20
_MAGICS: Final = (b"PAR1", b"PARE")
_NO_ROOM: Final = (
    "an input that lies elsewhere cannot be kept while it is scored (TMPDIR names another folder)"
)


class Staged(Protocol):
    """An input that the library can open by its path; its footer is there."""

    @property
    def path(self) -> str:
        """The path by which this process opens the file."""
        ...

    def fetch(self, start: int, end: int) -> None:
        """Have the bytes from `start` to `end` there, too."""
        ...


@contextmanager
def staged(place: Place, mark: Mark) -> Iterator[Staged]:
    """Give an input as a file that the library can open, while it is needed.

    Raises
    ------
    PersistError
        It cannot be read, or there is no room for the part of it that is needed.
    """
    if place.local:
        yield _Here(place.name)
        return
    with _Sparse(place, mark.size) as sparse:
        yield sparse


class _Here:
    """A file of this machine, which is all there."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def fetch(self, start: int, end: int) -> None:
        pass


class _Sparse:
    """A file without a name that holds some bytes of another at their places."""

    __slots__ = ("_file", "_place", "_size")

    def __init__(self, place: Place, size: int) -> None:
        self._place, self._size = place, size
        try:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (see __exit__)
            os.ftruncate(self._file.fileno(), size)
        except OSError as error:
            raise file_error(error, tempfile.gettempdir(), _NO_ROOM) from error

    def __enter__(self) -> _Sparse:
        try:
            self._fetch_footer()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self._file.fileno()}"

    def _fetch_footer(self) -> None:
        start = max(0, self._size - _TAIL)
        tail = self._place.read(start, self._size)
        self._put(tail, start)
        if len(tail) < 8 or tail[-4:] not in _MAGICS:
            return  # no parquet file: the library says so
        self.fetch(self._size - 8 - int.from_bytes(tail[-8:-4], "little"), start)

    def fetch(self, start: int, end: int) -> None:
        end = min(end, self._size)
        for at in range(max(0, start), end, _READ):
            self._put(self._place.read(at, min(at + _READ, end)), at)

    def _put(self, data: bytes, at: int) -> None:
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._file.fileno(), view, at)
                view, at = view[written:], at + written
        except OSError as error:
            raise file_error(error, tempfile.gettempdir(), _NO_ROOM) from error


def same_file(place: Place, mark: Mark) -> None:
    """Refuse an input that is not the file that it was when the run began.

    Raises
    ------
    PersistError
        It changed, or is gone.
    """
    now = place.mark()
    if now != mark:
        how = (
            f"{mark.size:,} bytes then, {now.size:,} now" if now.size != mark.size else "rewritten"
        )
        raise PersistError(
            f"{place.name} changed while it was scored ({how}): score it when nobody writes to it"
        )
