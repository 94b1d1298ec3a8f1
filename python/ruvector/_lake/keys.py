"""Names of collections: ``(backend, collection)``."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from .._errors import InvalidArgument

Key: TypeAlias = tuple[str, str]  # of a backend and a collection

_MOST_BYTES = 4096  # of a name; stores have their own rules, and say them


def name_of(what: str, name: Any) -> str:
    """Return a name as text that can be written as UTF-8.

    Raises
    ------
    InvalidArgument
        It is no text, empty, or not to be encoded.
    """
    if not isinstance(name, str):
        raise InvalidArgument(f"{what}={name!r:.60} must be text, not {type(name).__name__}")
    if not name:
        raise InvalidArgument(f"{what}='' names nothing")
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(
            f"{what}={name!r:.60} has half of a surrogate pair: not valid text"
        ) from None
    if len(encoded) > _MOST_BYTES:
        raise InvalidArgument(
            f"{what} is a name of {len(encoded):,} bytes, {name[:20]!r}...; a name has at most 255"
        )
    return str(name)


def key_of(key: Any, what: str = "key") -> Key:
    """Return ``(backend, collection)`` as two texts.

    Raises
    ------
    InvalidArgument
    """
    if isinstance(key, str) or not isinstance(key, tuple | list) or len(key) != 2:
        raise InvalidArgument(f"{what}={key!r:.80} must be a pair of names, (backend, collection)")
    backend, collection = key
    return name_of(f"{what}: backend", backend), name_of(f"{what}: collection", collection)


def folder_of(what: str, directory: Any) -> str:
    """Return the path of a folder as text.

    Raises
    ------
    InvalidArgument
        It is no path, or not valid text: a bundle says where its data are, in UTF-8.
    """
    try:
        path = os.fsdecode(directory)
    except TypeError:
        raise InvalidArgument(
            f"{what}={directory!r:.80} must be a path, not {type(directory).__name__}"
        ) from None
    if not path or "\0" in path:
        raise InvalidArgument(f"{what}={path!r:.80} is no path")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{what}={path!r:.80} is not valid UTF-8") from None
    return path
