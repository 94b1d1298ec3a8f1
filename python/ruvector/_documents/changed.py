"""What an earlier answer says of files, so that only those that changed are read again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .._errors import ColumnError, InvalidArgument
from .._frames.adapters import wrap
from .._frames.protocol import Frame, times
from .._input.values import is_null
from .frames import COLUMNS, FINGERPRINT, LIBRARIES
from .opening import Mark
from .rows import Row

KEPT: Final = "ruvector_read"  # of a pandas frame's attrs
_VERSION: Final = 1  # of what readers make of a file: changes when that does
_SOON: Final = 2_000_000_000  # nanoseconds in which a file may change and keep its time
_LETTERS: Final = 32  # of a digest


class Print(NamedTuple):
    """What is known of a file whose rows are there.

    ``changed`` is 0 where the time says nothing; ``rows`` and ``letters`` are the rows of the
    answer and the characters in them, so that rows that were taken out are missed.
    """

    size: int
    changed: int
    digest: str
    options: str
    rows: int
    letters: int

    def __str__(self) -> str:
        return ":".join(map(str, self))


def print_of(data: bytes, mark: Mark, options: str) -> Print:
    """Return the fingerprint of a file that was read now; its rows are not known yet."""
    return Print(mark.size, time_kept(mark), digest_of(data), options, 0, 0)


def with_rows(known: Print, rows: Iterable[Row]) -> Print:
    """Return a fingerprint that knows its rows."""
    lengths = [row.end - row.start for row in rows]
    return known._replace(rows=len(lengths), letters=sum(lengths))


def time_kept(mark: Mark) -> int:
    """Return the time of a file's last change; 0 where it may change again within that time."""
    return mark.changed if mark.changed < time.time_ns() - _SOON else 0


def digest_of(data: bytes) -> str:
    """Return a digest of a file's bytes."""
    import hashlib

    return hashlib.sha256(data).hexdigest()[:_LETTERS]


def read_print(text: Any) -> Print | None:
    """Return what `str` made of a Print; None of anything else."""
    parts = text.split(":") if isinstance(text, str) and len(text) < 300 else []
    if len(parts) != len(Print._fields):
        return None
    try:
        size, changed, rows, letters = (int(parts[i]) for i in (0, 1, 4, 5))
    except ValueError:
        return None
    return Print(size, changed, parts[2], parts[3], rows, letters)


def options_word(told: Mapping[str, Any]) -> str:
    """Return one word for what a caller asked, equal only for what gives equal rows."""
    import hashlib

    text = json.dumps({"version": _VERSION, **told}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Previous:
    """An earlier answer: the rows of each file, and what is known of it."""

    __slots__ = ("_prints", "frame", "rows", "where")

    def __init__(self, frame: Any) -> None:
        """Read a frame.

        Raises
        ------
        ColumnError
            It has not the columns of an answer.
        """
        self.frame: Frame = wrap(frame)
        if self.frame.library not in LIBRARIES:
            raise InvalidArgument(
                f"previous= is a frame of {self.frame.library}; pass one of pandas, polars or "
                "pyarrow, as read returned it"
            )
        names = self.frame.names()
        for column in COLUMNS:
            if times(names, column) != 1:
                raise ColumnError(
                    f"previous= has no column {column!r}; pass what read returned, with its "
                    f"columns {', '.join(COLUMNS)}"
                )
        read = {name: self.frame.values(name, every_row(self.frame)) for name in COLUMNS}
        self.rows: list[Row] = [
            _row_of(row, *cells)
            for row, cells in enumerate(
                zip(*(read[name] for name in COLUMNS if name != "path"), strict=True)
            )
        ]
        self.where: dict[str, list[int]] = {}
        for position, path in enumerate(read["path"]):
            self.where.setdefault(path, []).append(position)
        for rows in self.where.values():
            rows.sort(key=lambda row: self.rows[row][1:3])
        self._prints = self._known()

    def _known(self) -> dict[str, Print]:
        if self.has_fingerprints:
            texts = self.frame.values(FINGERPRINT, every_row(self.frame))
            told = {path: texts[rows[0]] for path, rows in self.where.items()}
        else:
            told = _told_by(getattr(self.frame.frame, "attrs", None))
        found = {path: read_print(told.get(path)) for path in self.where}
        return {path: known for path, known in found.items() if known is not None}

    @property
    def has_fingerprints(self) -> bool:
        """Whether there is a column of them."""
        return times(self.frame.names(), FINGERPRINT) == 1

    def known(self, path: str, options: str) -> Print | None:
        """Return what is known of a file, if its rows are all there and made by equal options."""
        found = self._prints.get(path)
        if found is None or not options or found.options != options:
            return None
        lengths = [len(self.rows[row].text) for row in self.where[path]]
        return found if (len(lengths), sum(lengths)) == (found.rows, found.letters) else None

    def texts(self) -> dict[str, int]:
        """Return a row of each text."""
        return {row.text: position for position, row in enumerate(self.rows)}


def every_row(frame: Frame) -> npt.NDArray[np.int64]:
    """Return the numbers of all rows."""
    return np.arange(frame.height, dtype=np.int64)


def _row_of(row: int, text: Any, start: Any, end: Any, heading: Any, page: Any) -> Row:
    if not isinstance(text, str):
        raise ColumnError(f"previous= has {text!r:.40} as the text of row {row}", row=row)
    try:
        number = None if is_null(page) else int(page)
        return Row(text, int(start), int(end), _or_none(heading), number)
    except (TypeError, ValueError, OverflowError):
        raise ColumnError(
            f"previous= has start {start!r:.40}, end {end!r:.40} and page {page!r:.40} in row "
            f"{row}; they are whole numbers in what read returned",
            row=row,
        ) from None


def _or_none(heading: Any) -> str | None:
    return None if is_null(heading) else str(heading)


def _told_by(attrs: Any) -> dict[str, Any]:
    try:
        told = json.loads(attrs[KEPT])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def attrs_of(prints: Mapping[str, Print]) -> str:
    """Return what a pandas frame keeps: text, which copies of the frame share."""
    return json.dumps({path: str(known) for path, known in prints.items()})
