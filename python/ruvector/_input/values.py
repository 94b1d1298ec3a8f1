"""Values of any library as NumPy arrays that have lost nothing on the way.

Whole numbers stay whole (NumPy itself makes float64 of int64 beside uint64), nulls and masked
values stay nulls, and what a library lends by ``__array__``, DLPack or the buffer protocol is
read whatever its class is called.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, MappingView, Sequence, Set
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Values: TypeAlias = npt.NDArray[Any]

_INT64_MAX = 2**63 - 1
_UINT64_MAX = 2**64 - 1


class NotNumbers(ValueError):
    """An element that is no number; `at` is its place, -1 where it is the whole."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at
        self.what = what


def is_null(cell: Any) -> bool:
    """Return whether a cell means "nothing here": None, a float NaN, NA, NaT, a masked value."""
    if cell is None:
        return True
    if isinstance(cell, float | np.floating):
        return bool(cell != cell)
    kind = type(cell).__name__
    if kind in ("NAType", "NaTType", "MaskedConstant"):
        return True
    return kind.endswith("Scalar") and getattr(cell, "is_valid", True) is False  # pyarrow's


def is_masked(array: Values) -> bool:
    """Return whether an array is one of NumPy's masked ones."""
    # NumPy imports its masked arrays when they are first named: whoever has one has done so.
    # While another thread imports them they are there by half, and nobody has one.
    kind: Any = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    return kind is not None and isinstance(array, kind)


def mask_of(array: Values) -> npt.NDArray[np.bool_] | None:
    """Return where a masked array is masked, None where nothing is."""
    if not is_masked(array):
        return None
    mask = np.ma.getmaskarray(array)
    return mask if mask.any() else None


def is_objects(dtype: Any) -> bool:
    """Return whether a dtype of pandas is NumPy's for objects; pandas' own test raises for some."""
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def is_batch(data: Any) -> bool:
    """Return whether an object is a sequence or a view of rows, and no memory or text."""
    if isinstance(data, list | tuple):
        return True
    if isinstance(data, str | bytes | bytearray) or lends(data):
        return False
    return isinstance(data, Sequence | MappingView)


def lends(data: Any) -> bool:
    """Return whether an object lends numbers: as an array, by DLPack, or as a buffer."""
    if hasattr(data, "__array__") or hasattr(data, "__array_interface__"):
        return True
    return hasattr(data, "__dlpack__") or _is_buffer(data)


def _is_buffer(data: Any) -> bool:
    try:
        memoryview(data)
    except TypeError:
        return False
    return True


def lent(data: Any) -> Values:
    """Return what an object lends as an array; a masked one stays masked.

    Raises
    ------
    NotNumbers
        The object refuses, as tensors of another device or of bfloat16 do.
    """
    if isinstance(data, np.ndarray):
        return data if is_masked(data) else np.asarray(data)
    reason: Exception | None = None
    if hasattr(data, "__array__") or hasattr(data, "__array_interface__"):
        try:
            return np.asarray(data)
        except Exception as error:  # of whatever kind the library has
            reason = error
    if hasattr(data, "__dlpack__"):
        try:
            return np.from_dlpack(data)
        except Exception as error:
            reason = reason or error
    if reason is None:
        return np.asarray(memoryview(data))
    raise NotNumbers(
        -1,
        f"is a {type(data).__name__} that does not lend its numbers ({str(reason)[:200]}); convert "
        "it first, for example tensor.detach().cpu().float().numpy()",
    ) from reason


def widened(array: Values) -> Values:
    """Return numbers of a type that NumPy itself has not, such as bfloat16, as float32."""
    kind = array.dtype
    if kind.kind == "V" and kind.type is not np.void and kind.names is None:
        try:
            return array.astype(np.float32)
        except (TypeError, ValueError):
            return array
    return array


