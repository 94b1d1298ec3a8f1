"""What was found, read from a frame or a list of records: texts with their places, best first."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from ..._errors import ColumnError, InvalidArgument
from ..._frames import protocol
from ..._frames.adapters import wrap
from ..._index.result import Found as Result
from ..._input.values import is_null
from ..._metric import SCORE_NAMES, larger_is_better

_RERANKED: Final = ("rerank_score", "fused_score")
_SHOWN: Final = 12  # columns in an error


class Hit(NamedTuple):
    """A text that was found, and where it is."""

    text: str
    path: str | None
    start: int | None
    end: int | None
    page: int | None
    heading: str | None
    score: float | None
    rows: tuple[int, ...]  # of the hits that are given


class Read(NamedTuple):
    """Hits, best first, and the frame that they are rows of, if they are."""

    hits: list[Hit]
    frame: protocol.Frame | None


def read_hits(hits: Any, text: Any, source: Any) -> Read:
    """Return the hits that have a text, best first; equal ones in the order in which they come.

    Raises
    ------
    InvalidArgument
        `hits` is nothing that has texts, or answers several queries.
    ColumnError
        A column is missing, or a cell is of another kind; names the row.
    """
    if isinstance(hits, Result):
        raise InvalidArgument(
            f"hits is a {type(hits).__name__}, which has ids and no texts: pass the rows that it "
            "found, result.rows(frame)"
        )
    frame = None
    if isinstance(hits, Sequence) and not isinstance(hits, str | bytes):
        columns: _Columns | _Records = _Records(hits)
    else:
        frame = wrap(hits)
        columns = _Columns(frame)
    _one_query(columns)
    texts = columns.needed(text, "text=")
    _check_texts(texts, text)
    paths = [None] * len(texts) if source is None else columns.needed(source, "source=")
    starts, ends, pages = (_numbers(columns, name) for name in ("start", "end", "page"))
    headings = columns.found("heading")
    score, sign = _score_of(columns)
    read = [
        Hit(
            cell, _path(paths[row]), starts[row], ends[row], pages[row], _heading(headings[row]),
            score[row], (row,),
        )
        for row, cell in enumerate(texts)
        if isinstance(cell, str) and cell.strip()
    ]  # fmt: skip
    read.sort(key=lambda hit: math.inf if hit.score is None else sign * hit.score)
    return Read(read, frame)


class _Columns:
    """The columns of a frame."""

    def __init__(self, frame: protocol.Frame) -> None:
        self.frame = frame
        self.height = frame.height

    def has(self, name: Any) -> bool:
        """Return whether there is one column of a name."""
        return protocol.times(self.frame.names(), name) == 1

    def needed(self, name: Any, argument: str) -> list[Any]:
        """Return the cells of a column that must be there."""
        try:
            protocol.one_of(self.frame.names(), name)
        except ColumnError as error:
            raise _missing(argument, name, str(error)) from None
        return self.frame.values(name, np.arange(self.height))

    def found(self, name: str) -> list[Any]:
        """Return the cells of a column that may be missing, as None then."""
        if not self.has(name):
            return [None] * self.height
        return self.frame.values(name, np.arange(self.height))


class _Records:
    """Columns of a list of mappings."""

    def __init__(self, records: Sequence[Any]) -> None:
        for row, record in enumerate(records):
            if not isinstance(record, Mapping):
                raise InvalidArgument(
                    f"hits[{row}] is {type(record).__name__}: hits is a frame, or a list of dicts "
                    "with 'text' and 'path'"
                )
        self.records = records
        self.height = len(records)

    def has(self, name: Any) -> bool:
        """Return whether a record has a name."""
        return any(name in record for record in self.records)

    def needed(self, name: Any, argument: str) -> list[Any]:
        """Return what all records have under a name."""
        for row, record in enumerate(self.records):
            if name not in record:
                there = ", ".join(map(repr, list(record)[:_SHOWN])) or "nothing"
                raise _missing(argument, name, f"hits[{row}] has {there}", row)
        return [record[name] for record in self.records]

    def found(self, name: str) -> list[Any]:
        """Return what records have under a name, None where they lack it."""
        return [record.get(name) for record in self.records]


def _missing(argument: str, name: Any, there: str, row: int | None = None) -> ColumnError:
    way = "source=None cites rows by their number" if argument == "source=" else (
        "text= names the column of texts"
    )  # fmt: skip
    return ColumnError(f"hits lack {argument.rstrip('=')}={name!r}: {there}; {way}", row=row)


def _one_query(columns: _Columns | _Records) -> None:
    asked = {number for number in columns.found("query_row") if not is_null(number)}
    if len(asked) > 1:
        raise InvalidArgument(
            f"hits answer {len(asked)} queries, and a prompt is of one question: take the rows of "
            "one query_row, or drop that column where all of them are meant"
        )


def _check_texts(cells: list[Any], name: Any) -> None:
    for row, cell in enumerate(cells):
        if not isinstance(cell, str) and not is_null(cell):
            raise ColumnError(
                f"text={name!r}: row {row} is {cell!r:.40} ({type(cell).__name__}), not text",
                row=row,
            )


def _numbers(columns: _Columns | _Records, name: str) -> list[int | None]:
    """Return a column of whole numbers; pandas has them as floats where some are null."""
    return [_number(cell, name, row) for row, cell in enumerate(columns.found(name))]


def _number(cell: Any, name: str, row: int) -> int | None:
    if is_null(cell):
        return None
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return int(cell)
    number: Any = cell
    try:
        return operator.index(number)
    except TypeError:
        raise ColumnError(
            f"{name!r}: row {row} is {cell!r:.40} ({type(cell).__name__}), not a whole number: "
            "rename the column if it is no place in a file",
            row=row,
        ) from None


def _path(cell: Any) -> str | None:
    return None if is_null(cell) else str(cell)


def _heading(cell: Any) -> str | None:
    if isinstance(cell, list | tuple):
        return " > ".join(map(str, cell)) or None
    return None if is_null(cell) else str(cell) or None


def _score_of(columns: _Columns | _Records) -> tuple[list[float | None], int]:
    """Return the score that says how good hits are, and -1 if more is better.

    No column of a name that answers have: all are None, and hits stay in their order.
    """
    for name in _RERANKED:
        if columns.has(name):
            return [_score(cell) for cell in columns.found(name)], -1
    for metric, name in SCORE_NAMES.items():
        if columns.has(name):
            sign = -1 if larger_is_better(metric) else 1
            return [_score(cell) for cell in columns.found(name)], sign
    return [None] * columns.height, 1


def _score(cell: Any) -> float | None:
    try:
        score = float(cell)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(score) else score
