"""Bytes that documents are made of: files, and files in zip files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from .._errors import LimitExceeded
from .document import Document, Fault, Options
from .found import Found, Told
from .kinds import advice_for, kind_of
from .opening import MOST_BYTES, Mark, mark_of, read_bytes, refuse_large

_MOST: Final = {"python": 16 << 20, "notebook": 256 << 20}  # what they are parsed to is larger
_MOST_RATIO: Final = 200  # bytes out of a zip file for a byte in it, beyond the first megabyte
_MOST_MEMBERS: Final = 100_000
_ESCAPED: Final = re.compile(r"\\x([89a-f][0-9a-f])")


class Source(NamedTuple):
    """One document that can be read: its name for people, its kind, where its bytes are."""

    name: str
    kind: str
    path: str
    member: str | None
    mark: Mark


class Loaded(NamedTuple):
    """Bytes, and the mark that they had."""

    data: bytes
    mark: Mark


def shown(path: str) -> str:
    r"""Return a path as text that columns can hold: bytes that are no UTF-8 as ``\xff``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def path_of(name: str) -> str:
    """Return the path that `shown` made a name of."""
    if os.path.lexists(name) or "\\x" not in name:
        return name
    raw = _ESCAPED.sub(lambda found: os.fsdecode(bytes([int(found[1], 16)])), name)
    return raw if os.path.lexists(raw) else name


def sources_of(found: Found, told: Told) -> Iterator[Source]:
    """Yield the documents of a file: itself, or those in it, where it is a zip file."""
    try:
        mark = mark_of(found.path)
        if found.kind != "zip":
            yield Source(shown(found.path), found.kind, found.path, None, mark)
            return
        yield from _members(found.path, told)
    except Fault as fault:
        told(shown(found.path), fault)


def source_named(name: str) -> Source:
    """Return the document of a name that a row has.

    Raises
    ------
    Fault
        There is none.
    """
    path, inside = path_of(name), ""
    while inside.count("/") < 64 and not os.path.lexists(path):
        path, _, last = path.rpartition("/")
        inside = f"{last}/{inside}" if inside else last
        if not path:
            break
    if inside and path.lower().endswith(".zip"):
        for source in _members(path, lambda _name, _fault: None):
            if source.name == name:
                return source
        raise Fault(f"the zip file has no document {inside!r}")
    kind = kind_of(path_of(name), True)
    if kind is None or kind == "zip":
        zipped = "it is a zip file: name a document in it, such as 'a.zip/b.md'"
        raise Fault(advice_for(name, True) or zipped)
    return Source(name, kind, path_of(name), None, mark_of(path_of(name)))


def _members(path: str, told: Told) -> Iterator[Source]:
    with _opened(path) as archive:
        infos = archive.infolist()
    if len(infos) > _MOST_MEMBERS:
        raise Fault(f"it has {len(infos):,} files, more than {_MOST_MEMBERS:,}", LimitExceeded)
    ratio = sum(info.file_size for info in infos) / max(os.path.getsize(path), 1)
    total = sum(info.file_size for info in infos)
    if total > MOST_BYTES or (total > 1 << 20 and ratio > _MOST_RATIO):
        raise Fault(
            f"it says that it unpacks to {total:,} bytes, {ratio:,.0f} times its own; unpack it if "
            "you trust it, and read that",
            LimitExceeded,
        )
    for info in sorted(infos, key=lambda info: info.filename):
        inner = info.filename
        if info.is_dir() or any(map(_hidden, inner.split("/"))):
            continue
        name = f"{shown(path)}/{inner.encode('utf-8', 'backslashreplace').decode()}"
        kind = kind_of(inner, False)
        advice = advice_for(inner)
        if inner.startswith("/") or ".." in inner.split("/"):
            told(name, Fault("its name leads out of the zip file"))
        elif kind == "zip":
            told(name, Fault("it is a zip file within another: unpack it first"))
        elif advice is not None:
            told(name, Fault(advice))
        elif kind is not None:
            yield Source(name, kind, path, inner, Mark(info.file_size, info.CRC))


def _hidden(part: str) -> bool:
    return part == "__MACOSX" or (part.startswith(".") and part not in (".", ".."))


def _opened(path: str) -> Any:
    import zipfile

    mark_of(path)  # so that a pipe is never opened
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Fault(f"it is no zip file that can be read: {error}") from None


def load(source: Source) -> Loaded:
    """Return the bytes of a document.

    Raises
    ------
    Fault
        They cannot be read, or are too many.
    """
    most = _MOST.get(source.kind, MOST_BYTES)
    if source.member is None:
        return Loaded(*read_bytes(source.path, most))
    refuse_large(source.mark.size, most)
    with _opened(source.path) as archive:
        try:
            with archive.open(source.member) as file:
                data: bytes = file.read(source.mark.size + 1)
        except Exception as error:  # zlib, lzma, struct, a password: whatever broken bytes make
            raise Fault(f"it cannot be unpacked: {error or type(error).__name__}") from None
    if len(data) != source.mark.size:
        raise Fault(f"it unpacks to more or less than the {source.mark.size:,} bytes that it says")
    return Loaded(data, source.mark)


def parse(source: Source, data: bytes, options: Options) -> Document:
    """Return bytes as a document.

    Raises
    ------
    Fault
        They are none of this kind.
    """
    from . import readers

    try:
        return readers.read_document(source.kind, source.name, data, options)
    except MemoryError:
        raise Fault("there is no memory for its text; split it", LimitExceeded) from None
