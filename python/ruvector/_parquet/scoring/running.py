"""The parts of a job, one after the other: written aside, checked, named, and then in the manifest.

A part is finished once the manifest that is on the disk has it. Until then its file is hidden, and
the next run removes it. Many small parts are named together, so that the manifest of a job of many
files is not written as often as there are files.
"""

from __future__ import annotations

import bisect
import os
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from ..._errors import ColumnError, FileError, FileMissing, InvalidArgument, RuVectorError
from ..._native import facts_of
from ..._native.parquet import scoring
from ..._text.embedder import Embedder
from . import manifest as manifests
from .asked import Asked
from .columns import Chosen
from .failing import NO_ROOM, file_error
from .folder import Folder, remove
from .inputs import Input
from .manifest import Entry, Manifest, Part
from .planning import is_of_input, is_passing
from .staging import Staged, same_file, staged
from .texts import score_texts

# The manifest is written when the work since is so many times as long as writing it was.
_SPARED: Final = 20
# Old writers of dictionaries say less than they wrote; readers look so far behind it.
_PADDING: Final = 100


class Pending(NamedTuple):
    """A part that is written, and not yet in the manifest."""

    entry: Entry
    part: Part


class Run:
    """Makes the parts of a manifest that are not finished. Used as a context."""

    def __init__(
        self,
        folder: Folder,
        manifest: Manifest,
        asked: Asked,
        chosen: Chosen,
        maker: Embedder | None,
        right: scoring.Right | None,
        tell: Callable[[int], object],
    ) -> None:
        self._folder, self._manifest, self._asked = folder, manifest, asked
        self._chosen, self._maker, self._right, self._tell = chosen, maker, right, tell
        self._pending: list[Pending] = []
        self._named: list[Pending] = []  # of the pending ones those that have their names
        self._stale = False  # the manifest has parts that the one on the disk may not have
        self._text = "" if folder.manifest is None else folder.manifest.text()  # on the disk
        self._last = self._cost = 0.0
        self.parts = self.rows = 0  # done by this run
        self.plan: dict[str, int] = {}

    def all(self, inputs: tuple[Input, ...]) -> None:
        """Make every part that is missing.

        Raises
        ------
        RuVectorError
            Names the file, and where in it. What was finished stays.
        """
        try:
            for number, (file, entry) in enumerate(
                zip(inputs, self._manifest.entries, strict=True)
            ):
                if not entry.failed and not entry.done:
                    self._file(number, file, entry)
        finally:
            self.commit()
        if self._manifest.text() != self._text:  # files were set aside before anything was scored
            self._save(time.monotonic())

    def _file(self, number: int, file: Input, entry: Entry) -> None:
        try:
            for piece in range(len(entry.parts), len(entry.pieces)):
                self._piece(number, piece, file, entry)
        except RuVectorError as error:
            if not is_of_input(error, entry.name) or (is_passing(error) and not self._asked.skip):
                raise
            self._set_aside(entry, str(error))
            if not self._asked.skip:
                raise

    def _piece(self, number: int, piece: int, file: Input, entry: Entry) -> None:
        first, groups, rows = entry.pieces[piece]
        name = manifests.part_name(number, piece)
        hidden = self._folder.file(manifests.hidden(name))
        done = self.rows
        self._same_index()
        try:
            with staged(file.place, entry.mark) as source:
                same_file(file.place, entry.mark)
                facts = scoring.look(source.path, label=entry.name)
                try:
                    _fetch(source, facts, first, groups)
                    counts = self._score(source.path, hidden, file, (first, groups), done)
                except RuVectorError as error:
                    raise _located(error, self._folder.path, facts) from error
                same_file(file.place, entry.mark)
            self._same_index()
            digest = manifests.sha256_of(hidden)
        except BaseException:
            remove(hidden)
            raise
        part = Part(name, counts.rows_in, counts.rows_out, counts.nulls, counts.bytes, digest)
        self._pending.append(Pending(entry, part))
        self.rows = done + rows
        self.parts += 1
        for what, count in zip(counts._fields[4:], counts[4:], strict=True):
            self.plan[what] = self.plan.get(what, 0) + count
        if time.monotonic() - self._last >= _SPARED * self._cost:
            self.commit()

    def _same_index(self) -> None:
        if facts_of(self._asked.searched._handle) is not self._asked.facts:
            raise InvalidArgument(
                "the index was changed while rows were scored with it: what is finished was found "
                "in the index as it was; score with an index that nobody changes"
            )

    def _score(
        self, source: str, hidden: str, file: Input, groups: tuple[int, int], done: int
    ) -> scoring.Counts:
        asked, chosen = self._asked, self._chosen
        wanted = [c for c in file.constants if c.name in chosen.constants]
        with scoring.Part(
            source, hidden, index=asked.searched._handle, k=asked.k, on=asked.on, text=chosen.text,
            groups=groups if groups[1] else None,
            columns=[column.name for column in chosen.columns],
            constants=[(c.name, c.type, c.value) for c in wanted], names=asked.names,
            right=self._right, least=asked.least, most=asked.most, mask=asked.mask,
            threads=asked.threads, memory=asked.memory, batch_rows=asked.batch_rows,
            dim=0 if chosen.text else asked.searched.dim, label=file.place.name,
        ) as part:  # fmt: skip
            self._same_schema(part.schema, file)
            if self._maker is not None:
                score_texts(part, self._maker, asked.batch_rows, lambda n: self._tell(done + n))
            else:
                task = part.run()
                task.wait(lambda n, total: self._tell(done + n))
                task.result()
            counts = part.finish()
            self._tell(done + counts.rows_in)
            return counts

    def _same_schema(self, schema: str, file: Input) -> None:
        if not self._manifest.schema:
            self._manifest.schema = schema
        elif schema != self._manifest.schema:
            raise ColumnError(
                f"{file.place.name}: its rows would have other columns than those of the parts "
                f"before ({_differing(self._manifest.schema, schema)}): score it into another "
                "folder"
            )

    def commit(self) -> None:
        """Name the parts that are written, and have the manifest say so."""
        if not (self._pending or self._named or self._stale):
            return
        begin = time.monotonic()
        if not self._text:  # or the folder would be taken for one of somebody else
            self._save(begin)
        while self._pending:
            part = self._pending[0].part
            final = self._folder.file(part.name)
            try:
                os.rename(self._folder.file(manifests.hidden(part.name)), final)
            except FileNotFoundError:
                if not os.path.exists(final):  # else an interrupt came right after
                    raise
            except OSError as error:
                raise file_error(error, final, "a part cannot be named") from error
            self._named.append(self._pending[0])
            del self._pending[0]
        manifests.sync_folder(self._folder.path)
        self._save(begin)

    def _save(self, begin: float) -> None:
        self._stale = True
        while self._named:
            self._named[0].entry.parts.append(self._named[0].part)
            del self._named[0]
        manifests.write(self._folder.path, self._manifest)
        self._text, self._stale = self._manifest.text(), False
        self._last = time.monotonic()
        self._cost = self._last - begin

    def _set_aside(self, entry: Entry, reason: str) -> None:
        """Have no part of a file: the manifest forgets them first, then they are removed."""
        mine = [each.part for each in self._pending if each.entry is entry]
        self._pending = [each for each in self._pending if each.entry is not entry]
        self.commit()
        for part in mine:
            remove(self._folder.file(manifests.hidden(part.name)))
        named, entry.parts, entry.failed = entry.parts, [], reason
        if self._text or self._asked.skip:
            self._save(time.monotonic())
        for part in named:
            remove(self._folder.file(part.name))
        self.parts -= len(mine)


