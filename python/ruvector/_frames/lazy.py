"""Verbs of lazy polars frames: part of the query plan, with a schema that is known at once."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .._arguments import first_parameter
from .._errors import ColumnError, InvalidArgument, RuVectorError
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

    ``batchwise`` says of the arguments of a call whether it is. Other lazy frames than the first
    are collected when that is.
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
    first = first_parameter(function)

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        frame = arguments[0] if arguments else named.get(first)
        lazy, back = _lazy_of(frame)
        if lazy is None:
            return function(*arguments, **named)
        others = arguments[1:]
        named.pop(first, None)

        def ask(frame: Any, rows_of: Callable[[Any], Any]) -> Any:
            more = {name: _of_lazy(value, rows_of) for name, value in named.items()}
            return function(frame, *(_of_lazy(value, rows_of) for value in others), **more)

        outline = _outline(lazy)
        schema = _schema_of(ask(outline, _outline), function.__name__)
        given = inspect.signature(function).bind(outline, *others, **named).arguments
        answer = _planned(lazy, lambda rows: ask(rows, _collected), schema, batchwise(given))
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
            from .foreign.wrapping import from_native_as

            return native, from_native_as(frame)
    return None, None


def _of_lazy(value: Any, rows_of: Callable[[Any], Any]) -> Any:
    """Return an argument as it is, or what ``rows_of`` makes of it if it is a lazy frame."""
    lazy, _ = _lazy_of(value)
    return value if lazy is None else rows_of(lazy)


def _outline(lazy: pl.LazyFrame) -> Outline:
    polars: Any = sys.modules["polars"]
    return Outline(polars.DataFrame(schema=lazy.collect_schema()))


def _collected(lazy: pl.LazyFrame) -> pl.DataFrame:
    return lazy.collect()


def is_here(name: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return what says whether the argument `name` of a call is no lazy frame, for `streamed`."""
    return lambda arguments: _lazy_of(arguments.get(name))[0] is None


def _schema_of(answer: Any, verb: str) -> pl.Schema:
    polars: Any = sys.modules["polars"]
    if isinstance(answer, polars.DataFrame):
        schema: pl.Schema = answer.schema
        return schema
    raise InvalidArgument(
        f"{verb} with these arguments answers with a {type(answer).__name__}, which cannot be lazy;"
        " collect() the frame first"
    )


def _planned(
    lazy: pl.LazyFrame, ask: Callable[[Any], Any], schema: pl.Schema, streams: bool
) -> pl.LazyFrame:
    """Return the plan that asks when rows are there. Nothing may be pushed below it."""

    def ruvector(rows: pl.DataFrame) -> pl.DataFrame:
        try:
            return _as_promised(ask(rows), schema)
        except RuVectorError as error:
            if streams and getattr(error, "row", None) is not None:
                error.add_note(f"The row is counted in its batch, which has {len(rows)} rows.")
            raise

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
