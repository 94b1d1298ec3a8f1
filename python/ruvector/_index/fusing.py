"""Rankings of one question by several sides, and the one that they make together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

RRF: Final = 60  # of reciprocal rank fusion, as in the paper
Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.floating[Any]]


class Ranking(NamedTuple):
    """Rows that answer queries: those of query i behind those of the ones before, best first."""

    rows: Rows
    scores: Scores
    counts: Rows

    def of(self, query: int) -> tuple[Rows, Scores]:
        """Return rows and scores of one query."""
        end = int(self.counts[: query + 1].sum())
        begin = end - int(self.counts[query])
        return self.rows[begin:end], self.scores[begin:end]


def fuse(rankings: list[Ranking], k: int) -> Ranking:
    """Return the `k` rows of every query with the greatest sums of 1 / (60 + rank).

    Equal sums go to the smaller row. Scores are float64.

    Source: G. Cormack, C. Clarke, S. Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and
    individual Rank Learning Methods", SIGIR 2009.
    """
    queries = len(rankings[0].counts)
    found: list[npt.NDArray[Any]] = [np.empty(0, np.int64)]
    sums: list[npt.NDArray[Any]] = [np.empty(0)]
    counts = np.zeros(queries, np.int64)
    for query in range(queries):
        lists = [ranking.of(query)[0] for ranking in rankings]
        worth = np.concatenate([1 / (RRF + np.arange(1, len(rows) + 1)) for rows in lists])
        rows, place = np.unique(np.concatenate(lists), return_inverse=True)
        total = np.bincount(place, worth, len(rows))
        best = np.lexsort((rows, -total))[:k]
        found.append(rows[best])
        sums.append(total[best])
        counts[query] = len(best)
    return Ranking(np.concatenate(found), np.concatenate(sums), counts)


Rescore: TypeAlias = Callable[[int, Rows], tuple[Rows, Scores]]


def scores_of(
    ranking: Ranking, known: Ranking, rescore: Rescore, truncated: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return the score that every row of a ranking has on one side, NaN where it has none.

    `known` are those found there. Where a query's are not all that there are, `truncated`, the
    others are asked for: ``rescore(query, rows)`` returns rows among them and their scores.
    """
    out = np.full(len(ranking.rows), np.nan, np.float32)
    end = 0
    for query, count in enumerate(ranking.counts.tolist()):
        begin, end = end, end + count
        rows, scores = known.of(query)
        missing = np.setdiff1d(ranking.rows[begin:end], rows)
        if truncated[query] and len(missing):
            more, theirs = rescore(query, missing)
            rows, scores = np.concatenate([rows, more]), np.concatenate([scores, theirs])
        order = np.argsort(rows)
        place = np.searchsorted(rows, ranking.rows[begin:end], sorter=order)
        place = order[np.minimum(place, len(rows) - 1)] if len(rows) else place
        has = rows[place] == ranking.rows[begin:end] if len(rows) else np.zeros(count, np.bool_)
        out[begin:end][has] = scores[place[has]]
    return out