def _fetch(source: Staged, facts: scoring.FileFacts, first: int, groups: int) -> None:
    """Have the bytes of some row groups there."""
    for begin, end in facts.spans[first : first + groups]:
        source.fetch(begin, end + _PADDING)


def _located(error: RuVectorError, out: str, facts: scoring.FileFacts) -> RuVectorError:
    """Return an error that says which row group the row is of, or that the output has no room."""
    code = error.errno if isinstance(error, FileError) else None
    if code is not None and code in NO_ROOM:
        return file_error(
            OSError(code, f"{os.strerror(code)}. What is finished stays: make room and call again"),
            out,
            "a part cannot be written",
        )
    if error.row is None or isinstance(error, FileError | FileMissing):
        return error
    ends, total = [], 0
    for rows, _ in facts.groups:
        total += rows
        ends.append(total)
    group = bisect.bisect_right(ends, error.row)
    if group >= len(ends) or "row group" in str(error):
        return error
    return type(error)(f"{error} (row group {group})", row=error.row, column=error.column)


def _differing(before: str, now: str) -> str:
    """Return the first column that two schemas have not alike."""
    import json

    one, other = ([f"{n!r} {t}" for n, t in json.loads(schema)] for schema in (before, now))
    for a, b in zip(one, other, strict=False):
        if a != b:
            return f"{a}, now {b}"
    return f"{len(one)} columns, now {len(other)}"
