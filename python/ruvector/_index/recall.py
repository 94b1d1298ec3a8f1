"""What `Index.recall` returns: `RecallReport`."""

from __future__ import annotations

from typing import NamedTuple

from .._show import html


class RecallReport(NamedTuple):
    """A measured recall@k: the share of the true `k` nearest rows that searches found.

    Attributes
    ----------
    mean : float
        Over the queries, between 0 and 1.
    low, high : float
        95 % interval: Wilson's, widened by how far neighbours of one query are missed together.
        Both are 1.0 where searches measure every row, which nothing can miss.
    k : int
        Neighbours asked for; fewer than asked where the index has fewer rows.
    sample : int
        Rows asked with; 0 where nothing had to be asked.
    """

    mean: float
    low: float
    high: float
    k: int
    sample: int

    def __repr__(self) -> str:
        if self.low == 1:
            return f"RecallReport(recall@{self.k} 1.0, exact: every row is measured)"
        return (
            f"RecallReport(recall@{self.k} {self.mean:.4f}, 95 % between {self.low:.4f} and "
            f"{self.high:.4f}, {self.sample:,} queries)"
        )

    def _repr_html_(self) -> str:
        if self.low == 1:
            return html.facts(f"recall@{self.k}", [("mean", "1.0, exact: every row is measured")])
        return html.facts(
            f"recall@{self.k}",
            [
                ("mean", f"{self.mean:.4f}"),
                ("95 % interval", f"{self.low:.4f} to {self.high:.4f}"),
                ("queries", f"{self.sample:,}"),
            ],
        )
