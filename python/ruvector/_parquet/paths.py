"""Which parquet files of this machine are meant."""

from __future__ import annotations

import os
from typing import Any

from .._errors import InvalidArgument
from .._native.files import file_path
from .scoring.globs import local_files


def parquet_files(paths: Any, what: str = "paths") -> list[str]:
    """Return the files that a path, a pattern, a folder or a list of them means.

    Files of a folder or a pattern come in the order of their paths; those of a list in its order.

    Raises
    ------
    FileMissing
        A path, folder or pattern means no file.
    InvalidArgument
        There is none, one is named twice, or is no path of this machine.
    """
    items = list(paths) if isinstance(paths, list | tuple) else [paths]
    found: list[str] = []
    for item in items:
        if not isinstance(item, str | bytes | os.PathLike):
            raise InvalidArgument(
                f"{what}={item!r} is {type(item).__name__}, not the path of a parquet file; pass a "
                "path, a pattern such as 'folder/*.parquet', a folder, or a list of them"
            )
        name = file_path(item)
        if "://" in name:
            scheme, _, rest = name.partition("://")
            if scheme.lower() != "file":
                raise InvalidArgument(
                    f"{what}={name!r} is not on this machine; vectors are read where they lie, row "
                    "by row: copy the files here first"
                )
            name = rest
        found += [file for file, _ in local_files(name)]
    if not found:
        raise InvalidArgument(f"{what}={paths!r}: no files; pass at least one")
    seen: set[str] = set()
    for file in found:
        if file in seen:
            raise InvalidArgument(f"{what} names {file} twice; its rows would be twice")
        seen.add(file)
    return found
