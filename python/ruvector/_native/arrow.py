"""Arrow C Data structs and PyCapsules, through ctypes alone.

In: NumPy memory is wrapped into Arrow structs whose release, written in C, records a token; the
array behind the token is let go by `collect`, after the library has finished with it. Out: streams
in C memory, behind capsules whose destructors are written in C, so that nothing of Python runs
while a consumer or the dying interpreter lets go of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
from collections.abc import Iterator, Sequence
from ctypes import byref, c_char, c_char_p, c_int64, c_uint64, c_void_p, py_object
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import ColumnError, InvalidArgument
from .library import call, library
from .structs import ExportColumn


class ArrowArray(ctypes.Structure):
    """struct ArrowArray"""

    _fields_ = [
        *((n, c_int64) for n in ("length", "null_count", "offset", "n_buffers", "n_children")),
        *((n, c_void_p) for n in ("buffers", "children", "dictionary", "release", "private_data")),
    ]


class ArrowSchema(ctypes.Structure):
    """struct ArrowSchema"""

    _fields_ = [
        *((n, c_char_p) for n in ("format", "name")),
        ("metadata", c_void_p),
        *((n, c_int64) for n in ("flags", "n_children")),
        *((n, c_void_p) for n in ("children", "dictionary", "release", "private_data")),
    ]


# Static: CPython keeps the pointer, not the bytes.
_ARRAY = b"arrow_array"
_SCHEMA = b"arrow_schema"
_STREAM = b"arrow_array_stream"

_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype = c_void_p
_get_pointer.argtypes = [py_object, c_char_p]
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = py_object
_new_capsule.argtypes = [c_void_p, c_char_p, c_void_p]


def address_in_capsule(capsule: Any, name: bytes | None = None) -> int | None:
    """Return the address that a capsule of this name holds."""
    pointer: int | None = _get_pointer(capsule, name)
    return pointer


_RELEASE_ARRAY = ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowArray))
_RELEASE_SCHEMA = ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowSchema))

# What wrapped structs borrow, by token. Only ever changed by single dict operations.
_kept: dict[int, Any] = {}
_tokens = itertools.count(1)

FORMATS = {
    "int8": b"c", "uint8": b"C", "int16": b"s", "uint16": b"S", "int32": b"i", "uint32": b"I",
    "int64": b"l", "uint64": b"L", "float16": b"e", "float32": b"f", "float64": b"g", "bool": b"b",
}  # fmt: skip

# NumPy's characters of the number types that vectors are read in: float16, 32 and 64, int8, uint8.
VECTOR_NUMBERS = "efdbB"


def collect() -> None:
    """Let go of the arrays whose Arrow structs were released. Safe in finalizers."""
    if not _kept:
        return
    take, one = library().rv_take_released, c_uint64()
    if not take(byref(one), 1):  # mostly, and a tenth of a microsecond matters
        return
    _kept.pop(one.value, None)
    tokens = (c_uint64 * 64)()
    while True:
        n = take(tokens, len(tokens))
        for token in tokens[:n]:
            _kept.pop(token, None)
        if n < len(tokens):
            return


def kept() -> int:
    """Return how many arrays are lent to the library."""
    return len(_kept)


def address(array: npt.NDArray[Any]) -> int:
    """Return where the array's memory begins."""
    memory: Any = array
    try:  # a sixth of the time of what works for every array
        return ctypes.addressof(c_char.from_buffer(memory))
    except (TypeError, ValueError, BufferError):  # empty, read-only, not in one piece
        return int(array.ctypes.data)


def machine(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array in one piece and in the byte order of this machine."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def bitmap(valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Return an Arrow validity bitmap."""
    return np.packbits(valid, bitorder="little")


@contextlib.contextmanager
def lend(*memory: Any) -> Iterator[int]:
    """Keep memory for what is made within, until the token that names it is released."""
    token = next(_tokens)
    _kept[token] = memory
    try:
        yield token
    except BaseException:
        _kept.pop(token, None)
        raise


def wrap_matrix(
    matrix: npt.NDArray[Any],
    validity: npt.NDArray[np.bool_] | None,
    array: ArrowArray,
    schema: ArrowSchema,
) -> None:
    """Fill empty Arrow structs with a C-contiguous matrix, to be consumed by one call.

    The caller makes the structs and drops them in any outcome: an interrupt finds them there.
    """
    bits = None if validity is None else bitmap(validity)
    token = next(_tokens)
    try:
        _kept[token] = (matrix, bits)
        call(
            "rv_wrap_matrix", address(matrix), *matrix.shape, FORMATS[matrix.dtype.name],
            None if bits is None else address(bits), token, byref(array), byref(schema),
        )  # fmt: skip
    except BaseException:
        if not array.release:  # else the caller's drop gives the memory back
            _kept.pop(token, None)
        raise


def pack_texts(
    texts: Sequence[str | None],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.uint8] | None]:
    """Return UTF-8 bytes, int64 offsets and a bitmap (None without nulls) of texts."""
    encoded = []
    for row, text in enumerate(texts):
        if text is not None and not isinstance(text, str):
            raise InvalidArgument(f"entry {row} is {type(text).__name__}, not text", row=row)
        encoded.append(b"" if text is None else text.encode("utf-8", "surrogatepass"))
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(b) for b in encoded], out=offsets[1:])
    data = np.frombuffer(b"".join(encoded) or b"\0", np.uint8)
    valid = np.fromiter((text is not None for text in texts), np.bool_, len(encoded))
    return data, offsets, None if valid.all() else bitmap(valid)