def scalar(cell: Any) -> Any:
    """Return a Python scalar for one of NumPy, Arrow or a tensor; None for null, NaN for NaN."""
    if isinstance(cell, np.generic):
        return cell.item() if cell == cell or isinstance(cell, np.floating) else None
    if isinstance(cell, str | int | float):
        return cell
    if is_null(cell):
        return None
    if hasattr(cell, "as_py"):
        return cell.as_py()
    if hasattr(cell, "__array__") and getattr(cell, "shape", None) == ():
        return lent(cell).item()
    return cell


def of_cells(cells: Iterable[Any]) -> Values:
    """Return Python values as an array: int64, else uint64, where all are such whole numbers."""
    cells = list(cells)
    kinds = set(map(type, cells))
    if kinds == {np.uint64}:
        return np.array(cells, np.uint64)
    if kinds == {float}:
        return np.array(cells, np.float64)
    if kinds != {int} and kinds != {str}:
        cells = [scalar(cell) for cell in cells]
        kinds = set(map(type, cells))
    if kinds == {int}:
        whole = _whole(cells)
        if whole is not None:
            return whole
    if kinds == {float}:
        return np.array(cells, np.float64)
    if kinds == {bool}:
        return np.array(cells, np.bool_)
    out = np.empty(len(cells), object)
    for i, cell in enumerate(cells):
        out[i] = cell
    return out


def _whole(cells: list[int]) -> Values | None:
    low, high = min(cells), max(cells)
    if low >= -_INT64_MAX - 1 and high <= _INT64_MAX:
        return np.array(cells, np.int64)
    if low >= 0 and high <= _UINT64_MAX:
        return np.array(cells, np.uint64)
    return None


def values_of(data: Any) -> Values:
    """Return the values of an array, column or sequence: numbers of their own type, else objects.

    Null is None, and makes objects of all. The byte order is the machine's. Nested data have more
    than one axis, or come as objects.
    """
    if isinstance(data, np.ndarray):
        return _of_array(data)
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None:
        if isinstance(data, (pandas.Series, pandas.Index)):
            data = data.array
        if isinstance(data, pandas.api.extensions.ExtensionArray):
            return _of_pandas(pandas, data)
    if polars is not None and isinstance(data, polars.Series):
        return _of_polars(polars, data)
    if pyarrow is not None:
        if isinstance(data, pyarrow.Scalar):
            data = data.values if hasattr(data, "values") else data.as_py()
        if isinstance(data, (pyarrow.Array, pyarrow.ChunkedArray)):
            return _of_arrow(pyarrow, data)
    if is_batch(data) or isinstance(data, Set | Iterator):
        return of_cells(data)
    if hasattr(data, "to_pylist"):  # the arrays of nanoarrow and arro3
        return of_cells(data.to_pylist())
    capsule = hasattr(data, "__arrow_c_array__") or hasattr(data, "__arrow_c_stream__")
    if capsule and pyarrow is not None:
        return _of_arrow(pyarrow, pyarrow.chunked_array(data))
    return _of_array(lent(data) if lends(data) else np.asarray(data))


def _of_array(data: Values) -> Values:
    mask = mask_of(data)
    plain = widened(np.asarray(np.ma.getdata(data) if is_masked(data) else data))
    if mask is not None:
        plain = plain.astype(object)
        plain[mask] = None
    if plain.dtype.kind == "O" and plain.ndim == 1:
        return of_cells(plain.tolist())
    if plain.dtype.kind == "T":
        return of_cells(plain.tolist())
    return plain if plain.dtype.isnative else plain.astype(plain.dtype.newbyteorder("="))


