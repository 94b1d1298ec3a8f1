"""What ``df.ruvector`` can do, whichever library the frame is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from .._arguments import first_parameter
from .._frames.lazy import is_lazy
from .._frames.question import FrameT
from .._frames.verbs.build_index import build_index
from .._frames.verbs.dedup import dedup
from .._frames.verbs.describe import describe
from .._frames.verbs.duplicate_groups import duplicate_groups
from .._frames.verbs.duplicated import duplicated
from .._frames.verbs.embed import embed
from .._frames.verbs.explain import explain
from .._frames.verbs.hybrid import hybrid
from .._frames.verbs.neighbors import neighbors
from .._frames.verbs.plot import plot
from .._frames.verbs.recall import recall
from .._frames.verbs.search import search
from .._frames.verbs.sim_join import sim_join
from .._frames.verbs.similar_to import similar_to
from .._frames.verbs.similarity_quantiles import similarity_quantiles
from .._frames.verbs.within import within
from .._habits import FRAME
from .listing import Listed

P = ParamSpec("P")
R = TypeVar("R")
FrameT_co = TypeVar("FrameT_co", covariant=True)


def verb(
    function: Callable[Concatenate[FrameT, P], R],
) -> Callable[Concatenate[FrameAccessor[FrameT], P], R]:
    """Make a method of a function that takes a frame, which its signature and help leave out."""
    method: Callable[Concatenate[FrameAccessor[FrameT], P], R] = forward(function, "FrameAccessor")
    return method


def forward(function: Callable[..., Any], owner: str) -> Any:
    """Make a method of `owner` that gives a function what the accessor holds, ``_frame``."""

    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return function(self._frame, *args, **kwargs)

    held = first_parameter(function)
    method.__name__ = function.__name__
    method.__qualname__ = f"{owner}.{function.__name__}"
    method.__doc__ = _without(held, function.__doc__ or "")
    told: Any = method
    told.__annotations__ = {k: v for k, v in function.__annotations__.items() if k != held}
    # In whose file the annotations mean something, and whose signature is told: a bound method's
    # without its first parameter. To make signatures here would take 2 ms of every import.
    told.__wrapped__ = function
    return method


def _without(parameter: str, docstring: str) -> str:
    """Leave a parameter out of those that a docstring lists.

    Lines are compared, not a pattern: every import does this for every verb.
    """
    lines = docstring.split("\n")
    for at, line in enumerate(lines):
        told = line.lstrip()
        if not told.startswith(f"{parameter} : "):
            continue
        inside = " " * (len(line) - len(told) + 4)
        end = at + 1
        while end < len(lines) and lines[end].startswith(inside):
            end += 1
        only = lines[at - 1].strip() == "----------" and not "".join(lines[end : end + 1]).strip()
        del lines[at - 2 if only else at : end + only]
        break
    return "\n".join(lines)


class FrameAccessor(Listed, Generic[FrameT_co]):
    """Vector search on a DataFrame: the functions of `ruvector`, the frame filled in.

    ``FrameAccessor(df)`` is what ``df.ruvector`` is, for type checkers, which cannot see what is
    registered with pandas and polars.
    """

    __slots__ = ("_frame",)

    _called = "df.ruvector"

    def __init__(self, frame: FrameT_co) -> None:
        self._frame = frame

    if not TYPE_CHECKING:  # which report names that are absent

        def __getattr__(self, name: str) -> Any:
            raise FRAME.error(self, name)

    search = verb(search)
    hybrid = verb(hybrid)
    within = verb(within)
    sim_join = verb(sim_join)
    neighbors = verb(neighbors)
    similar_to = verb(similar_to)
    explain = verb(explain)
    describe = verb(describe)
    plot = verb(plot)
    build_index = verb(build_index)
    recall = verb(recall)
    embed = verb(embed)
    dedup = verb(dedup)
    duplicated = verb(duplicated)
    duplicate_groups = verb(duplicate_groups)
    similarity_quantiles = verb(similarity_quantiles)


class LazyAccessor(FrameAccessor[FrameT_co]):
    """Vector search in the plan of a lazy frame; it is done when the frame is collected.

    Verbs that need the rows at once say so.
    """

    __slots__ = ()

    _called = "lf.ruvector"

    def _has(self, name: str) -> bool:
        return is_lazy(getattr(type(self), name).__wrapped__)