def drop(array: ArrowArray, schema: ArrowSchema) -> None:
    """Release structs that we own, where nobody has."""
    if array.release:
        _RELEASE_ARRAY(array.release)(byref(array))
    if schema.release:
        _RELEASE_SCHEMA(schema.release)(byref(schema))


def import_column(obj: Any, out: Any) -> None:
    """Import the Arrow data of an object, or of its capsules, into the handle cell ``out``."""
    if hasattr(obj, "__arrow_c_array__"):
        obj = obj.__arrow_c_array__()
    elif hasattr(obj, "__arrow_c_stream__"):
        obj = obj.__arrow_c_stream__()
    if isinstance(obj, tuple) and len(obj) == 2:
        schema, array = obj
        array_at, schema_at = _pointer(array, _ARRAY), _pointer(schema, _SCHEMA)
        call("rv_column_import", array_at, schema_at, byref(out))
    elif type(obj).__name__ == "PyCapsule":
        call("rv_column_import_stream", _pointer(obj, _STREAM), byref(out))
    else:
        raise ColumnError(
            f"{type(obj).__name__} is no Arrow data: it has neither __arrow_c_array__ nor "
            f"__arrow_c_stream__"
        )


def _pointer(capsule: Any, name: bytes) -> int:
    try:
        pointer = _get_pointer(capsule, name)
    except ValueError:
        raise InvalidArgument(
            f"this is no capsule of kind {name.decode()}, or it was consumed before; export the "
            f"Arrow data again for every use"
        ) from None
    assert pointer is not None
    return int(pointer)


def texts_of(array: ArrowArray) -> list[str]:
    """Return the rows of a large_string array without nulls."""
    buffers = (c_void_p * 3).from_address(array.buffers)
    offsets = np.ctypeslib.as_array((c_int64 * (array.length + 1)).from_address(buffers[1]))
    data = ctypes.string_at(buffers[2] or 0, int(offsets[-1])) if offsets[-1] else b""
    cuts = offsets.tolist()
    return [data[a:b].decode("utf-8", "surrogatepass") for a, b in itertools.pairwise(cuts)]


def numbers_of(array: ArrowArray, dtype: Any) -> npt.NDArray[Any]:
    """Return a copy of the rows of an int64 or uint64 array without nulls."""
    if array.length == 0:
        return np.empty(0, dtype)
    buffers = (c_void_p * 2).from_address(array.buffers)
    memory = (c_int64 * array.length).from_address(buffers[1])
    return np.frombuffer(memory, dtype).copy()


def export_stream(names: Sequence[str], arrays: Sequence[Any]) -> Any:
    """Return a fresh capsule ``arrow_array_stream`` of one batch; the data are copied.

    ``arrays`` holds 1-D numbers or bools, 2-D numbers (a FixedSizeList), lists of text or None, or
    a pair of any of these and a bool array that is False where the row is null.
    """
    columns = (ExportColumn * max(len(names), 1))()
    alive: list[Any] = []
    rows = {len(a[0] if isinstance(a, tuple) else a) for a in arrays}
    if len(names) != len(arrays) or len(rows) > 1:
        raise InvalidArgument(f"{len(names)} names, {len(arrays)} columns of {sorted(rows)} rows")
    for column, name, values in zip(columns, names, arrays, strict=False):
        _fill(column, name, values, alive)
    out = c_void_p()
    call("rv_export_stream", columns, len(names), rows.pop() if rows else 0, byref(out))
    return _new_capsule(out, _STREAM, ctypes.cast(library().rv_capsule_free_stream, c_void_p))


def _fill(column: ExportColumn, name: str, values: Any, alive: list[Any]) -> None:
    valid = None
    if isinstance(values, tuple):
        values, valid = values
        valid = bitmap(np.ascontiguousarray(valid, np.bool_))
    offsets = None
    column.name = name.encode()
    if not isinstance(values, np.ndarray):
        values, offsets, nulls = pack_texts(values)
        valid = nulls if valid is None else valid
        column.format = b"U"
    else:
        form = FORMATS.get(values.dtype.name)
        if form is None or values.ndim not in (1, 2) or (values.ndim == 2 and form == b"b"):
            raise InvalidArgument(f"column {name!r} of {values.ndim}-d {values.dtype}")
        column.format = form
        column.dim = values.shape[1] if values.ndim == 2 else 0
        values = bitmap(values) if form == b"b" else machine(values)
    column.data = address(values)
    column.offsets = None if offsets is None else address(offsets)
    column.validity = None if valid is None else address(valid)
    alive += [values, offsets, valid]
