"""Vectors in: every physical shape a column of vectors comes in, as one native column.

The order of the questions is fixed: our own types, NumPy, pandas (by its dtype, never through
its ``__arrow_*`` methods), polars, pyarrow, any Arrow capsule, buffers and sequences.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import ColumnError, InvalidVector
from .._native.arrow import VECTOR_NUMBERS
from .._settings import current
from . import cells as _cells
from .advice import text_advice
from .cells import Matrix, Validity
from .numbers import WHOLE, FloatMatrix, as_floats
from .values import NotNumbers, is_batch, is_null, is_objects, is_scalar, lends, lent, numbers_of

Float32Matrix: TypeAlias = npt.NDArray[np.float32]

_FRAMES: Final = "{label} is a whole {kind}; pass one column, or use rv.search(frame, ...)"


class Vectors:
    """A column of vectors that the engine can read.

    Attributes
    ----------
    handle : Handle or None
        The native column; None when there is nothing to read (no dimension known).
    rows, dim, nulls : int
    matrix : ndarray or None
        The matrix of shape (rows, dim) behind the column when NumPy holds it.
    copied : bool
        Whether reading the column took a copy.
    layout : str
        How the column is held, in words.
    provenance : str
        What an index of them remembers, as JSON; empty when that is not known.
    made : ruvector._text.provenance.Provenance or None
        What made the vectors, where their source tells.
    """

    __slots__ = (
        "copied",
        "dim",
        "handle",
        "layout",
        "made",
        "matrix",
        "nulls",
        "provenance",
        "rows",
        "validity",
    )

    handle: Any

    def __init__(
        self,
        handle: Any,
        rows: int,
        dim: int,
        nulls: int,
        *,
        matrix: Matrix | None = None,
        validity: Validity | None = None,
        copied: bool = False,
        layout: str = "",
    ) -> None:
        self.handle = handle
        self.rows = rows
        self.dim = dim
        self.nulls = nulls
        self.matrix = matrix
        self.validity = validity
        self.copied = copied
        self.layout = layout
        self.provenance = ""
        self.made: Any = None

    def close(self) -> None:
        """Drop the native column (an index built on it keeps its own reference)."""
        if self.handle is not None:
            self.handle.close()
            self.handle = None

    def address(self) -> int:
        """Return where the rows lie if they are one float32 matrix without nulls, else 0."""
        return 0 if self.handle is None else int(_native.column_info(self.handle)["address"])

    @property
    def wide(self) -> bool:
        """Whether the column holds float64."""
        return self.handle is not None and bool(_native.column_info(self.handle)["wide"])

    def floats(self) -> Float32Matrix:
        """Return all rows as float32, shape (rows, dim); null rows are NaN.

        The column's own memory, read-only, where it is one float32 matrix without nulls.
        """
        if self.matrix is not None and self.matrix.dtype == np.float32 and not self.nulls:
            return self.matrix
        if self.handle is None:
            return np.full((self.rows, self.dim), np.nan, np.float32)
        address = self.address()
        if address:
            return np.asarray(_Borrowed(self.handle, address, self.rows, self.dim))
        if not self.nulls:
            return _native.column_matrix(self.handle)
        return _native.column_with_gaps(self.handle, np.float32)

    def numbers(self) -> FloatMatrix:
        """Return all rows as `floats` does, but as float64 where the column holds float64."""
        if not self.wide:
            return self.floats()
        assert self.handle is not None
        if self.matrix is not None and self.matrix.dtype == np.float64 and not self.nulls:
            return self.matrix
        return _native.column_with_gaps(self.handle, np.float64)


class _Borrowed:
    """Memory of a native column as NumPy sees it; the array made of it keeps the column alive."""

    __slots__ = ("__array_interface__", "_handle")

    def __init__(self, handle: Any, address: int, rows: int, dim: int) -> None:
        self._handle = handle
        self.__array_interface__ = {
            "data": (address, True),
            "shape": (rows, dim),
            "typestr": "<f4",
            "version": 3,
        }


def read_vectors(
    data: Any, label: str = "vectors", *, warn: bool = True, gaps: bool = False
) -> Vectors:
    """Read a column of vectors without copying it where its memory allows.

    Parameters
    ----------
    data : array, Series, Arrow array or stream, or sequence of vectors
        n rows of d numbers: 2-D NumPy (any strides, order and number type), pandas Series
        (object cells, or Arrow types), polars Series, pyarrow array, any object with
        ``__arrow_c_array__`` or ``__arrow_c_stream__``, any tensor or buffer, or a sequence of
        whatever lends or holds numbers.
    label : str
        How messages call the column.
    gaps : bool
        Let a null or masked element of a vector through as NaN; so do rows that are skipped.

    Returns
    -------
    Vectors

    Raises
    ------
    InvalidVector
        Not two-dimensional, ragged, text, a null element, or numbers outside float32; names row
        and column.
    ColumnError
        A whole frame, or a column of something else.
    """
    if isinstance(data, Vectors):
        return data
    if hasattr(data, "_ruvector_rows"):  # a column that was read from files
        matrix, validity, layout = data._ruvector_rows()
        read = from_matrix(matrix, validity, False, layout)
        read.made = data._made
        return read
    reading = _Reading(label, warn, gaps or current.bad_vectors == "skip")
    if isinstance(data, np.ndarray):
        return _from_numpy(data, reading)
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(data, (pandas.Index, pandas.api.extensions.ExtensionArray)):
            objects = is_objects(data.dtype)  # levels of a MultiIndex are rows of tuples
            data = pandas.Series(list(data) if objects else data, dtype=data.dtype)
        if isinstance(data, (pandas.Series, pandas.DataFrame)):
            return _from_pandas(pandas, data, reading)
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(data, (polars.Series, polars.DataFrame)):
        return _from_polars(polars, data, reading)
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None:
        if isinstance(data, (pyarrow.Table, pyarrow.RecordBatch)):
            raise ColumnError(_FRAMES.format(label=label, kind=type(data).__name__))
        if isinstance(data, (pyarrow.Array, pyarrow.ChunkedArray)):
            return _from_arrow(pyarrow, data, label, type(data).__name__)
    if hasattr(data, "__arrow_c_array__") or hasattr(data, "__arrow_c_stream__"):
        return _from_capsule(data, label, type(data).__name__)
    return _from_other(data, reading)


class _Reading(NamedTuple):
    """How a column is read: its name, whether lists are warned of, whether gaps are NaN."""

    label: str
    warn: bool
    gaps: bool


def from_matrix(matrix: Matrix, validity: Validity | None, copied: bool, layout: str) -> Vectors:
    """Return a C-contiguous matrix, with the rows that are not null, as a column."""
    rows, dim = matrix.shape
    nulls = 0 if validity is None else rows - int(np.count_nonzero(validity))
    handle = None
    if dim:
        handle = _native.column_from_matrix(matrix, validity)
    return Vectors(
        handle,
        rows,
        dim,
        nulls,
        matrix=matrix,
        validity=validity,
        copied=copied,
        layout=layout,
    )


def _from_numpy(data: Matrix, how: _Reading) -> Vectors:
    if data.dtype.kind == "O" and data.ndim == 1:
        return _from_cells(data, how, "NumPy objects")
    matrix, copied = number_matrix(data, how.label, ndim=2, gaps=how.gaps)
    layout = f"NumPy {data.dtype}" + (" (copied)" if copied else "")
    return from_matrix(matrix, None, copied, layout)


def _from_cells(cells: list[Any] | npt.NDArray[Any], how: _Reading, where: str) -> Vectors:
    matrix, validity, copied = _cells.gather(cells, how.label, warn=how.warn, gaps=how.gaps)
    layout = f"{where}, " + ("gathered" if copied else "rows of one matrix")
    return from_matrix(matrix, validity, copied, layout)


def all_null(rows: int, layout: str) -> Vectors:
    """Return a column of null rows, which tell no number of dimensions."""
    return from_matrix(np.zeros((rows, 0), np.float32), np.zeros(rows, np.bool_), True, layout)


def _from_capsule(data: Any, label: str, layout: str, *, copied: bool = False) -> Vectors:
    handle = _native.column_from_capsule(data)
    info = _native.column_info(handle)
    rows, dim, nulls = int(info["rows"]), int(info["dim"]), int(info["nulls"])
    if not dim:
        handle.close()
    layout = f"{layout} {info['type']}"
    return Vectors(handle if dim else None, rows, dim, nulls, copied=copied, layout=layout)


def _from_pandas(pandas: Any, data: Any, how: _Reading) -> Vectors:
    if not isinstance(data, pandas.Series):
        kind = type(data).__name__
        raise ColumnError(_FRAMES.format(label=how.label, kind=f"pandas {kind}"))
    if is_objects(data.dtype):
        return _from_cells(data.to_numpy(), how, "pandas object")
    if hasattr(data.dtype, "pyarrow_dtype"):
        chunks = data.array.__arrow_array__()
        return _from_arrow(sys.modules["pyarrow"], chunks, how.label, "pandas Arrow")
    if isinstance(data.dtype, pandas.CategoricalDtype) and data.isna().all():
        return all_null(len(data), "pandas category")
    values = getattr(data.dtype, "categories", data).dtype
    if pandas.api.types.is_string_dtype(values):
        refuse_text(data.tolist(), how.label, "pandas")
    raise ColumnError(f"{how.label} is a pandas column of {data.dtype}, not of vectors")


def _from_polars(polars: Any, data: Any, how: _Reading) -> Vectors:
    label = how.label
    if not isinstance(data, polars.Series):
        raise ColumnError(_FRAMES.format(label=label, kind="polars DataFrame"))
    data = polars_storage(polars, data)
    dtype = data.dtype
    if dtype == polars.Object:
        return _from_cells(data.to_list(), how, "polars Object")
    if dtype == polars.Null:
        return all_null(len(data), "polars Null")
    if dtype in (polars.String, polars.Categorical, polars.Enum):
        refuse_text(data.to_list(), label, "polars")
    if not isinstance(dtype, (polars.Array, polars.List)) or not dtype.inner.is_numeric():
        raise ColumnError(f"{label} is a polars column of {dtype}, not of vectors")
    if not (dtype.inner.is_float() or dtype.inner in (polars.Int8, polars.UInt8)):
        data = data.cast(_polars_floats(polars, data))
    try:
        return _from_capsule(data, label, "polars")
    except ColumnError:
        if not isinstance(dtype, polars.Array) or not data.null_count():
            raise
        # polars 1.30 exports slices of such columns with an offset beyond their values.
        return _from_capsule(data.arr.to_list(), label, "polars", copied=True)


def polars_storage(polars: Any, data: Any) -> Any:
    """Return what a polars column of an extension type is stored as, tensors of 1 x d as arrays."""
    extension = getattr(polars, "BaseExtension", None)
    if extension is not None and isinstance(data.dtype, extension):
        data = data.ext.storage()
    while isinstance(data.dtype, polars.Array) and isinstance(data.dtype.inner, polars.Array):
        if data.dtype.size != 1:
            return data
        data = data.arr.get(0)
    return data


def _polars_floats(polars: Any, data: Any) -> Any:
    """Return the type of the least floats that hold a column's numbers, which are no floats."""
    dtype, numbers = data.dtype, data.explode().drop_nulls()
    whole = not len(numbers) or (
        dtype.inner.is_integer() and numbers.min() >= -WHOLE and numbers.max() <= WHOLE
    )
    inner = polars.Float32 if whole else polars.Float64
    if isinstance(dtype, polars.Array):
        return polars.Array(inner, dtype.size)
    return polars.List(inner)


