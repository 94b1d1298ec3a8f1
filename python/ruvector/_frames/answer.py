"""The rows that answer, before they become a frame again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._metric import larger_is_better
from .._show.plan import Plan


class Found:
    """Rows of the frame that answer, in long form."""

    __slots__ = (
        "counts", "metric", "plan", "ranks", "reranked", "rows", "scores", "single", "texts",
    )  # fmt: skip

    def __init__(
        self,
        rows: npt.NDArray[np.int64],
        scores: npt.NDArray[np.float32],
        counts: npt.NDArray[np.int64],
        metric: str,
        plan: Plan,
        single: bool,
        texts: list[str] | None,
        ranks: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.rows = rows
        self.scores = scores
        self.counts = counts
        self.metric = metric
        self.plan = plan
        self.single = single
        self.texts = texts
        self.reranked: npt.NDArray[np.float32] | None = None
        self.ranks = ranks  # in the group of each row; None: in the query's answer

    def limit(self, bound: float | None) -> None:
        """Drop rows beyond the threshold."""
        if bound is None:
            return
        with np.errstate(over="ignore"):  # infinity lets every row in
            limit = np.float32(bound)
        keep = self.scores >= limit if larger_is_better(self.metric) else self.scores <= limit
        owner = np.repeat(np.arange(len(self.counts)), self.counts)
        self.counts = np.bincount(owner[keep], minlength=len(self.counts))
        self.rows, self.scores = self.rows[keep], self.scores[keep]
        if self.ranks is not None:
            self.ranks = self.ranks[keep]

    def columns(self, score_name: str) -> dict[str, npt.NDArray[Any]]:
        """Return the columns that the answer adds to the frame."""
        if self.single:
            return self._scored({}, score_name)
        owner = np.repeat(np.arange(len(self.counts), dtype=np.int64), self.counts)
        starts = np.cumsum(self.counts) - self.counts
        added: dict[str, npt.NDArray[Any]] = {"query_row": owner}
        if self.texts is not None:
            names = np.empty(len(self.texts), object)
            names[:] = self.texts
            added["query"] = names[owner]
        ranks = np.arange(1, len(owner) + 1, dtype=np.int64) - starts[owner]
        added["rank"] = ranks if self.ranks is None else self.ranks
        return self._scored(added, score_name)

    def _scored(
        self, added: dict[str, npt.NDArray[Any]], score_name: str
    ) -> dict[str, npt.NDArray[Any]]:
        added[score_name] = self.scores
        if self.reranked is not None:
            added["rerank_score"] = self.reranked
        return added
