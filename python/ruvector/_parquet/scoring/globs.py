"""Files of folders and of patterns, in the order of their names."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from typing import Final

from ..._errors import FileMissing, InvalidArgument
from .failing import file_error
from .places import Store

ENDING: Final = ".parquet"
_MAGIC: Final = re.compile(r"[*?\[]")
Found = tuple[str, tuple[str, ...]]  # a file, and the folders below the one that was named


def is_pattern(path: str) -> bool:
    """Return whether a path has wildcards."""
    return _MAGIC.search(path) is not None


def local_files(path: str) -> list[Found]:
    """Return the files that a path of this machine means: a file, a folder or a pattern.

    Raises
    ------
    FileMissing
        There is none.
    InvalidArgument
        The folder is that of a table, whose files are not all rows of it.
    """
    if os.path.isdir(path):
        root = os.path.abspath(path)
        return _some(list(_folder(root, root, set())), path, "the folder has no file *.parquet")
    if not is_pattern(path) or os.path.lexists(path):
        return [(os.path.abspath(path), ())]
    root = _fixed(os.path.abspath(path))
    refuse_tables(root)
    tail = os.path.basename(path)
    found: dict[str, Found] = {}
    for name in glob.iglob(path, recursive=True):
        full = os.path.abspath(name)
        if os.path.isdir(full):
            if tail != "**":
                found.update((each[0], each) for each in _folder(full, root, set()))
        elif _shown(full, root, tail):
            found[full] = full, _between(full, root)
    return _some(list(found.values()), path, "no file has a name like this")


def stored_files(store: Store, key: str) -> list[Found]:
    """Return the keys that a path within a user's file system means, as `local_files` does."""
    if not is_pattern(key):
        if store.mark(key) is not None:
            return [(key, ())]
        root = key.rstrip("/")
        inside = [name for name in store.below(root) if name.endswith(ENDING)]
        below = [name for name in inside if _shown(name, root, "*")]
        return _some([(n, _between(n, root)) for n in below], store.name(key), _NOTHING)
    root, wanted = _fixed(key), _pattern(key)
    tail = key.rpartition("/")[2]
    names = [n for n in store.below(root) if wanted.fullmatch(n) and _shown(n, root, tail)]
    if tail == "**":
        names = [name for name in names if name.endswith(ENDING)]
    return _some([(n, _between(n, root)) for n in names], store.name(key), _NOTHING)


_NOTHING: Final = "there is no such file, no folder with a file *.parquet, no name like this"


def refuse_tables(folder: str) -> None:
    """Refuse the folder of a Delta or Iceberg table.

    Raises
    ------
    InvalidArgument
        Names the way to pass the table.
    """
    if os.path.isdir(os.path.join(folder, "_delta_log")):
        raise InvalidArgument(
            f"{folder} is a Delta table, whose folder also holds rows that were deleted: pass "
            "the table, deltalake.DeltaTable(path)"
        )
    metadata = os.path.join(folder, "metadata")
    if os.path.isdir(metadata) and any(
        name.endswith(".metadata.json") for name in os.listdir(metadata)
    ):
        raise InvalidArgument(
            f"{folder} is an Iceberg table, whose folder also holds rows that were deleted: pass "
            "the table, as pyiceberg's catalog.load_table(name) gives it"
        )


def _some(found: list[Found], path: str, what: str) -> list[Found]:
    if not found:
        raise FileMissing(f"{path!r}: {what}", path=path)
    return sorted(found)


def _folder(folder: str, root: str, above: set[tuple[int, int]]) -> Iterator[Found]:
    """Yield the parquet files of a folder and of those in it; names with ``_`` or ``.`` are not."""
    refuse_tables(folder)
    try:
        here = os.stat(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise file_error(error, folder, "a folder of inputs cannot be read") from error
    mark = here.st_dev, here.st_ino
    if mark in above:  # a link to a folder above itself
        return
    for entry in entries:
        if entry.name.startswith(("_", ".")):
            continue
        if entry.is_dir():
            yield from _folder(entry.path, root, above | {mark})
        elif entry.name.endswith(ENDING):
            yield entry.path, _between(entry.path, root)


def _between(name: str, root: str) -> tuple[str, ...]:
    """Return the folders between a file and the folder that was named."""
    inside = name[len(root) :] if name.startswith(root) else name
    return tuple(part for part in inside.strip("/").split("/")[:-1] if part)


def _shown(name: str, root: str, tail: str) -> bool:
    """Return whether a file that a wildcard met is meant: not one of ``_`` or ``.``."""
    if any(part.startswith(("_", ".")) for part in _between(name, root)):
        return False
    last = name.rpartition("/")[2]
    return not last.startswith(("_", ".")) or tail.startswith(last[0])


def _fixed(path: str) -> str:
    """Return the folder before the first part with a wildcard."""
    parts = path.split("/")
    first = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
    return "/".join(parts[:first])


def _pattern(key: str) -> re.Pattern[str]:
    """Return a pattern as an expression: ``**`` is any folders, ``*`` and ``?`` stay within one."""
    made = []
    for part in re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", key):
        plain = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part)
        if plain is not None:
            made.append(plain)
        elif part.startswith("[") and part.endswith("]") and len(part) > 2:
            made.append(
                "[" + part[1:-1].replace("\\", "\\\\").replace("!", "^", part[1] == "!") + "]"
            )
        else:
            made.append(re.escape(part))
    return re.compile("".join(made), re.DOTALL)
