"""Frames: what the verbs need of a data frame, whichever library it comes from."""

from __future__ import annotations

import fnmatch
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from .._errors import ColumnError, InvalidVector, UnknownId
from .._input.advice import looks_like_vector, text_advice
from .._input.masks import Mask
from .._input.numbers import FloatMatrix, fits_float32
from .._input.text_columns import TextColumn
from .._input.values import is_null, numbers_of
from .._metric import SCORE_NAMES
from .._settings import current

_READ = 16  # rows of a column that tell what its texts are
Added = Mapping[str, npt.NDArray[Any]]


class ColumnFacts(NamedTuple):
    """What is known of a column without reading all of it."""

    label: Any
    kind: str  # "vector", "bits", "text", "number", "null" (nothing but nulls) or "other"
    dtype: str
    dim: int | None


class Frame(Protocol):
    """One data frame. `label` is what its library calls a column."""

    frame: Any
    height: int

    @property
    def library(self) -> str:
        """The library that reads the frame: ``pandas``, ``polars``, ``pyarrow`` or ``duckdb``."""
        ...

    @property
    def outline(self) -> bool:
        """Whether only the columns are known, and the answer is to have no rows."""
        ...

    def names(self) -> list[Any]:
        """Return the labels of all columns, in order."""
        ...

    def fact(self, position: int) -> ColumnFacts:
        """Return what is known of the column at a position."""
        ...

    def column(self, label: Any) -> Any:
        """Return the column itself; ColumnError when there is none or more than one."""
        ...

    def column_at(self, position: int) -> Any:
        """Return the column at a position."""
        ...

    def texts(self, label: Any) -> list[Any]:
        """Return a text column as a list; null is None."""
        ...

    def text_column(self, label: Any) -> TextColumn:
        """Return a text column; EmbedError names a cell that is neither text nor null."""
        ...

    def mask(self, where: Any) -> Mask:
        """Return `where` as one boolean a row, null as False."""
        ...

    def group_codes(self, labels: Sequence[Any]) -> npt.NDArray[np.int64]:
        """Return a number from 0 on for every row, equal where all the columns are, -1 for none.

        What null is equal to is what the library's own grouping says.
        """
        ...

    def take(self, rows: npt.NDArray[np.int64], columns: Sequence[Any] | None, added: Added) -> Any:
        """Return a frame of these rows and columns (None: all), with columns added.

        Numbers that are masked (numpy.ma) are null; NaN where the library knows no null.
        """
        ...

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        """Return a frame with columns of its library added at the end, as long as it is high.

        What was there stays: index, labels, the frame's own class. No name may be there yet.
        """
        ...

    def join_rows(
        self,
        rows: npt.NDArray[np.int64],
        other: Frame | None,
        other_rows: npt.NDArray[np.int64],
        columns: Sequence[tuple[int, Any]],
        added: Added,
        nullable: bool,
    ) -> Any:
        """Return these rows, beside them rows of another frame, then columns that are added.

        `other` is of the same library; `columns` are the positions of its columns and the names
        that they get. Where a row of it is -1, its columns and those added are null; `nullable`
        says that such rows may come.
        """
        ...

    def position(self, label: Any) -> int:
        """Return the row that has a label, in libraries without labels its position.

        Raises
        ------
        UnknownId, DuplicateId
            No row, or several.
        """
        ...

    def structs(self, name: str, fields: Added, counts: npt.NDArray[np.int64]) -> Any:
        """Return a column of structs of lists for `with_columns`, null where a count is 0.

        `fields` hold the values of all rows, of each as many as its count says.
        """
        ...

    def values(self, label: Any, rows: npt.NDArray[np.int64]) -> list[Any]:
        """Return a column's values in these rows as Python objects."""
        ...

    def series(self, values: npt.NDArray[Any], name: str) -> Any:
        """Return a column of the library, one value a row, in pandas with the frame's index."""
        ...

    def make(self, columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> Any:
        """Return a new frame of the same library.

        Kinds are ``text``, ``int``, ``float`` and ``bool``; None is null.
        """
        ...


class Labels(list[Any]):
    """Labels of columns; ``levels`` are names that index levels have, which are no columns."""

    __slots__ = ("levels",)

    def __init__(self, columns: Iterable[Any], levels: Iterable[Any] = ()) -> None:
        super().__init__(columns)
        self.levels = [name for name in levels if name is not None]


def position_of(row: Any, height: int) -> int:
    """Return a row number from 0 on, of one that may count from the end.

    Raises
    ------
    UnknownId
        There is no such row.
    """
    try:
        found = operator.index(row)
    except TypeError:
        raise UnknownId(
            f"rows of this frame have no labels: {row!r} must be a row number from 0"
        ) from None
    if isinstance(row, bool) or not -height <= found < height:
        raise UnknownId(f"there is no row {row!r}; the frame has {height:,} rows, numbered from 0")
    return found % height


def same_label(name: Any, label: Any) -> bool:
    """Return whether a label names a column: equal, both NA, or the first level of several.

    Labels of several levels are tuples; one whose lower levels are empty is called by its first
    alone, as in pandas.
    """
    if name is label:
        return True
    if isinstance(name, tuple):
        if isinstance(label, tuple):
            return len(name) == len(label) and all(map(same_label, name, label))
        return same_label(name[0], label) and all(level == "" for level in name[1:])
    if is_null(name) or is_null(label):
        return is_null(name) and is_null(label)
    equal = name == label
    return isinstance(equal, bool | np.bool_) and bool(equal)


def times(names: list[Any], label: Any) -> int:
    """Return how many columns a label names."""
    return sum(same_label(name, label) for name in names)


def one_of(names: list[Any], label: Any) -> int:
    """Return the position of the only column called `label`.

    Raises
    ------
    ColumnError
        There is none (the message lists what there is), or more than one.
    """
    found = [i for i, name in enumerate(names) if same_label(name, label)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ColumnError(
            f"{len(found)} columns are called {label!r} (positions {found}); rename them so that "
            "the one to use has a name of its own"
        )
    near = fnmatch.filter(map(str, names), f"*{label}*")
    shown = near or [str(name) for name in names]
    raise ColumnError(
        f"there is no column {label!r}; the frame has {', '.join(map(repr, shown[:12]))}"
        + (", ..." if len(shown) > 12 else "")
        + _meant(names, label)
    )


def _meant(names: list[Any], label: Any) -> str:
    """Return what to write instead of a label that is no column, but something else."""
    if times(getattr(names, "levels", []), label):
        return f"; {label!r} is in the index: frame.reset_index({label!r}) makes it a column"
    if isinstance(label, tuple) and label and all(times(names, part) for part in label):
        return f"; several columns are a list: {list(label)!r}"
    if isinstance(label, str) and fnmatch.filter(map(str, names), label):
        return f"; a pattern stands in a list, which gathers columns of numbers: on=[{label!r}]"
    return ""


def labels_of(columns: Any) -> list[Any]:
    """Return the labels of ``columns=``: a list of them, or one alone."""
    alone = isinstance(columns, str) or not isinstance(columns, Iterable)
    return [columns] if alone else list(columns)


def not_groups(label: Any, dtype: Any, error: Exception) -> ColumnError:
    """Return the error for a column whose values cannot be told apart."""
    return ColumnError(
        f"by={label!r} is a column of {dtype}, whose values cannot be compared ({error}); group by "
        "a column of numbers, texts, dates or booleans"
    )


def joined_codes(
    codes: npt.NDArray[np.int64], more: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return a number for each pair of numbers; -1, no group, where either is."""
    pairs = codes * (int(more.max(initial=-1)) + 1) + more
    pairs[(codes < 0) | (more < 0)] = -1
    values, joined = np.unique(pairs, return_inverse=True)
    if len(values) and values[0] < 0:
        joined -= 1
    out: npt.NDArray[np.int64] = joined.astype(np.int64)
    return out


def check_clash(names: list[Any], added: Sequence[str]) -> None:
    """Refuse to add columns that the frame already has.

    Raises
    ------
    ColumnError
        Names both columns and the way out.
    """
    for name in added:
        if times(names, name):
            way = (
                f"rename or drop yours (frame.drop(columns=[{name!r}]) in pandas, "
                f"frame.drop({name!r}) in polars)"
            )
            if name == current.score_column or name in SCORE_NAMES.values():
                way += ', or name the score column: with rv.config(score_column="...")'
            raise ColumnError(
                f"the frame already has a column {name!r}, and the answer adds one of that "
                f"name: {way}"
            )


def only_vector_column(frame: Frame, packed: bool | None = False) -> Any:
    """Return the label of the only column of vectors.

    Parameters
    ----------
    frame : Frame
    packed : bool, optional
        Whether the metric compares bits: then columns of bytes or booleans are meant, and of
        numbers those of uint8. None takes bits where there are no vectors.

    Raises
    ------
    ColumnError
        There is none, or several; the message lists the candidates with their dimensions.
    """
    facts = all_facts(frame)
    _refuse_unknown(frame, facts)
    vectors = [fact for fact in facts if fact.kind == "vector"]
    bits = [fact for fact in facts if fact.kind == "bits"]
    if packed or (packed is None and not vectors):
        bits += [fact for fact in vectors if "uint8" in fact.dtype.lower()]
        vectors = bits or vectors
    if len(vectors) == 1:
        return vectors[0].label
    if vectors:
        listed = ", ".join(f"{fact.label!r} ({_dim(fact)})" for fact in vectors)
        raise ColumnError(f"several columns hold vectors: {listed}; name one with on=")
    texts = [fact.label for fact in facts if fact.kind == "text"]
    _refuse_written_vectors(frame, facts)
    if texts:
        listed = ", ".join(map(repr, texts[:12]))
        raise ColumnError(
            f"no column holds vectors; to search text name its column: text={texts[0]!r} "
            f"(text columns: {listed}){_perhaps(facts)}"
        )
    if bits:
        listed = ", ".join(f"{fact.label!r} ({fact.dtype})" for fact in bits)
        raise ColumnError(
            f"no column holds vectors of numbers; rows of bits ({listed}) are compared by "
            "metric='hamming' or 'jaccard'"
        )
    raise ColumnError(
        "no column holds vectors or text; the frame has "
        + (", ".join(f"{fact.label!r} ({fact.dtype})" for fact in facts[:12]) or "no columns")
        + _perhaps(facts)
    )


def _perhaps(facts: Sequence[ColumnFacts]) -> str:
    """Return which columns may be vectors after all, and how to say so."""
    ways = ""
    empty = [fact.label for fact in facts if fact.kind == "null"]
    if empty:
        ways += f"; {empty[0]!r} holds nothing: if its rows are vectors, name it: on={empty[0]!r}"
    floats = [fact for fact in facts if fact.kind == "number" and _is_fraction(fact.dtype)]
    if len(floats) > 1:
        first = [fact.label for fact in floats[:2]]
        ways += (
            "; columns of numbers are gathered into vectors by a list of names or patterns, such "
            f"as on={first!r}"
        )
    return ways


def _is_fraction(dtype: str) -> bool:
    return any(name in dtype.lower() for name in ("float", "double"))


def _refuse_written_vectors(frame: Frame, facts: Sequence[ColumnFacts]) -> None:
    """Say of a frame without vectors that a column holds them as text."""
    for position, fact in enumerate(facts):
        if fact.kind == "text":
            for row, text in enumerate(frame.column_at(position)[:_READ]):
                if looks_like_vector(str(text)):
                    advice = text_advice(text, frame.library, fact.label)
                    raise InvalidVector(f"column {fact.label!r}: row {row} {advice}", row=row)


def _refuse_unknown(frame: Frame, facts: list[ColumnFacts]) -> None:
    """Refuse to choose among the columns of an outline when one may hold anything."""
    for fact in facts:
        if frame.outline and fact.dtype.lower().startswith("object"):
            raise ColumnError(
                f"column {fact.label!r} holds Python objects, of which the schema of a lazy frame "
                "does not say whether they are vectors; name the column to search with on="
            )


def _dim(fact: ColumnFacts) -> str:
    return "dimensions unknown" if fact.dim is None else f"{fact.dim} dimensions"


def facts_of(frame: Frame, label: Any) -> ColumnFacts:
    """Return what is known of one column; ColumnError when there is none or several."""
    return frame.fact(one_of(frame.names(), label))


def all_facts(frame: Frame) -> list[ColumnFacts]:
    """Return what is known of every column, in order."""
    return [frame.fact(position) for position in range(len(frame.names()))]


def scalar_matrix(frame: Frame, patterns: Sequence[str]) -> FloatMatrix:
    """Gather columns of numbers into one matrix, in the order of the patterns.

    Parameters
    ----------
    frame : Frame
    patterns : sequence of str
        Names, or patterns with ``*`` and ``?``, for example ``["emb_*"]``; what one pattern
        matches comes in the frame's order.

    Returns
    -------
    ndarray of float32, or float64 where numbers need it, shape (height, number of columns), C
    order; null is NaN

    Raises
    ------
    ColumnError
        A pattern matches nothing, or a match is not a column of numbers.
    """
    facts = all_facts(frame)
    chosen: list[int] = []
    for pattern in patterns:
        named = [i for i, fact in enumerate(facts) if _is_called(fact.label, pattern)]
        matches = named or [
            i for i, fact in enumerate(facts) if fnmatch.fnmatchcase(str(fact.label), str(pattern))
        ]
        if not matches:
            raise ColumnError(f"on={list(patterns)!r}: {pattern!r} matches no column")
        chosen += [i for i in matches if i not in chosen]
    if not chosen:
        raise ColumnError(f"on={list(patterns)!r} matches no column")
    for fact in (facts[i] for i in chosen):
        if fact.kind not in ("number", "null"):
            raise ColumnError(
                f"on={list(patterns)!r} matches {fact.label!r}, a column of {fact.dtype}; a list "
                "gathers columns of numbers, a single column of vectors is on='name'"
            )
    matrix: FloatMatrix = np.empty((frame.height, len(chosen)), np.float32)
    for i, position in enumerate(chosen):
        values = numbers_of(frame.column_at(position))[0]
        if matrix.dtype == np.float32 and not fits_float32(values):
            matrix = matrix.astype(np.float64)
        matrix[:, i] = values
    return matrix


def _is_called(name: Any, pattern: Any) -> bool:
    return same_label(name, pattern) or str(name) == str(pattern)
