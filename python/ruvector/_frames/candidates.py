"""Rows that a search found, for what puts them in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .._input.masks import Mask
from . import protocol

if TYPE_CHECKING:
    from .answer import Found
    from .question import Ready

_FEWEST: Final = 50
_TIMES: Final = 4

Rows = npt.NDArray[np.int64]


class Candidates(NamedTuple):
    """Rows that a search found for its queries, best first, and what they were searched with."""

    frame: protocol.Frame
    rows: Rows
    counts: Rows
    ready: Ready | Found
    texts: list[str] | None  # the queries; None where they are vectors
    fused: npt.NDArray[Any] = np.empty(0)  # the sums of reciprocal ranks, of `hybrid`

    def parts(self) -> list[tuple[int, int]]:
        """Return where the rows of every query begin and end."""
        ends = np.cumsum(self.counts).tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []


class Order(NamedTuple):
    """The places of the candidates that answer, best first, how many of each query, and why."""

    places: Rows
    counts: Rows
    scores: npt.NDArray[np.float32]  # larger is better; NaN where there is none


class Reordering(Protocol):
    """What ``reranker=`` means."""

    @property
    def label(self) -> Any:
        """The column of texts that is read; None for none."""
        ...

    def pool(self, k: int) -> int:
        """Return how many rows are looked at to find the `k` best."""
        ...

    def mask(self, frame: protocol.Frame, mask: Mask | None) -> Mask | None:
        """Return the rows that may be found."""
        ...

    def order(self, found: Candidates, k: int) -> Order:
        """Return the `k` best candidates of every query."""
        ...


def pool(k: int) -> int:
    """Return how many candidates are looked at to find the `k` best."""
    return max(_TIMES * k, _FEWEST) if k else 0


def asked_texts(found: Candidates, name: str) -> list[str]:
    """Return the texts of the queries.

    Raises
    ------
    InvalidArgument
        They are vectors.
    """
    if found.texts is None:
        raise InvalidArgument(
            f"reranker={name} compares texts, and the query is a vector: ask with the text "
            "itself; embedder= makes its vector where the column's own is not known"
        )
    return found.texts
