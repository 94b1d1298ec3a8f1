"""What a read did."""

from __future__ import annotations

from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from .._show import html

_last: ContextVar[ReadReport | None] = ContextVar("ruvector_last_read", default=None)
_SHOWN = 12  # files that are listed one by one


class FileRead(NamedTuple):
    """A file that has rows in the answer.

    ``encoding`` is that of its text, with ``?`` behind where it is a guess, ``""`` where there is
    none (PDF) or the file was not read again. ``unchanged`` says that its rows are those of
    ``previous=``.
    """

    path: str
    kind: str
    encoding: str
    rows: int
    unchanged: bool


class NotRead(NamedTuple):
    """A file, or a place in one (a page, a line), that was set aside, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What `read` did.

    Attributes
    ----------
    files : tuple of (path, kind, encoding, rows, unchanged)
        Files with rows in the answer, in the order of their paths.
    skipped : tuple of (path, reason)
        Documents, or pages and lines of them, that could not be read.
    empty : tuple of (path, reason)
        Documents without a text: empty ones, Python files without docstrings.
    others : tuple of str
        Files that were met in folders and are no documents.
    vanished : tuple of str
        Files of ``previous=`` that are not among the files any more; their rows are dropped.
    rows : int
    seconds : float
    """

    files: tuple[FileRead, ...]
    skipped: tuple[NotRead, ...]
    empty: tuple[NotRead, ...]
    others: tuple[str, ...]
    vanished: tuple[str, ...]
    rows: int
    seconds: float

    @property
    def encodings(self) -> dict[str, int]:
        """How many files were in each encoding."""
        return dict(Counter(file.encoding for file in self.files if file.encoding))

    @property
    def unchanged(self) -> int:
        """How many files were taken over from ``previous=``."""
        return sum(file.unchanged for file in self.files)

    def __repr__(self) -> str:
        text = f"ReadReport({_many(self.rows, 'row')} of {_many(len(self.files), 'file')}"
        if self.unchanged:
            text += f" ({self.unchanged:,} unchanged)"
        for name in ("skipped", "empty", "vanished", "others"):
            count = len(getattr(self, name))
            text += f", {count:,} {name}" if count else ""
        return text + f", {self.seconds:.1f} s)"

    def _repr_html_(self) -> str:
        kinds = Counter(file.kind for file in self.files)
        lines: list[tuple[str, object]] = [
            ("rows", f"{self.rows:,} of {_many(len(self.files), 'file')}"),
            ("kinds", _counted(kinds) or "none"),
            ("encodings", _counted(self.encodings) or "none"),
            ("time", f"{self.seconds:.1f} s"),
        ]
        if self.unchanged:
            lines.append(("unchanged", _many(self.unchanged, "file")))
        lines += _listed("skipped", [f"{path}: {reason}" for path, reason in self.skipped])
        lines += _listed("empty", [f"{path}: {reason}" for path, reason in self.empty])
        lines += _listed("vanished", self.vanished)
        if self.others:
            lines.append(("no documents", _many(len(self.others), "file")))
        return html.facts("ruvector.ReadReport", lines)


def _listed(name: str, texts: list[str] | tuple[str, ...]) -> list[tuple[str, object]]:
    lines: list[tuple[str, object]] = [(name, text) for text in texts[:_SHOWN]]
    if len(texts) > _SHOWN:
        lines.append((name, f"and {len(texts) - _SHOWN:,} more"))
    return lines


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def remember(report: ReadReport) -> None:
    """Make `report` the last one of this thread and task."""
    _last.set(report)


def last_read() -> ReadReport | None:
    """Return what the last `read` of this thread and task did, None before the first.

    Frames cannot carry a report; this is where it is found: the files that were read, those that
    were not and why, encodings, seconds. Each thread and each asyncio task sees its own.
    """
    return _last.get()
