"""All inputs are looked at before the first part is written: what is new, what changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ..._errors import (
    ColumnError,
    DimensionMismatch,
    InvalidVector,
    LimitExceeded,
    PersistError,
    RuVectorError,
)
from ..._native.parquet import scoring
from ..._native.parquet.vectors import open_files, params
from .asked import Asked
from .columns import Chosen, Column, check_alike, choose, more_columns
from .failing import NO_ROOM
from .inputs import Input, Inputs
from .manifest import Entry, Manifest
from .places import Mark
from .staging import staged

PIECE_ROWS: Final = 500_000  # of one part, but for row groups that are longer
PIECE_BYTES: Final = 256 << 20
_BAD: Final = (InvalidVector, DimensionMismatch, ColumnError, LimitExceeded, PersistError)


class Looked(NamedTuple):
    """An input whose footer was read."""

    mark: Mark
    facts: scoring.FileFacts

    @property
    def columns(self) -> list[Column]:
        """Its columns at the top of the schema."""
        facts = self.facts
        found = zip(facts.columns, facts.fields, facts.makers, strict=True)
        return [Column(*column, field, maker) for column, field, maker in found]


def is_of_input(error: BaseException, name: str) -> bool:
    """Return whether an error is about an input file: another file may be fine.

    Such errors name it; one of the index's own file does not.
    """
    if not isinstance(error, _BAD) or name not in str(error):
        return False
    return getattr(error, "errno", None) not in NO_ROOM


def is_passing(error: BaseException) -> bool:
    """Return whether a file may be fine although it could not be read: the system said so."""
    return isinstance(error, PersistError) and getattr(error, "errno", None) is not None


def look(file: Input) -> Looked:
    """Read the footer of an input.

    Raises
    ------
    FileMissing, PersistError, LimitExceeded
        It is not there, cannot be read, or is no parquet file.
    """
    mark = file.place.mark()
    with staged(file.place, mark) as source:
        return Looked(mark, scoring.look(source.path, label=file.place.name))


def cut(groups: Sequence[tuple[int, int]]) -> tuple[tuple[int, int, int], ...]:
    """Return the pieces of a file of such row groups (rows, bytes): first, how many, rows.

    A piece is one or more whole row groups; a file without any has one piece.
    """
    pieces: list[tuple[int, int, int]] = []
    first, rows, size = 0, 0, 0
    for i, (more_rows, more_size) in enumerate(groups):
        if i > first and (rows + more_rows > PIECE_ROWS or size + more_size > PIECE_BYTES):
            pieces.append((first, i - first, rows))
            first, rows, size = i, 0, 0
        rows, size = rows + more_rows, size + more_size
    pieces.append((first, len(groups) - first, rows))
    return tuple(pieces)


class Plan(NamedTuple):
    """What is to be done: the manifest to begin with, and what is read of every input."""

    manifest: Manifest
    chosen: Chosen | None  # None where no input could be read


def make_plan(
    found: Inputs,
    asked: Asked,
    before: Manifest | None,
) -> Plan:
    """Look at all inputs, and return what is to be done.

    Parameters
    ----------
    before : Manifest, optional
        Of the run that is resumed.

    Raises
    ------
    PersistError
        An input changed, is gone or is new since finished parts were made; names it.
    ColumnError, DimensionMismatch, FileMissing, PersistError
        An input is bad, and ``on_error="stop"``.
    """
    old = {} if before is None else {entry.name: entry for entry in before.entries}
    if old:
        _same_names(old, found)
    entries, chosen = [], None
    for file in found.files:
        known = old.get(file.place.name)
        try:
            looked = _looked(file, known)
            first = chosen or choose(
                file.place.name, looked.columns, file.constants, asked.on, asked.columns
            )
            _check(file, looked, first, found, asked)
            chosen = first
        except RuVectorError as error:
            if known is not None and not known.failed:
                raise  # its parts are finished
            if not asked.skip or not is_of_input(error, file.place.name):
                raise
            mark = known.mark if known is not None else Mark(0, "")
            entries.append(Entry(file.place.name, mark, "", 0, (), str(error)))
        else:
            entries.append(_entry(file, looked, known, asked.skip))
    index, snapshots = asked.digest, list(found.snapshots)
    return Plan(Manifest(index, {}, snapshots, before.schema if before else "", entries), chosen)


def _same_names(old: dict[str, Entry], found: Inputs) -> None:
    """Refuse inputs that are new or gone since the job began."""
    now = {file.place.name for file in found.files}
    gone = [name for name in old if name not in now]
    new = [name for name in now if name not in old]
    told = []
    if gone:
        told.append(f"{len(gone)} are gone, first {min(gone)}")
    if new:
        told.append(f"{len(new)} are new, first {min(new)}")
    if told:
        raise PersistError(
            f"the inputs are not those that this job began with: {'; '.join(told)}. Pass the same "
            "files as before (a list of them), and score others into another folder"
        )


def _looked(file: Input, known: Entry | None) -> Looked:
    """Look at a file; one whose parts are finished must be what it was."""
    if known is None or known.failed:
        return look(file)
    mark = file.place.mark()
    told = ""
    if mark != known.mark:
        told = (
            f"it had {known.mark.size:,} bytes, now {mark.size:,}"
            if mark.size != known.mark.size
            else "it was written again"
        )
    else:
        looked = look(file)
        if looked.facts.digest == known.footer:
            return looked
        told = "its footer is another"
    raise PersistError(
        f"{file.place.name} changed since this job began ({told}): put the file back that was "
        "scored, or give another out="
    )


def _check(file: Input, looked: Looked, chosen: Chosen, found: Inputs, asked: Asked) -> None:
    """Refuse a file that is not like the others, or whose vectors are not those of the index."""
    name = file.place.name
    check_alike(name, looked.columns, chosen, found.fields)
    if asked.columns is None:
        more_columns(name, looked.columns, chosen)
    if not chosen.text:
        _check_maker(name, looked, asked)
    if chosen.text or not file.place.local or "." in asked.on:  # a dot means a field of a structure
        return
    # Reads no more than tells the dimensions, and refuses others than these.
    open_files([name], asked.on, params(dim=asked.searched.dim)).close()


def _check_maker(name: str, looked: Looked, asked: Asked) -> None:
    """Refuse vectors of which the file says that another embedder than the index's made them.

    Raises
    ------
    EmbedError
        Names both.
    """
    said = next((column.maker for column in looked.columns if column.name == asked.on), "")
    mine = asked.searched._made()
    if not said or mine is None:
        return
    from ..._text.provenance import said_of_text
    from ..._text.recalled import check_same

    check_same(
        f"{name}: column {asked.on!r} was made", said_of_text(said), "the vectors of the index",
        mine, "score it with an index of one's own vectors, or of numbers alone: "
        "rv.Index.build(matrix)",
    )  # fmt: skip


def _entry(file: Input, looked: Looked, known: Entry | None, skip: bool) -> Entry:
    """Return what the job knows of a file; one that was set aside as it is now stays so."""
    facts = looked.facts
    name, mark, digest = file.place.name, looked.mark, facts.digest
    if known is None:
        return Entry(name, mark, digest, facts.rows, cut(facts.groups))
    if known.failed:
        if skip and (known.mark, known.footer) == (mark, digest):
            return known
        return Entry(name, mark, digest, facts.rows, cut(facts.groups))
    return known
