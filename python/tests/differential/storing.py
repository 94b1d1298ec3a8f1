"""Files that are damaged, missing or foreign, and indexes that are closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import ruvector as rv

from .asking import search_one, vectors_of, within
from .drawing import Case, require
from .subject import Refused, Subject, build_bits, build_numbers, refuses


def _subject(case: Case) -> Subject | None:
    try:
        return build_bits(case) if case.chance(0.25) else build_numbers(case)
    except Refused:
        return None


def _damage(case: Case, data: bytes) -> bytes:
    how = case.pick(["cut", "flipped", "longer", "swapped", "foreign", "empty", "zeros"])
    case.note("file", how)
    at = case.whole(0, len(data) - 1)
    if how == "cut":
        return data[:at]
    if how == "flipped":
        return data[:at] + bytes([data[at] ^ (1 << case.whole(0, 7))]) + data[at + 1 :]
    if how == "longer":
        return data + case.np.bytes(case.whole(1, 99))
    if how == "swapped":
        middle = len(data) // 2
        return data[middle:] + data[:middle]
    if how == "foreign":
        return case.pick([b"PK\3\4", b"\x89PNG", b"PAR1", b"{}", b"x" * 4096]) + case.np.bytes(64)
    if how == "zeros":
        return data[:at] + bytes(len(data) - at)
    return b""


def damaged_files(case: Case) -> None:
    """Any bytes are a right index or a PersistError; a missing file says so."""
    s = _subject(case)
    if s is None:
        return
    path = case.path("index")
    s.index.save(path, vectors=s.vectors or None)
    data = path.read_bytes()
    path.write_bytes(_damage(case, data))
    try:
        s.index = rv.Index.load(path)
    except rv.PersistError:
        s.index = _loaded(case, path, data)
    for verb in (vectors_of, search_one, within):
        verb(s)
    missing = case.path("nobody")
    error = refuses(lambda: rv.Index.load(missing), rv.PersistError, "a missing file")
    require(isinstance(error, FileNotFoundError), "class of a missing file", repr(error))


def _loaded(case: Case, path: Path, data: bytes) -> rv.Index:
    path.write_bytes(data)
    return rv.Index.load(case.pick([path, str(path)]))


def closed_indexes(case: Case) -> None:
    """A closed index says so to every verb."""
    s = _subject(case)
    if s is None:
        return
    index, (given, _) = s.index, s.query()
    name = s.model.ids[0] if s.model.ids else s.names.new(1)[0]
    with index:
        search_one(s)
    calls: dict[str, Any] = {
        "search": lambda: index.search(given, 3),
        "search id": lambda: index.search(id=name),
        "within": lambda: index.within(
            given, **{"min_similarity" if s.model.larger else "max_distance": 0.5}
        ),
        "neighbors": lambda: index.neighbors(3),
        "add": lambda: index.add(s.names.spell(s.names.new(1)), s.model.x[:1]),
        "delete": lambda: index.delete([name]),
        "compact": lambda: index.compact(),
        "save": lambda: index.save(case.path("closed")),
        "row": lambda: index[name],
        "asarray": lambda: np.asarray(index),
    }
    if not len(s.model):
        del calls["add"]
    which = case.pick(list(calls))
    case.note("closed:", which)
    refuses(calls[which], rv.IndexClosed, "a closed index")
    index.close()
