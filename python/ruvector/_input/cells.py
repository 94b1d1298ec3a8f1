"""Columns whose cells are Python objects: one matrix out of arrays or lists, a cell a row.

Cells that are consecutive rows of one matrix (what ``list(matrix)`` gives) are recognised and
the matrix is used in place; everything else is gathered once.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn

import numpy as np

from .._caller import warn as warn_caller
from .._errors import InvalidVector
from .advice import text_advice
from .array_cells import Matrix as Matrix
from .array_cells import Validity as Validity
from .array_cells import arrays_alike
from .numbers import Gathered
from .values import NotNumbers, is_null, is_scalar, numbers_of

_SHAPE: Final = operator.attrgetter("shape")
_DTYPE: Final = operator.attrgetter("dtype")
_CHUNK: Final = 1024  # cells a call of np.concatenate: keeps its argument list in cache


def _listed(cells: Sequence[Any] | Matrix) -> list[Any]:
    return cells.tolist() if isinstance(cells, np.ndarray) else list(cells)


def gather(
    cells: Sequence[Any] | Matrix, label: str, *, warn: bool, gaps: bool = False
) -> tuple[Matrix, Validity | None, bool]:
    """Return ``(matrix, validity, copied)`` of a column of cells.

    Parameters
    ----------
    cells : sequence or array of n arrays, tensors, columns, lists, or nulls
    label : str
        How messages call the column.
    warn : bool
        Warn once when the cells are Python lists, which are slow to read.
    gaps : bool
        Read a null or masked element of a cell as NaN rather than refuse it.

    Returns
    -------
    matrix : ndarray, shape (n, d), float32, float64, float16, int8 or uint8
        Shape (n, 0) when no cell tells d. Null rows are zero.
    validity : ndarray of bool, shape (n,), or None when no cell is null
    copied : bool
        False when `matrix` is the memory of the cells themselves.

    Raises
    ------
    InvalidVector
        A cell is text, a scalar, of another length than most, or not numbers; the message
        names the row.
    """
    plain = type(cells) is np.ndarray  # not a masked array: only its list says which cells are none
    alike = arrays_alike(cells if plain else _listed(cells))
    if alike is not None:
        return alike
    cells = _listed(cells)
    kinds = set(map(type, cells))
    validity: Validity | None = None
    present = cells
    if kinds - {np.ndarray, list, tuple}:
        validity = np.fromiter((not is_null(cell) for cell in cells), np.bool_, len(cells))
        if validity.all():
            validity = None
        else:
            present = [cell for cell, ok in zip(cells, validity, strict=True) if ok]
            kinds = set(map(type, present))
    if not present:
        return np.zeros((len(cells), 0), np.float32), validity, True
    rows = _Rows(validity, label, gaps)
    if kinds <= {list, tuple}:
        if warn:
            _warn_lists(label)
        packed = _pack_lists(present, rows)
    else:
        if kinds != {np.ndarray} or not _are_vectors(present):
            present = [rows.as_array(i, cell) for i, cell in enumerate(present)]
        packed = _pack_arrays(present, rows)
    if validity is None:
        return packed, None, True
    matrix = np.zeros((len(cells), packed.shape[1]), packed.dtype)
    matrix[validity] = packed
    return matrix, validity, True


def _are_vectors(arrays: list[Matrix]) -> bool:
    """Return whether all arrays have one axis, of numbers of NumPy's own types."""
    return all(len(shape) == 1 for shape in set(map(_SHAPE, arrays))) and all(
        dtype.kind in "fiu" for dtype in set(map(_DTYPE, arrays))
    )


class _Rows:
    """Knows which row of the column the i-th present cell is, and raises with it."""

    __slots__ = ("_column", "_gaps", "_label", "_validity")

    def __init__(self, validity: Validity | None, label: str, gaps: bool) -> None:
        self._validity = validity
        self._label = label
        self._gaps = gaps
        # Labels of a frame's columns are "column 'name'"; such cells are of pandas.
        self._column = label[8:-1] if label.startswith("column '") else ""

    def row(self, i: int) -> int:
        return i if self._validity is None else int(np.flatnonzero(self._validity)[i])

    def refuse(self, i: int, what: str, column: int = -1) -> NoReturn:
        row = self.row(i)
        place = f"row {row}" if column < 0 else f"row {row}, element {column}"
        raise InvalidVector(
            f"{self._label}: {place} {what}", row=row, column=None if column < 0 else column
        )

    def as_array(self, i: int, cell: Any) -> Matrix:
        """Return the numbers of the i-th present cell as one axis."""
        if isinstance(cell, bytes):
            self.refuse(
                i,
                f"is bytes ({cell[:16]!r}), not numbers; rows of bits are compared by "
                "metric='hamming' or 'jaccard'",
            )
        if isinstance(cell, str):
            library, column = ("pandas", self._column) if self._column else ("", None)
            self.refuse(i, text_advice(cell, library, column))
        if is_scalar(cell) or isinstance(cell, dict | set):
            self.refuse(i, f"is {cell!r:.60}, not a vector")
        try:
            numbers, absent = numbers_of(cell)
        except NotNumbers as error:
            self.refuse(i, error.what, error.at)
        except (ValueError, TypeError) as error:
            self.refuse(i, f"holds {type(cell).__name__}, which is not a vector ({error})")
        if numbers.ndim > 1 and numbers.size == numbers.shape[-1]:
            numbers = numbers.reshape(-1)
        if absent is not None and not self._gaps:
            self.refuse(i, "is null; fill it, or drop the row", int(np.argmax(absent)))
        return numbers


