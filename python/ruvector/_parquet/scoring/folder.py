"""The folder that parts go to: one run at a time, and nothing in it that is not the job's."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from ..._errors import InvalidArgument, PersistError
from ..._native.files import file_path
from . import manifest as manifests
from .failing import file_error
from .manifest import Manifest

_OURS: Final = re.compile(r"\.(part-\d{6,}-\d{4,}|_ruvector_job\.json)\.writing")
_PART: Final = re.compile(r"part-\d{6,}-\d{4,}\.parquet")


class Folder:
    """An output folder that is held by this run: made by `held`."""

    __slots__ = ("manifest", "path")

    def __init__(self, path: str, manifest: Manifest | None) -> None:
        self.path = path
        self.manifest = manifest  # as it was found

    def file(self, name: str) -> str:
        """Return the path of a file of the folder."""
        return os.path.join(self.path, name)


@contextmanager
def held(out: str | os.PathLike[str], resume: bool) -> Iterator[Folder]:
    """Make the output folder if it is not there, and hold it against other runs.

    A folder that was made for the run is removed when nothing came into it.

    Raises
    ------
    PersistError
        Another run holds it, it cannot be made or written, has files that no job wrote, or it has
        a job and ``resume`` is False.
    """
    path = os.path.abspath(file_path(out))
    made = _make(path)
    try:
        lock = _lock(path)
    except BaseException:
        if made:
            _unmake(path)
        raise
    try:
        yield _opened(path, resume)
    finally:
        if made:
            _unmake(path)
        os.close(lock)


def _make(path: str) -> bool:
    if os.path.isdir(path):
        return False
    if os.path.lexists(path):
        raise PersistError(f"out={path!r} is a file; give the name of a folder")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.mkdir(path)
    except FileExistsError:
        if os.path.isdir(path):
            return False  # another run made it at this moment
        raise PersistError(f"out={path!r}: a file lies where a folder should") from None
    except OSError as error:
        raise file_error(error, path, "the output folder cannot be made") from error
    return True


def _unmake(path: str) -> None:
    """Remove a folder if nothing is in it."""
    with suppress(OSError):
        os.rmdir(path)


def _lock(path: str) -> int:
    """Return a descriptor whose lock another run is refused by."""
    try:
        place = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise file_error(error, path, "the output folder cannot be opened") from error
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(place).st_ino == os.stat(path).st_ino:
            return place
    except BlockingIOError:
        os.close(place)
        raise PersistError(
            f"out={path!r}: another run writes into this folder; wait for it, or give another one"
        ) from None
    except OSError as error:
        os.close(place)
        raise file_error(error, path, "the output folder cannot be locked") from error
    os.close(place)
    raise PersistError(f"out={path!r} was removed by another run at this moment; call again")


def _opened(path: str, resume: bool) -> Folder:
    """Return the folder once it is known to hold this or no job, and clear what was cut off."""
    found = manifests.read(path)
    names = sorted(os.listdir(path))
    if found is None:
        strange = [name for name in names if not name.startswith(".")]
        if strange:
            raise PersistError(
                f"out={path!r} has {len(strange)} files that no job of this kind wrote, first "
                f"{strange[0]!r} (there is no {manifests.NAME}): give a folder that is empty or "
                "not there yet"
            )
    elif not resume:
        raise PersistError(
            f"out={path!r} has a job already, and resume=False: give another folder, or remove "
            "this one"
        )
    else:
        _refuse_strange(path, found, names)
    _clear(path, found, names)
    return Folder(path, found)


def _refuse_strange(path: str, found: Manifest, names: list[str]) -> None:
    """Refuse parquet files that readers of the folder would take for parts."""
    possible = _possible(found)
    strange = next(
        (
            n
            for n in names
            if n.endswith(".parquet") and not n.startswith(".") and n not in possible
        ),
        None,
    )
    if strange is not None:
        raise PersistError(
            f"out={path!r} has {strange!r}, which its job did not write, and which readers of the "
            "folder would read as its rows: move it away"
        )


def _possible(found: Manifest) -> set[str]:
    return {
        manifests.part_name(i, j)
        for i, entry in enumerate(found.entries)
        for j in range(len(entry.pieces))
    }


def _clear(path: str, found: Manifest | None, names: list[str]) -> None:
    """Remove files half written by a run that was cut off, and parts not in the manifest."""
    kept = set() if found is None else set(found.part_names())
    possible = set() if found is None else _possible(found)
    for name in names:
        unlisted = _PART.fullmatch(name) and name in possible and name not in kept
        if unlisted or _OURS.fullmatch(name):
            remove(os.path.join(path, name))


def remove(path: str) -> None:
    """Remove a file of ours, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise file_error(error, path, "a file of a run that was cut off is in the way") from error


def same_parameters(found: Manifest, wanted: Manifest) -> None:
    """Refuse to go on with another index or other arguments.

    Raises
    ------
    InvalidArgument
        Names every argument that differs, with both values.
    """
    way = "give another out=, or the same as before"
    if found.index != wanted.index:
        raise InvalidArgument(
            f"the finished parts were scored with another index (its digest was "
            f"{found.index[:12]}, now {wanted.index[:12]}): {way}"
        )
    keys = sorted({*found.parameters, *wanted.parameters})
    differs = [
        f"{key} was {_said(found.parameters.get(key))}, now {_said(wanted.parameters.get(key))}"
        for key in keys
        if found.parameters.get(key) != wanted.parameters.get(key)
    ]
    if found.snapshots != wanted.snapshots:
        differs.append(f"the table was {found.snapshots}, now {wanted.snapshots}")
    if differs:
        raise InvalidArgument(
            f"this folder has a job with other arguments: {'; '.join(differs)}. "
            f"{way[0].upper()}{way[1:]}"
        )


def _said(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
