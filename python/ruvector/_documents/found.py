"""Which files are meant by paths, patterns and folders."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from .._errors import FileMissing, InvalidArgument
from .._native.files import file_path
from .document import Fault
from .kinds import advice_for, kind_of, suffix_of
from .opening import fault_of

_MAGIC: Final = re.compile(r"[*?\[]")
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
Told = Callable[[str, Fault], object]


class Found(NamedTuple):
    """A file: its name as the system has it, and its kind."""

    path: str
    kind: str


class Files(NamedTuple):
    """Files in the order of their names; others that were met and are no documents."""

    files: list[Found]
    others: list[str]


def find_files(paths: Any, told: Told) -> Files:
    """Return the files that paths mean, each once.

    `told` gets what is a document and not read (with what to do), and folders that cannot be
    listed.

    Raises
    ------
    FileMissing
        A path or pattern means no file.
    InvalidArgument
        One is no path of this machine.
    """
    items = list(paths) if isinstance(paths, list | tuple | set | frozenset) else [paths]
    if not items:
        raise InvalidArgument(f"paths={paths!r}: no files; pass at least one")
    named: dict[str, bool] = {}
    for item in items:
        for path, said in _meant(_local(item), told):
            named[path] = named.get(path, False) or said
    files, others = [], []
    for path in sorted(named):
        kind = kind_of(path, named[path])
        advice = advice_for(path, named[path]) if kind is None else None
        if kind is not None:
            files.append(Found(path, kind))
        elif advice is not None:
            told(path, Fault(advice))
        else:
            others.append(path)
    return Files(files, others)


def _local(item: Any) -> str:
    if not isinstance(item, str | bytes | os.PathLike):
        raise InvalidArgument(
            f"paths={item!r:.80} is {type(item).__name__}, not a path; pass a path, a pattern such "
            "as 'docs/**/*.md', a folder, or a list of them"
        )
    name = file_path(item, "paths")
    scheme = _URL.match(name)
    if scheme is not None:
        if scheme[1].lower() != "file":
            raise InvalidArgument(
                f"paths={name!r} is not on this machine; download it first, and pass its path"
            )
        name = name[scheme.end() :]
    return os.path.normpath(name)


def _meant(path: str, told: Told) -> Iterator[tuple[str, bool]]:
    """Yield files, and whether each was named, by itself or by the ending of a pattern."""
    if os.path.lexists(path):
        if not os.path.isdir(path):
            yield path, True
            return
        for name in _below("" if path == "." else path, set(), told):
            yield name, False
        return
    if not _MAGIC.search(path):
        raise FileMissing(
            f"paths={path!r}: there is no such file or folder (looked in {_cwd()})", path=path
        )
    parts = path.split("/")
    ending = suffix_of(parts[-1])
    named = bool(ending) and not _MAGIC.search(ending)
    some = False
    for name in _matching("/" if path.startswith("/") else "", [p for p in parts if p], told):
        some = True
        yield name, named
    if not some:
        raise FileMissing(
            f"paths={path!r}: no file has a name like this (looked in {_cwd()})", path=path
        )


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "a folder that is not there any more"


def _matching(folder: str, parts: list[str], told: Told) -> Iterator[str]:
    """Yield the files below a folder whose names match a pattern, part by part."""
    part, rest = parts[0], parts[1:]
    if part == "**":
        if not rest:
            yield from _below(folder, set(), told)
            return
        seen: set[tuple[int, int]] = set()
        for inner in _folders(folder, seen, told):
            yield from _matching(inner, rest, told)
        return
    if not _MAGIC.search(part):
        path = os.path.join(folder, part)
        if not rest:
            if os.path.lexists(path) and not os.path.isdir(path):
                yield path
        elif os.path.isdir(path):
            yield from _matching(path, rest, told)
        return
    hidden = part.startswith(".")
    for entry in _entries(folder, told):
        if entry.name.startswith(".") and not hidden:
            continue
        if not fnmatch.fnmatchcase(entry.name, part):
            continue
        path = os.path.join(folder, entry.name)
        if not rest and not _is_folder(entry):
            yield path
        elif rest and _is_folder(entry):
            yield from _matching(path, rest, told)


def _entries(folder: str, told: Told) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder or ".") as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        fault = fault_of(error)
        told(folder or ".", Fault("of this folder: " + fault.reason, fault.kind))
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _folders(folder: str, seen: set[tuple[int, int]], told: Told) -> Iterator[str]:
    """Yield a folder and all below it, each once, however many links lead there."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            mark = os.stat(here or ".")
        except OSError as error:
            told(here, fault_of(error))
            continue
        if (mark.st_dev, mark.st_ino) in seen:
            continue
        seen.add((mark.st_dev, mark.st_ino))
        yield here
        inside = [
            os.path.join(here, entry.name)
            for entry in _entries(here, told)
            if not entry.name.startswith(".") and _is_folder(entry)
        ]
        waiting += reversed(inside)


def _below(folder: str, seen: set[tuple[int, int]], told: Told) -> Iterator[str]:
    """Yield the files of a folder and of those in it; names that begin with a dot are not."""
    for inner in _folders(folder, seen, told):
        for entry in _entries(inner, told):
            if not entry.name.startswith(".") and not _is_folder(entry):
                yield os.path.join(inner, entry.name)
