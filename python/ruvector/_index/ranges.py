"""`Ranges`: answers of different lengths, kept one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from .._errors import LimitExceeded
from .._show.plan import Plan
from .result import Hit, SearchResult

if TYPE_CHECKING:
    from .index import Index

PADDED_BYTES: Final = 1 << 30  # the most that `ids` and `scores` of a batch may take


class Ranges(SearchResult):
    """What `Index.within` finds for a batch: a `SearchResult` of queries that find different many.

    The rows found are kept one after the other. ``ids`` and ``scores`` of shape (nq, most rows of
    a query), with -1 and NaN in absent cells, are made when they are first asked for.

    Raises
    ------
    LimitExceeded
        ``ids`` and ``scores`` of such a shape would take over 1 GiB, as when one query of many
        finds every row: use `hits`, `to_arrow`, `to_pandas` or `to_polars`, which hold no absent
        cells.
    """

    __slots__ = ("_found", "_values")

    _found: npt.NDArray[Any]
    _values: npt.NDArray[np.float32]

    def __init__(
        self,
        found: npt.NDArray[Any],
        values: npt.NDArray[np.float32],
        counts: npt.NDArray[np.int64],
        index: Index,
        plan: Plan,
    ) -> None:
        self._found, self._values, self._counts = found, values, counts
        self.score_name, self.plan = index._score_name, plan
        self._index, self._single = index, False

    def __getattr__(self, name: str) -> Any:
        """Make the padded arrays: called where their slots are still empty."""
        if name not in ("ids", "scores"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.ids, self.scores = self._padded()
        return getattr(self, name)

    def _padded(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        nq, most = len(self.counts), int(self.counts.max(initial=0))
        if nq * most * (self._found.itemsize + 4) > PADDED_BYTES:
            raise LimitExceeded(
                f"ids and scores of {nq:,} queries would be {most:,} wide for the one that found "
                f"most, over {PADDED_BYTES >> 30} GiB for {len(self._found):,} rows found: use "
                "hits(), to_arrow(), to_pandas() or to_polars(), or a smaller limit="
            )
        absent: Any = None if self._found.dtype == object else -1
        if self._found.dtype == np.uint64:
            absent = np.iinfo(np.uint64).max
        ids = np.full((nq, most), absent, self._found.dtype)
        scores = np.full((nq, most), np.nan, np.float32)
        present = np.arange(most) < self.counts[:, None]
        ids[present], scores[present] = self._found, self._values
        return ids, scores

    def hits(self) -> list[Any]:
        """Return the rows found as a list of `Hit` tuples for each query."""
        ends = np.cumsum(self.counts).tolist()
        ids, scores = self._found.tolist(), self._values.tolist()
        pairs = [Hit(i, s) for i, s in zip(ids, scores, strict=True)]
        return [pairs[a:b] for a, b in zip([0, *ends], ends, strict=False)]

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        owner = np.repeat(np.arange(len(self.counts), dtype=np.int64), self.counts)
        starts = np.cumsum(self.counts) - self.counts
        return {
            "query_row": owner,
            "rank": np.arange(1, len(owner) + 1, dtype=np.int64) - starts[owner],
            "id": self._found,
            self.score_name: self._values,
        }

    def __repr__(self) -> str:
        return (
            f"SearchResult({len(self.counts)} queries, {len(self._found):,} rows, "
            f"{self.score_name})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the answer without the index it came from; `rows` no longer works."""
        fields = (self._found, self._values, self.counts, self.score_name, self.plan)
        return _restore, fields


def _restore(
    found: npt.NDArray[Any],
    values: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int64],
    score_name: str,
    plan: Plan,
) -> Ranges:
    result = object.__new__(Ranges)
    result._found, result._values, result._counts = found, values, counts
    result.score_name, result.plan = score_name, plan
    result._index, result._single = None, False
    return result
