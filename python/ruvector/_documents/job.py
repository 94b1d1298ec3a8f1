"""One read: file after file, each as rows, or taken over, or set aside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .._errors import FileError, MissingExtra, RuVectorError
from .._progress import Progress, reporter
from . import changed
from .changed import Previous, Print
from .document import EMPTY, Document, Fault, Options
from .report import FileRead, NotRead
from .rows import Cutting, Row, rows_of_chunks, rows_of_parts
from .sources import Source, load, parse, shown

_MOST_PROBLEMS: Final = 20  # places of one document that are named
_TOGETHER: Final = 16 << 20  # characters of documents that are cut in one call


@dataclass(slots=True)
class Entry:
    """The rows of one file; ``old`` are those of the earlier answer, -1 for what is new."""

    path: str
    known: Print
    rows: list[Row] = field(default_factory=list)
    old: list[int] = field(default_factory=list)


class _Waiting(NamedTuple):
    """A document that is read, and not cut yet."""

    source: Source
    document: Document
    entry: Entry


class Job:
    """One read.

    Attributes
    ----------
    entries : list of Entry
        Files with rows.
    read, skipped, empty : list
        As in `ReadReport`.
    """

    def __init__(
        self,
        options: Options,
        cutting: Cutting | None,
        previous: Previous | None,
        word: str,
        stop: bool,
    ) -> None:
        self.entries: list[Entry] = []
        self.read: list[FileRead] = []
        self.skipped: list[NotRead] = []
        self.empty: list[NotRead] = []
        self._options = options
        self._cutting = cutting
        self._previous = previous
        self._word = word
        self._stop = stop
        self._waiting: list[_Waiting] = []
        self._letters = 0

    def aside(self, name: str, fault: Fault) -> None:
        """Set a file aside, or raise where the caller wants that."""
        name = shown(name)
        if self._stop:
            raise error_of(name, fault) from fault
        skipped = NotRead(name, fault.reason)
        if skipped not in self.skipped[-64:]:  # a folder is met more than once
            self.skipped.append(skipped)

    def run(self, sources: list[Source], progress: Progress) -> None:
        """Read all sources."""
        report = reporter(progress, "read")
        try:
            for done, source in enumerate(sources, 1):
                try:
                    self._one(source)
                except Fault as fault:
                    self.aside(source.name, fault)
                report(done, len(sources))
            self._cut()
        finally:
            report(-1, -1)
        self.read.sort()
        self.entries.sort(key=lambda entry: entry.path)

    def _one(self, source: Source) -> None:
        known = None if self._previous is None else self._previous.known(source.name, self._word)
        if known is not None and known.changed and known[:2] == source.mark:
            self._take_over(source, known)
            return
        data, mark = load(source)
        if known is not None and changed.digest_of(data) == known.digest:
            self._take_over(source, known._replace(changed=changed.time_kept(mark)))
            return
        document = parse(source, data, self._options)
        for problem in document.problems[:_MOST_PROBLEMS]:
            self.aside(source.name, problem)
        if len(document.problems) > _MOST_PROBLEMS:
            more = len(document.problems) - _MOST_PROBLEMS
            self.aside(source.name, Fault(f"and {more:,} more places cannot be read"))
        if not document.parts:
            self.empty.append(NotRead(source.name, _why_empty(source, document)))
            return
        entry = Entry(source.name, changed.print_of(data, mark, self._word))
        self._waiting.append(_Waiting(source, document, entry))
        self._letters += len(document.text)
        if self._letters >= _TOGETHER:
            self._cut()

    def _take_over(self, source: Source, known: Print) -> None:
        assert self._previous is not None
        old = self._previous.where[source.name]
        rows = [self._previous.rows[row] for row in old]
        self.entries.append(Entry(source.name, known, rows, list(old)))
        self.read.append(FileRead(source.name, source.kind, "", len(rows), True))

    def _cut(self) -> None:
        """Make rows of what waits."""
        waiting, self._waiting, self._letters = self._waiting, [], 0
        documents = [each.document for each in waiting]
        if self._cutting is None:
            found = [rows_of_parts(document) for document in documents]
        else:
            found = rows_of_chunks(documents, self._cutting)
        for (source, document, entry), rows in zip(waiting, found, strict=True):
            if not rows:
                self.empty.append(NotRead(source.name, "it has no text"))
                continue
            entry.rows = rows
            entry.old = self._same(source.name, rows)
            entry.known = changed.with_rows(entry.known, rows)
            self.entries.append(entry)
            self.read.append(
                FileRead(source.name, source.kind, document.encoding, len(rows), False)
            )

    def _same(self, path: str, rows: list[Row]) -> list[int]:
        """Return which rows of the earlier answer are the same, -1 for none."""
        if self._previous is None:
            return [-1] * len(rows)
        there = {self._previous.rows[row]: row for row in self._previous.where.get(path, [])}
        return [there.pop(row, -1) for row in rows]


def _why_empty(source: Source, document: Document) -> str:
    if document.kind == EMPTY:
        return "it is empty"
    return "it has no docstring" if source.kind == "python" else "it has no text"


def error_of(name: str, fault: Fault) -> RuVectorError:
    """Return the error that a fault of a file is to the caller."""
    text = f"{name}: {fault.reason}"
    if issubclass(fault.kind, MissingExtra):
        from .readers.pdf import PIP

        return fault.kind(text, pip=PIP)
    if issubclass(fault.kind, FileError):
        cause = fault.__cause__
        code = cause.errno if isinstance(cause, OSError) else None
        return fault.kind(text, code=code, path=name)
    return fault.kind(text)