def _from_arrow(pyarrow: Any, data: Any, label: str, layout: str) -> Vectors:
    """Read a pyarrow array: extension types as stored, wide and decimal numbers as floats."""
    kind, types = data.type, pyarrow.types
    if isinstance(kind, pyarrow.BaseExtensionType):
        kind = kind.storage_type
        chunks = data.chunks if isinstance(data, pyarrow.ChunkedArray) else [data]
        data = pyarrow.chunked_array([chunk.storage for chunk in chunks], kind)
    if types.is_null(kind):
        return all_null(len(data), f"{layout} null")
    held = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(held) or types.is_large_string(held) or types.is_string_view(held):
        refuse_text(data.to_pylist(), label, "pandas" if layout.startswith("pandas") else "pyarrow")
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        chunks = data.chunks if isinstance(data, pyarrow.ChunkedArray) else [data]
        kind = pyarrow.large_list(kind.value_type)
        data = pyarrow.chunked_array([_lists_of_views(pyarrow, chunk) for chunk in chunks], kind)
    if types.is_fixed_size_list(kind) or types.is_large_list(kind) or types.is_list(kind):
        value = kind.value_type
        if types.is_decimal(value):
            data = _cast_lists(pyarrow, data, pyarrow.float64())
        elif types.is_integer(value) and value.bit_width != 8:
            try:
                data = _cast_lists(pyarrow, data, pyarrow.float32())
            except pyarrow.ArrowInvalid:  # beyond 2**24
                data = _cast_lists(pyarrow, data, pyarrow.float64(), safe=False)
    return _from_capsule(data, label, layout)


