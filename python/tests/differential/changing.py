"""The verbs that change an index or carry it elsewhere; the model changes along."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np

import ruvector as rv

from .asking import ask
from .drawing import Case, require
from .subject import Refused, Subject, build_bits, build_numbers, refuses


def _give(s: Subject, call: Any, wide: np.ndarray) -> int | None:
    try:
        return call()
    except rv.InvalidVector:
        if s.strange(wide):
            return None
        raise


def add(s: Subject) -> None:
    """``ix.add``: all rows or none, ids continue where positions are the ids."""
    count = s.case.pick([0, 1, 1, 2, 5, 30])
    column, wide, moved = s.more(count)
    names = None
    if s.names.kind != "positions" or s.case.chance(0.2):
        names = s.names.new(count)
    given = None if names is None else s.names.spell(names)
    s.case.note("add", count)
    replaced = _give(s, lambda: s.index.add(given, column), wide)
    if replaced is None:
        return
    require(replaced == 0, "rows replaced by add", str(replaced))
    s.model.add(names, wide, moved)


def add_known(s: Subject) -> None:
    """An id that is there, or there twice, is refused, and nothing was added."""
    if not len(s.model):
        return
    known = s.case.pick(s.model.ids)
    fresh = s.names.new(1)
    names = s.case.pick([[known], [known, *fresh], [*fresh, known], [fresh[0], fresh[0]]])
    column, wide, _ = s.more(len(names))
    if s.strange(wide):
        return
    s.case.note("add known")
    given = s.names.spell(names)
    refuses(lambda: s.index.add(given, column), rv.DuplicateId, "an id twice in add")


def upsert(s: Subject) -> None:
    """``ix.upsert``: new ids are added, known ones replaced."""
    known = s.case.some(s.model.ids, 4)
    names = [*known, *s.names.new(s.case.whole(0, 3))]
    s.case.random.shuffle(names)
    column, wide, moved = s.more(len(names))
    given = s.names.spell(names)
    s.case.note("upsert", len(known), "of", len(names))
    if s.case.chance(0.3):
        call = lambda: s.index.add(given, column, replace=True)  # noqa: E731
    else:
        call = lambda: s.index.upsert(given, column)  # noqa: E731
    replaced = _give(s, call, wide)
    if replaced is None:
        return
    require(replaced == len(known), "rows replaced", f"{replaced}, not {len(known)}")
    s.model.add(names, wide, moved)


def delete(s: Subject) -> None:
    """``ix.delete``: how many rows went; all of them or none."""
    n = len(s.model)
    most = s.case.weigh({1: 3, 3: 3, n // 2: 2, n: 1})
    names = s.case.some(s.model.ids, most) if s.case.chance(0.95) else list(s.model.ids)
    given = list(names)
    if given and s.case.chance(0.3):
        given.append(given[0])
    s.case.note("delete", len(names))
    if s.case.chance(0.2):
        absent = s.names.new(1)
        spelled = s.names.spell([*given, *absent])
        refuses(lambda: s.index.delete(spelled), rv.UnknownId, "an unknown id deleted")
        count = s.index.delete(spelled, missing="ignore")
    elif len(given) == 1 and s.case.chance(0.5):
        count = s.index.delete(given[0])
    else:
        count = s.index.delete(s.names.spell(given))
    require(count == len(names), "rows deleted", f"{count}, not {len(names)}")
    s.model.delete(names)


def compact(s: Subject) -> None:
    """``ix.compact()`` changes no answer."""
    s.case.note("compact")
    s.index.compact()


def save_and_load(s: Subject) -> None:
    """A file is the same index."""
    if not s.vectors and not len(s.model):
        return  # a file of no rows does not tell that there would be no vectors
    path = s.case.path("index")
    vectors = s.case.pick([None, None, True]) if s.vectors else None
    s.case.note("save", vectors)
    if not s.vectors and len(s.model) and s.case.chance(0.2):
        call = lambda: s.index.save(path, vectors=True)  # noqa: E731
        refuses(call, rv.InvalidArgument, "save vectors that are not there")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        s.index.save(path, vectors=vectors)
    left_out = any(issubclass(one.category, rv.RuVectorWarning) for one in said)
    require(not (left_out and vectors), "vectors asked for were left out")
    s.reloaded = True
    if left_out:
        s.index = rv.Index.load(path, vectors=s.column)
    else:
        s.index = rv.Index.load(path)


def roundtrip(s: Subject) -> None:
    """A pickle is the same index."""
    if not s.vectors and not len(s.model):
        return
    s.case.note("pickle")
    s.reloaded = True
    s.index = pickle.loads(pickle.dumps(s.index))


def mask_after_change(s: Subject) -> None:
    """Rows have no order any more once they changed: a mask is refused."""
    if s.model.changed and not s.reloaded:
        s.case.note("mask after change")
        given, query = s.query()
        if s.strange(query.reshape(1, -1)):
            return
        mask = np.ones(len(s.model), bool)
        call = lambda: s.index.search(given, 3, where=mask)  # noqa: E731
        refuses(call, rv.InvalidArgument, "mask after a change")


CHANGES = {
    add: 5,
    upsert: 3,
    delete: 4,
    compact: 2,
    save_and_load: 1.5,
    roundtrip: 1.5,
    add_known: 0.7,
    mask_after_change: 0.7,
}


def _run(s: Subject) -> None:
    case = s.case
    for _ in range(case.pick([1, 2, 3])):
        ask(s)
    for _ in range(case.weigh({0: 3, 1: 2, 2: 2, 3: 2, 5: 1.5, 8: 1})):
        case.weigh(CHANGES)(s)
        ask(s)


def sequence_of_numbers(case: Case) -> None:
    """Build, ask, change, ask again."""
    try:
        subject = build_numbers(case)
    except Refused:
        return
    _run(subject)


def sequence_of_bits(case: Case) -> None:
    """Build over bits, ask, change, ask again."""
    _run(build_bits(case))
