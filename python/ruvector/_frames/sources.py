"""What `Index.build` takes besides columns: frames and streams with one column of vectors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .._errors import ColumnError, InvalidArgument
from .._native.peek import taken
from .adapters import is_frame, wrap
from .foreign.wrapping import exports_arrow
from .protocol import ColumnFacts, Frame, all_facts


def column_of_source(data: Any, packed: bool) -> Any:
    """Return the only column of vectors of a frame or stream; other data as they are.

    `packed` says that rows of bits are meant.

    Raises
    ------
    ColumnError
        There is none, or several; names them and the way out.
    InvalidArgument
        An expression or a lazy frame, which have no rows.
    """
    polars, narwhals = map(sys.modules.get, ("polars", "narwhals"))
    if polars is not None:
        if isinstance(data, polars.Expr):
            raise InvalidArgument(
                "an expression has no rows: pass the column, frame.select(expression).to_series()"
            )
        if isinstance(data, polars.LazyFrame):
            raise InvalidArgument(
                "a LazyFrame has no rows yet: pass lazy.select('column').collect(), or join with "
                "an index of other rows: lazy.ruvector.sim_join(index)"
            )
    if narwhals is not None and isinstance(data, narwhals.Series):
        return data.to_native()
    if is_frame(data):
        return _only_column(wrap(data), data, packed)
    if exports_arrow(data) and hasattr(data, "__arrow_c_stream__"):
        held = taken(data)  # a stream can be looked at once
        return _only_column(wrap(held), data, packed) if held.format == "+s" else held
    return data


def _only_column(frame: Frame, data: Any, packed: bool) -> Any:
    facts = all_facts(frame)
    kinds = ("bits", "vector") if packed else ("vector",)
    found = [at for at, fact in enumerate(facts) if fact.kind in kinds]
    if packed and len(found) > 1:  # of numbers only those that may be bytes
        found = [at for at in found if facts[at].kind == "bits" or _bytes(facts[at])]
    if len(found) == 1:
        return frame.column_at(found[0])
    if len(facts) == 1 and facts[0].kind in ("other", "null"):
        return frame.column_at(0)  # whose reading says what is wrong with it
    _refuse(type(data).__name__, [facts[at] for at in found], facts)


def _bytes(fact: ColumnFacts) -> bool:
    return any(name in fact.dtype.lower() for name in ("uint8", "utinyint"))


def _refuse(kind: str, found: Sequence[ColumnFacts], facts: Sequence[ColumnFacts]) -> NoReturn:
    if found:
        listed = ", ".join(
            repr(fact.label) + ("" if fact.dim is None else f" ({fact.dim} dimensions)")
            for fact in found
        )
        raise ColumnError(
            f"this {kind} has several columns of vectors: {listed}; pass one of them, or name it: "
            f"rv.build_index(frame, on={found[0].label!r})"
        )
    texts = [fact.label for fact in facts if fact.kind == "text"]
    if texts:
        raise ColumnError(
            f"this {kind} has no column of vectors; an index of text is built with "
            f"rv.build_index(frame, text={texts[0]!r})"
        )
    if facts and all(fact.kind == "number" for fact in facts):
        raise ColumnError(
            f"this {kind} has columns of numbers, {len(facts)} of them: if a row is a vector, pass "
            "a matrix, frame.to_numpy(), or name them: rv.build_index(frame, on=[...])"
        )
    listed = ", ".join(f"{fact.label!r} ({fact.dtype})" for fact in facts[:12])
    raise ColumnError(f"this {kind} has no column of vectors; it has {listed or 'no columns'}")
