"""What made a column of vectors, so that a text can be searched in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .. import _native
from .._errors import ColumnError, EmbedError, InvalidVector
from .._input.cells import Validity
from .._input.vectors import Float32Matrix, Vectors, from_matrix, read_vectors
from .._text.embedder import Embedder
from .._text.made import Hashes, Origin, made
from . import protocol

if TYPE_CHECKING:
    from .._text.provenance import Provenance
    from .._text.recalled import Maker

_FIRST: Final = 64  # rows that tell most columns of others
_WAY: Final = (
    "search with a vector where that is meant: rv.search(frame, embedder.embed_query(text))"
)


def remember_made(matrix: Float32Matrix, valid: Validity, embedder: Embedder) -> None:
    """Remember the rows of a column that was made now."""
    vectors = from_matrix(matrix, valid, True, "made")
    try:
        if vectors.handle is not None:
            made.put(embedder, _native.column_row_hashes(vectors.handle, 0, vectors.rows))
    finally:
        vectors.close()


def maker_of(vectors: Vectors | None, digest: bytes | None = None) -> Origin:
    """Return what `embed` made all rows of a column with, if it did.

    `digest` is that of the column, where it is known.
    """
    if vectors is None or not _may_be_made(vectors):
        return Origin(None)
    if digest is not None and (known := made.of_column(digest)) is not None:
        return Origin(known)
    if vectors.rows > 2 * _FIRST:
        first = _native.column_row_hashes(vectors.handle, 0, _FIRST)
        if first.any() and made.origin(first).unknown == (first > 0).sum():
            return Origin(None)
    found = made.origin(_native.column_row_hashes(vectors.handle, 0, vectors.rows))
    if digest is not None and found.embedder is not None:
        made.put_column(digest, found.embedder)
    return found


def _may_be_made(vectors: Vectors) -> bool:
    if vectors.handle is None or not len(made):
        return False
    return bool(_native.column_info(vectors.handle)["type"].count(": float32") == 1)


def maker_of_column(frame: protocol.Frame, label: Any) -> Embedder | None:
    """Return what `embed` made a column of a frame with, None for any other column."""
    vectors = _vectors_of(frame, label)
    if vectors is None:
        return None
    try:
        return maker_of(vectors).embedder
    finally:
        vectors.close()


def _vectors_of(frame: protocol.Frame, label: Any) -> Vectors | None:
    """Return a column of vectors that may have been made here."""
    if label is None or isinstance(label, list) or not len(made):
        return None
    if protocol.facts_of(frame, label).kind != "vector":
        return None
    try:
        return read_vectors(frame.column(label), f"column {label!r}", warn=False)
    except (ColumnError, InvalidVector):
        return None


def check_rows(
    vectors: Vectors, label: Any, mine: Maker, called: str, way: str = _WAY, first: int = 0
) -> None:
    """Refuse a column of which another embedder made some rows here, or all, as its source tells.

    Parameters
    ----------
    vectors : Vectors
    label : column label
    mine : Embedder or Provenance
        The embedder that has to have made them, if any did.
    called : str
        What it is in words, such as ``"embedder= is"``.
    way : str
        The way out.
    first : int
        What errors call the first row.

    Raises
    ------
    EmbedError
        Names both and the first row.
    """
    from .._text.recalled import are_others, check_same, facts  # no part of a start

    check_same(f"the vectors of {label!r} were made", vectors.made, called, mine, way)
    if not _may_be_made(vectors) or not _begins_or_ends_known(vectors):
        return
    hashes = _native.column_row_hashes(vectors.handle, 0, vectors.rows)
    key = getattr(mine, "key", None)
    found = made.by_others(hashes, key, lambda maker: are_others(mine, maker))
    if found is not None:
        row, other = first + found[0], found[1]
        from .._text.provenance import refused

        raise refused(
            f"row {row} of the vectors of {label!r} was made", other.made(), called, facts(mine),
            way, row,
        )  # fmt: skip


def _begins_or_ends_known(vectors: Vectors) -> bool:
    """Return whether the first or the last rows of a column were made here, by whatever."""
    n = vectors.rows
    if n <= 2 * _FIRST:
        return True
    ends: list[Hashes] = [
        _native.column_row_hashes(vectors.handle, start, start + _FIRST)
        for start in (0, n - _FIRST)
    ]
    return any(made.origin(part).unknown < (part > 0).sum() for part in ends)


def check_column(
    frame: protocol.Frame, label: Any, mine: Maker, called: str, way: str = _WAY
) -> None:
    """As `check_rows`, of a column that was not read; one that is not of vectors is fine.

    Raises
    ------
    EmbedError
    """
    told = told_of(frame, label)
    if told is None and not len(made):
        return
    if told is not None:
        from .._text.recalled import check_same

        check_same(f"the vectors of {label!r} were made", told, called, mine, way)
    vectors = _vectors_of(frame, label)
    if vectors is not None:
        try:
            check_rows(vectors, label, mine, called, way)
        finally:
            vectors.close()


def told_of(frame: protocol.Frame, label: Any) -> Provenance | None:
    """Return what a table itself says of what made a column: the metadata of pyarrow's fields.

    What cannot be read says nothing.
    """
    if frame.library != "pyarrow" or label is None or isinstance(label, list):
        return None
    schema = getattr(getattr(frame, "frame", None), "schema", None)
    names = frame.names()
    if schema is None or protocol.times(names, label) != 1:
        return None
    place = next(i for i, name in enumerate(names) if protocol.same_label(name, label))
    field = schema.field(place)
    from .._text.provenance import said_of  # no part of a start

    return said_of(field.metadata, field.name) or said_of(schema.metadata, field.name, True)


def told_by(table: Any, library: str, name: str, maker: Maker) -> Any:
    """Return a pyarrow table whose field says what made its column; other frames as they are."""
    if library != "pyarrow" or not hasattr(table, "set_column"):
        return table
    from .._text.provenance import KEY  # no part of a start
    from .._text.recalled import facts

    place = table.schema.get_field_index(name)
    field = table.schema.field(place)
    said = {**(field.metadata or {}), KEY: facts(maker).to_json().encode()}
    return table.set_column(place, field.with_metadata(said), table.column(place))


def unknown_origin(label: Any, found: Origin, rows: int) -> EmbedError:
    """Return the error for a text that is searched in vectors of which nobody knows the maker."""
    what = f"it is not known what made the vectors of {label!r}"
    row = None
    if found.row >= 0 and found.unknown < rows:
        row = found.row
        assert found.likeliest is not None
        what = (
            f"{found.unknown:,} of the {rows:,} vectors of {label!r} were not made by embed like "
            f"the others, by {found.likeliest.id!r} (first in row {row})"
        )
        if found.other is not None:
            return EmbedError(
                f"the query is text, but {what}; row {row} was made by {found.other.id!r}: vectors "
                "of two embedders do not compare; embed all rows with one",
                row=row,
            )
    return EmbedError(
        f"the query is text, but {what}; name it: embedder=..., or search a text column with text=",
        row=row,
    )
