"""Vectors in: every physical shape a column of vectors comes in, as one native column.

The order of the questions is fixed: our own types, NumPy, pandas (by its dtype, never through
its ``__arrow_*`` methods), polars, pyarrow, any Arrow capsule, buffers and sequences.
"""

from __future__ import annotations

import sys
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _cells, _native
from ._arrow import VECTOR_NUMBERS
from ._cells import Matrix, Validity
from ._errors import ColumnError, InvalidVector
from ._library import call
from ._values import is_null

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
        What made the vectors, as JSON; empty when that is not known.
    """

    __slots__ = (
        "copied",
        "dim",
        "handle",
        "layout",
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

    def close(self) -> None:
        """Drop the native column (an index built on it keeps its own reference)."""
        if self.handle is not None:
            self.handle.close()
            self.handle = None

    def address(self) -> int:
        """Return where the rows lie if they are one float32 matrix without nulls, else 0."""
        return 0 if self.handle is None else int(_native.column_info(self.handle)["address"])

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
        out = np.empty((self.rows, self.dim), np.float32)
        valid = np.empty(self.rows, np.bool_)
        call("rv_column_copy", self.handle.value, out.ctypes.data, valid.ctypes.data)
        out[~valid] = np.nan
        return out


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


def read_vectors(data: Any, label: str = "vectors", *, warn: bool = True) -> Vectors:
    """Read a column of vectors without copying it where its memory allows.

    Parameters
    ----------
    data : array, Series, Arrow array or stream, or sequence of vectors
        n rows of d numbers: 2-D NumPy (any strides, order and number type), pandas Series
        (object cells, or Arrow types), polars Series, pyarrow array, any object with
        ``__arrow_c_array__`` or ``__arrow_c_stream__``, any buffer, or a list of vectors.
    label : str
        How messages call the column.

    Returns
    -------
    Vectors

    Raises
    ------
    InvalidVector
        Not two-dimensional, ragged, text, or numbers outside float32; names row and column.
    ColumnError
        A whole frame, or a column of something else.
    """
    if isinstance(data, Vectors):
        return data
    if isinstance(data, np.ndarray):
        return _from_numpy(data, label, warn)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, (pandas.Series, pandas.DataFrame, pandas.Index)):
        return _from_pandas(pandas, data, label, warn)
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(data, (polars.Series, polars.DataFrame)):
        return _from_polars(polars, data, label, warn)
    if _is_arrow_frame(data):
        raise ColumnError(_FRAMES.format(label=label, kind=type(data).__name__))
    if hasattr(data, "__arrow_c_array__") or hasattr(data, "__arrow_c_stream__"):
        return _from_capsule(_arrow_floats(data), label, type(data).__name__)
    return _from_other(data, label, warn)


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


def _from_numpy(data: Matrix, label: str, warn: bool) -> Vectors:
    if data.dtype.kind == "O" and data.ndim == 1:
        return _from_cells(data.tolist(), label, warn, "NumPy objects")
    matrix, copied = number_matrix(data, label, ndim=2)
    layout = f"NumPy {data.dtype}" + (" (copied)" if copied else "")
    return from_matrix(matrix, None, copied, layout)


def _from_cells(cells: list[Any], label: str, warn: bool, where: str) -> Vectors:
    matrix, validity, copied = _cells.gather(cells, label, warn=warn)
    layout = f"{where}, " + ("gathered" if copied else "rows of one matrix")
    return from_matrix(matrix, validity, copied, layout)


def _from_capsule(data: Any, label: str, layout: str, *, copied: bool = False) -> Vectors:
    handle = _native.column_from_capsule(data)
    info = _native.column_info(handle)
    rows, dim, nulls = int(info["rows"]), int(info["dim"]), int(info["nulls"])
    if not dim:
        handle.close()
    layout = f"{layout} {info['type']}"
    return Vectors(handle if dim else None, rows, dim, nulls, copied=copied, layout=layout)


def _from_pandas(pandas: Any, data: Any, label: str, warn: bool) -> Vectors:
    if not isinstance(data, pandas.Series):
        kind = type(data).__name__
        raise ColumnError(_FRAMES.format(label=label, kind=f"pandas {kind}"))
    if pandas.api.types.is_object_dtype(data.dtype):
        return _from_cells(data.tolist(), label, warn, "pandas object")
    if hasattr(data.dtype, "pyarrow_dtype"):
        chunks = data.array.__arrow_array__()
        return _from_capsule(_arrow_floats(chunks), label, "pandas Arrow")
    if pandas.api.types.is_string_dtype(data.dtype):
        refuse_text(data.dropna(), label)
    raise ColumnError(f"{label} is a pandas column of {data.dtype}, not of vectors")


def _from_polars(polars: Any, data: Any, label: str, warn: bool) -> Vectors:
    if not isinstance(data, polars.Series):
        raise ColumnError(_FRAMES.format(label=label, kind="polars DataFrame"))
    dtype = data.dtype
    if dtype == polars.Object:
        return _from_cells(data.to_list(), label, warn, "polars Object")
    if dtype in (polars.String, polars.Categorical):
        refuse_text(data.drop_nulls(), label)
    if not isinstance(dtype, (polars.Array, polars.List)) or not dtype.inner.is_numeric():
        raise ColumnError(f"{label} is a polars column of {dtype}, not of vectors")
    if not (dtype.inner.is_float() or dtype.inner in (polars.Int8, polars.UInt8)):
        data = data.cast(_polars_float32(polars, dtype))
    try:
        return _from_capsule(data, label, "polars")
    except ColumnError:
        if not isinstance(dtype, polars.Array) or not data.null_count():
            raise
        # polars 1.30 exports slices of such columns with an offset beyond their values.
        return _from_capsule(data.arr.to_list(), label, "polars", copied=True)


def _polars_float32(polars: Any, dtype: Any) -> Any:
    if isinstance(dtype, polars.Array):
        return polars.Array(polars.Float32, dtype.size)
    return polars.List(polars.Float32)


def _is_arrow_frame(data: Any) -> bool:
    pyarrow = sys.modules.get("pyarrow")
    return pyarrow is not None and isinstance(data, (pyarrow.Table, pyarrow.RecordBatch))


def _arrow_floats(data: Any) -> Any:
    """Cast pyarrow lists of integers of two and more bytes to float32; leave everything else."""
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is None or not isinstance(data, (pyarrow.Array, pyarrow.ChunkedArray)):
        return data
    kind, types = data.type, pyarrow.types
    if not (types.is_fixed_size_list(kind) or types.is_large_list(kind) or types.is_list(kind)):
        return data
    if not types.is_integer(kind.value_type) or kind.value_type.bit_width == 8:
        return data
    if types.is_fixed_size_list(kind):
        return data.cast(pyarrow.list_(pyarrow.float32(), kind.list_size))
    if types.is_large_list(kind):
        return data.cast(pyarrow.large_list(pyarrow.float32()))
    return data.cast(pyarrow.list_(pyarrow.float32()))


def _from_other(data: Any, label: str, warn: bool) -> Vectors:
    if isinstance(data, str | bytes):
        raise InvalidVector(f"{label}: {_cells.text_advice(data)}")
    if isinstance(data, list | tuple):
        flat = not any(hasattr(cell, "__len__") for cell in data)
        if flat and not all(map(is_null, data)):
            raise InvalidVector(
                f"{label} is 1-D with {len(data)} numbers, 2-D (rows x dim) is needed; "
                "one vector is [vector]"
            )
        return _from_cells(list(data), label, False, "sequence")
    if hasattr(data, "__dlpack__") and not hasattr(data, "__array__"):
        return _from_numpy(np.from_dlpack(data), label, warn)
    if hasattr(data, "__array__") or hasattr(data, "__array_interface__") or is_buffer(data):
        return _from_numpy(np.asarray(data), label, warn)
    raise ColumnError(
        f"{label} is a {type(data).__name__}; pass a 2-D array, a column of vectors, or any "
        "object with __arrow_c_stream__"
    )


def is_buffer(data: Any) -> bool:
    """Return whether an object lends its memory by the buffer protocol."""
    try:
        memoryview(data)
    except TypeError:
        return False
    return True


def refuse_text(texts: Any, label: str) -> None:
    """Raise InvalidVector that shows the first text and how to parse or search it."""
    sample = next(iter(texts), "")
    raise InvalidVector(f"{label}: row 0 {_cells.text_advice(sample)}", row=0)


def number_matrix(data: Matrix, label: str, *, ndim: int) -> tuple[Matrix, bool]:
    """Return `data` as a C-contiguous array of `ndim` axes, and whether that was a copy.

    float32, float64, float16, int8 and uint8 stay as they are when C-contiguous; other layouts
    are copied once, other number types are converted to float32.

    Raises
    ------
    InvalidVector
        Another number of axes, text, booleans, complex numbers, objects, masked values.
    """
    if data.dtype.kind in "US":
        raise InvalidVector(f"{label} {_not_floats(data)}")
    if data.ndim != ndim:
        shape = "2-D (rows x dim)" if ndim == 2 else "1-D"
        advice = "; one vector is vector[None, :]" if data.ndim == 1 and ndim == 2 else ""
        raise InvalidVector(
            f"{label} has {data.ndim} axes, shape {data.shape}; {shape} is needed{advice}"
        )
    # NumPy imports its masked arrays when they are first named: whoever has one has done so.
    masked: Any = sys.modules.get("numpy.ma")
    if masked is not None and isinstance(data, masked.MaskedArray):
        if masked.getmaskarray(data).any():
            raise InvalidVector(f"{label} is a masked array with masked values; fill them first")
        data = masked.getdata(data)
    kind = data.dtype.kind
    if kind not in "fiu":
        raise InvalidVector(f"{label} {_not_floats(data)}")
    if data.dtype.char in VECTOR_NUMBERS:
        if data.dtype.isnative and data.flags.c_contiguous and data.flags.aligned:
            return np.asarray(data), False
        return np.array(data, dtype=data.dtype.newbyteorder("="), order="C"), True
    with np.errstate(over="raise"):
        try:
            return np.array(data, dtype=np.float32, order="C"), True
        except FloatingPointError:
            raise InvalidVector(f"{label} has numbers outside the range of float32") from None


def _not_floats(data: Matrix) -> str:
    kind = data.dtype.kind
    if kind in "US":
        return _cells.text_advice(data.flat[0] if data.size else "")
    if kind == "b":
        return "holds booleans; convert them: .astype('float32')"
    if kind == "O":
        return "holds Python objects; convert them: np.array(list(rows), 'float32')"
    return f"holds {data.dtype}, not numbers to search by"


def to_matrix(column: Any) -> Float32Matrix:
    """Return a column of vectors as a float32 matrix, without a copy where memory allows.

    Parameters
    ----------
    column : Series, Arrow array or stream, array, or sequence of vectors
        Any shape that `Index.build` takes.

    Returns
    -------
    ndarray of float32, shape (n, d)
        A read-only view of the column's own memory when that is one float32 matrix without
        nulls, else a copy of the caller's own. Null rows are NaN.

    Raises
    ------
    InvalidVector, ColumnError
        As `Index.build`; NaN and infinity are let through.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> rv.to_matrix([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    vectors = read_vectors(column, "column")
    matrix = vectors.floats()
    if matrix is vectors.matrix and not vectors.copied:
        matrix = matrix.view()
        matrix.flags.writeable = False
    return matrix


def to_column(matrix: Any, like: Any) -> Any:
    """Return a matrix as a column of vectors of the kind that `like` uses.

    Parameters
    ----------
    matrix : array-like, shape (n, d)
        Rows that are NaN throughout become null.
    like : pandas, polars or pyarrow frame or column
        Decides the type; a pandas frame or Series of n rows also gives its index.

    Returns
    -------
    pandas Series of objects (rows of one float32 matrix), polars Series of ``Array(Float32, d)``
    or pyarrow FixedSizeListArray

    Raises
    ------
    ColumnError
        `like` is of no such library, or is a pandas object with another number of rows.
    """
    floats = np.ascontiguousarray(read_vectors(matrix, "matrix").floats())
    null: Validity = np.zeros(len(floats), np.bool_)
    if floats.size:
        np.isnan(floats).all(axis=1, out=null)
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(like, (pandas.DataFrame, pandas.Series)):
        return _pandas_column(pandas, floats, null, like)
    if polars is not None and isinstance(like, (polars.DataFrame, polars.Series)):
        column = polars.Series(values=floats, dtype=polars.Array(polars.Float32, floats.shape[1]))
        if not null.any():
            return column
        return polars.select(polars.when(polars.Series(~null)).then(column)).to_series()
    if pyarrow is not None and type(like).__module__.partition(".")[0] == "pyarrow":
        values = pyarrow.array(floats.reshape(-1))
        mask = pyarrow.array(null) if null.any() else None
        return pyarrow.FixedSizeListArray.from_arrays(values, floats.shape[1], mask=mask)
    raise ColumnError(
        f"like={type(like).__name__} is not a pandas, polars or pyarrow frame or column"
    )


def _pandas_column(pandas: Any, floats: Float32Matrix, null: Validity, like: Any) -> Any:
    if len(like) != len(floats):
        raise ColumnError(f"like= has {len(like)} rows, the matrix has {len(floats)}")
    cells = np.fromiter(floats, object, len(floats))
    cells[null] = None
    return pandas.Series(cells, index=like.index, dtype=object)
