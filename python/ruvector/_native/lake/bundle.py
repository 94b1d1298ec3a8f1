"""Bundles: documents of bytes, each door a function."""

from __future__ import annotations

import os

from ..._errors import FileError
from ..library import call_for_bytes


def seal(text: bytes) -> bytes:
    """Return a bundle with the witness that its fields have."""
    return _call(b"seal", text)


def decode(text: bytes) -> bytes:
    """Return a bundle as it would be written; its witness is not verified."""
    return _call(b"decode", text)


def verify(text: bytes) -> None:
    """Raise WitnessMismatch unless a bundle has the witness of its fields."""
    _call(b"verify", text)


def compare(text: bytes, other: bytes) -> None:
    """Raise WitnessMismatch unless two bundles are of the same data."""
    _call(b"compare", text, other)


def write(text: bytes, folder: str) -> str:
    """Write a bundle to a folder and return the path of the file."""
    return os.fsdecode(_of_folder(b"write", text, folder))


def read(folder: str) -> bytes:
    """Return the bundle of a folder, verified."""
    return _of_folder(b"read", b"", folder)


def _call(verb: bytes, text: bytes, other: bytes = b"") -> bytes:
    return call_for_bytes("rv_bundle", verb, text, len(text), other, len(other))


def _of_folder(verb: bytes, text: bytes, folder: str) -> bytes:
    try:
        return _call(verb, text, os.fsencode(folder))
    except FileError as error:
        error.filename = folder
        raise
