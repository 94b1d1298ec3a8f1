"""The manifest of a job: what is scored with what, and which parts are finished.

Deterministic text: the same job over the same files gives the same bytes, on any day and machine.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ..._errors import FileMissing, FormatTooNew, PersistError
from ..._native.files import sync_folder as sync_folder
from .failing import file_error
from .places import Mark

NAME: Final = "_ruvector_job.json"
FORMAT: Final = 1
MOST_BYTES: Final = 1 << 30
HIDDEN: Final = ".writing"  # ends what is being written, which begins with a dot
_CHUNK: Final = 1 << 20


@dataclass(slots=True)
class Part:
    """A finished part file."""

    name: str
    rows_in: int
    rows: int
    nulls: int
    size: int
    sha256: str


@dataclass(slots=True)
class Entry:
    """An input of the job."""

    name: str
    mark: Mark
    footer: str  # digest of the footer; "" where it could not be read
    rows: int
    pieces: tuple[tuple[int, int, int], ...]  # first row group, how many, rows: of each part
    failed: str = ""  # why the file was set aside
    parts: list[Part] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether all its parts are finished."""
        return not self.failed and len(self.parts) == len(self.pieces)


@dataclass(slots=True)
class Manifest:
    """A job and how far it is."""

    index: str  # digest
    parameters: dict[str, Any]
    snapshots: list[str]
    schema: str  # of the parts; "" before the first
    entries: list[Entry]

    def text(self) -> str:
        """Return the manifest as the text of its file."""
        inputs = [
            {
                "name": entry.name, "size": entry.mark.size, "changed": entry.mark.changed,
                "footer": entry.footer, "rows": entry.rows,
                "pieces": [list(piece) for piece in entry.pieces], "failed": entry.failed,
                "parts": [
                    {
                        "name": part.name, "rows_in": part.rows_in, "rows": part.rows,
                        "nulls": part.nulls, "size": part.size, "sha256": part.sha256,
                    }
                    for part in entry.parts
                ],
            }
            for entry in self.entries
        ]  # fmt: skip
        whole = {
            "format": FORMAT, "made_by": "ruvector score_parquet", "index": self.index,
            "parameters": self.parameters, "snapshots": self.snapshots, "schema": self.schema,
            "inputs": inputs,
        }  # fmt: skip
        return json.dumps(whole, indent=1, sort_keys=True) + "\n"

    def part_names(self) -> Iterator[str]:
        """Yield the names of all finished parts."""
        for entry in self.entries:
            for part in entry.parts:
                yield part.name


def part_name(entry: int, piece: int) -> str:
    """Return the name of a part file."""
    return f"part-{entry:06d}-{piece:04d}.parquet"


def hidden(name: str) -> str:
    """Return what a file is called while it is written: no reader of folders takes it."""
    return f".{name.removesuffix('.parquet')}{HIDDEN}"


def write(folder: str, manifest: Manifest) -> None:
    """Write the manifest, complete or not at all, and have it reach the disk.

    Raises
    ------
    PersistError
        No room for it, or the system does not allow it; the one before it is still there.
    """
    path, written = os.path.join(folder, NAME), os.path.join(folder, hidden(NAME))
    data = manifest.text().encode()
    try:
        with open(written, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())
        os.replace(written, path)
        sync_folder(folder)
    except OSError as error:
        raise file_error(error, path, "the manifest cannot be written") from error


def read(folder: str) -> Manifest | None:
    """Return the manifest of a folder, None where it has none.

    Raises
    ------
    FormatTooNew
        A later version wrote it.
    PersistError
        It cannot be read, or is not what this package wrote; names the way out.
    """
    path = os.path.join(folder, NAME)
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise file_error(error, path, "the manifest cannot be read") from error
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes")
        return _parsed(json.loads(data))
    except FormatTooNew as error:
        raise FormatTooNew(f"{path}: {error}") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise PersistError(
            f"{path} is damaged ({type(error).__name__}: {error}), so what is finished cannot be "
            "known: give another out=, or remove the folder and score anew"
        ) from error


def _parsed(whole: Any) -> Manifest:
    if not isinstance(whole, dict):
        raise ValueError("not an object")
    number = _int(whole["format"])
    if number > FORMAT:
        raise FormatTooNew(f"format {number}, this version knows {FORMAT}: update ruvector")
    entries = [_entry(each, i) for i, each in enumerate(_list(whole["inputs"]))]
    if not isinstance(whole["parameters"], dict):
        raise ValueError("parameters are not an object")
    snapshots = [_str(each) for each in _list(whole["snapshots"])]
    return Manifest(
        _str(whole["index"]), whole["parameters"], snapshots, _str(whole["schema"]), entries
    )


def _entry(each: Any, number: int) -> Entry:
    pieces = tuple(_three(piece) for piece in _list(each["pieces"]))
    parts = [_part(part) for part in _list(each["parts"])]
    for i, part in enumerate(parts):
        if i >= len(pieces) or part.name != part_name(number, i):
            raise ValueError(f"part {part.name!r} of input {number} has no piece")
    mark = Mark(_int(each["size"]), _str(each["changed"]))
    rows = _int(each["rows"])
    footer, failed = _str(each["footer"]), _str(each["failed"])
    if failed and parts:
        raise ValueError(f"input {number} was set aside and has parts")
    return Entry(_str(each["name"]), mark, footer, rows, pieces, failed, parts)


def _part(each: Any) -> Part:
    return Part(
        _str(each["name"]), _int(each["rows_in"]), _int(each["rows"]), _int(each["nulls"]),
        _int(each["size"]), _str(each["sha256"]),
    )  # fmt: skip


def _int(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.40} is not a count")
    return value


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is not a text")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r:.40} is not a list")
    return value


def _three(value: Any) -> tuple[int, int, int]:
    first, groups, rows = _list(value)
    return _int(first), _int(groups), _int(rows)


def check_part(folder: str, part: Part) -> None:
    """Refuse a finished part that is not what was written.

    Raises
    ------
    FileMissing, PersistError
        Names the file and the way out.
    """
    path = os.path.join(folder, part.name)
    way = "put it back, or give another out= (or remove this folder) to score anew"
    try:
        size = os.stat(path).st_size
        digest = "" if size != part.size else sha256_of(path)
    except FileNotFoundError:
        raise FileMissing(
            f"{path} is finished by the manifest, but not there: {way}", path=path
        ) from None
    except OSError as error:
        raise file_error(error, path, "a finished part cannot be read") from error
    if digest != part.sha256:
        told = f"has {size:,} bytes, not the {part.size:,}" if not digest else "has not the bytes"
        raise PersistError(f"{path} is damaged, it {told} that were written: {way}")


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file as hexadecimal digits; an interrupt ends it."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(_CHUNK):
            digest.update(data)
    return digest.hexdigest()
