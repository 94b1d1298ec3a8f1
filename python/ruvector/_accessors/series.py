"""What ``series.ruvector`` can do, whichever library the column is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from .._frames.verbs.describe import describe_column
from .._frames.verbs.distance import distance
from .._frames.verbs.similarity import similarity
from .._habits import SERIES
from .._input.matrices import to_matrix
from .frame import forward
from .listing import Listed

P = ParamSpec("P")
R = TypeVar("R")
ColumnT = TypeVar("ColumnT")
ColumnT_co = TypeVar("ColumnT_co", covariant=True)


def column_verb(
    function: Callable[Concatenate[ColumnT, P], R],
) -> Callable[Concatenate[SeriesAccessor[ColumnT], P], R]:
    """Make a method of a function that takes a column, which its signature and help leave out."""
    method: Callable[Concatenate[SeriesAccessor[ColumnT], P], R]
    method = forward(function, "SeriesAccessor")
    return method


class SeriesAccessor(Listed, Generic[ColumnT_co]):
    """A column of vectors: the functions of `ruvector` that take one, the column filled in.

    ``SeriesAccessor(series)`` is what ``series.ruvector`` is, for type checkers.
    """

    __slots__ = ("_frame",)

    _called = "series.ruvector"

    def __init__(self, series: ColumnT_co) -> None:
        self._frame = series

    if not TYPE_CHECKING:  # which report names that are absent

        def __getattr__(self, name: str) -> Any:
            raise SERIES.error(self, name)

    to_matrix = column_verb(to_matrix)
    similarity = column_verb(similarity)
    distance = column_verb(distance)

    def describe(self) -> Any:
        """Describe the column in one row: its dimensions, nulls, bad rows and the like.

        Returns
        -------
        frame of the same library
            The row that ``df.ruvector.describe()`` has for the column.
        """
        return describe_column(self._frame)
