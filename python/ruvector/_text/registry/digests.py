"""SHA-256 of files, and what is said where one is not the expected."""

from __future__ import annotations

import hashlib
import os
from typing import Final

from ..._errors import EmbedError

_HEX: Final = frozenset("0123456789abcdef")
_BLOCK: Final = 1 << 20


def digest_of(path: str) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits.

    Raises
    ------
    EmbedError
        It cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbedError(f"{path} cannot be read: {error.strerror or error}") from error


def git_digest_of(path: str) -> str:
    """Return what git calls a file of this content: small files of the hub are known by it."""
    digest = hashlib.sha1(b"blob %d\x00" % os.path.getsize(path), usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def is_sha256(text: object) -> bool:
    """Return whether a text is such a digest, in small letters."""
    return isinstance(text, str) and len(text) == 64 and _HEX.issuperset(text)


def checked_sha256(given: object) -> str:
    """Return a digest that the user gave, in small letters.

    Raises
    ------
    EmbedError
        It is none.
    """
    text = given.strip().lower() if isinstance(given, str) else given
    if isinstance(text, str):
        text = text.removeprefix("sha256:")
    if not is_sha256(text):
        raise EmbedError(
            f"sha256={given!r:.90} is no digest; it is 64 hexadecimal digits, of the file of "
            "weights: sha256sum model.safetensors"
        )
    return str(text)


def check(path: str, expected: str, what: str) -> str:
    """Return the digest of a file that has the expected one.

    Raises
    ------
    EmbedError
        It has another; names both, and `what` says who expects it.
    """
    found = digest_of(path)
    if found != expected:
        raise EmbedError(
            f"{path} is not the expected file: its SHA-256 is {found}, {what} says {expected}; "
            "it was changed or is another version, and is not opened"
        )
    return found