def _cast_lists(pyarrow: Any, data: Any, value: Any, *, safe: bool = True) -> Any:
    """Return lists of numbers with the numbers cast."""
    kind, types = data.type, pyarrow.types
    if types.is_fixed_size_list(kind):
        return data.cast(pyarrow.list_(value, kind.list_size), safe=safe)
    wanted = pyarrow.large_list(value) if types.is_large_list(kind) else pyarrow.list_(value)
    return data.cast(wanted, safe=safe)


def _lists_of_views(pyarrow: Any, chunk: Any) -> Any:
    """Return views of lists as lists (pyarrow 26 casts them to arrays that are too short)."""
    null = np.logical_not(chunk.is_valid().to_numpy(zero_copy_only=False))
    sizes = np.where(null, 0, chunk.sizes.to_numpy())
    offsets = pyarrow.array(np.concatenate([[0], np.cumsum(sizes)]), pyarrow.int64())
    mask = pyarrow.array(null) if null.any() else None
    return pyarrow.LargeListArray.from_arrays(offsets, chunk.flatten(), mask=mask)


def _from_other(data: Any, how: _Reading) -> Vectors:
    label = how.label
    if isinstance(data, str | bytes):
        raise InvalidVector(f"{label}: {text_advice(data)}")
    if is_batch(data) or isinstance(data, Iterator):
        cells = list(data)
        if all(map(is_scalar, cells)) and not all(map(is_null, cells)):
            raise InvalidVector(
                f"{label} is 1-D with {len(cells)} numbers, 2-D (rows x dim) is needed; "
                "one vector is [vector]"
            )
        return _from_cells(cells, how._replace(warn=False), "sequence")
    if lends(data):
        return _from_numpy(lent_matrix(data, label), how)
    if label == "query":
        null = "null, " if is_null(data) else ""
        raise InvalidVector(
            f"query is {null}{type(data).__name__} {data!r:.40}; search with one vector (1-D), a "
            "batch of them (2-D), a column of vectors, or a text"
        )
    raise ColumnError(
        f"{label} is a {type(data).__name__}; pass a 2-D array, a column of vectors, or any "
        "object with __arrow_c_stream__"
    )


