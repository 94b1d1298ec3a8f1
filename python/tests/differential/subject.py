"""An index and the model of it, built from one draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import ruvector as rv

from .bit_columns import draw_bit_column, draw_bits, spell_bit_batch, spell_bits
from .columns import draw_column
from .drawing import Case, Mismatch, require
from .matrices import Rows, draw_query, draw_rows, draw_values, may_be_refused
from .model import BITS, HALF, NUMBERS, Model
from .names import Names
from .spellings import spell_batch, spell_query


class Refused(Exception):
    """The index refused what it may refuse; the case is over."""


def refuses(call: Any, classes: Any, check: str) -> BaseException:
    """Require that `call` raises one of our errors, of these classes; return it."""
    try:
        answer = call()
    except rv.RuVectorError as error:
        require(isinstance(error, classes), f"{check}: class of error", f"{error!r}")
        return error
    raise Mismatch(f"{check}: not refused", repr(answer)[:200])


@dataclass
class Subject:
    """What a sequence works on."""

    case: Case
    index: rv.Index
    model: Model
    names: Names
    column: Any
    code: str  # the type of the numbers
    kind: str
    exact: bool  # every search of recall 1 answers as the model does
    vectors: bool
    reloaded: bool = False

    @property
    def bits(self) -> bool:
        """Whether rows are bits."""
        return self.model.metric in BITS

    def query(self) -> tuple[Any, np.ndarray]:
        """Return one query as it is asked, and as the model reads it."""
        case, model = self.case, self.model
        if self.bits:
            width = model.x.shape[1]
            if len(model) and case.chance(0.5):
                query = model.x[case.whole(0, len(model) - 1)].copy()
            else:
                query = draw_bits(case, 1, width)[0]
            return spell_bits(case, query), query
        rows = model.x[model.valid]
        return spell_query(case, draw_query(case, rows, model.x.shape[1]))

    def batch(self) -> tuple[Any, np.ndarray]:
        """Return a batch of queries as it is asked, and as the model reads it."""
        case, model, count = self.case, self.model, self.case.pick([0, 1, 2, 3, 9])
        if self.bits:
            queries = draw_bits(case, count, model.x.shape[1])
            return spell_bit_batch(case, queries), queries
        rows, d = model.x[model.valid], model.x.shape[1]
        queries = [draw_query(case, rows, d) for _ in range(count)]
        return spell_batch(case, np.array(queries).reshape(count, d))

    def more(self, count: int) -> tuple[Any, np.ndarray, np.ndarray]:
        """Return rows to add as they are given, their numbers, and how far storing moves them."""
        case, width = self.case, self.model.x.shape[1]
        if self.bits:
            bits = draw_bits(case, count, width)
            return draw_bit_column(case, bits), bits, np.zeros(count)
        code = self.code if case.chance(0.5) else case.pick(["f4", "f8", "i1", "u1"])
        values = draw_values(case, count, width, code)
        if count and len(self.model) and code[0] == "f" and case.chance(0.3):
            with np.errstate(over="ignore"):
                twin = self.model.x[case.whole(0, len(self.model) - 1)].astype(code)
            if np.isfinite(twin).all():
                values[0] = twin
        rows = Rows(values, np.zeros(count, bool))
        moved = np.zeros(count)
        if self.code not in ("f8", "i4", "u4", "i8", "u8"):
            with np.errstate(over="ignore", under="ignore"):
                rounded = (values.astype(np.float32).astype(np.float64) != rows.wide).any(axis=1)
                moved[rounded] = HALF * np.linalg.norm(rows.wide[rounded], axis=1)
        return draw_column(case, rows), rows.wide, moved

    def longest(self) -> float:
        """Return the largest number of the index."""
        return float(np.abs(self.model.x[self.model.valid]).max(initial=0))

    def strange(self, wide: np.ndarray) -> bool:
        """Say whether a vector among these may be refused for its size."""
        if self.bits:
            return False
        cosine, longest = self.model.metric == "cosine", self.longest()
        if not self.vectors and not cosine and np.abs(wide).max(initial=0) > longest:
            return True  # codes alone cannot be made anew for longer rows
        if may_be_refused(wide, self.model.metric, longest).any():
            return True
        rows = self.model.x[self.model.valid]
        beside = float(np.abs(wide).max(initial=0))
        return bool(may_be_refused(rows, self.model.metric, beside).any())


def _shape(case: Case) -> tuple[int, int]:
    n = case.weigh({0: 0.3, 1: 1, 2: 1, 5: 2, 17: 3, 40: 3, 120: 1, 400: 0.3})
    return n, case.weigh({1: 1, 2: 2, 3: 2, 4: 1, 7: 2, 8: 1, 16: 1, 17: 1, 33: 1, 65: 0.5})


def _options(case: Case) -> dict[str, Any]:
    kind = case.weigh({"exact": 4, "flat": 4, "ivf": 3, "auto": 2})
    options: dict[str, Any] = {"kind": kind, "recall": case.pick([1.0, 1.0, 0.95, 0.8])}
    keeps = {"auto": 5, "copy": 2, "borrow": 1, "none": 0 if kind == "exact" else 1}
    options["keep"] = case.weigh(keeps)
    if kind in ("flat", "ivf") and case.chance(0.4):
        options["bits"] = case.whole(1, 9)
    if kind == "ivf" and case.chance(0.5):
        options["cells"] = case.whole(1, 6)
    if case.chance(0.3):
        options["threads"] = case.whole(1, 3)
    if case.chance(0.2):
        options["seed"] = case.whole(0, 10**6)
    return options


def build_numbers(case: Case) -> Subject:
    """Build an index over numbers, or raise Refused where its input may be refused."""
    n, d = _shape(case)
    rows = draw_rows(case, n, d, nulls=case.chance(0.2))
    column = draw_column(case, rows)
    metric, options = case.pick(NUMBERS), _options(case)
    names = Names(case)
    ids = list(range(n)) if names.kind == "positions" else names.new(n)
    given = None if names.kind == "positions" else names.spell(ids)
    if names.kind != "positions" and not n:
        names, given = Names(case, "positions"), None
    case.note(metric, options)
    arguments = dict(options, metric=metric, nulls="skip" if rows.null.any() else "error")
    with np.errstate(invalid="ignore"):
        strange = may_be_refused(rows.wide[~rows.null], metric).any()
    try:
        index = rv.Index.build(column, ids=given, **arguments)
    except rv.InvalidVector:
        if strange or options["keep"] == "borrow":
            raise Refused from None
        raise
    except rv.InvalidArgument:
        if options["keep"] == "borrow":  # what cannot be borrowed is refused
            raise Refused from None
        raise
    model = Model(metric, rows.wide, ~rows.null, ids)
    vectors = options["keep"] != "none"
    exact = vectors and (index.kind == "exact" or options["recall"] == 1.0)
    return Subject(case, index, model, names, column, rows.code, options["kind"], exact, vectors)


def build_bits(case: Case) -> Subject:
    """Build an index over rows of bits."""
    n = case.weigh({1: 1, 2: 1, 5: 2, 17: 3, 40: 3, 130: 1})
    w = case.weigh({1: 2, 2: 1, 3: 1, 5: 2, 8: 2, 9: 1, 16: 1, 33: 1, 64: 0.5})
    rows = draw_bits(case, n, w)
    metric = case.pick(BITS)
    case.note(f"{n} x {8 * w} bits", metric)
    column = draw_bit_column(case, rows)
    names = Names(case)
    ids = list(range(n)) if names.kind == "positions" else names.new(n)
    given = None if names.kind == "positions" else names.spell(ids)
    index = rv.Index.build(column, ids=given, metric=metric)
    model = Model(metric, rows, np.ones(n, bool), ids)
    return Subject(case, index, model, names, column, "bits", "exact", True, True)
