"""Verbs of lazy polars frames: part of the query plan, with a schema that is known at once."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .._errors import ColumnError
from .foreign import from_native_as
from .outline import Outline

if TYPE_CHECKING:
    import polars as pl

F = TypeVar("F", bound=Callable[..., Any])


def lazily(function: F) -> F:
    """Let a verb of frames take a polars LazyFrame, and answer with one.

    The verb is run twice: at once on an `Outline`, which checks the arguments and says which
    columns the answer has, and on the rows when they are collected.
    """
    return _lazily(function, lambda arguments: False)


def streamed(batchwise: Callable[[Mapping[str, Any]], bool]) -> Callable[[F], F]:
    """As `lazily`, for a verb whose answer to a frame can be that to its batches, one by one.

    ``batchwise`` says of the arguments of a call whether it is.
    """

    def decorate(function: F) -> F:
        return _lazily(function, batchwise)

    return decorate


def is_lazy(function: Callable[..., Any]) -> bool:
    """Return whether a verb takes lazy frames."""
    return getattr(function, "__lazy__", False)


def eager(function: F) -> F:
    """Return the verb without what `lazily` gave it: a lazy frame is none to it."""
    inner: F = getattr(function, "__wrapped__", function)
    return inner


def _lazily(function: F, batchwise: Callable[[Mapping[str, Any]], bool]) -> F:
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        frame = arguments[0] if arguments else named.get(first)
        lazy, back = _lazy_of(frame)
        if lazy is None:
            return function(*arguments, **named)
        others = arguments[1:]
        named.pop(first, None)

        def ask(frame: Any) -> Any:
            return function(frame, *others, **named)

        empty = _empty(lazy)
        schema = ask(Outline(empty)).schema
        given = signature.bind(empty, *others, **named).arguments
        answer = _planned(lazy, ask, schema, batchwise(given))
        return answer if back is None else back(answer)

    told: Any = call
    told.__lazy__ = True
    told.__annotations__ = function.__annotations__  # of which 3.14 copies those alone that run
    found: F = told
    return found


def _lazy_of(frame: Any) -> tuple[pl.LazyFrame | None, Callable[[Any], Any] | None]:
    """Return a lazy frame, and what makes an answer one of narwhals, if it came in as that."""
    polars, narwhals = map(sys.modules.get, ("polars", "narwhals"))
    if polars is None:
        return None, None
    if isinstance(frame, polars.LazyFrame):
        return frame, None
    if narwhals is not None and isinstance(frame, narwhals.LazyFrame):
        native = frame.to_native()
        if isinstance(native, polars.LazyFrame):
            return native, from_native_as(frame)
    return None, None


def _empty(lazy: pl.LazyFrame) -> pl.DataFrame:
    polars: Any = sys.modules["polars"]
    found: pl.DataFrame = polars.DataFrame(schema=lazy.collect_schema())
    return found


def _planned(
    lazy: pl.LazyFrame, ask: Callable[[Any], Any], schema: pl.Schema, streams: bool
) -> pl.LazyFrame:
    """Return the plan that asks when rows are there. Nothing may be pushed below it."""

    def ruvector(rows: pl.DataFrame) -> pl.DataFrame:
        return _as_promised(ask(rows), schema)

    return lazy.map_batches(
        ruvector,
        schema=schema,
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        streamable=streams,
    )


def _as_promised(answer: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Return an answer with the schema that was told.

    A score column is called what it was to be called when the verb was; null columns are of the
    type that is known from the verb alone, however few rows there were to tell it from.

    Raises
    ------
    ColumnError
        A column that holds something is of another type.
    """
    if answer.schema == schema:
        return answer
    polars: Any = sys.modules["polars"]
    columns = []
    for column, (name, dtype) in zip(answer.get_columns(), schema.items(), strict=True):
        if column.dtype != dtype and column.null_count() == len(column):
            column = polars.Series(name, [None] * len(column), dtype=dtype)
        elif column.dtype != dtype:
            raise ColumnError(
                f"column {name!r} of the answer is {column.dtype}, and {dtype} was told when the "
                "query was planned"
            )
        columns.append(column.alias(name))
    found: pl.DataFrame = polars.DataFrame(columns)
    return found
