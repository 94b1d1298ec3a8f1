"""What a job did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ..._show import html


class Skipped(NamedTuple):
    """A file that was set aside."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What `score_parquet` did; of a job that was resumed, by all runs together.

    Attributes
    ----------
    out : str
        The folder of the parts.
    files : int
        Input files, those set aside not counted.
    skipped : tuple of (file, reason)
        Files set aside, with ``on_error="skip"``.
    rows_in, rows_out, null_queries : int
        Rows of the inputs; rows of all parts; rows of the inputs whose vector or text is null (or
        a text without a word), which have no output row.
    parts : int
        Part files.
    parts_done, parts_before : int
        Those made by this call, and those that were finished before it.
    seconds, rows_per_second : float
        Time of this call, and rows of the inputs that it scored in a second.
    plan : dict
        What was done to answer, summed over the parts of this call: ``queries``,
        ``cells_probed``, ``rows_scanned``, ``rows_coded``, ``rows_reranked`` and
        ``queries_certified`` (see `Plan`); empty where no part was made.
    """

    out: str
    files: int
    skipped: tuple[Skipped, ...]
    rows_in: int
    rows_out: int
    null_queries: int
    parts: int
    parts_done: int
    parts_before: int
    seconds: float
    rows_per_second: float
    plan: dict[str, int] = field(default_factory=dict)

    def _lines(self) -> list[tuple[str, object]]:
        lines: list[tuple[str, object]] = [
            ("rows in", f"{self.rows_in:,} of {_many(self.files, 'file')}"),
            ("rows out", f"{self.rows_out:,}"),
            ("parts", f"{self.parts:,} ({self.parts_done:,} now, {self.parts_before:,} before)"),
            ("time", f"{self.seconds:.1f} s, {self.rows_per_second:,.0f} rows/s"),
            ("out", self.out),
        ]
        if self.null_queries:
            lines.insert(1, ("without a vector", f"{self.null_queries:,}"))
        lines += [(name.replace("_", " "), f"{value:,}") for name, value in self.plan.items()]
        lines += [("set aside", f"{file}: {reason}") for file, reason in self.skipped]
        return lines

    def __repr__(self) -> str:
        text = (
            f"ScoreReport({_many(self.rows_in, 'row')} of {_many(self.files, 'file')} -> "
            f"{_many(self.rows_out, 'row')} in {_many(self.parts, 'part')}, {self.seconds:.1f} s"
        )
        if self.skipped:
            text += f", {_many(len(self.skipped), 'file')} set aside"
        return text + ")"

    def _repr_html_(self) -> str:
        return html.facts("ruvector.ScoreReport", self._lines())


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
