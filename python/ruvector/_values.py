"""Values of any library as NumPy arrays that have lost nothing on the way.

Whole numbers stay whole (NumPy itself makes float64 of int64 beside uint64), nulls and masked
values stay nulls, and what a library lends by ``__array__``, DLPack or the buffer protocol is
read whatever its class is called.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, MappingView, Sequence, Set
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ._errors import InvalidVector

Values: TypeAlias = npt.NDArray[Any]

_INT64_MAX = 2**63 - 1
_UINT64_MAX = 2**64 - 1


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
    masked: Any = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(array, masked.MaskedArray)


def mask_of(array: Values) -> npt.NDArray[np.bool_] | None:
    """Return where a masked array is masked, None where nothing is."""
    if not is_masked(array):
        return None
    mask = np.ma.getmaskarray(array)
    return mask if mask.any() else None


def is_batch(data: Any) -> bool:
    """Return whether an object is a sequence, view or iterator of rows, and no memory or text."""
    if isinstance(data, list | tuple):
        return True
    if isinstance(data, str | bytes | bytearray) or lends(data):
        return False
    return isinstance(data, Sequence | MappingView | Iterator)


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


def lent(data: Any, label: str) -> Values:
    """Return what an object lends as an array; of arrays a masked one stays masked.

    Raises
    ------
    InvalidVector
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
    raise InvalidVector(
        f"{label}: {type(data).__name__} cannot be read as numbers in this process's memory "
        f"({str(reason)[:200]}); convert it first, for example "
        "tensor.detach().cpu().float().numpy()"
    ) from reason


def widened(array: Values) -> Values:
    """Return numbers of a type that NumPy itself has not, such as bfloat16, as float32."""
    kind = array.dtype
    if kind.kind == "V" and kind.type is not np.void and kind.names is None:
        return array.astype(np.float32)
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
        return lent(cell, "value").item()
    return cell


def of_cells(cells: Iterable[Any]) -> Values:
    """Return Python values as an array: int64, else uint64, where all are such whole numbers."""
    cells = list(cells)
    kinds = set(map(type, cells))
    if kinds == {np.uint64}:
        return np.array(cells, np.uint64)
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
    if is_batch(data) or isinstance(data, Set):
        return of_cells(data)
    if hasattr(data, "to_pylist"):  # the arrays of nanoarrow and arro3
        return of_cells(data.to_pylist())
    capsule = hasattr(data, "__arrow_c_array__") or hasattr(data, "__arrow_c_stream__")
    if capsule and pyarrow is not None:
        return _of_arrow(pyarrow, pyarrow.chunked_array(data))
    return _of_array(lent(data, "values") if lends(data) else np.asarray(data))


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
    kind = data.type
    if isinstance(kind, pyarrow.BaseExtensionType):
        data = data.cast(kind.storage_type)
        kind = data.type
    if pyarrow.types.is_dictionary(kind):
        data = data.cast(kind.value_type)
        kind = data.type
    types = pyarrow.types
    if data.null_count or not (types.is_integer(kind) or types.is_floating(kind)):
        return of_cells(data.to_pylist())
    if isinstance(data, pyarrow.ChunkedArray):
        return np.asarray(data.to_numpy())
    return np.asarray(data.to_numpy(zero_copy_only=False))
