"""Is this answer right: k rows, eligible, unique, in order, with the scores of the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .drawing import require
from .model import Model, Scores


class Asked:
    """One query of a model: who may be found, and what the answer must be."""

    def __init__(self, model: Model, query: np.ndarray, allowed: np.ndarray) -> None:
        self.model = model
        self.allowed = allowed & model.valid
        self.scores: Scores = model.scores(query)
        rows = np.flatnonzero(self.allowed)
        key = self.scores.values[rows] * (-1 if model.larger else 1)
        self.best = rows[np.argsort(key, kind="stable")]

    def rows_of(self, ids: list[Any]) -> np.ndarray:
        """Return the rows of the ids of an answer, each of them eligible and there once."""
        place = {name: row for row, name in enumerate(self.model.ids)}
        unknown = [name for name in ids if name not in place]
        require(not unknown, "answer with an id that is not there", repr(unknown[:3]))
        rows = np.array([place[name] for name in ids], np.int64)
        require(len(set(ids)) == len(ids), "answer with an id twice", repr(ids))
        wrong = rows[~self.allowed[rows]] if len(rows) else rows
        require(len(wrong) == 0, "answer with a row that may not be found", str(wrong))
        return rows

    def has_scores(self, rows: np.ndarray, found: np.ndarray) -> None:
        """Require the scores of these rows."""
        require(found.dtype == np.float32, "score type", str(found.dtype))
        expected, slack = self.scores.values[rows], self.scores.tolerance()[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            same = np.float32(expected) == found
            off = ~(same | (np.abs(found.astype(np.float64) - expected) <= slack))
        if off.any():
            i = int(np.flatnonzero(off)[0])
            detail = f"row {rows[i]}: {found[i]!r}, the model has {expected[i]!r}"
            require(False, "wrong score", detail)

    def is_sorted(self, found: np.ndarray) -> None:
        """Require scores from best to worst, finite."""
        require(not np.isnan(found).any(), "score NaN", str(found))
        steps = found[1:].astype(np.float64) - found[:-1] if len(found) > 1 else np.zeros(0)
        down = steps <= 0 if self.model.larger else steps >= 0
        infinite = ~np.isfinite(steps)
        require((down | infinite).all(), "answer out of order", str(found))

    def is_nearest(self, ids: list[Any], found: np.ndarray, k: int) -> None:
        """Require the k nearest, their scores, and ties to the smaller row."""
        rows = self.rows_of(ids)
        wanted = min(k, len(self.best))
        require(len(rows) == wanted, "number of rows", f"{len(rows)}, not {wanted}")
        self.has_scores(rows, found)
        self.is_sorted(found)
        self.follows(rows)

    def follows(self, rows: np.ndarray) -> None:
        """Require that rows are the first of the model's order, but for what its slack allows."""
        best = self.best[: len(rows)]
        if (rows == best).all():
            return
        values, slack = self.scores.values, self.scores.slack
        if self.scores.exact:
            equal = values[rows] == values[best]
            check = "tie not to the smaller row" if equal.all() else "wrong rows"
            require(False, check, f"{rows.tolist()}, not {best.tolist()}")
        with np.errstate(invalid="ignore"):
            far = np.abs(values[rows] - values[best]) > slack[rows] + slack[best]
        if far.any():
            i = int(np.flatnonzero(far)[0])
            detail = f"place {i}: row {rows[i]} of {values[rows[i]]!r}, "
            require(False, "wrong rows", detail + f"not {best[i]} of {values[best[i]]!r}")
        self._twins_in_order(rows)

    def _twins_in_order(self, rows: np.ndarray) -> None:
        """Rows of equal numbers have equal scores, whatever the arithmetic."""
        x = self.model.x
        groups: dict[bytes, list[int]] = {}
        for row in np.flatnonzero(self.allowed & (self.model.moved == 0)).tolist():
            groups.setdefault((x[row] + 0).tobytes(), []).append(row)
        found: dict[bytes, list[int]] = {}
        for row in rows.tolist():
            if self.model.moved[row] == 0:
                found.setdefault((x[row] + 0).tobytes(), []).append(row)
        for key, got in found.items():
            detail = f"{got} among equal rows {groups[key]}"
            require(got == groups[key][: len(got)], "tie not to the smaller row", detail)

    def is_plausible(self, ids: list[Any], found: np.ndarray, k: int | None) -> None:
        """Require what estimates promise: k eligible rows, unique, sorted, scores in bounds."""
        rows = self.rows_of(ids)
        if k is not None:
            wanted = min(k, len(self.best))
            require(len(rows) == wanted, "number of rows", f"{len(rows)}, not {wanted}")
        self.is_sorted(found)
        require(np.isfinite(found).all(), "score not finite", str(found))
        if self.model.metric == "cosine":
            require((np.abs(found) <= 1).all(), "cosine outside [-1, 1]", str(found))
        elif not self.model.larger:
            require((found >= 0).all(), "distance below 0", str(found))

    def is_within(
        self, ids: list[Any], found: np.ndarray, threshold: float, limit: int | None
    ) -> None:
        """Require all rows within a threshold, but for those that its rounding leaves open."""
        values, slack = self.scores.values, self.scores.tolerance()
        sign = -1.0 if self.model.larger else 1.0
        with np.errstate(invalid="ignore", over="ignore"):
            edge = sign * np.float64(np.float32(threshold))
            surely = self.allowed & (sign * values + slack < edge)
            maybe = self.allowed & (sign * values - slack <= edge)
        rows = self.rows_of(ids)
        require(maybe[rows].all(), "row outside the threshold", str(rows[~maybe[rows]]))
        if limit is None or len(rows) < limit:
            missing = np.setdiff1d(np.flatnonzero(surely), rows)
            require(len(missing) == 0, "row within the threshold is missing", str(missing))
        require(limit is None or len(rows) <= limit, "more rows than the limit", str(len(rows)))
        self.has_scores(rows, found)
        self.is_sorted(found)
        self.follows(rows)