def _of_pandas(pandas: Any, data: Any) -> Values:
    if isinstance(data, pandas.Categorical):
        codes = np.asarray(data.codes)
        kinds = values_of(data.categories)
        if len(codes) and codes.min() < 0:
            kinds = np.concatenate([kinds.astype(object), np.array([None], object)])
        return kinds[codes] if len(kinds) else np.empty(0, object)
    if isinstance(data, pandas.arrays.NumpyExtensionArray):
        return _of_array(data.to_numpy())
    dtype = data.dtype
    if hasattr(dtype, "pyarrow_dtype"):
        return _of_arrow(sys.modules["pyarrow"], data.__arrow_array__())
    if data.isna().any() or pandas.api.types.is_string_dtype(dtype):
        return of_cells(data.astype(object))
    return _of_array(data.to_numpy())


def _of_polars(polars: Any, data: Any) -> Values:
    dtype = data.dtype
    if dtype.is_integer() or dtype.is_float() or dtype == polars.Boolean:
        if not data.null_count():
            return np.asarray(data.to_numpy())
    elif dtype.is_temporal():
        return np.asarray(data.to_numpy())
    return of_cells(data.to_list())


def _of_arrow(pyarrow: Any, data: Any) -> Values:
    from .arrow_rows import plain

    if not isinstance(data, pyarrow.ChunkedArray):
        data = pyarrow.chunked_array([data])
    data = plain(data)
    kind, types = data.type, pyarrow.types
    if data.null_count or not (types.is_integer(kind) or types.is_floating(kind)):
        return of_cells(data.to_pylist())
    return np.asarray(data.to_numpy())


def numbers_of(data: Any) -> tuple[Values, npt.NDArray[np.bool_] | None]:
    """Return the numbers of an array, column, tensor or sequence, and where there are none.

    Null and masked elements are NaN, which makes floats of whole numbers. Axes stay as they are;
    arrays that hold no numbers at all (booleans, text) are returned for the caller to refuse.

    Raises
    ------
    NotNumbers
        One of the elements is no number; or as `lent`.
    """
    array = lent(data) if lends(data) and not _is_column(data) else values_of(data)
    mask = mask_of(array)
    plain = widened(np.ma.getdata(array) if is_masked(array) else array)
    if plain.dtype.kind == "O":
        numbers, absent = _floats_of(plain)
        mask = absent if mask is None else mask | absent
        plain = numbers
    if mask is None or not mask.any() or plain.dtype.kind not in "fiu":
        return plain, None
    filled = plain.astype(np.promote_types(plain.dtype, np.float16))
    filled[mask] = np.nan
    return filled, mask


def _is_column(data: Any) -> bool:
    """Return whether a column's own library tells its nulls apart better than ``__array__``."""
    return type(data).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow")


def _floats_of(cells: Values) -> tuple[Values, npt.NDArray[np.bool_]]:
    """Convert objects to float64, None to NaN; return also where None was."""
    out = np.empty(cells.shape, np.float64)
    absent = np.zeros(cells.shape, np.bool_)
    for at, cell in enumerate(cells.flat):
        value = scalar(cell)
        if value is None:
            out.flat[at], absent.flat[at] = np.nan, True
            continue
        if isinstance(value, str | bytes | bool | complex) or not hasattr(value, "__float__"):
            raise NotNumbers(at, f"is {value!r:.40}, not a number")
        try:
            number = float(value)
        except (OverflowError, TypeError, ValueError):
            number = math.inf
        if math.isinf(number) and number != value:  # a Decimal becomes it without an error
            raise NotNumbers(at, f"is {value!r:.40}, outside the range of float64")
        out.flat[at] = number
    return out, absent


def is_scalar(cell: Any) -> bool:
    """Return whether a cell is one number, boolean or null, and no row of them."""
    if isinstance(cell, int | float | complex | np.generic) or is_null(cell):
        return not isinstance(cell, str | bytes)
    if hasattr(cell, "as_py"):  # of pyarrow, whose lists have a length
        return not hasattr(cell, "values") and not isinstance(cell.as_py(), str | bytes)
    if getattr(cell, "shape", None) == () and lends(cell):
        return True
    return hasattr(cell, "__float__") and not hasattr(cell, "__len__")