def _pack_arrays(cells: list[Matrix], rows: _Rows) -> Matrix:
    shapes = set(map(_SHAPE, cells))
    if len(shapes) != 1 or len(cells[0].shape) != 1:
        _refuse_shape(cells, rows)
    width = cells[0].shape[0]
    dtypes = set(map(_DTYPE, cells))
    for dtype in dtypes:
        if dtype.kind not in "fiu":
            i = next(i for i, cell in enumerate(cells) if cell.dtype == dtype)
            rows.refuse(i, _not_numbers(dtype, cells[i]))
    if len(dtypes) == 1 and cells[0].dtype.char in "febB":
        matrix = np.empty((len(cells), width), cells[0].dtype.newbyteorder("="))
        for start in range(0, len(cells), _CHUNK):
            part = cells[start : start + _CHUNK]
            np.concatenate(part, out=matrix[start : start + len(part)].reshape(-1))
        return matrix
    gathered = Gathered(len(cells), width)
    for start in range(0, len(cells), _CHUNK):
        part = cells[start : start + _CHUNK]
        gathered.put(start, np.concatenate(part).reshape(len(part), width))
    return gathered.matrix


def _refuse_shape(cells: list[Matrix], rows: _Rows) -> NoReturn:
    for i, cell in enumerate(cells):
        if cell.ndim != 1:
            rows.refuse(i, f"holds a {cell.ndim}-D array of shape {cell.shape}, not a vector")
    _refuse_width(list(map(len, cells)), rows)


def _refuse_width(widths: list[int], rows: _Rows) -> NoReturn:
    """Name the first row that is not as wide as most rows are."""
    most = Counter(widths).most_common(1)[0][0]
    i = next(i for i, width in enumerate(widths) if width != most)
    rows.refuse(i, f"has {widths[i]} dimensions, most rows have {most}")


def _pack_lists(cells: list[Any], rows: _Rows) -> Matrix:
    widths = list(map(len, cells))
    if len(set(widths)) != 1:
        _refuse_width(widths, rows)
    gathered: Gathered | None = None
    for start in range(0, len(cells), _CHUNK):
        part = cells[start : start + _CHUNK]
        block = _block(part)
        if block is None:  # an element is null, or no Python number: one by one
            block = _pack_arrays(
                [rows.as_array(start + i, cell) for i, cell in enumerate(part)], rows
            )
        width = block.shape[1]
        if gathered is None:
            gathered = Gathered(len(cells), width)
        elif width != gathered.matrix.shape[1]:
            most = gathered.matrix.shape[1]
            rows.refuse(start, f"has {width} dimensions, most rows have {most}")
        gathered.put(start, block)
    assert gathered is not None
    return gathered.matrix


def _block(cells: list[Any]) -> Matrix | None:
    """Return lists of numbers as a matrix if NumPy knows how, else None."""
    try:
        block = np.asarray(cells)
    except Exception:  # of whatever kind the elements raise
        return None
    return block if block.ndim == 2 and block.dtype.kind in "fiu" else None


def _not_numbers(dtype: np.dtype[Any], cell: Matrix) -> str:
    if dtype.kind in "US":
        return text_advice(cell[0] if cell.size else "")
    if dtype.kind == "b":
        return "holds booleans; convert them: .astype('float32')"
    if dtype.kind == "c":
        return "holds complex numbers, which have no order to search by"
    return f"holds {dtype}, not numbers"


_warned_lists = False


def _warn_lists(label: str) -> None:
    global _warned_lists
    if _warned_lists:
        return
    _warned_lists = True
    name = label.partition("column ")[2] or "'emb'"
    warn_caller(
        f"{label} holds Python lists, which are slow to read on every search; convert once: "
        f"df[{name}] = rv.to_column(rv.to_matrix(df[{name}]), like=df)"
    )


def what_is(cell: Any) -> tuple[str, str, int | None] | None:
    """Return what a cell says of its column: ``(kind, what it is, dimensions)``.

    Kinds are ``vector``, ``bits`` (bytes or booleans), ``text`` and ``other``. A null cell, and
    one without elements, says nothing: None.
    """
    if is_null(cell):
        return None
    if isinstance(cell, str):
        return "text", "text", None
    if isinstance(cell, bytes | bytearray):
        return "bits", "bytes", 8 * len(cell)
    name = "lists" if isinstance(cell, list | tuple) else type(cell).__name__
    if is_scalar(cell) or isinstance(cell, dict | set):
        return "other", name, None
    if isinstance(cell, list | tuple):
        known = next((value for value in cell if not is_null(value)), None)
        if known is None:
            return None
        if isinstance(known, bool | np.bool_):
            return "bits", "lists of booleans", len(cell)
        return ("vector", name, len(cell)) if is_scalar(known) else ("other", "list", None)
    try:
        numbers, _ = numbers_of(cell)
    except (ValueError, TypeError):
        return "other", name, None
    if not numbers.size and numbers.ndim:
        return None
    kind = {"f": "vector", "i": "vector", "u": "vector", "b": "bits"}.get(numbers.dtype.kind)
    if kind is None or not numbers.ndim or numbers.size != numbers.shape[-1]:
        return "other", name, None
    if isinstance(cell, np.ndarray):
        name = f"{numbers.dtype} arrays"
    return kind, name, numbers.size


def what_are(cells: Iterable[Any]) -> tuple[str, str, int | None]:
    """Return what the first cell that says anything says of its column; kind ``null`` if none."""
    for cell in cells:
        told = what_is(cell)
        if told is not None:
            return told
    return "null", "all null", None