def lent_matrix(data: Any, label: str) -> Matrix:
    """Return the array that an object lends; InvalidVector when it refuses."""
    try:
        return lent(data)
    except NotNumbers as error:
        raise InvalidVector(f"{label} {error.what}") from error


def refuse_text(texts: list[Any], label: str, library: str) -> NoReturn:
    """Raise InvalidVector that shows the first text and how to parse or embed it."""
    row = next((row for row, text in enumerate(texts) if isinstance(text, str)), 0)
    sample = texts[row] if texts else ""
    raise InvalidVector(f"{label}: row {row} {text_advice(sample, library)}", row=row)


def number_matrix(
    data: Matrix, label: str, *, ndim: int, gaps: bool = False
) -> tuple[Matrix, bool]:
    """Return `data` as a C-contiguous array of `ndim` axes, and whether that was a copy.

    float32, float64, float16, int8 and uint8 stay as they are when C-contiguous; other layouts
    are copied once, other number types are converted to float32, or to float64 where float32 does
    not hold them.

    Raises
    ------
    InvalidVector
        Another number of axes, text, booleans, complex numbers, objects that are no numbers;
        null or masked elements without `gaps`. Names row and column.
    """
    if data.dtype.kind in "US":
        raise InvalidVector(f"{label} {_not_floats(data)}")
    if data.ndim != ndim:
        shape = "2-D (rows x dim)" if ndim == 2 else "1-D"
        advice = "; one vector is vector[None, :]" if data.ndim == 1 and ndim == 2 else ""
        raise InvalidVector(
            f"{label} has {data.ndim} axes, shape {data.shape}; {shape} is needed{advice}"
        )
    if type(data) is not np.ndarray or data.dtype.kind in "OV":
        data = _plain(data, label, gaps)
    kind = data.dtype.kind
    if kind not in "fiu":
        raise InvalidVector(f"{label} {_not_floats(data)}")
    if data.dtype.char in VECTOR_NUMBERS:
        if data.dtype.isnative and data.flags.c_contiguous and data.flags.aligned:
            return np.asarray(data), False
        return np.array(data, dtype=data.dtype.newbyteorder("="), order="C"), True
    with np.errstate(over="raise"):
        try:
            return as_floats(data), True
        except FloatingPointError:
            raise InvalidVector(f"{label} has numbers outside the range of float64") from None


def _plain(data: Matrix, label: str, gaps: bool) -> Matrix:
    """Return the numbers of objects and of array classes other than NumPy's own."""
    try:
        numbers, absent = numbers_of(data)
    except NotNumbers as error:
        _refuse_element(data.shape, error.at, label, error.what)
    if absent is not None and not gaps:
        at = int(np.argmax(absent))
        _refuse_element(data.shape, at, label, "is null or masked; fill it first")
    return numbers


def _refuse_element(shape: tuple[int, ...], at: int, label: str, what: str) -> NoReturn:
    if at < 0:
        raise InvalidVector(f"{label} {what}")
    row, column = divmod(at, shape[-1])
    place = f"row {row}, element {column}" if len(shape) > 1 else f"element {column}"
    raise InvalidVector(f"{label}: {place} {what}", row=row, column=column)


def _not_floats(data: Matrix) -> str:
    kind = data.dtype.kind
    if kind in "US":
        return text_advice(data.flat[0] if data.size else "")
    if kind == "b":
        return "holds booleans; convert them: .astype('float32')"
    return f"holds {data.dtype}, not numbers to search by"
