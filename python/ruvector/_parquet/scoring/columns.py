"""Which columns a job reads and writes, and that all of its inputs have them alike."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from ..._errors import ColumnError, InvalidArgument
from .hive import Constant
from .tables import Fields


class Column(NamedTuple):
    """A column of a parquet file, as the library tells it."""

    name: str
    type: str
    kind: str  # what it can be searched with: "vectors", "text" or "other"
    field: int = -1  # its number in the table that the file is of
    maker: str = ""  # what the file says made its vectors, unchecked


class Chosen(NamedTuple):
    """What a job reads of every input."""

    on: Column
    columns: tuple[Column, ...]  # that pass through, in the order of the output
    constants: tuple[str, ...]  # columns of folders
    file: str  # the input that it was read from

    @property
    def text(self) -> bool:
        """Whether the rows are texts that have to be embedded."""
        return self.on.kind == "text"


def asked_columns(columns: Any) -> list[str] | None:
    """Return ``columns=`` as a list of names, None for all.

    Raises
    ------
    InvalidArgument
        Not a list of names, or a name twice.
    """
    if columns is None:
        return None
    if isinstance(columns, str):
        raise InvalidArgument(f"columns={columns!r} is one name; pass a list: [{columns!r}]")
    try:
        names = list(columns)
    except TypeError:
        raise InvalidArgument(f"columns={columns!r} is not a list of names") from None
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise InvalidArgument(f"columns= has {name!r}, which is not the name of a column")
        if name in names[:i]:
            raise InvalidArgument(f"columns= has {name!r} twice")
    return names


def choose(
    file: str,
    found: Sequence[Column],
    constants: Sequence[Constant],
    on: str,
    wanted: list[str] | None,
) -> Chosen:
    """Return what is read of the inputs, by the first of them.

    Raises
    ------
    ColumnError
        The file lacks a column, has two of one name, or one that a folder gives too; ``on=`` is a
        column that nothing can be searched with.
    """
    names = [column.name for column in found]
    parts = [constant.name for constant in constants]
    asked = _one(file, found, parts, on, "on")
    if asked.kind not in ("vectors", "text"):
        fit = [column.name for column in found if column.kind in ("vectors", "text")]
        raise ColumnError(
            f"{file}: on={on!r} is a column of {asked.type}, neither of vectors nor of text"
            + (f"; {', '.join(map(repr, fit[:5]))} can be scored" if fit else "")
        )
    if wanted is None:
        for name in names:
            if name in parts:
                raise ColumnError(
                    f"{file}: {name!r} is a column of the file and of the folders above it; leave "
                    "one of them out: columns=[...], or pass the files and not their folder"
                )
        wanted = [name for name in names if name != on] + parts
    columns = tuple(
        _one(file, found, parts, name, "columns") for name in wanted if name not in parts
    )
    for name in wanted:
        if name in parts and name in names:
            raise ColumnError(
                f"{file}: {name!r} is a column of the file and of the folders above it"
            )
    return Chosen(asked, columns, tuple(name for name in parts if name in wanted), file)


def _one(file: str, found: Sequence[Column], parts: list[str], name: str, what: str) -> Column:
    same = [column for column in found if column.name == name]
    if len(same) == 1:
        return same[0]
    if same:
        raise ColumnError(f"{file} has {len(same)} columns called {name!r}; which one is not known")
    if name in parts:
        raise ColumnError(
            f"{file}: {what}={name!r} is the name of a folder, not a column of vectors"
        )
    known = [column.name for column in found]
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {_listed(known)}"
    raise ColumnError(f"{file} has no column {name!r} ({what}=); {hint}")


def check_alike(file: str, found: Sequence[Column], chosen: Chosen, fields: Fields | None) -> None:
    """Refuse an input whose columns are not those of the others.

    Raises
    ------
    ColumnError
        Names both files.
    """
    here = {column.name: column for column in found}
    for i, column in enumerate((chosen.on, *chosen.columns)):
        other = here.get(column.name)
        if other is None:
            raise ColumnError(
                f"{file} has no column {column.name!r}, which {chosen.file} has: leave it out with "
                "columns=, or score these files apart"
            )
        if sum(each.name == column.name for each in found) > 1:
            raise ColumnError(f"{file} has two columns called {column.name!r}")
        if i == 0:
            if other.kind != column.kind:
                raise ColumnError(
                    f"{file}: on={column.name!r} is a column of {other.type}, in "
                    f"{chosen.file} of {column.type}: score these files apart"
                )
        elif other.type != column.type:
            raise ColumnError(
                f"{file}: {column.name!r} is a column of {other.type}, in {chosen.file} of "
                f"{column.type}: leave it out with columns=, or score these files apart"
            )
    if fields is not None:
        fields.check(file, [(c.name, here[c.name].field) for c in (chosen.on, *chosen.columns)])


def more_columns(file: str, found: Sequence[Column], chosen: Chosen) -> None:
    """Refuse an input with a column that the others lack, where all columns are wanted.

    Raises
    ------
    ColumnError
        Names both files.
    """
    known = {chosen.on.name, *(column.name for column in chosen.columns)}
    more = next((column.name for column in found if column.name not in known), None)
    if more is not None:
        raise ColumnError(
            f"{file} has a column {more!r}, which {chosen.file} has not: name the columns to keep "
            "with columns=, or score these files apart"
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "") if names else "none"
